"""Pictures into files."""

from __future__ import annotations

from lessons.activities.overhead import Overhead
from simkernel.errors import LearnerError
from simkernel.files import write_text
from tui.view.bars import text_lines
from tui.view.svg import chart_svg, plot_svg


def save_bars(overhead: Overhead, name: str) -> str:
    """Write the bars into a file, as SVG where its name ends so, else as text; what was done.

    Raises: LearnerError where there are none yet, or the file cannot be written.
    """
    chart, plot = overhead.chart, overhead.plot
    if chart is None:
        raise LearnerError("there are no bars to write yet")
    if name.endswith(".svg"):
        text = chart_svg(chart) if plot is None else plot_svg(plot)
    else:
        text = "".join(f"{one}\n" for one in text_lines(chart))
    write_text(name, text)
    return f"These bars are written to {name}."
