"""Pictures into files."""

from __future__ import annotations

from lessons.picture import Bars, Picture
from simkernel.errors import LearnerError
from simkernel.files import write_text
from tui.view.bars import text_lines
from tui.view.svg import chart_svg, plot_svg


def save_bars(picture: Picture, name: str) -> str:
    """Write the bars of a picture into a file, as SVG where its name ends so, else as text; what was done.

    Raises: LearnerError where it has none, or the file cannot be written.
    """
    bars = next((part for part in picture.parts if isinstance(part, Bars)), None)
    if bars is None:
        raise LearnerError("there are no bars to write here")
    if name.endswith(".svg"):
        text = chart_svg(bars.chart) if bars.plot is None else plot_svg(bars.plot)
    else:
        text = "".join(f"{one}\n" for one in text_lines(bars.chart))
    write_text(name, text)
    return f"These bars are written to {name}."
