"""`simkernel trace`: the function tracer on some functions, and what it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from simkernel.errors import LearnerError
from simkernel.ftrace.tracers import TRACERS
from tui.globs import quoting, say_if_empty
from tui.options import KERNEL, MACHINE, OneOf, Options, takes_options
from tui.output import emit_json
from tui.session import boot, carry_out, run

if TYPE_CHECKING:
    from simkernel.sim.simulation import Simulation


@click.command
@click.argument("globs", nargs=-1, metavar="GLOB...")
@click.option("--notrace", "excluded", multiple=True, metavar="GLOB", help="Leave these out; may be repeated.")
@click.option(
    "--tracer",
    type=OneOf(tuple(name for name in TRACERS if name != "nop")),
    default="function",
    show_default=True,
    help="The tracer, as `current_tracer` names it.",
)
@click.option(
    "--for",
    "instructions",
    type=click.IntRange(1),
    default=200_000,
    show_default=True,
    metavar="INSTRUCTIONS",
    help="How long, on the machine's clock.",
)
@takes_options(KERNEL, MACHINE)
def command(
    globs: tuple[str, ...],
    excluded: tuple[str, ...],
    tracer: str,
    instructions: int,
    options: Options,
    as_json: bool,
) -> None:
    """Trace the functions that match GLOB and print the trace as the file `trace` has it.

    What goes before in time may be missing: a ring buffer keeps the newest records, and the head says how many.
    """
    if not globs:
        raise LearnerError("which functions? Name some, as in `simkernel trace 'vfs_*'`; '*' means all of them")
    from simkernel import tracefs
    from simkernel.ftrace.commands import SetFilter, SetTracer
    from simkernel.sim.control_files import control_files

    simulation = boot(options)
    with quoting(*globs, *excluded):
        carry_out(
            simulation,
            options,
            SetFilter("filter", " ".join(globs)),
            SetFilter("notrace", " ".join(excluded)),
            SetTracer(tracer),
        )
    say_if_empty(simulation)
    run(simulation, instructions, "tracing")
    if as_json:
        emit_json(records_of(simulation))
    else:
        click.echo(tracefs.read(control_files(simulation), "trace"), nl=False)


def records_of(simulation: Simulation) -> list[dict[str, Any]]:
    """The records of the trace, oldest first; `time` is in instructions of the machine's clock."""
    from simkernel.ftrace.now import FtraceNow
    from simkernel.trace import json_of

    view = simulation.subsystem(FtraceNow).trace_view
    return [json_of(view, record) for record in simulation.records()]
