"""What a system call on a control file refuses."""

from __future__ import annotations

import os

from simkernel.errors import LearnerError


class TracefsError(LearnerError):
    """A file refuses: `errno` is what the system call would have returned, `message` is ours.

    Args:
        number: the errno.
        name: of the file.
        message: what is wrong, and what to do.
    """

    def __init__(self, number: int, name: str, message: str) -> None:
        super().__init__(f"{name}: {os.strerror(number)}: {message}")
        self.errno = number
        self.message = message
