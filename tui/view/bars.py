"""Bars in columns of characters: on a screen, and in plain text."""

from __future__ import annotations

from itertools import groupby

from lessons.activity import POINT
from lessons.chart import Bar, Chart, edge, small_print
from lessons.picture import Bars
from tui.view.marks import Marks
from tui.view.text import Line, cut, line

COLUMNS = 40
SHORTEST = 10  # columns of a bar; titles give way for them


def cells(bar: Bar, end: float, columns: int, full: str = "#", parts: str = "", interval: str = "=-|>") -> str:
    """A bar in columns of a character, as long as its value, with its interval as a whisker over and beyond its end.

    Args:
        bar: what is drawn.
        end: the value at the right edge.
        columns: up to that edge.
        full: fills a column.
        parts: parts of a filled column from the left, where there are characters for them.
        interval: the whisker over the bar, the whisker beyond its end, the end of that, and the mark of what goes on
            beyond the edge.
    """
    over, rule, right, beyond = tuple(interval)
    scale = columns / end
    out = _filled(min(bar.value, end) * scale, full, parts)
    longest = bar.value
    if bar.interval is not None:
        low, high = (round(max(0.0, edge) * scale) for edge in bar.interval)
        out = out[:low] + out[low:].replace(full, over)
        if high > len(out) or over not in out:
            out += rule * (high - len(out) - 1) + right
        longest = max(longest, bar.interval[1])
    return out[: columns - 1] + beyond if longest > end else out[:columns]


def _filled(length: float, full: str, parts: str) -> str:
    """So many columns filled, the last one in part; never nothing."""
    whole, part = divmod(round(length * (len(parts) + 1)), len(parts) + 1)
    return full * whole + (parts[part - 1] if part else "") or (parts or full)[0]


def text_lines(chart: Chart) -> list[str]:
    """The chart in plain text."""
    titles = max(len(bar.title) for bar in chart.bars)
    bars = [
        f"{bar.title:<{titles}}  {cells(bar, edge(chart), COLUMNS)} {bar.text}  {bar.against}".rstrip()
        for bar in chart.bars
    ]
    return [chart.heading, "", *bars, "", *small_print(chart)]


def bar_lines(part: Bars, width: int, marks: Marks) -> list[list[Line]]:
    """A line for each bar, its figure behind its end; the one that is explained is marked."""
    bars = part.chart.bars
    texts = max(len(_figure(bar)) for bar in bars)
    titles = max(len(bar.title) for bar in bars)
    titles = min(titles, max(8, width - texts - SHORTEST - 5))
    columns = max(1, width - titles - texts - 5)
    return [[_bar_line(part, at, (titles, columns), width, marks) for at in range(len(bars))]]


def bar_at(part: Bars, width: int, x: int, y: int) -> tuple[str, str] | None:
    """Explaining the bar at a line."""
    return (POINT, str(y)) if 0 <= y < len(part.chart.bars) else None


def _figure(bar: Bar) -> str:
    return f"{bar.text}  {bar.against}".rstrip()


def _bar_line(part: Bars, at: int, sizes: tuple[int, int], width: int, marks: Marks) -> Line:
    titles, columns = sizes
    bar, here = part.chart.bars[at], at == part.cursor
    drawn = cells(bar, part.end, columns, marks.ran, marks.parts, marks.interval)
    pieces = [("".join(run), look) for look, run in groupby(drawn, lambda one: _look(one, marks))]
    mark = (f" {marks.here} " if here else "   ", "here")
    title = bar.title if len(bar.title) <= titles else bar.title[: titles - len(marks.more)] + marks.more
    look = "strong" if here else ""
    return cut(line(mark, (f"{title:<{titles}} ", look), *pieces, (f" {_figure(bar)}", look)), width, marks)


def _look(one: str, marks: Marks) -> str:
    return "strong" if one in marks.interval[1:] else "dim"
