"""`simkernel demo`: one function's NOP becomes a call and a NOP again, told byte by byte."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from simkernel.errors import GuestError, LearnerError
from tui.narrated import SHOWN, Narrator, filled, no_pause, trace_tail
from tui.options import KERNEL, MACHINE, MAX_INSTRUCTIONS, Options, takes_options
from tui.output import emit_json, progress
from tui.session import boot, check_alive, image_of, run

if TYPE_CHECKING:
    from simkernel.kernel import KernelImage
    from simkernel.protocol import Protocol, Variant
    from simkernel.sim.simulation import Simulation

FAVOURITE = "vfs_read"
A_CHANGE = 1_000_000  # instructions a CPU for one change told close by: several times what one takes
GO_ON = "-- any key goes on, q ends --"
TRACED_INSTRUCTIONS = 200_000  # within which at least two CPUs call it, or the run has less to show


@click.command
@click.argument("function", required=False, metavar="[FUNC]")
@click.option("--protocol", default="int3", show_default=True, help="How to patch: int3, stop_machine, naive, ...")
@click.option("--moment", metavar="STRING", help="Open the moment that a string names, and tell what comes next.")
@takes_options(KERNEL, MACHINE)
def command(function: str | None, protocol: str, moment: str | None, options: Options, as_json: bool) -> None:
    """Watch FUNC's first five bytes change under running CPUs: a NOP becomes a call, and a NOP again.

    Each line is one thing that happened. The table below it has the five bytes in memory, and those that each CPU may
    run. Twice it is chosen who moves: the first write comes while a CPU is between two of the five bytes, where the
    model has such reads, and once the patching task is held back until a CPU has run the site and met the change.

    On a terminal it waits for a key before each phase; q ends it.
    """
    say = (lambda line: None) if as_json else click.echo
    if moment is not None:
        answer = reopen(moment, options, say)
    else:
        from simkernel.protocol import parse

        answer = demonstrate(function, parse(protocol), options, say)
    if as_json:
        emit_json(answer)


def demonstrate(function: str | None, variant: Variant, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole run: boot, the change, the trace, the way back."""
    from simkernel.ftrace.commands import SetTracer
    from simkernel.insn import CALL
    from simkernel.sim.moment import moment_string

    image = image_of(options)
    name = function or favourite(options, image)
    if not image.symbol(name).traced:
        raise LearnerError(
            f"{name} is notrace: no site stands at its start; `simkernel functions` lists those with one"
        )
    simulation = prepared(options, variant, image, name)
    narrator = introduce(simulation, name, say)

    say(f"\n$ echo {name} > set_ftrace_filter; echo function > current_tracer")
    simulation.do(SetTracer("function"))
    start = moment_string(simulation)
    finish(narrator, options)
    say(f"\n{name} {what_became(narrator, CALL, 'now calls its trampoline')}.\n")
    with progress("tracing"):
        traced_on_two(simulation)
    check_alive(simulation)
    trace = trace_tail(simulation)
    say(f"$ tail -{len(trace)} trace")
    for line in trace:
        say(line)

    say("\n$ echo nop > current_tracer")
    narrator.hold_after = ""
    simulation.do(SetTracer("nop"))
    finish(narrator, options)
    again = what_became(narrator, simulation.options.protocol.table.nop[0], "begins with a NOP again")
    say(f"\n{name} {again}. The CPUs ran {simulation.clock:,} instructions in all.")
    kernel = "".join(f" --{name} {shlex.quote(str(file))}" for name, file in options.kernel_files.items())
    say(f"Once more from the first write:\nsimkernel demo{kernel} --moment {start}")
    return {
        "function": name,
        "site": narrator.site,
        "seed": options.seed,
        "protocol": variant.name,
        "beats": narrator.stops,
        "trace": trace,
        "moment": start,
    }


def pause(say: Callable[[str], None]) -> Callable[[], None]:
    """What waits for a key where text is said on a terminal, and goes on at once elsewhere."""
    return wait_for_a_key if say is click.echo and sys.stdin.isatty() and sys.stdout.isatty() else no_pause


def wait_for_a_key() -> None:
    """Wait for a key; q, escape and the end of input end the command."""
    click.echo(GO_ON, nl=False)
    key = click.getchar()
    click.echo(f"\r{'':{len(GO_ON)}}\r", nl=False)
    if key in ("q", "\x1b", "\x04", ""):
        click.get_current_context().exit()


def what_became(narrator: Narrator, head: int, whole: str) -> str:
    """What is said of a site whose first byte should be `head`: `whole`, or what it holds instead."""
    data = narrator.look().memory.data
    return whole if data[0] == head else f"begins with {data.hex(' ').upper()}: this protocol has not changed it"


def introduce(simulation: Simulation, name: str, say: Callable[[str], None]) -> Narrator:
    """What runs, by which protocol, and the function's site as it is before the change."""
    options, image, table = simulation.options, simulation.image, simulation.patching.protocol
    site = image.site_of(image.symbol(name))
    say(f"A toy kernel runs on {options.cpus} CPUs; {len(image.mcount_loc):,} functions can be traced.")
    say(f"Protocol {table.name}: {table.era}. Fetch model {options.model.value}; seed {options.seed}.")
    say(f"{name} begins with five bytes that do nothing, at {site:#x}:")
    narrator = Narrator(simulation, site, say, telling_phase(table), pause(say))
    before = narrator.look().line_break
    if before:
        say(filled(where_it_breaks(site, before), ""))
    narrator.table(always=True)
    return narrator


