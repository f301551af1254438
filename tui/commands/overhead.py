"""`simkernel overhead`: what tracing costs, on and off: counted, priced by a table, and measured on this CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lessons.activities.charts import FIRST, exact_chart, growth_chart, measured_chart, modelled_chart
from lessons.activities.plots import growth_plot, sites_plots
from simkernel.errors import LearnerError
from simkernel.files import check_writable, write_bytes
from simkernel.overhead.published import published
from tui.options import FILE, Options, takes_options
from tui.output import emit_json, progress, say
from tui.tables import Answers, tables, value
from tui.view.bars import text_lines
from tui.view.slides import check_format, slide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lessons.chart import Chart, Plot
    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Measured
    from simkernel.overhead.sites import Patched

BARS = ("instructions", "cycles")
TIMES = ("measured-tight", "measured-warm", "measured-cold")
PLOTS = ("growth", "patch-time", "syncs")
PICTURES = (*BARS, *TIMES, *PLOTS)  # what each picture shows: its name behind FILE's
REFUSED = 2  # exit code: what was asked for cannot be done


@click.command
@click.argument("variants", nargs=-1, metavar="[VARIANT]...")
@click.option("--glob", default="*", show_default=True, help="Which functions, in the variants that trace.")
@click.option("--costs", "costs_file", type=FILE, metavar="FILE", help="Price by your own table.")
@click.option("--measure", is_flag=True, help="Measure the variants on this very CPU too (x86-64 Linux).")
@click.option("--plot", is_flag=True, help="Too: what grows with the traced functions, and with the sites patched.")
@click.option("--slides", type=FILE, metavar="FILE", help="Write pictures for slides, as FILE ends: .svg, .png, .pdf.")
@click.option("--only", type=click.Choice(PICTURES), help="Of the pictures this one, into FILE itself.")
@click.option("--title", default="", help="With --only: in place of what the figures say.")
@click.option("--dark", is_flag=True, help="Pictures on a dark ground.")
@takes_options()
@click.pass_context
def command(
    ctx: click.Context,
    variants: tuple[str, ...],
    glob: str,
    costs_file: Path | None,
    measure: bool,
    plot: bool,
    slides: Path | None,
    only: str | None,
    title: str,
    dark: bool,
    options: Options,  # noqa: ARG001  click gives what @takes_options() takes
    as_json: bool,
) -> None:
    """Count what one piece of work takes, with functions that begin in different ways, and price it.

    The work: one CPU, ticks off; every task is woken once, makes its system calls and sleeps again. Counted, not
    estimated: instructions, bytes of the code that ran, and accesses to memory. Without VARIANT: all there are,
    and bars for the four that matter most. Exit code 2 where --measure cannot be done here; the rest is shown.
    """
    from simkernel.overhead.modelled import costs
    from simkernel.overhead.variants import VARIANTS, possible, variant_named

    refuse_contradictions(slides, only, title, dark)
    measure = measure or (only or "").startswith("measured")
    plot = plot or only in PLOTS
    if slides is not None:
        check_places(slides, only, measure, plot)
    table = costs(costs_file)
    chosen = [variant_named(name).name for name in variants]
    measured, refused = measure_all(chosen) if measure else ([], "")
    answers = Answers(
        glob=glob,
        rows=count(chosen or list(possible()), glob),
        table=table,
        measured=measured,
        refused=refused,
        grown=grow() if plot else [],
        over=sites_grow() if plot else [],
        left_out=[] if chosen else sorted(set(VARIANTS) - set(possible())),
    )
    charts = charts_of(answers, chosen or FIRST)
    written = [] if slides is None else write_pictures(figures(answers, charts), slides, only, title, dark)
    if as_json:
        emit_json(value(answers))
    else:
        tell(answers, charts, written, measure or only is not None, plot or only is not None)
    ctx.exit(REFUSED if refused else 0)


def refuse_contradictions(slides: Path | None, only: str | None, title: str, dark: bool) -> None:
    """LearnerError for an option of pictures where none is asked for."""
    if slides is None and (only or title or dark):
        raise LearnerError("--only, --title and --dark are of pictures: give --slides FILE too")
    if title and not only:
        raise LearnerError(f"--title is of one picture: choose it by --only {'|'.join(PICTURES)}")


def tell(answers: Answers, charts: Sequence[Chart], written: Sequence[Path], measure: bool, plot: bool) -> None:
    """All of it as text: the bars with what they say, then the tables, and where the pictures are."""
    for chart in charts:
        for text in [*text_lines(chart), ""]:
            say(text)
    for text in tables(answers):
        say(text)
    if written:
        click.echo(f"\nPictures: {', '.join(map(str, written))}")
        if not measure:
            say("None of what this CPU measures: --measure adds them.")
        if not plot:
            say("None of what grows with functions and sites: --plot adds them.")
    if answers.left_out:
        missing = ", ".join(answers.left_out)
        say(f"Left out, because they are assembled and Keystone is not installed: {missing}.")


def charts_of(answers: Answers, names: Sequence[str]) -> list[Chart]:
    """The bars of each answer, for the variants of these names."""
    charts = [exact_chart(answers.rows, names), modelled_chart(answers.rows, answers.table, names)]
    charts += [measured_chart(one, names) for one in answers.measured]
    if answers.grown:
        grown = growth_chart(answers.grown)
        seen = " ".join(one.text for one in published("workload"))
        charts.append(replace(grown, means=f"{grown.means} Published, of real kernels: {seen}"))
    return charts


def figures(answers: Answers, charts: Sequence[Chart]) -> list[Chart | Plot]:
    """What slides show: the bars, and what grows as plots."""
    out: list[Chart | Plot] = [chart for chart in charts if chart.name not in PLOTS]
    if answers.grown:
        out.append(growth_plot(answers.grown))
    return [*out, *(sites_plots(answers.over) if answers.over else ())]


def count(names: Sequence[str], glob: str) -> list[Exact]:
    """The exact figures of some variants."""
    from simkernel.overhead.exact import exact
    from simkernel.overhead.variants import VARIANTS

    rows: list[Exact] = []
    with progress("counting") as line:
        show = line.steps(len(names))
        for name in names:
            show(VARIANTS[name].title)
            rows.append(exact(name, glob))
    return rows


def write_pictures(figures: Sequence[Chart | Plot], file: Path, only: str | None, title: str, dark: bool) -> list[Path]:
    """Each picture, or the one that is chosen, into a file. Returns the files."""
    places = places_beside(file, only, [one.name for one in figures])
    for one in figures:
        if one.name in places:
            write_bytes(places[one.name], slide(one, file.suffix, title, dark))
    return list(places.values())


def places_beside(file: Path, only: str | None, names: Sequence[str]) -> dict[str, Path]:
    """Where each picture goes: price-cycles.svg, price-syncs.svg, ...; one that is chosen into the file itself."""
    if only:
        return {only: file} if only in names else {}
    return {name: file.with_stem(f"{file.stem}-{name}") for name in names}


def check_places(file: Path, only: str | None, measure: bool, plot: bool) -> None:
    """LearnerError unless the pictures can be made and written, and none but the one named replaces another file."""
    check_writable(file)
    check_format(str(file))
    names = (*BARS, *(TIMES if measure else ()), *(PLOTS if plot else ()))
    for place in places_beside(file, only, names).values():
        check_writable(place, new=place != file)


def measure_all(variants: Sequence[str]) -> tuple[list[Measured], str]:
    """Each workload, measured here, or why that cannot be: then the other answers are still told."""
    from simkernel.overhead.measured import ROUNDS, WORKLOADS, measure

    with progress("measuring") as line:
        try:
            return measure(variants, show=line.steps(len(WORKLOADS) * (1 + ROUNDS))), ""
        except LearnerError as error:
            return [], str(error)


def grow() -> list[tuple[int, Exact]]:
    """The workload with 0 ... all functions traced."""
    from simkernel.overhead.growth import STEPS, growth

    with progress("counting") as line:
        return growth(line.steps(len(STEPS)))


def sites_grow() -> list[Patched]:
    """What enabling every site takes, against the number of sites."""
    from simkernel.overhead.sites import SITES, over_sites

    with progress("patching") as line:
        return over_sites(line.steps(len(SITES)))
