"""Pictures into files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lessons.machine import Bytes
from lessons.picture import Bars, Picture, Rows
from lessons.table import Mark, Marked
from simkernel.errors import LearnerError
from simkernel.files import write_bytes, write_text
from tui.view.bars import text_lines
from tui.view.machine import bytes_of_a_site
from tui.view.marks import ASCII
from tui.view.parts import rows
from tui.view.slides import FORMATS, check_format, slide
from tui.view.text import plain

TABLE = 120  # columns of a table in a file
BYTES = 78  # columns of a site's bytes
MARKED = {Mark.CHANGED, Mark.NEW, Mark.INT3}  # which no legend explains here


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
    """The bars, the tables and a site's bytes of a picture in plain text; [] where it has none."""
    out: list[str] = []
    for part in picture.parts:
        if isinstance(part, Bytes):
            out += bytes_lines(part)
        elif isinstance(part, Bars):
            out += text_lines(part.chart)
        elif isinstance(part, Rows):
            table = rows(replace(part, cursor=None), TABLE, ASCII)[0]
            out += [part.title, "", *(plain(one).removeprefix("   ") for one in table)]
    return out


def bytes_lines(part: Bytes, columns: int = BYTES) -> list[str]:
    """A site's bytes in memory, those that each CPU may run, and those that they become, with no mark but brackets."""
    table = part.table
    memory, *rest = (
        replace(row, cells=tuple(Marked(one.text, one.marks - MARKED) for one in row.cells))
        for row in (table.memory, *table.cpus, *table.ran)
    )
    cpus = len(table.cpus)
    bare = replace(table, memory=memory, cpus=tuple(rest[:cpus]), ran=tuple(rest[cpus:]))
    return [plain(one).rstrip() for one in bytes_of_a_site(replace(part, table=bare), columns, ASCII)[1]]
