"""How a command answers: a value as JSON or as text on stdout, progress on a terminal's stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from time import monotonic
from typing import Any

import click

from simkernel.report import Report
from tui.streams import printable


def emit_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2))


GO_ON = "-- any key goes on, q ends --"
COLUMNS = re.compile(r"\S {2,}\S")  # what a line of a table has, and no sentence


def say(text: str, before: str = "") -> None:
    """Print a line. On a terminal, sentences are filled to its width; what has columns stays as it is.

    Args:
        text: the line.
        before: what stands before it, and as blanks before the lines that it goes on in.
    """
    inner = text.lstrip(" ")
    indent = " " * (len(before) + len(text) - len(inner))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    if len(indent) + len(inner) > width > len(indent) and not COLUMNS.search(inner):
        text = textwrap.fill(inner, width - len(indent), break_long_words=False, break_on_hyphens=False)
        text = textwrap.indent(text, indent)[len(before) :]
    click.echo(f"{before}{text}")


BAR = 20  # columns of a progress bar
FIRST, EACH = 1.0, 10.0  # seconds until a spoken line comes, and until another one does


class ProgressLine:
    """One line on stderr that says what is under way; nothing where stderr is no terminal.

    Attributes:
        what: is under way.
        spoken: it is read aloud: a line comes only where the work takes long, it stays, and has no bar.
    """

    def __init__(self, what: str, spoken: bool = False) -> None:
        self.what, self.spoken = what, spoken
        self._on = sys.stderr.isatty()
        self._shown = ""
        self._due = monotonic() + FIRST

    def show(self, detail: str = "", part: float | None = None) -> None:
        """Replace the line; `detail` is how far it got, `part` of all (0 to 1) is drawn as a bar."""
        if self.spoken:
            self._speak(detail, part)
            return
        bar = "" if part is None else f"[{'#' * round(BAR * min(part, 1)):<{BAR}}] "
        line = printable(f"{self.what} ... {bar}{detail}").rstrip()[
            : shutil.get_terminal_size().columns - 1
        ]  # else it scrolls
        if self._on and line != self._shown:
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
            self._shown = line

    def _speak(self, detail: str, part: float | None) -> None:
        """Another line, where the last one is long ago."""
        if not self._on or monotonic() < self._due:
            return
        self._due = monotonic() + EACH
        far = "" if part is None else f"{100 * min(part, 1):.0f} %"
        click.echo(printable(": ".join(filter(None, (self.what, ", ".join(filter(None, (detail, far))))))), err=True)

    def steps(self, total: int) -> Callable[[str], None]:
        """What shows each of so many steps as it begins, by a detail."""
        begun = count()
        return lambda detail: self.show(detail, next(begun) / total)

    def report(self) -> Report:
        """A report whose words are shown as they come."""
        return Report(lambda report: self.show(report.text, report.part))

    def clear(self) -> None:
        """Take the line away; on no terminal there is none."""
        if self._on and self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._shown = ""


@contextmanager
def progress(what: str, spoken: bool = False) -> Iterator[ProgressLine]:
    """Say on a terminal what is under way, and take it away at the end; a spoken line stays."""
    line = ProgressLine(what, spoken)
    line.show()
    try:
        yield line
    finally:
        line.clear()


def wait_for_a_key() -> bool:
    """Wait for a key, by a line on stderr that goes again; False for q, escape and the end of input."""
    click.echo(GO_ON, err=True, nl=False)
    key = click.getchar()
    click.echo("\r\x1b[K", err=True, nl=False)
    return key not in ("q", "\x1b", "\x04", "")
