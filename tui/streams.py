"""The three standard streams, whatever the shell has made of them: closed, full, or read by nobody any more.

Python has None in place of a stream that was closed when it started, and the number of that stream becomes the next
file that is opened. An error of a stream has no name: nothing tells a full disk under standard output from any other.
So `prepare` puts each stream on its number, and what fails then is a `StreamError`. Standard error may fail: there is
nobody to be told.

What is written here can hold names and texts of others. A terminal obeys control characters, so they are spelled out.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
import sys
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# C0 but for tab and newline, DEL and C1; what ends a line or turns the direction of writing; half characters.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class StreamError(OSError):
    """Standard output cannot be written, or standard input cannot be read; the text says why.

    Attributes: left: nobody reads the output any more, as after `| head`.
    """

    def __init__(self, what: str, error: OSError) -> None:
        closed = error.errno == errno.EBADF  # what replaces a closed stream, or one that is open the other way
        super().__init__(f"standard {what}: {'it is closed' if closed else error.strerror}")
        self.left = error.errno == errno.EPIPE


class _Input(io.FileIO):
    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise StreamError("input cannot be read", error) from error


class _Output(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            while (written := super().write(data)) is None:  # somebody has made it non-blocking, and it takes no more
                select.select([], [self], [])
        except OSError as error:
            raise StreamError("output cannot be written", error) from error
        return written


class _Errors(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class _Text(io.TextIOWrapper):
    """Text for a terminal or a file, without what a terminal would obey."""

    def write(self, text: str, /) -> int:
        super().write(printable(text))
        return len(text)


def printable(text: str) -> str:
    """The text with its control characters spelled out, as `\\x1b`; lines and tabs stay."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str) -> None:
    """One message on stderr, under our name."""
    click.echo(f"simkernel: {printable(text)}", err=True)


def prepare() -> None:
    """Put the standard streams on their numbers and make them say what fails; once, before anything else is opened."""
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):  # to 1, for writing to it to fail
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # the lowest number that is free: this one
    if sys.stdin is None or not sys.stdin.isatty():
        raw = io.BufferedReader(_Input(0, closefd=False))
        sys.stdin = io.TextIOWrapper(raw, _encoding(sys.stdin), "backslashreplace")
    if (
        sys.stdout is None or os.name != "nt" or not sys.stdout.isatty()
    ):  # Windows has a stream of its own for a console
        sys.stdout = _written(
            _Output(1, "w", closefd=False), _Text, sys.stdout, sys.stdout is not None and sys.stdout.isatty()
        )
    if sys.stderr is None or os.name != "nt" or not sys.stderr.isatty():
        sys.stderr = _written(_Errors(2, "w", closefd=False), io.TextIOWrapper, sys.stderr, True)


def _written(raw: io.FileIO, kind: type[io.TextIOWrapper], before: TextIO | None, by_line: bool) -> TextIO:
    """A stream of text over `raw`, with the settings of the one that it takes the place of."""
    through = getattr(before, "write_through", False)
    return kind(io.BufferedWriter(raw), _encoding(before), "backslashreplace", None, by_line, through)


def _encoding(stream: TextIO | None) -> str:
    return "utf-8" if stream is None else stream.encoding
