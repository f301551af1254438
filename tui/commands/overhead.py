"""`simkernel overhead`: what tracing costs, on and off: counted, and priced by a table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkernel.errors import LearnerError
from simkernel.overhead.published import published
from tui.bars import FIRST, exact_chart, growth_chart, measured_chart, modelled_chart, svg, text_lines
from tui.options import Options, takes_options
from tui.output import emit_json, progress
from tui.plots import plot_svg, sites_lines, sites_plots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Measured
    from simkernel.overhead.modelled import Costs
    from simkernel.overhead.sites import Patched

BASE, OFF = "none", "nop"
COUNTED = "counted by a hook on each instruction and on each access to data; one CPU, ticks off"
TIMED = "native code on this CPU; medians over sets of functions of differences within a round, 99 % intervals"
PATCHED = (
    """batches, stores and syncs counted; price: instructions of the patching task's clock, at its stated prices"""
)
PRICED = "the exact counts times the cycles of a table; no CPU ran it"


@click.command
@click.argument("variants", nargs=-1, metavar="[VARIANT]...")
@click.option("--glob", default="*", show_default=True, help="Which functions, in the variants that trace.")
@click.option("--costs", "costs_file", type=click.Path(path_type=Path), metavar="FILE", help="Price by your own table.")
@click.option("--measure", is_flag=True, help="Measure the variants on this very CPU too (x86-64 Linux).")
@click.option("--plot", is_flag=True, help="Too: what grows with the traced functions, and with the sites patched.")
@click.option("--svg", "svg_file", type=click.Path(path_type=Path), metavar="FILE", help="Write pictures for slides.")
@takes_options()
def command(
    variants: tuple[str, ...],
    glob: str,
    costs_file: Path | None,
    measure: bool,
    plot: bool,
    svg_file: Path | None,
    options: Options,
    as_json: bool,
) -> None:
    """Count what one piece of work takes, with functions that begin in different ways, and price it.

    The work: one CPU, ticks off; every task is woken once, makes its system calls and sleeps again. Counted, not
    estimated: instructions, bytes of the code that ran, and accesses to memory. Without VARIANT: all there are,
    and bars for the four that matter most.
    """
    from simkernel.overhead.modelled import costs, modelled
    from simkernel.overhead.variants import VARIANTS, possible, variant_named

    table = costs(costs_file)
    rows = count([variant_named(name).name for name in variants] or list(possible()), glob)
    measured = measure_all(variants) if measure else []
    grown = grow() if plot else []
    names = [row.name for row in rows] if variants else FIRST
    charts = [
        exact_chart(rows, names),
        modelled_chart(rows, table, names),
        *(measured_chart(one, names) for one in measured),
    ]
    over = sites_grow() if plot else []
    plots = sites_plots(over) if over else ()
    if grown:
        charts.append(growth_chart(grown))
    pictures = [*map(svg, charts), *map(plot_svg, plots)]
    written = [] if svg_file is None else write_pictures(pictures, svg_file)
    left_out = sorted(set(VARIANTS) - set(possible())) if not variants else []
    if as_json:
        emit_json(
            {
                "exact": {"method": COUNTED, "glob": glob, "variants": [asdict(row) for row in rows]},
                "modelled": {
                    "method": PRICED,
                    "table": table.name,
                    "sources": sorted(set(table.source.values())),
                    "variants": [asdict(modelled(row, table)) for row in rows],
                },
                "measured": measured_value(measured),
                "growth": [{"traced": traced, "instructions": row.instructions} for traced, row in grown],
                "sites": sites_value(over),
                "left_out": left_out,
            }
        )
        return
    for text in (*lines(rows, glob), *priced_lines(rows, table), *measured_lines(measured)):
        click.echo(text)
    for chart in charts:
        click.echo("\n" + "\n".join(text_lines(chart)))
    for text in ["", *sites_lines(over)] if over else ():
        click.echo(text)
    if written:
        click.echo(f"\nPictures: {', '.join(map(str, written))}")
    if left_out:
        click.echo(f"Left out, because they are assembled and Keystone is not installed: {', '.join(left_out)}.")


def count(names: Sequence[str], glob: str) -> list[Exact]:
    """The exact figures of some variants."""
    from simkernel.overhead.exact import exact
    from simkernel.overhead.variants import VARIANTS

    rows: list[Exact] = []
    with progress("counting") as line:
        for name in names:
            line.show(VARIANTS[name].title)
            rows.append(exact(name, glob))
    return rows


def write_pictures(pictures: Sequence[str], file: Path) -> list[Path]:
    """The first picture to a file, each further one to a file beside it: bars.svg, bars-2.svg. Returns the files."""
    places = [
        file if number == 1 else file.with_stem(f"{file.stem}-{number}") for number in range(1, len(pictures) + 1)
    ]
    for place, picture in zip(places, pictures, strict=True):
        try:
            place.write_text(picture, encoding="utf-8")
        except OSError as error:
            raise LearnerError(f"{place}: cannot be written: {error.strerror}") from error
    return places


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


def priced_lines(rows: Sequence[Exact], table: Costs) -> list[str]:
    """The modelled table: cycles of the workload, and what of it had no price."""
    from simkernel.overhead.modelled import modelled
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
    return out + [f"Source: {source}" for source in sorted(set(table.source.values()))]


def measure_all(variants: Sequence[str]) -> list[Measured]:
    """Each workload, measured here."""
    from simkernel.overhead.measured import measure

    with progress("measuring") as line:
        return measure(variants, show=line.show)


def grow() -> list[tuple[int, Exact]]:
    """The workload with 0 ... all functions traced."""
    from simkernel.overhead.growth import growth

    with progress("counting") as line:
        return growth(line.show)


def sites_grow() -> list[Patched]:
    """What enabling every site takes, against the number of sites."""
    from simkernel.overhead.sites import over_sites

    with progress("patching") as line:
        return over_sites(line.show)


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


def measured_value(measured: Sequence[Measured]) -> dict[str, object] | None:
    """The measurement as JSON: a difference that is no more than noise has no number."""
    from simkernel.overhead.measured import machine

    if not measured:
        return None
    value: list[dict[str, object]] = []
    for one in measured:
        rows = [asdict(row) if row.measurable else {"name": row.name, "measurable": False} for row in one.differences]
        value.append(asdict(one) | {"differences": rows})
    return {"method": TIMED, "machine": asdict(machine()), "workloads": value}


def measured_lines(measured: Sequence[Measured]) -> list[str]:
    """The measured tables, and where they were measured."""
    from simkernel.overhead.measured import machine
    from simkernel.overhead.variants import VARIANTS

    if not measured:
        return []
    here = machine()
    out = [
        "",
        "MEASURED: native code on this very CPU, in the default kernel's counted mix of instructions.",
        "Who traces calls the toy kernel's own trampolines and callbacks, as they stand in its image.",
        "Simplified: their stamp is a word in memory, not RDTSC. An int3 is a signal to the process here.",
        f"CPU {here.cpu}; clock source {here.clock}; governor {here.governor}; load {here.load}.",
    ]
    for one in measured:
        out += [
            "",
            f"{one.workload}: functions {one.functions:,}, {one.base:.2f} ns a call without a site. "
            f"The same code differs from itself by up to {100 * one.noise:.1f} %.",
        ]
        for row in one.differences:
            figure = (
                f"{row.middle:+12,.3f} ns a call ({row.low:+,.3f} to {row.high:+,.3f}), {100 * row.share:+,.1f} %"
                if row.measurable
                else "      not measurable"
            )
            out.append(f"{VARIANTS[row.name].title:<28}{figure}")
    return out
