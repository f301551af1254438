"""What is said beside the bars: what is awaited, each variant with its bytes and its figures, where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from lessons.activities.overhead import ANSWERS, EXACT, GROWTH, MEASURED, MODELLED, SYNCS, TIME, Overhead
from lessons.activities.plots import others_sentence, sync_sentence
from lessons.chart import Bar
from simkernel.overhead.bodies import BEGINNINGS
from simkernel.overhead.exact import Exact
from simkernel.overhead.measured import MEANS
from simkernel.overhead.modelled import modelled
from simkernel.overhead.sites import Patched
from simkernel.overhead.variants import VARIANTS, possible
from simkernel.sentence import listed

WORK = "The work: one CPU, ticks off; every task is woken once, makes its system calls and sleeps again."
PICTURES = MEANS | {
    SYNCS: "how many times the patching task waits until every CPU has answered",
    TIME: "what the patching task takes, each of its actions at a stated price",
}
STAMP = "Simplified: here the stamp of a record is a word in memory, not RDTSC."
SIGNAL = "An int3 is a signal to the process."
FEW_NAMES = 3
WHOLE = 10  # from here on no decimals
FIRST_BAR = "The others are held against this one."


def waiting(overhead: Overhead) -> list[str]:
    """What is awaited, or why it cannot be had."""
    if overhead.name == MEASURED and overhead.refused:
        return [f"Nothing can be measured here: {overhead.refused.rstrip('.')}."]
    out = [ANSWERS[overhead.name].wait]
    missing, wanted = len(overhead.uncounted()), len(overhead.variants)
    if overhead.name in (EXACT, MODELLED) and missing < wanted:
        out.append(f"{wanted - missing} of {wanted} are counted.")
    return out


def notes(overhead: Overhead) -> list[str]:
    """What else is to be known of these figures."""
    out = []
    gone = [VARIANTS[name].title for name in VARIANTS if name not in possible()]
    if gone and overhead.has_variants:
        out.append(f"Left out, as they are assembled and Keystone is not installed: {', '.join(gone)}.")
    if overhead.name == MEASURED and (here := overhead.where) is not None:
        if overhead.every:
            order = overhead.measured[overhead.picture].order
            named = " < ".join(" ~ ".join(VARIANTS[name].title for name in group) for group in order)
            out.append(f"From fast to slow, ~ where neighbours do not differ measurably: {named}.")
        out.append(f"CPU {here.cpu}; clock source {here.clock}; governor {here.governor}; load {here.load}.")
        out.append("Native code in the default kernel's counted mix of instructions; the toy kernel's own trampolines.")
    if overhead.name == MODELLED:
        out += [f"Source: {source}." for source in sorted(set(overhead.table.source.values()))]
    if overhead.name in (EXACT, MODELLED, GROWTH) and (row := overhead.counted.get("nop")) is not None:
        made = ", ".join(f"{task} {calls}" for task, calls in row.system_calls.items())
        out.append(f"{WORK} System calls of each: {made}.")
    return out


@dataclass(frozen=True, slots=True)
class Explained:
    """What a bar is about: its title, the code of a variant, sentences; the figures last."""

    title: str
    code: str
    sentences: list[str]


def picture_line(overhead: Overhead) -> str:
    """Which of several pictures one looks at, "" where there is one only."""
    if not (picture := overhead.picture):
        return ""
    of = {SYNCS: "counted", TIME: "modelled"}.get(picture, "")
    if overhead.name == MEASURED and overhead.measured:
        functions = overhead.measured[picture].functions
        of = "1 function" if functions == 1 else f"{functions:,} functions"
    return f"{picture[0].upper()}{picture[1:]} ({of}): {PICTURES[picture]}."


def explained(overhead: Overhead, bar: Bar) -> Explained:
    """What a bar is about."""
    if not bar.name:
        chart = overhead.chart
        first = chart.bars[0] if chart is not None else bar
        more = (bar.value or 0.0) - (first.value or 0.0)
        return Explained(bar.title, "", [FIRST_BAR if bar == first else f"{more:,.0f} more than with {first.title}."])
    variant = VARIANTS[bar.name]
    figures = {EXACT: _counted, MODELLED: _priced, MEASURED: _measured}[overhead.name](overhead, bar.name)
    traced = overhead.name == MEASURED and bar.name in BEGINNINGS and bool(BEGINNINGS[bar.name].callback)
    simplified = [STAMP] if traced else []
    simplified += [SIGNAL] if traced and bar.name == "int3" else []
    return Explained(variant.title, variant.what or "no bytes", [variant.sentence, *simplified, figures])


def _against(overhead: Overhead, row: Exact) -> tuple[Exact, int]:
    """What a variant is held against, and the calls of its workload."""
    return overhead.counted[overhead.variants[0]], row.calls or overhead.counted["nop"].calls


def _counted(overhead: Overhead, name: str) -> str:
    row = overhead.counted[name]
    base, calls = _against(overhead, row)
    if row is base:
        return FIRST_BAR
    instructions, code = row.instructions - base.instructions, row.code - base.code
    accesses = row.reads + row.writes - base.reads - base.writes
    call = "On average a call" if len(set(row.span)) > 1 else "A call"
    memory = f"{_number(accesses / calls, 'time')} more" if accesses else "as often"
    return (
        f"{call} runs {_number(instructions / calls, 'instruction')} ({_number(code / calls, 'byte')} of code) "
        f"more than with {VARIANTS[base.name].title}: {instructions:+,} in {calls:,} calls. "
        f"It accesses memory {memory}.{_more_calls(overhead, row)}"
    )


def _more_calls(overhead: Overhead, row: Exact) -> str:
    """Why a variant's work has other calls than the NOP's; "" where it has as many."""
    nop = overhead.counted.get("nop")
    if nop is None or not row.calls or row.calls == nop.calls:
        return ""
    names = [one for one, times in row.by_function.items() if times != nop.by_function.get(one)]
    of = f", of {listed(names)}" if len(names) <= FEW_NAMES else ""
    more = row.calls - nop.calls
    return (
        f" The work has {abs(more):,} calls {'more' if more > 0 else 'less'}{of}. "
        "A tracer that stamps its records reads the clock, which goes on at each reading here."
    )


def _priced(overhead: Overhead, name: str) -> str:
    row = overhead.counted[name]
    base, calls = _against(overhead, row)
    price, other = modelled(row, overhead.table), modelled(base, overhead.table)
    if row is base:
        return f"{FIRST_BAR} In each {sum(price.unpriced.values()):,} instructions have no price."
    more = {form: times - other.unpriced.get(form, 0) for form, times in price.unpriced.items()}
    unpriced = ", ".join(f"{times:,} {form}" for form, times in more.items() if times)
    said = (
        f"A call takes {(price.cycles - other.cycles) / calls:.2f} cycles more than with {VARIANTS[base.name].title}."
    )
    return f"{said} Without a price: {unpriced}." if unpriced else said


def _measured(overhead: Overhead, name: str) -> str:
    one = overhead.measured[overhead.picture]
    row = next((row for row in one.differences if row.name == name), None)
    if row is None:
        return FIRST_BAR
    if not row.measurable:
        return f"Its difference from no site is not measurable. The noise is {100 * one.noise:.1f} %."
    figure = f"{row.middle:+,.3f} ns ({row.low:+,.3f} to {row.high:+,.3f}), {100 * row.share:+,.1f} %"
    return f"Its difference from no site is {figure}."


def row_explained(overhead: Overhead, row: Patched) -> Explained:
    """What enabling so many sites takes."""
    sites = f"{row.sites:,} site{'s' if row.sites != 1 else ''}"
    if overhead.picture == TIME:
        each = f"{row.price / row.sites:,.0f} instructions of the patching task for each site."
        return Explained(sites, "", [each, "No clock measured it: each of its actions has a stated price."])
    return Explained(sites, "", [sync_sentence(row), f"Besides there are {others_sentence(row)}."])


def _number(value: float, one: str, many: str = "") -> str:
    """So many of something, with one decimal where it is small and no whole number."""
    text = f"{round(value, 1 if value < WHOLE else 0):,g}"
    return f"{text} {one if text == '1' else many or one + 's'}"
