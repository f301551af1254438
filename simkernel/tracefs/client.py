"""What `cat` and `echo` do with a control file, in one call each."""

from __future__ import annotations

import os
from dataclasses import dataclass

from simkernel.tracefs.errors import TracefsError
from simkernel.tracefs.handle import Commands
from simkernel.tracefs.nodes import Directory


@dataclass(frozen=True, slots=True)
class Written:
    """The result of writing: commands for the simulation, and the error that the writer sees, if any."""

    commands: Commands = ()
    error: TracefsError | None = None


def read(root: Directory, path: str) -> str:
    """The whole text of a file, as it is now (`cat`).

    Raises:
        TracefsError: it cannot be opened or read.
    """
    handle = root.open(path)
    text = handle.read().decode()
    handle.close()
    return text


def write(root: Directory, path: str, text: str, append: bool = False) -> Written:
    """Write a text into a file: opened, written until all is taken or an error comes, and closed.

    Nothing is carried out. What has been taken before an error holds, so both may come back.

    Args:
        root: where the path begins.
        path: of the file.
        text: what to write; even an empty one is one write().
        append: `>>`, without O_TRUNC.

    Raises:
        TracefsError: it cannot be opened.
    """
    handle = root.open(path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC))
    error, rest = None, text.encode()
    try:
        while taken := handle.write(rest):
            rest = rest[taken:]
            if not rest:
                break
    except TracefsError as refused:
        error = refused
    handle.close()
    return Written(handle.take(), error)


def echo(root: Directory, path: str, text: str, append: bool = False) -> Written:
    """`echo TEXT > PATH`: the text and a newline. As `write`."""
    return write(root, path, f"{text}\n", append)
