"""Bars for the price of tracing, as values: what each bar says, whoever draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lessons.chart import Bar, Chart
from simkernel.ftrace.records import MCOUNT_INSN_SIZE

if TYPE_CHECKING:
    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Difference, Measured
    from simkernel.overhead.modelled import CostTable

TIMES = 2  # from here on a figure is told as so many times the first one
FIRST = ("none", "nop", "call", "function")  # the variants that are shown first
SAME_WORK = "The toy kernel does the same work for each bar; its functions begin in another way each time."


def exact_chart(rows: Sequence[Exact], names: Sequence[str] = FIRST) -> Chart:
    """Instructions of the workload."""
    shown = [row for row in rows if row.name in names] or list(rows)
    first = shown[0].instructions
    bars = tuple(
        Bar(
            title_of(row.name),
            float(row.instructions),
            f"{row.instructions:,} instructions",
            _against(row.instructions, first),
            name=row.name,
        )
        for row in shown
    )
    by_name = {row.name: row for row in shown}
    sentence = ""
    if "none" in by_name and "nop" in by_name:
        base, off = by_name["none"], by_name["nop"]
        more = (off.instructions - base.instructions) / off.calls
        share = _share(off.instructions, base.instructions)
        sentence = f"Off: {more:g} instruction{'s' if more != 1 else ''} more a call{share}.{_on(bars)}"
    means = f"{SAME_WORK} A bar is its instructions, counted one by one on the simulated machine."
    return Chart("EXACT: instructions, counted", bars, sentence, means, "instructions")


def modelled_chart(rows: Sequence[Exact], table: CostTable, names: Sequence[str] = FIRST) -> Chart:
    """Cycles of the workload by a cost table; where more has no price than in the first, only "more than" is known."""
    from simkernel.overhead.modelled import OWN, modelled

    shown = [row for row in rows if row.name in names] or list(rows)
    prices = [modelled(row, table) for row in shown]
    bars = []
    for price in prices:
        text, against = f"{price.cycles:,.0f} cycles", _against(price.cycles, prices[0].cycles)
        if price.unpriced != prices[0].unpriced:
            text, against = f"more than {text}", ""
        bars.append(Bar(title_of(price.name), price.cycles, text, against, name=price.name))
    by_name = {price.name: price for price in prices}
    sentence = ""
    if "none" in by_name and "nop" in by_name:
        base, off = by_name["none"], by_name["nop"]
        calls = next(row.calls for row in shown if row.name == "nop")
        more, share = (off.cycles - base.cycles) / calls, _share(off.cycles, base.cycles)
        sentence = f"Off: {more:.2f} cycles more a call{share}, by this table.{_on(bars)}"
        if off.unpriced != base.unpriced:
            sentence = "Off: this table has no price for the instruction that a call takes more."
    whose = "simkernel's table" if table.name == OWN else "the table"
    means = f"{SAME_WORK} A bar is its cycles: what was counted, at the prices of {whose} {table.name}. No CPU ran it."
    return Chart("MODELLED: cycles, by a table", tuple(bars), sentence, means, "cycles")


def growth_chart(rows: Sequence[tuple[int, Exact]]) -> Chart:
    """Instructions of the workload, by how many functions are traced."""
    first = rows[0][1].instructions
    bars = [
        Bar(
            f"{traced} traced",
            float(row.instructions),
            f"{row.instructions:,} instructions",
            _against(row.instructions, first),
        )
        for traced, row in rows
    ]
    sentence = (
        "The functions called most often are traced first. What a function costs depends on how often it is called."
    )
    means = "A bar is the instructions that the same work takes while so many functions are traced, counted."
    return Chart("EXACT: as the number of traced functions grows", tuple(bars), sentence, means, "growth")


def measured_chart(one: Measured, names: Sequence[str] = FIRST) -> Chart:
    """Nanoseconds a call of one measured workload; of a difference that is no more than noise, its bar says so."""
    from simkernel.overhead.measured import CONFIDENCE

    bars = [Bar(title_of("none"), one.base, f"{one.base:.2f} ns", name="none")]
    noise = one.noise * one.base
    for row in one.differences:
        if row.name not in names:
            continue
        value, low, high, said = one.base + row.middle, row.low, row.high, _against(one.base + row.middle, one.base)
        if not row.measurable:
            low, high, said = min(low, -noise), max(high, noise), "not measurable"
        interval = (one.base + low, one.base + high)
        bars.append(Bar(title_of(row.name), value, f"{value:,.2f} ns", said, interval, row.name))
    off = next((row for row in one.differences if row.name == "nop"), None)
    sentence = f"This machine's noise is {100 * one.noise:.1f} %."
    if off is not None:
        sentence = f"Off: one instruction of {MCOUNT_INSN_SIZE} bytes more a call. {_off(off, one)}{_on(bars)}"
    means = (
        "A bar is the time of a call, in native code on this CPU. "
        f"The whisker around its end is the {100 * CONFIDENCE:.0f} % interval. "
        "Not measurable: the difference is no more than noise."
    )
    return Chart(f"MEASURED on this CPU, {one.workload}", tuple(bars), sentence, means, f"measured-{one.workload}")


def _off(off: Difference, one: Measured) -> str:
    """What may be said of the time that it costs."""
    if off.measurable:
        figure = f"{off.middle:+.3f} ns ({off.low:+.3f} to {off.high:+.3f}), {100 * off.share:+.1f} %"
        return f"The difference in time is {figure}. This machine's noise is {100 * one.noise:.1f} %."
    if abs(off.share) <= one.noise:
        return f"The difference in time is smaller than this machine's noise of {100 * one.noise:.1f} %."
    return f"The difference in time cannot be told from none. This machine's noise is {100 * one.noise:.1f} %."


def _against(value: float, first: float) -> str:
    """A figure held against the first one: by how much more, or how many times as much; "" for the same."""
    if value == first:
        return ""
    return f"x {value / first:.1f}" if value >= TIMES * first else f"{100 * (value / first - 1):+.1f} %"


def _share(value: float, first: float) -> str:
    """The same in brackets, behind a figure of one call."""
    against = _against(value, first)
    return f" ({against})" if against else ""


def _on(bars: Sequence[Bar]) -> str:
    """What tracing costs that is on, against no site; "" where there is no bar for it."""
    values = {bar.name: bar.value for bar in bars}
    return f" On: {_against(values['function'], values['none'])}." if values.keys() >= {"function", "none"} else ""


def title_of(name: str) -> str:
    """A variant in words."""
    from simkernel.overhead.variants import VARIANTS

    return VARIANTS[name].title
