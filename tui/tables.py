"""The price of tracing as tables of text, and as values for JSON: each answer with its method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lessons.activities.plots import others_sentence, sync_sentence
from simkernel.overhead.published import published

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Measured
    from simkernel.overhead.modelled import CostTable
    from simkernel.overhead.published import Published
    from simkernel.overhead.sites import Patched

BASE, OFF = "none", "nop"
COUNTED = "counted by a hook on each instruction and on each access to data; one CPU, ticks off"
TIMED = "native code on this CPU; medians over sets of functions of differences within a round, 99 % intervals"
PATCHED = (
    """batches, stores and syncs counted; price: instructions of the patching task's clock, at its stated prices"""
)
PRICED = "the exact counts times the cycles of a table; no CPU ran it"


@dataclass(frozen=True, slots=True)
class Answers:
    """What was counted, priced and measured.

    Attributes:
        glob: functions of the variants that trace. rows: the exact figures. table: their prices.
        measured, grown, over: by workload, by functions traced, by sites; [] if not asked.
        refused: why nothing can be measured here, "" otherwise. left_out: variants that cannot be made here.
    """

    glob: str
    rows: Sequence[Exact]
    table: CostTable
    measured: Sequence[Measured]
    refused: str
    grown: Sequence[tuple[int, Exact]]
    over: Sequence[Patched]
    left_out: Sequence[str]


def value(answers: Answers) -> dict[str, object]:
    """All of it for JSON."""
    from simkernel.overhead.modelled import modelled

    table = answers.table
    return {
        "exact": {"method": COUNTED, "glob": answers.glob, "variants": [asdict(row) for row in answers.rows]},
        "modelled": {
            "method": PRICED,
            "table": table.name,
            "sources": sorted(set(table.source.values())),
            "variants": [asdict(modelled(row, table)) for row in answers.rows],
        },
        "measured": {"refused": answers.refused} if answers.refused else measured_value(answers.measured),
        "growth": growth_value(answers.grown),
        "sites": sites_value(answers.over),
        "left_out": list(answers.left_out),
    }


def growth_value(grown: Sequence[tuple[int, Exact]]) -> dict[str, object] | None:
    """Instructions by functions traced, as JSON."""
    rows = [{"traced": traced, "instructions": row.instructions} for traced, row in grown]
    return {"method": COUNTED, "rows": rows} if rows else None


def tables(answers: Answers) -> list[str]:
    """All of it as text, but for the bars."""
    out = [*lines(answers.rows, answers.glob), *priced_lines(answers.rows, answers.table)]
    out += ["", f"MEASURED: not here. {answers.refused}."] if answers.refused else measured_lines(answers.measured)
    return [*out, "", *sites_lines(answers.over)] if answers.over else out


def lines(rows: Sequence[Exact], glob: str) -> list[str]:
    """The table, a sentence for each variant, and what it says about tracing that is off."""
    from simkernel.overhead.variants import VARIANTS

    made = ", ".join(f"{task} {calls}" for task, calls in rows[0].system_calls.items())
    out = [
        "EXACT: counted on the simulated machine.",
        "One CPU, ticks off: every task is woken once, makes its system calls and sleeps again.",
        f"System calls: {made}.",
        "",
        f"{'':<28} {'instructions':>12} {'code bytes':>11} {'reads':>8} {'writes':>8} {'a call':>9}",
    ]
    for row in rows:
        fewest, most = row.span
        span = "" if not most else str(most) if fewest == most else f"{fewest} to {most}"
        out.append(
            f"{VARIANTS[row.name].title:<28} {row.instructions:>12,} {row.code:>11,} {row.reads:>8,} "
            f"{row.writes:>8,} {span:>9}"
        )
    out += ["", "a call: instructions from a function's site to the one behind it.", ""]
    for row in rows:
        variant = VARIANTS[row.name]
        out += [f"{variant.title}: {variant.what}".rstrip(": "), f"    {variant.sentence}"]
    return out + _conclusions({row.name: row for row in rows}, glob)


def _conclusions(by_name: dict[str, Exact], glob: str) -> list[str]:
    """What these figures allow one to say."""
    out = [""]
    if glob != "*":
        out.append(f"Traced: only functions that match {glob!r}; the others keep their NOP.")
    if BASE in by_name and OFF in by_name:
        base, off = by_name[BASE], by_name[OFF]
        instructions, code = off.instructions - base.instructions, off.code - base.code
        accesses = off.reads + off.writes - base.reads - base.writes
        out.append(
            f"Off, in {off.calls:,} calls: {instructions:,} instructions, {code:,} bytes of code and {accesses:,} "
            f"accesses to memory more. That is {instructions / off.calls:g} and {code / off.calls:g} a call."
        )
    if OFF in by_name and (on := by_name.get("function")) is not None and on.calls != by_name[OFF].calls:
        out.append(
            f"On, {on.calls - by_name[OFF].calls:+} calls: the tracer reads the clock, "
            "and a few functions that look at the time do more where it is later."
        )
    return out


