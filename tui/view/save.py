"""Pictures into files."""

from __future__ import annotations

from dataclasses import replace

from lessons.chart import Chart
from lessons.picture import Bars, Picture, Rows
from simkernel.errors import LearnerError
from simkernel.files import write_text
from tui.view.bars import text_lines
from tui.view.marks import ASCII
from tui.view.parts import rows
from tui.view.svg import chart_svg, plot_svg
from tui.view.text import plain

TABLE = 120  # columns of a table in a file


def save_bars(picture: Picture, name: str) -> str:
    """Write the bars or the plot of a picture into a file, as SVG where its name ends so, else as text; what was done.

    Raises: LearnerError where it has none, or the file cannot be written.
    """
    figure = picture.figure
    if figure is None:
        raise LearnerError("there are no bars to write here")
    if name.endswith(".svg"):
        text = chart_svg(figure) if isinstance(figure, Chart) else plot_svg(figure)
    else:
        text = "".join(f"{one}\n" for one in drawn_lines(picture))
    write_text(name, text)
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
