"""`simkernel funccount`: how often each function was called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from tui.globs import quoting, say_if_empty
from tui.options import KERNEL, MACHINE, Options, takes_options
from tui.output import emit_json, progress
from tui.session import boot, carry_out, check_alive

if TYPE_CHECKING:
    from simkernel.sim.calls import Calls
    from simkernel.sim.simulation import Simulation

LOOK_EVERY = 20_000  # instructions: a buffer of 1,024 records cannot fill up meanwhile


@click.command
@click.argument("glob", metavar="GLOB")
@click.option(
    "--for",
    "instructions",
    type=click.IntRange(1),
    default=1_000_000,
    show_default=True,
    metavar="INSTRUCTIONS",
    help="How long, on the machine's clock.",
)
@takes_options(KERNEL, MACHINE)
def command(glob: str, instructions: int, options: Options, as_json: bool) -> None:
    """Count the calls of the functions that match GLOB, as Gregg's funccount prints them.

    It counts the function tracer's records. `Simplified:` Gregg's reads the function profiler.
    """
    from simkernel.ftrace.commands import SetFilter, SetTracer
    from simkernel.sim.calls import Calls

    simulation = boot(options)
    with quoting(glob):
        carry_out(simulation, options, SetFilter("filter", glob), SetTracer("function"))
    say_if_empty(simulation)
    calls = Calls(simulation)
    with progress(f'Tracing "{glob}"') as line:
        count(simulation, calls, instructions, line.show)
    image = simulation.image
    rows = sorted((number, image.symbolize(site)) for site, number in calls.by_site.items())
    if as_json:
        functions = {name: number for number, name in reversed(rows)}
        emit_json({"glob": glob, "instructions": instructions, "counts": functions, "lost": calls.lost})
        return
    click.echo(f"{'FUNC':<30} {'COUNT':>8}")
    for number, name in rows:
        click.echo(f"{name:<30} {number:>8}")
    if calls.lost:
        click.echo(f"{calls.lost} records were lost.", err=True)


def count(simulation: Simulation, calls: Calls, instructions: int, show: Callable[[str], None]) -> None:
    """Run and count; GuestError where the kernel dies."""
    begin = simulation.clock
    end = begin + instructions
    while simulation.clock < end and not simulation.halt_reason:
        simulation.run(min(LOOK_EVERY, end - simulation.clock))
        calls.look()
        show(f"{simulation.clock - begin:,} instructions")
    check_alive(simulation)
