"""`simkernel funccount`: how often each function was called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from tui.globs import quoting, say_if_empty
from tui.options import KERNEL, MACHINE, Options, takes_options
from tui.output import emit_json, progress
from tui.session import boot, carry_out, check_alive

if TYPE_CHECKING:
    from simkernel.sim.simulation import Simulation

LOOK_EVERY = 20_000  # instructions: a buffer of 1,024 records cannot fill up meanwhile


class Counts:
    """Counts the trace records that a simulation writes from now on; nothing in it is changed."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.by_site: Counter[int] = Counter()
        self.lost = 0
        from simkernel.trace.ringbuffer import Ring

        memory = simulation.machine.memory
        self._next = [Ring.of(memory, cpu).head for cpu in range(simulation.options.cpus)]

    def look(self) -> None:
        """Count the records that have come since the last look."""
        from simkernel.trace import function
        from simkernel.trace.ringbuffer import Ring, of_type

        memory = self.simulation.machine.memory
        for cpu, seen in enumerate(self._next):
            ring = Ring.of(memory, cpu)
            written = ring.written(memory)
            self.lost += max(0, ring.first - seen)
            self.by_site.update(of_type(written[max(0, seen - ring.first) :], function.TYPE)["ip"].tolist())
            self._next[cpu] = max(seen, ring.first + len(written))


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

    simulation = boot(options)
    with quoting(glob):
        carry_out(simulation, options, SetFilter("filter", glob), SetTracer("function"))
    say_if_empty(simulation)
    counts = Counts(simulation)
    with progress(f'Tracing "{glob}"') as line:
        count(simulation, counts, instructions, line.show)
    image = simulation.image
    rows = sorted((number, image.symbolize(site)) for site, number in counts.by_site.items())
    if as_json:
        functions = {name: number for number, name in reversed(rows)}
        emit_json({"glob": glob, "instructions": instructions, "counts": functions, "lost": counts.lost})
        return
    click.echo(f"{'FUNC':<30} {'COUNT':>8}")
    for number, name in rows:
        click.echo(f"{name:<30} {number:>8}")
    if counts.lost:
        click.echo(f"{counts.lost} records were lost.", err=True)


def count(simulation: Simulation, counts: Counts, instructions: int, show: Callable[[str], None]) -> None:
    """Run and count; GuestError where the kernel dies."""
    begin = simulation.machine.clock
    end = begin + instructions
    while simulation.machine.clock < end and not simulation.outcome:
        simulation.run(min(LOOK_EVERY, end - simulation.machine.clock))
        counts.look()
        show(f"{simulation.machine.clock - begin:,} instructions")
    check_alive(simulation)
