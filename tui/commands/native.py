"""`simkernel native`: the same protocols on this very CPU."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from tui.options import JSON
from tui.output import emit_json, progress, say

if TYPE_CHECKING:
    from simkernel.overhead.children import Delay, PatchedLoop

DEFAULT = ParameterSource.DEFAULT
HARMED = 1
NO_SYNC = "int3-no-sync"
NAMES = {NO_SYNC: "int3 without sync 1 without sync 2 without sync 3"}
CYCLES = 20_000


@click.group
def command() -> None:
    """Run a patch protocol on this very CPU (x86-64 Linux, two CPUs, no root)."""


@command.command
@click.option("--cycles", type=int, default=CYCLES, show_default=True, help="How often the code is changed.")
@click.option(
    "--protocol", default="int3", show_default=True, metavar="NAME",
    help=f"int3, {NO_SYNC}, naive, head-first, tail-first, one-store, atomic8, or any that `explore` can name.",
)  # fmt: skip
@click.option("--straddle", is_flag=True, help="Lay the site across two cache lines: two bytes, then three.")
@click.option("--no-sync-delay", is_flag=True, help="How soon another CPU runs one changed byte, without any sync.")
@JSON
@click.pass_context
def patch(ctx: click.Context, cycles: int, protocol: str, straddle: bool, no_sync_delay: bool, as_json: bool) -> None:
    """Change a NOP to a call and back, while a thread on another CPU runs it in a loop.

    The protocol's table is the simulator's own; the sync is membarrier. It happens in a child process: an unsafe
    protocol ends it. Exit codes: 0 no harm; 1 the child died, or a result was wrong.
    """
    if no_sync_delay:
        given = [name for name in ("protocol", "straddle") if ctx.get_parameter_source(name) is not DEFAULT]
        if given:
            raise click.UsageError(f"--{given[0]} has no effect with --no-sync-delay: leave one of them out.")
        tell_delay(cycles, as_json)
        return
    from simkernel.overhead.children import patch_loop
    from simkernel.protocol import parse

    with progress("patching") as line:
        variant = parse(NAMES.get(protocol, protocol))
        result = patch_loop(variant, cycles, straddle, lambda done: line.show(f"{done:,} changes", done / cycles))
    if as_json:
        emit_json(asdict(result) | {"unharmed": result.unharmed})
    else:
        for text in patch_lines(result):
            say(text)
    ctx.exit(0 if result.unharmed else HARMED)


def patch_lines(result: PatchedLoop) -> list[str]:
    """What happened, in sentences."""
    from simkernel.overhead.children import STUCK, UNCLAIMED

    where = "two bytes before the end of a cache line, three behind it" if result.straddle else "all in one cache line"
    out = [
        f"Protocol {result.protocol}, on this CPU. The five bytes of the site lie {where}.",
        f"One CPU ran the loop {result.passes:,} times, another changed the site {result.cycles:,} times "
        f"in {result.seconds:.1f} s.",
    ]
    if result.traps:
        out.append(f"{result.traps:,} times the loop met the int3; its handler did the new instruction.")
    out.append(f"Wrong results: {result.wrong:,}.")
    if result.died == UNCLAIMED:
        out.append(
            f"At change {result.cycles:,} the loop took an int3 that no running batch claimed: the child ended there."
        )
        out.append('Linux dies of such an int3: die("int3") in exc_int3(), arch/x86/kernel/traps.c.')
    elif result.died == STUCK:
        out.append(
            f"Within {result.cycles:,} changes the loop left its code and did not end; the child process was ended."
        )
    elif result.died:
        out.append(
            f"The child process died of {result.died} at change {result.cycles:,}: a CPU ran a torn instruction."
        )
    elif result.cycles < result.asked:
        out.append(f"Time was up before {result.asked:,} changes.")
    if result.unharmed:
        out.append("No failure. That this CPU did well proves nothing about another: only a manual promises.")
    return out


def tell_delay(changes: int, as_json: bool) -> None:
    """The delay of one byte, and what may not be concluded from it."""
    from simkernel.overhead.children import delay

    with progress("changing one byte"):
        found = delay(changes)
    if as_json:
        emit_json(asdict(found))
        return
    for text in delay_lines(found):
        say(text)


def delay_lines(found: Delay) -> list[str]:
    """The figures, and what may not be concluded from them."""
    middle, most = found.passes
    return [
        f"One byte changed {found.samples:,} times, with no sync. Until another CPU had run the new one:",
        f"  median {found.median:,.0f} ns, 99th percentile {found.p99:,.0f} ns (a thread may lose its CPU meanwhile);",
        f"  in {100 * found.still_old:.1f} % of the changes it still ran the old one when the store was done;",
        f"  its loop ran the old one {middle:,} times more then (median; 99th percentile {most:,}).",
        "This CPU saw it soon; no manual promises it; Linux does not rely on it.",
    ]
