"""`simkernel functions`: which functions can be traced."""

from __future__ import annotations

import click

from tui.options import KERNEL, Options, takes_options
from tui.output import emit_json
from tui.session import image_of, names_of


@click.command
@click.argument("globs", nargs=-1, metavar="[GLOB]...")
@takes_options(KERNEL)
def command(globs: tuple[str, ...], options: Options, as_json: bool) -> None:
    """List the functions that can be traced, in the order of their addresses.

    GLOB is a pattern as in set_ftrace_filter: vfs_*, *lock*, rcu_?ll_qs; !GLOB takes away again.
    Quote it, or the shell may answer in its place.
    """
    from simkernel.ftrace.filters import apply_filter

    image = image_of(options)
    sites = set(apply_filter(names_of(image), " ".join(globs)).tolist()) if globs else None
    chosen = [s for s in image.functions() if sites is None or image.site_of(s) in sites]
    if as_json:
        emit_json([{"name": s.name, "address": s.address, "size": s.size, "site": image.site_of(s)} for s in chosen])
    else:
        click.echo("".join(f"{symbol.name}\n" for symbol in chosen), nl=False)
