"""Bars and plots as pictures for slides, 16:9, as SVG, PNG or PDF: the only door to matplotlib.

The same figure gives the same bytes: no date, no random names, and fonts that matplotlib brings along.
"""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lessons.chart import Chart, Plot, edge
from simkernel.errors import LearnerError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".svg", ".png", ".pdf")
SIZE, DPI = (40 / 3, 7.5), 144  # inches, as slide programs have them; 1920 x 1080
TITLE, LABEL, SMALL = 28, 19, 13  # points
TITLE_ROOM, SMALL_ROOM = 53, 118  # characters in a line
WITHOUT = "a picture needs matplotlib; install it by: pip install 'simkernel[plots]'"
LIGHT = {"ground": "#ffffff", "text": "#1a1a1a", "quiet": "#555555", "bar": "#7d9cc0", "marked": "#d2691e"}
DARK = {"ground": "#14161d", "text": "#f2f2f2", "quiet": "#b4b4b4", "bar": "#6f93c4", "marked": "#ff9d4d"}
METADATA = {".svg": {"Date": None}, ".png": {"Software": None}, ".pdf": {"CreationDate": None}}


def check_format(name: str) -> None:
    """Raises: LearnerError for a name that ends in none of FORMATS, and where matplotlib is not installed."""
    if Path(name).suffix not in FORMATS:
        raise LearnerError(f"{name}: the name of a picture ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise LearnerError(WITHOUT) from None


def slide(what: Chart | Plot, ending: str, title: str = "", dark: bool = False) -> bytes:
    """A picture as a file's content.

    Args:
        what: the bars or the plot.
        ending: one of FORMATS.
        title: in place of what the figures say.
        dark: on a dark ground.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # no file of a person's or a folder's changes a slide
        matplotlib.rcParams.update({"svg.hashsalt": "simkernel", "font.family": "DejaVu Sans"})
        out = io.BytesIO()
        drawn(what, title, dark).savefig(out, format=ending[1:], dpi=DPI, metadata=METADATA[ending])
    return out.getvalue()


def drawn(what: Chart | Plot, title: str = "", dark: bool = False) -> Figure:
    """The picture as matplotlib's figure."""
    from matplotlib.figure import Figure

    look = DARK if dark else LIGHT
    figure = Figure(figsize=SIZE, facecolor=look["ground"])
    message = textwrap.fill(title or what.sentence, TITLE_ROOM)
    figure.text(0.04, 0.95, message, size=TITLE, weight="bold", color=look["text"], va="top")
    small = "\n".join(row for one in (f"{what.heading}.", what.means) for row in textwrap.wrap(one, SMALL_ROOM))
    figure.text(0.04, 0.03, small, size=SMALL, color=look["quiet"], va="bottom")
    if isinstance(what, Chart):
        _bars(figure, what, look)
    else:
        _plot(figure, what, look)
    return figure


def _bars(figure: Figure, chart: Chart, look: dict[str, str]) -> None:
    from simkernel.overhead.variants import VARIANTS

    axes = _axes(figure, (0.33, 0.20, 0.63, 0.60), look)
    end, rows = edge(chart), len(chart.bars)
    size = min(LABEL, 4.2 * LABEL / rows)
    for at, bar in enumerate(chart.bars):
        colour = look["marked" if bar.name == chart.marked else "bar"]
        axes.barh(at, min(bar.value, end), height=0.55, color=colour)
        if bar.interval is not None:
            low, high = max(0.0, bar.interval[0]), bar.interval[1]
            across = [[max(0.0, bar.value - low)], [max(0.0, high - bar.value)]]
            axes.errorbar(bar.value, at, xerr=across, color=look["text"], capsize=7, linewidth=2)
        beyond = "  (cut off)" if bar.end > end else ""
        text, weight = (
            f"  {bar.text}  {bar.against}".rstrip() + beyond,
            "bold" if bar.name == chart.marked else "normal",
        )
        axes.text(min(bar.end, end), at, text, size=size, color=look["text"], va="center", weight=weight)
        code = textwrap.shorten(VARIANTS[bar.name].what, 40, placeholder=" ..") if bar.name else ""
        lift = -0.16 if code else 0
        axes.text(
            -0.02 * end, at + lift, bar.title, size=size, color=look["text"], va="center", ha="right", weight=weight
        )
        axes.text(-0.02 * end, at + 0.24, code, size=0.6 * size, color=look["quiet"], va="center", ha="right",
                  family="DejaVu Sans Mono")  # fmt: skip
    axes.set(xlim=(0, 1.9 * end), ylim=(rows - 0.4, -0.6), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)


def _plot(figure: Figure, plot: Plot, look: dict[str, str]) -> None:
    from matplotlib.ticker import EngFormatter

    axes = _axes(figure, (0.12, 0.26, 0.82, 0.50), look)
    x, y = ([point[at] for point in plot.points] for at in (0, 1))
    line = plot.stairs or plot.points
    axes.plot([one[0] for one in line], [one[1] for one in line], color=look["bar"], linewidth=3,
              drawstyle="steps-post" if plot.stairs else "default")  # fmt: skip
    axes.plot(x, y, "o", color=look["text"], markersize=8)
    if plot.logarithmic:
        axes.set(xscale="log", yscale="log", xlim=(min(x) / 1.6, max(x) * 3), ylim=(min(y) / 2, max(y) * 3))
    else:
        axes.set(xlim=(0, 1.05 * max(x)), ylim=(0, 1.15 * max(y)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(EngFormatter(sep=" "))
    for at, height, text in plot.marks:
        axes.plot([at], [height], "o", color=look["marked"], markersize=13)
        axes.annotate(text, (at, height), (-12, 18), textcoords="offset points", size=LABEL, color=look["marked"],
                      weight="bold", ha="right")  # fmt: skip
    axes.set_xlabel(plot.across, size=LABEL, color=look["text"])
    axes.set_title(plot.up, size=LABEL, color=look["text"], loc="left")
    axes.grid(visible=True, color=look["quiet"], alpha=0.25)


def _axes(figure: Figure, place: tuple[float, float, float, float], look: dict[str, str]) -> Any:
    axes = figure.add_axes(place, facecolor=look["ground"])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(look["quiet"])
    axes.tick_params(colors=look["text"], labelsize=LABEL - 2)
    return axes
