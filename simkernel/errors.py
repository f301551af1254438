"""Errors, by whose fault they are: ours, the guest's, the learner's. Front ends turn them into exit codes."""

from __future__ import annotations

from collections.abc import Iterable


class SimkernelError(Exception):
    """The base of all errors that this package raises on purpose."""

    @property
    def sentence(self) -> str:
        """The message as it was made: a `Sentence` has its spans, which `str()` drops."""
        message: str = self.args[0] if self.args else ""
        return message


class OurError(SimkernelError):
    """A promise that this program makes to itself is broken: a defect of ours (exit code 70)."""


class GuestError(SimkernelError):
    """The guest did what no guest may do (a triple fault, a run past its bound): its end, not a defect (1)."""


class LearnerError(SimkernelError):
    """What was asked for cannot be done; the message says what to do instead (exit code 2)."""


class Cancelled(LearnerError):
    """Whoever waited for it has ended what took long; the message says what came of it."""


class KernelSourceError(LearnerError):
    """A line of a kernel source that cannot be assembled.

    Args:
        file: the file's name as the learner gave it.
        line: the 1-based line in that file.
        message: what is wrong there and what to do about it.
    """

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file = file
        self.line = line
        self.message = message


def nearest(word: str, words: Iterable[str]) -> str:
    """`" Did you mean 'X'?"` for the word most like `word`, or nothing: the end of a message."""
    import difflib

    like = difflib.get_close_matches(word.lower(), list(words), 1)
    return f" Did you mean {like[0]!r}?" if like else ""
