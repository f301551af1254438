"""`simkernel funccount`: how often each function was called."""

from __future__ import annotations

from collections import Counter

import click

from tui.options import KERNEL, MACHINE, Options, takes_options
from tui.output import emit_json, progress
from tui.session import boot, carry_out, check_alive


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
    raise NotImplementedError
