"""`simkernel trace`: the function tracer on some functions, and what it wrote."""

from __future__ import annotations

import click

from tui.options import KERNEL, MACHINE, Options, takes_options
from tui.output import emit_json
from tui.session import boot, carry_out, names_of, run


@click.command
@click.argument("globs", nargs=-1, required=True, metavar="GLOB...")
@click.option("--notrace", "excluded", multiple=True, metavar="GLOB", help="Leave these out; may be repeated.")
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
    globs: tuple[str, ...], excluded: tuple[str, ...], instructions: int, options: Options, as_json: bool
) -> None:
    """Trace the functions that match GLOB and print the trace as the file `trace` has it.

    What goes before in time may be missing: a ring buffer keeps the newest records, and the head says how many.
    """
    from simkernel import tracefs
    from simkernel.ftrace.commands import SetFilter, SetTracer
    from simkernel.ftrace.filters import apply_filter

    simulation = boot(options)
    names = names_of(simulation.image)
    for text in (globs, excluded):
        apply_filter(names, " ".join(text))
    carry_out(
        simulation,
        options,
        SetFilter("filter", " ".join(globs)),
        SetFilter("notrace", " ".join(excluded)),
        SetTracer("function"),
    )
    run(simulation, instructions, "tracing")
    if as_json:
        emit_json(tracefs.read(simulation, "trace"))
    else:
        click.echo(tracefs.read(simulation, "trace"), nl=False)
