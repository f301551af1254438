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
from typing import Any

import click

from simkernel.report import Report
from tui.streams import printable


def emit_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2))


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


class ProgressLine:
    """One line on stderr that says what is under way; nothing where stderr is no terminal."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._on = sys.stderr.isatty()
        self._shown = ""

    def show(self, detail: str = "", part: float | None = None) -> None:
        """Replace the line; `detail` is how far it got, `part` of all (0 to 1) is drawn as a bar."""
        bar = "" if part is None else f"[{'#' * round(BAR * min(part, 1)):<{BAR}}] "
        line = printable(f"{self.what} ... {bar}{detail}").rstrip()[
            : shutil.get_terminal_size().columns - 1
        ]  # else it scrolls
        if self._on and line != self._shown:
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
            self._shown = line

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
def progress(what: str) -> Iterator[ProgressLine]:
    """Say on a terminal what is under way, and take it away at the end."""
    line = ProgressLine(what)
    line.show()
    try:
        yield line
    finally:
        line.clear()