def where_it_breaks(site: int, before: int) -> str:
    """That a site's bytes do not lie in one cache line: `before` of them come before the next line begins."""
    from simkernel.kernel.layout import PAGE_SIZE

    ends = "page" if (site + before) % PAGE_SIZE == 0 else "cache line"
    return f"A {ends} ends in the middle of them: {before} of the five lie before its end, {5 - before} behind it."


def prepared(options: Options, variant: Variant, image: KernelImage, name: str) -> Simulation:
    """A booted kernel with the filter set to one function."""
    from simkernel.ftrace.commands import SetFilter
    from simkernel.sim.options import STEPPING

    simulation = boot(options, variant, image, STEPPING)
    simulation.do(SetFilter("filter", name))
    simulation.run_until_idle(options.max_instructions)
    check_alive(simulation)
    return simulation


def finish(narrator: Narrator, options: Options) -> None:
    """Tell the rest of what the patching task has to do; the kernel's last words where it dies."""
    bound = options.max_instructions if options.max_instructions != MAX_INSTRUCTIONS else A_CHANGE * options.cpus
    narrator.until_idle(bound)
    simulation = narrator.simulation
    if simulation.halt_reason:
        oops = simulation.oops
        narrator.say("" if oops is None else f"\n{oops.text}\n\n{oops.afterwards}\n")
    check_alive(simulation)
    if not simulation.patching.idle:
        raise GuestError(f"not done after {bound:,} instructions; --max-instructions lets the CPUs run longer")


def telling_phase(protocol: Protocol) -> str:
    """The phase after which a CPU that runs the site shows what the protocol is about; "" where CPUs wait meanwhile.

    With syncs it is the first one: the breakpoint is there for all. Without, it is the first write.
    """
    from simkernel.protocol import Park, SyncCores, Write

    actions = {type(phase.action) for phase in reversed(protocol.phases)}
    if Park in actions:
        return ""
    kind = SyncCores if SyncCores in actions else Write
    return next((phase.name for phase in protocol.phases if isinstance(phase.action, kind)), "")


def traced_on_two(simulation: Simulation) -> bool:
    """Run until two CPUs (or the only one) are in what is shown of the trace; True where they are."""
    from simkernel.events import TraceWritten

    wanted = min(2, simulation.options.cpus)
    looked: TraceWritten | None = None

    def there(now: Simulation) -> bool:
        nonlocal looked
        before, looked = looked, now.last_event(TraceWritten)
        return looked is not before and len({record.cpu for record in now.records(SHOWN)}) >= wanted

    return simulation.run_until(there, TRACED_INSTRUCTIONS)


def favourite(options: Options, image: KernelImage) -> str:
    """A function worth watching: vfs_read, or the one that the kernel's tasks call most."""
    names = image.function_names()
    if FAVOURITE in names:
        return FAVOURITE
    from simkernel.ftrace.commands import SetTracer

    if not names:
        raise LearnerError("this kernel has no function that can be traced")
    simulation = boot(options, image=image)
    with progress("looking for a function that is called"):
        simulation.do(SetTracer("function"))
        simulation.run_until_idle(options.max_instructions)
        run(simulation, 50_000)
    called = Counter(one.site for one in simulation.records())
    return image.symbolize(called.most_common(1)[0][0]) if called else names[0]


def reopen(text: str, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Open a moment, show the site of the change there, and tell what comes next."""
    from simkernel.sim.moment import open_moment

    with progress("going there") as line:
        image = image_of(options) if options.kernel_files else None
        simulation = open_moment(text, image, line.report())
    entry, instruction = simulation.point
    say(f"Move {entry} of history, instruction {instruction} of it; the clock is at {simulation.clock:,}.")
    return {"entry": entry, "instruction": instruction} | watch(simulation, options, say)


def watch(simulation: Simulation, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Show the site of the change at a point in history, and tell what comes next.

    Where a schedule lies ahead (a moment of the explorer's), nobody is held back: it says who moves.
    """
    hold_after = "" if simulation.directed else telling_phase(simulation.patching.protocol)
    narrator = Narrator(simulation, site_of_interest(simulation), say, hold_after, pause(say))
    say(f"The first five bytes of {simulation.image.symbolize(narrator.site)}:")
    narrator.table(always=True)
    finish(narrator, options)
    return {"site": narrator.site, "beats": narrator.stops}


def site_of_interest(simulation: Simulation) -> int:
    """The first site of what is changed here or next, else of the last batch, else of the filter or the kernel."""
    from simkernel.sim.moment import story_at

    site = simulation.patching.next_site
    if site is not None:
        return site
    story = story_at(simulation)
    if story is not None:
        return story[0]
    from simkernel.ftrace.now import FtraceNow
    from simkernel.ftrace.ops import GLOBAL_OPS

    ops = simulation.subsystem(FtraceNow).state.get(GLOBAL_OPS)
    chosen = ops.hash.filter if ops is not None else simulation.image.mcount_loc
    return int(chosen[0] if len(chosen) else simulation.image.mcount_loc[0])
