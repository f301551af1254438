"""Bars in columns of characters: on a screen, and in plain text."""

from __future__ import annotations

from lessons.activities.charts import Bar, Chart, cut_print, edge, longest

COLUMNS = 40


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
