"""`simkernel overhead`: what tracing costs, on and off: counted, priced by a table, and measured on this CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lessons.activities.charts import FIRST, exact_chart, growth_chart, measured_chart, modelled_chart
from lessons.activities.plots import sites_plots
from simkernel.errors import LearnerError
from simkernel.files import check_writable, write_text
from simkernel.overhead.published import published
from tui.options import FILE, Options, takes_options
from tui.output import emit_json, progress
from tui.tables import Answers, tables, value
from tui.view.bars import text_lines
from tui.view.svg import chart_svg, plot_svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lessons.chart import Chart
    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Measured
    from simkernel.overhead.sites import Patched

REFUSED = 2  # exit code: what was asked for cannot be done


@click.command
@click.argument("variants", nargs=-1, metavar="[VARIANT]...")
@click.option("--glob", default="*", show_default=True, help="Which functions, in the variants that trace.")
@click.option("--costs", "costs_file", type=FILE, metavar="FILE", help="Price by your own table.")
@click.option("--measure", is_flag=True, help="Measure the variants on this very CPU too (x86-64 Linux).")
@click.option("--plot", is_flag=True, help="Too: what grows with the traced functions, and with the sites patched.")
@click.option("--svg", "svg_file", type=FILE, metavar="FILE", help="Write pictures for slides, each into a file.")
@takes_options()
@click.pass_context
def command(
    ctx: click.Context,
    variants: tuple[str, ...],
    glob: str,
    costs_file: Path | None,
    measure: bool,
    plot: bool,
    svg_file: Path | None,
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

    if svg_file is not None:
        check_places(svg_file, measure, plot)
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
    pictures = [*map(chart_svg, charts), *map(plot_svg, sites_plots(answers.over) if answers.over else ())]
    written = [] if svg_file is None else write_pictures(pictures, svg_file)
    if as_json:
        emit_json(value(answers))
    else:
        tell(answers, charts, written)
    ctx.exit(REFUSED if refused else 0)


def tell(answers: Answers, charts: Sequence[Chart], written: Sequence[Path]) -> None:
    """All of it as text: the tables, the bars, and where the pictures are."""
    for text in tables(answers):
        click.echo(text)
    for chart in charts:
        click.echo("\n" + "\n".join(text_lines(chart)))
    if written:
        click.echo(f"\nPictures: {', '.join(map(str, written))}")
    if answers.left_out:
        missing = ", ".join(answers.left_out)
        click.echo(f"Left out, because they are assembled and Keystone is not installed: {missing}.")


def charts_of(answers: Answers, names: Sequence[str]) -> list[Chart]:
    """The bars of each answer, for the variants of these names."""
    charts = [exact_chart(answers.rows, names), modelled_chart(answers.rows, answers.table, names)]
    charts += [measured_chart(one, names) for one in answers.measured]
    if answers.grown:
        grown = growth_chart(answers.grown)
        seen = " ".join(one.text for one in published("workload"))
        charts.append(replace(grown, means=f"{grown.means} Published, of real kernels: {seen}"))
    return charts


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


def write_pictures(pictures: Sequence[str], file: Path) -> list[Path]:
    """The first picture to a file, each further one to a file beside it. Returns the files."""
    places = places_beside(file, len(pictures))
    for place, picture in zip(places, pictures, strict=True):
        write_text(place, picture)
    return places


def places_beside(file: Path, count: int) -> list[Path]:
    """Where so many pictures go: bars.svg, bars-2.svg, ..."""
    return [file, *(file.with_stem(f"{file.stem}-{number}") for number in range(2, count + 1))]


def check_places(file: Path, measure: bool, plot: bool) -> None:
    """LearnerError unless the pictures can be written, and none but the one named is in place of another file."""
    from simkernel.overhead.measured import WORKLOADS

    check_writable(file)
    for place in places_beside(file, 2 + measure * len(WORKLOADS) + 3 * plot)[1:]:
        check_writable(place, new=True)


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
