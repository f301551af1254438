"""Bars for the price of tracing: what a bar says, the same in text and as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Measured

FIRST = ("none", "nop", "call", "function")  # the variants that are shown first
COLUMNS = 40
WIDTH, ROW, LEFT, RIGHT = 760, 44, 230, 150


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its length, what stands at its end, and its interval where it has one. `value` None: no number."""

    title: str
    value: float | None
    text: str
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one answer (exact or measured, never both), and the sentence that they allow."""

    heading: str
    bars: tuple[Bar, ...]
    sentence: str


def exact_chart(rows: Sequence[Exact]) -> Chart:
    """Instructions of the workload."""
    from simkernel.overhead.variants import VARIANTS

    shown = [row for row in rows if row.name in FIRST] or list(rows)
    bars = tuple(
        Bar(VARIANTS[row.name].title, float(row.instructions), f"{row.instructions:,} instructions") for row in shown
    )
    by_name = {row.name: row for row in shown}
    sentence = "A bar is the instructions that one stated piece of work takes, counted on the simulated machine."
    if "none" in by_name and "nop" in by_name:
        base, off = by_name["none"], by_name["nop"]
        more, code = off.instructions - base.instructions, off.code - base.code
        sentence = (
            f"Off: {more / off.calls:g} instruction and {code / off.calls:g} bytes of code more a call. " + sentence
        )
    return Chart("EXACT: instructions, counted", bars, sentence)


def growth_chart(rows: Sequence[tuple[int, Exact]]) -> Chart:
    """Instructions of the workload, by how many functions are traced."""
    bars = [
        Bar(f"{traced} traced", float(row.instructions), f"{row.instructions:,} instructions") for traced, row in rows
    ]
    sentence = (
        "The functions called most often are traced first. What a function costs depends on how often it is called."
    )
    return Chart("EXACT: as the number of traced functions grows", tuple(bars), sentence)


def measured_chart(one: Measured) -> Chart:
    """Nanoseconds a call of one measured workload; what is no more than noise has no bar."""
    from simkernel.overhead.variants import VARIANTS

    bars = [Bar(VARIANTS["none"].title, one.base, f"{one.base:.2f} ns a call")]
    for row in one.differences:
        if row.name not in FIRST:
            continue
        value, interval = one.base + row.middle, (one.base + row.low, one.base + row.high)
        known = Bar(VARIANTS[row.name].title, value, f"{value:.2f} ns a call", interval)
        bars.append(known if row.measurable else Bar(VARIANTS[row.name].title, None, "difference not measurable"))
    noise = f"A difference in time smaller than this machine's noise of {100 * one.noise:.1f} % is not measurable."
    return Chart(f"MEASURED on this CPU, {one.workload}", tuple(bars), noise)


def text_lines(chart: Chart) -> list[str]:
    """The chart in plain text."""
    most = _most(chart)
    out = [chart.heading, ""]
    for bar in chart.bars:
        length = 0 if bar.value is None else max(1, round(COLUMNS * bar.value / most))
        out.append(f"{bar.title:<28} {'#' * length:<{COLUMNS}} {bar.text}")
    return [*out, "", chart.sentence]


def svg(chart: Chart) -> str:
    """The chart as a picture for slides."""
    most = _most(chart)
    height = 70 + ROW * len(chart.bars) + 40
    scale = (WIDTH - LEFT - RIGHT) / most
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="34" font-size="18" font-weight="bold">{escape(chart.heading)}</text>',
    ]
    for at, bar in enumerate(chart.bars):
        top = 60 + ROW * at
        length = 0.0 if bar.value is None else bar.value * scale
        out.append(f'<text x="20" y="{top + 19}">{escape(bar.title)}</text>')
        out.append(f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="28" fill="#4477aa"/>')
        end = LEFT + length
        if bar.interval is not None:
            low, high = (LEFT + max(0.0, edge) * scale for edge in bar.interval)
            out.append(f'<path d="M{low:.1f} {top + 14}H{high:.1f}" stroke="#222222" stroke-width="3"/>')
            end = max(end, high)
        out.append(f'<text x="{end + 8:.1f}" y="{top + 19}">{escape(bar.text)}</text>')
    out.append(f'<text x="20" y="{height - 20}" font-size="12">{escape(chart.sentence)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def _most(chart: Chart) -> float:
    """The longest bar's end."""
    ends = [bar.interval[1] if bar.interval else bar.value for bar in chart.bars if bar.value is not None]
    return max(ends)
