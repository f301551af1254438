"""Bars for the price of tracing: what a bar says, the same on a screen, in text and as SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from simkernel.ftrace.records import MCOUNT_INSN_SIZE

if TYPE_CHECKING:
    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Difference, Measured
    from simkernel.overhead.modelled import Costs

FIRST = ("none", "nop", "call", "function")  # the variants that are shown first
SAME_WORK = "The toy kernel does the same work for each bar; its functions begin in another way each time."
COLUMNS = 40
WIDTH, ROW, LEFT, RIGHT = 860, 58, 250, 190
SMALL = 132  # characters of the small print in a line of the picture
LINE = 18
FAR = 20  # times as long as the next: a bar that is cut off


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        title: before it. value: its length, None for no number. text: at its end. interval: where the value lies.
        name: of the variant that it is about, "" for none.
    """

    title: str
    value: float | None
    text: str
    interval: tuple[float, float] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one answer (exact, modelled or measured, never two of them).

    Attributes:
        heading: which. sentence: what the bars allow to be said. means: what a bar is.
        scale: (value, number) of an axis above the bars, where their lengths are not their figures.
        apart, others: a heading, and how many of the last bars stand below it: figures of others.
    """

    heading: str
    bars: tuple[Bar, ...]
    sentence: str
    means: str = ""
    scale: tuple[tuple[float, str], ...] = ()
    apart: str = ""
    others: int = 0

    @property
    def rows(self) -> list[int | None]:
        """The bars by number in the order of rows, None for the heading among them."""
        own = len(self.bars) - self.others
        return [*range(own), *[None] * bool(self.others), *range(own, len(self.bars))]


def exact_chart(rows: Sequence[Exact], names: Sequence[str] = FIRST) -> Chart:
    """Instructions of the workload."""
    shown = [row for row in rows if row.name in names] or list(rows)
    bars = tuple(
        Bar(_title(row.name), float(row.instructions), f"{row.instructions:,} instructions", name=row.name)
        for row in shown
    )
    by_name = {row.name: row for row in shown}
    sentence = ""
    if "none" in by_name and "nop" in by_name:
        base, off = by_name["none"], by_name["nop"]
        more, code = off.instructions - base.instructions, off.code - base.code
        sentence = f"Off: {more / off.calls:g} instruction and {code / off.calls:g} bytes of code more a call."
    means = f"{SAME_WORK} A bar is its instructions, counted one by one on the simulated machine."
    return Chart("EXACT: instructions, counted", bars, sentence, means)


def modelled_chart(rows: Sequence[Exact], table: Costs, names: Sequence[str] = FIRST) -> Chart:
    """Cycles of the workload by a cost table; where more has no price than in the first, only "more than" is known."""
    from simkernel.overhead.modelled import OWN, modelled

    shown = [row for row in rows if row.name in names] or list(rows)
    prices = [modelled(row, table) for row in shown]
    bars = []
    for price in prices:
        text = f"{price.cycles:,.0f} cycles"
        known = price.unpriced == prices[0].unpriced
        bars.append(Bar(_title(price.name), price.cycles, text if known else f"more than {text}", name=price.name))
    by_name = {price.name: price for price in prices}
    sentence = ""
    if "none" in by_name and "nop" in by_name:
        base, off = by_name["none"], by_name["nop"]
        calls = next(row.calls for row in shown if row.name == "nop")
        sentence = f"Off: {(off.cycles - base.cycles) / calls:.2f} cycles more a call, by this table."
        if off.unpriced != base.unpriced:
            sentence = "Off: this table has no price for the instruction that a call takes more."
    whose = "simkernel's table" if table.name == OWN else "the table"
    means = f"{SAME_WORK} A bar is its cycles: what was counted, at the prices of {whose} {table.name}. No CPU ran it."
    return Chart("MODELLED: cycles, by a table", tuple(bars), sentence, means)


def growth_chart(rows: Sequence[tuple[int, Exact]]) -> Chart:
    """Instructions of the workload, by how many functions are traced."""
    bars = [
        Bar(f"{traced} traced", float(row.instructions), f"{row.instructions:,} instructions") for traced, row in rows
    ]
    sentence = (
        "The functions called most often are traced first. What a function costs depends on how often it is called."
    )
    means = "A bar is the instructions that the same work takes while so many functions are traced, counted."
    return Chart("EXACT: as the number of traced functions grows", tuple(bars), sentence, means)


def measured_chart(one: Measured, names: Sequence[str] = FIRST) -> Chart:
    """Nanoseconds a call of one measured workload; what is no more than noise has no bar, only where it may lie."""
    from simkernel.overhead.measured import CONFIDENCE

    bars = [Bar(_title("none"), one.base, f"{one.base:.2f} ns a call", name="none")]
    noise = one.noise * one.base
    for row in one.differences:
        if row.name not in names:
            continue
        if row.measurable:
            value, interval = one.base + row.middle, (one.base + row.low, one.base + row.high)
            bars.append(Bar(_title(row.name), value, f"{value:,.2f} ns a call", interval, row.name))
        else:
            interval = (one.base + min(row.low, -noise), one.base + max(row.high, noise))
            bars.append(Bar(_title(row.name), None, "not measurable", interval, row.name))
    off = next((row for row in one.differences if row.name == "nop"), None)
    sentence = f"This machine's noise is {100 * one.noise:.1f} %."
    if off is not None:
        sentence = f"Off: one instruction of {MCOUNT_INSN_SIZE} bytes more a call. {_off(off, one)}"
    means = (
        "A bar is the time of a call, in native code on this CPU. "
        f"The line at its end is the {100 * CONFIDENCE:.0f} % interval. "
        "A line alone: the difference is no more than noise."
    )
    return Chart(f"MEASURED on this CPU, {one.workload}", tuple(bars), sentence, means)


def _off(off: Difference, one: Measured) -> str:
    """What may be said of the time that it costs."""
    if off.measurable:
        figure = f"{off.middle:+.3f} ns ({off.low:+.3f} to {off.high:+.3f}), {100 * off.share:+.1f} %"
        return f"The difference in time is {figure}. This machine's noise is {100 * one.noise:.1f} %."
    if abs(off.share) <= one.noise:
        return f"The difference in time is smaller than this machine's noise of {100 * one.noise:.1f} %."
    return f"The difference in time cannot be told from none. This machine's noise is {100 * one.noise:.1f} %."


def _title(name: str) -> str:
    from simkernel.overhead.variants import VARIANTS

    return VARIANTS[name].title


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


def small_print(chart: Chart) -> list[str]:
    """What the bars allow to be said, and what a bar is."""
    return [one for one in (chart.sentence, chart.means) if one]


def cut_print(chart: Chart) -> list[str]:
    """The same, and which bar goes on beyond the edge, where one does."""
    end = edge(chart)
    cut = [bar.title for bar in chart.bars if (bar.value or 0.0) > end]
    return small_print(chart) + [f"Cut off at the edge, for it is many times as long: {title}." for title in cut]


def svg(chart: Chart) -> str:
    """The chart as a picture for slides."""
    small = [row for one in cut_print(chart) for row in textwrap.wrap(one, SMALL)]
    height = 70 + ROW * len(chart.bars) + LINE * len(small) + 12
    scale = (WIDTH - LEFT - RIGHT) / edge(chart)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="34" font-size="18" font-weight="bold">{escape(chart.heading)}</text>',
    ]
    for at, bar in enumerate(chart.bars):
        out += _svg_bar(bar, 60 + ROW * at, scale)
    for at, one in enumerate(small):
        out.append(f'<text x="20" y="{80 + ROW * len(chart.bars) + LINE * at}" font-size="12">{escape(one)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def _svg_bar(bar: Bar, top: int, scale: float) -> list[str]:
    """A bar's elements, from `top` down: its title and code, the bar, its interval as a line with ends, its text."""
    from simkernel.overhead.variants import VARIANTS

    code = VARIANTS[bar.name].what if bar.name else ""
    whole = 0.0 if bar.value is None else bar.value * scale
    length = min(whole, WIDTH - LEFT - RIGHT)
    out = [
        f'<text x="20" y="{top + 19}">{escape(bar.title)}</text>',
        f'<text x="20" y="{top + 42}" font-size="11" fill="#555555" font-family="monospace">{escape(code)}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="28" fill="#4477aa"/>',
    ]
    end = LEFT + length
    if whole > length + 1:  # it goes on: two gaps where it is cut off
        gaps = "".join(f"M{end - back} {top + 30}l8 -32" for back in (24, 14))
        out.append(f'<path d="{gaps}" stroke="#ffffff" stroke-width="4" fill="none"/>')
    elif bar.interval is not None:
        low, high = (LEFT + max(0.0, edge) * scale for edge in bar.interval)
        line = f"M{low:.1f} {top + 14}H{high:.1f}M{low:.1f} {top + 7}v14M{high:.1f} {top + 7}v14"
        out.append(f'<path d="{line}" stroke="#222222" stroke-width="2" fill="none"/>')
        end = max(end, high)
    return [*out, f'<text x="{end + 8:.1f}" y="{top + 19}">{escape(bar.text)}</text>']


def edge(chart: Chart) -> float:
    """Where the picture ends: the longest bar's end, but for a bar that would make all others too short to be seen."""
    if chart.scale:
        return longest(chart)
    ends = sorted(max(bar.value or 0.0, bar.interval[1] if bar.interval else 0.0) for bar in chart.bars)
    return 1.25 * ends[-2] if len(ends) > 2 and ends[-1] > FAR * ends[-2] > 0 else longest(chart)


def longest(chart: Chart) -> float:
    """The end of the scale, else of the longest bar or interval."""
    if chart.scale:
        return chart.scale[-1][0]
    ends = [bar.value or 0.0 for bar in chart.bars] + [bar.interval[1] for bar in chart.bars if bar.interval]
    return max(ends) or 1.0
