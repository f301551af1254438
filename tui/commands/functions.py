"""`simkernel functions`: which functions can be traced."""

from __future__ import annotations

import click

from tui.globs import quoting, say_empty
from tui.options import KERNEL, Options, takes_options
from tui.output import emit_json
from tui.session import image_of, names_of


@click.command
@click.argument("globs", nargs=-1, metavar="[GLOB]...")
@takes_options(KERNEL)
def command(globs: tuple[str, ...], options: Options, as_json: bool) -> None:
    """List the functions that can be traced, in the order of their addresses.

    GLOB is a pattern as in set_ftrace_filter: vfs_*, *lock*, rcu_?ll_qs; !GLOB takes away again, and where nothing is
    left, that means all functions. Quote it, or the shell may answer in its place.
    .isra.0, .part.0 and .constprop.0 are gcc's: finish_task_switch* finds finish_task_switch.isra.0.
    """
    from simkernel.ftrace.filters import traced_by

    image = image_of(options)
    chosen = image.functions()
    if globs:
        with quoting(*globs):
            sites, empty = traced_by(names_of(image), " ".join(globs))
        if empty:
            say_empty()
        else:
            wanted = set(sites.tolist())
            chosen = [symbol for symbol in chosen if image.site_of(symbol) in wanted]
    if as_json:
        emit_json([{"name": s.name, "address": s.address, "size": s.size, "site": image.site_of(s)} for s in chosen])
    else:
        click.echo("".join(f"{symbol.name}\n" for symbol in chosen), nl=False)
