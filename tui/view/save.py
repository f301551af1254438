"""Pictures into files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lessons.picture import Bars, Picture, Rows
from simkernel.errors import LearnerError
from simkernel.files import write_bytes, write_text
from tui.view.bars import text_lines
from tui.view.marks import ASCII
from tui.view.parts import rows
from tui.view.slides import FORMATS, check_format, slide
from tui.view.text import plain

TABLE = 120  # columns of a table in a file


def save_bars(picture: Picture, name: str) -> str:
    """Write the bars or the plot of a picture into a file, as a slide or as text by its name's end; what was done.

    Raises: LearnerError where it has none, the file cannot be written, or a slide needs matplotlib.
    """
    if picture.figure is None:
        raise LearnerError("there are no bars to write here")
    if (ending := Path(name).suffix) in FORMATS:
        check_format(name)
        write_bytes(name, slide(picture.figure, ending))
    else:
        write_text(name, "".join(f"{one}\n" for one in drawn_lines(picture)))
    return f"Written to {name}."


def drawn_lines(picture: Picture) -> list[str]:
    """The bars and tables of a picture in plain text; [] where it has none."""
    out: list[str] = []
    for part in picture.parts:
        if isinstance(part, Bars):
            out += text_lines(part.chart)
        elif isinstance(part, Rows):
            table = rows(replace(part, cursor=None), TABLE, ASCII)[0]
            out += [part.title, "", *(plain(one).removeprefix("   ") for one in table)]
    return out
