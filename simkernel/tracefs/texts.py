"""Files that are a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simkernel.tracefs.handle import Opened
from simkernel.tracefs.nodes import TRACE_MODE_READ, File


class Text(Opened):
    """A file that a function of its own gives the text of."""

    def __init__(self, name: str, text: Callable[[], str], seq: bool = True) -> None:
        super().__init__(name)
        self._text = text
        self.seq = seq

    def text(self) -> str:
        """What the function gives now."""
        return self._text()


def text_file(name: str, about: str, text: Callable[[], str], seq: bool = True) -> File:
    """A file that can only be read.

    Args:
        name: of the file.
        about: what it is.
        text: gives what it holds now.
        seq: as `Opened.seq`.
    """
    return File(about, TRACE_MODE_READ, lambda flags: Text(name, text, seq))


def lines(texts: Iterable[str]) -> str:
    """The texts, each with a newline."""
    return "".join(f"{text}\n" for text in texts)
