"""Bars in columns of characters: on a screen, and in plain text."""

from __future__ import annotations

from itertools import groupby

from lessons.activity import POINT
from lessons.chart import Bar, Chart, cut_print, edge, longest
from lessons.picture import Bars
from tui.view.marks import Marks
from tui.view.text import Line, cut, line

COLUMNS = 40
SHORTEST = 10  # columns of a bar; titles give way for them


def cells(bar: Bar, end: float, columns: int, full: str = "#", parts: str = "", interval: str = "|-+|>") -> str:
    """A bar in columns of a character; `end` is the value at the right edge.

    `full` fills a column, `parts` are its parts from the left, where there are characters for them. `interval` has the
    left end, the line, the middle, the right end of an interval, and the mark of what goes on beyond the edge.
    """
    left, rule, middle, right, beyond = tuple(interval)
    scale = columns / end
    value = bar.value or 0.0
    fine = round(min(value, end) * scale * (len(parts) + 1))
    out = full * (fine // (len(parts) + 1)) + (parts[fine % (len(parts) + 1) - 1] if fine % (len(parts) + 1) else "")
    if bar.value is not None and not out:
        out = parts[0] if parts else full
    if bar.interval is not None:
        low, high = (min(columns - 1, max(0, int(edge * scale))) for edge in bar.interval)
        line = left + rule * (high - low - 1) + right if high > low else middle
        out = out[:low].ljust(low) + line + out[high + 1 :]
        at = int(value * scale)
        if bar.value is not None and low < at < high:
            out = out[:at] + middle + out[at + 1 :]
    if value > end:
        out = out[: columns - 1] + beyond
    return out


def axis(chart: Chart, columns: int) -> str:
    """The numbers of the scale, each from its place on, where there is room for it."""
    out = ""
    for value, number in chart.scale:
        at = min(round(columns * value / longest(chart)), columns - len(number))
        if at > len(out) or not out:
            out = out.ljust(at) + number
    return out


def text_lines(chart: Chart) -> list[str]:
    """The chart in plain text."""
    end = edge(chart)
    out = [chart.heading, ""]
    out += [f"{'':<28} {axis(chart, COLUMNS)}".rstrip()] if chart.scale else []
    bars = [f"{bar.title:<28} {cells(bar, end, COLUMNS):<{COLUMNS}} {bar.text}" for bar in chart.bars]
    out += [chart.apart if at is None else bars[at] for at in chart.rows]
    return [*out, "", *cut_print(chart)]


def bar_lines(part: Bars, width: int, marks: Marks) -> list[list[Line]]:
    """A line for each bar; the one that is explained is marked."""
    chart = part.chart
    texts = max(len(bar.text) for bar in chart.bars)
    titles = max(len(bar.title) for bar in chart.bars)
    titles = min(titles, max(8, width - texts - SHORTEST - 6))
    columns = max(1, width - titles - texts - 6)
    out = [line(" " * (titles + 4), (axis(chart, columns), "dim"))] if chart.scale else []
    for at in chart.rows:
        if at is None:
            out.append(cut(line(f"   {chart.apart}"), width))
        else:
            out.append(_bar_line(part, at, (titles, columns, texts), width, marks))
    return [out]


def bar_here(part: Bars) -> int:
    """The line of the bar that is explained, -1 where none is."""
    return -1 if part.cursor is None else part.chart.rows.index(part.cursor) + bool(part.chart.scale)


def bar_at(part: Bars, width: int, x: int, y: int) -> tuple[str, str] | None:
    """Explaining the bar at a line; a heading among them is none."""
    rows = part.chart.rows
    at = y - bool(part.chart.scale)
    return (POINT, str(rows[at])) if 0 <= at < len(rows) and rows[at] is not None else None


def _bar_line(part: Bars, at: int, sizes: tuple[int, int, int], width: int, marks: Marks) -> Line:
    titles, columns, texts = sizes
    bar, here = part.chart.bars[at], at == part.cursor
    drawn = cells(bar, part.end, columns, marks.ran, marks.parts, marks.interval).ljust(columns)
    pieces = [("".join(run), look) for look, run in groupby(drawn, lambda one: _look(one, marks))]
    mark = (f" {marks.here} " if here else "   ", "here")
    title = bar.title if len(bar.title) <= titles else bar.title[: titles - 2] + ".."
    look = "strong" if here else "dim" if bar.value is None and bar.interval is None else ""
    return cut(line(mark, (f"{title:<{titles}} ", look), *pieces, (f" {bar.text:>{texts}}", look)), width)


def _look(one: str, marks: Marks) -> str:
    return "strong" if one in marks.interval else "new"
