"""`simkernel show`: the text of a file of ftrace, of kallsyms or of the kernel log."""

from __future__ import annotations

import click

from tui.globs import quoting, say_if_empty
from tui.options import KERNEL, MACHINE, Options, takes_options
from tui.output import emit_json
from tui.session import boot, carry_out, run


@click.command
@click.argument("file", metavar="FILE")
@click.option("--trace", "globs", multiple=True, metavar="GLOB", help="Trace these functions first; may be repeated.")
@click.option("--for", "instructions", type=click.IntRange(0), default=0, metavar="N", help="Run N instructions first.")
@takes_options(KERNEL, MACHINE)
def command(file: str, globs: tuple[str, ...], instructions: int, options: Options, as_json: bool) -> None:
    """Print FILE as Linux formats it, after boot.

    FILE is available_filter_functions, enabled_functions, dyn_ftrace_total_info, kallsyms, dmesg or another
    control file of ftrace.
    """
    from simkernel import tracefs
    from simkernel.ftrace.commands import SetFilter, SetTracer
    from simkernel.sim.control_files import control_files

    simulation = boot(options)
    root = control_files(simulation)
    root.walk(file)
    if globs:
        with quoting(*globs):
            carry_out(simulation, options, SetFilter("filter", " ".join(globs)), SetTracer("function"))
        say_if_empty(simulation)
    run(simulation, instructions)
    text = tracefs.read(root, file)
    if as_json:
        emit_json({"file": file, "text": text})
    else:
        click.echo(text, nl=False)