def priced_lines(rows: Sequence[Exact], table: CostTable) -> list[str]:
    """The modelled table: cycles of the workload, and what of it had no price."""
    from simkernel.overhead.modelled import OWN, modelled
    from simkernel.overhead.variants import VARIANTS

    prices = [modelled(row, table) for row in rows]
    first = prices[0]
    out = [
        "",
        f"MODELLED: the counts above times the cycles of {table.name}. No CPU ran it; real ones overlap.",
        "",
        f"{'':<28} {'cycles':>12} {f'more than {first.name}':>18}   not priced",
    ]
    for price in prices:
        more = "" if price is first else f"{price.cycles - first.cycles:+,.0f}"
        known = sum(first.unpriced.values())
        unpriced = [f"{times - first.unpriced.get(form, 0):,} {form}" for form, times in price.unpriced.items()
                    if price is not first and times != first.unpriced.get(form, 0)]  # fmt: skip
        note = f"{known:,} instructions in each" if price is first else ", ".join(unpriced)
        out.append(f"{VARIANTS[price.name].title:<28} {price.cycles:>12,.0f} {more:>18}   {note}".rstrip())
    out.append("")
    if table.name != OWN and (unknown := table.unknown(rows)):
        out.append(f"Priced, but run by none of these variants: {', '.join(unknown)}.")
    return out + [f"Source: {source}" for source in sorted(set(table.source.values()))]


def measured_lines(measured: Sequence[Measured]) -> list[str]:
    """The measured tables, and where they were measured."""
    from simkernel.overhead.measured import MEANS, machine
    from simkernel.overhead.variants import VARIANTS

    if not measured:
        return []
    here = machine()
    out = [
        "",
        "MEASURED: native code on this very CPU, in the default kernel's counted mix of instructions.",
        "A traced call runs the toy kernel's own trampolines and callbacks, as they stand in its image.",
        "Simplified: a stamp is a word in memory, where Linux reads the time stamp counter. An int3 becomes a signal",
        "to this process, where Linux's own handler takes it.",
        f"CPU {here.cpu}; clock source {here.clock}; governor {here.governor}; load {here.load}.",
    ]
    for one in measured:
        out += [
            "",
            f"{one.workload}: {MEANS[one.workload]}. Functions: {one.functions:,}.",
            f"{one.base:.2f} ns a call without a site. The same code differs from itself by up to "
            f"{100 * one.noise:.1f} %: smaller differences are not measurable.",
        ]
        for row in one.differences:
            figure = (
                f"{row.middle:+12,.3f} ns a call ({row.low:+,.3f} to {row.high:+,.3f}), {100 * row.share:+,.1f} %"
                if row.measurable
                else "      not measurable"
            )
            out.append(f"{VARIANTS[row.name].title:<28}{figure}")
        out.append(f"Order, ~ where neighbours do not differ measurably: {_order(one)}.")
    return out


def sites_value(over: Sequence[Patched]) -> dict[str, object] | None:
    """That as JSON, the published figures apart."""
    if not over:
        return None
    rows = [asdict(row) for row in over]
    return {
        "method": PATCHED,
        "rows": rows,
        "published": [asdict(one) for one in published("patching") + published("workload")],
    }


def _order(one: Measured) -> str:
    """The variants from fast to slow."""
    return " < ".join(" ~ ".join(group) for group in one.order)


def measured_value(measured: Sequence[Measured]) -> dict[str, object] | None:
    """The measurement as JSON; of a difference that is no more than noise it says that it is not measurable."""
    from simkernel.overhead.measured import machine

    if not measured:
        return None
    value: list[dict[str, object]] = []
    for one in measured:
        value.append(asdict(one))
    return {"method": TIMED, "machine": asdict(machine()), "workloads": value}


def sites_lines(rows: Sequence[Patched]) -> list[str]:
    """The table, and the published figures under a heading of their own."""
    out = [
        "EXACT and MODELLED: every site enabled at once, against the number of sites. CPUs at rest, tracing_on 0.",
        "Counted: batches, stores and syncs. Modelled: the patch time, in instructions of the patching task.",
        "",
        f"{'sites':>9} {'batches':>9} {'stores':>9} {'syncs':>7} {'patch time':>13} {'a site':>8}",
    ]
    for row in rows:
        out.append(
            f"{row.sites:>9,} {row.batches:>9,} {row.stores:>9,} {row.syncs:>7,} {row.price:>13,} "
            f"{row.price / row.sites:>8,.0f}"
        )
    return [
        *out,
        "",
        sync_sentence(rows[-1]),
        f"In each row {others_sentence(rows[-1])}.",
        f"Below {rows[0].records} sites, a filter chooses among that many functions.",
        "What the CPUs take to answer is not in the patch time.",
        *published_lines(published("patching") + published("workload")),
    ]


def published_lines(figures: Sequence[Published]) -> list[str]:
    """Figures of others, each with its source."""
    out = ["", "PUBLISHED by others, about real machines. Nothing above is reckoned from it.", ""]
    for one in figures:
        out += [one.text, f"    Source: {one.source}"]
    return out
