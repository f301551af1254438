"""Bars for the price of tracing, as values: what each bar says, whoever draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lessons.chart import Bar, Chart
from simkernel.ftrace.records import MCOUNT_INSN_SIZE

if TYPE_CHECKING:
    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Difference, Measured
    from simkernel.overhead.modelled import Costs

FIRST = ("none", "nop", "call", "function")  # the variants that are shown first
SAME_WORK = "The toy kernel does the same work for each bar; its functions begin in another way each time."


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
