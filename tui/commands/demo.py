"""`simkernel demo`: one function's NOP becomes a call and a NOP again, told byte by byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from simkernel.errors import GuestError, LearnerError
from tui.narrated import Narrator, trace_lines_of
from tui.options import KERNEL, MACHINE, Options, takes_options
from tui.output import emit_json, progress
from tui.session import boot, check_alive, image_of, run

if TYPE_CHECKING:
    from simkernel.image import KernelImage
    from simkernel.simulation import Simulation

FAVOURITE = "vfs_read"
SEEDS_TRIED = 32
TRACED_INSTRUCTIONS = 200_000  # within which at least two CPUs come by, or the run has less to show
TRACE_LINES = 8


@click.command
@click.argument("function", required=False, metavar="[FUNC]")
@click.option("--protocol", default="int3", show_default=True, help="How to patch: int3, stop_machine or naive.")
@click.option("--moment", metavar="STRING", help="Open the moment that a string names, and tell what comes next.")
@takes_options(KERNEL, MACHINE)
@click.pass_context
def command(
    ctx: click.Context, function: str | None, protocol: str, moment: str | None, options: Options, as_json: bool
) -> None:
    """Watch FUNC's first five bytes change under running CPUs: a NOP becomes a call, and a NOP again.

    Each line is one thing that happened. The table below it has the five bytes in memory, and those that each CPU may
    run. Without --seed it takes the first seed with which a CPU meets the breakpoint.
    """
    say = (lambda line: None) if as_json else click.echo
    if moment is not None:
        answer = reopen(moment, options, say)
    else:
        seed_given = ctx.get_parameter_source("seed") is click.core.ParameterSource.COMMANDLINE
        answer = demonstrate(function, protocol, options, seed_given, say)
    if as_json:
        emit_json(answer)


def demonstrate(
    function: str | None, protocol: str, options: Options, seed_given: bool, say: Callable[[str], None]
) -> dict[str, Any]:
    """The whole run: boot, the change, the trace, the way back."""
    from simkernel.ftrace.commands import SetTracer
    from simkernel.moment import moment_string

    image = image_of(options)
    name = function or favourite(options, image)
    if not image.symbol(name).traced:
        raise LearnerError(
            f"{name} is notrace: no site stands at its start; `simkernel functions` lists those with one"
        )
    if not seed_given and protocol == "int3":
        options = replace(options, seed=telling_seed(options, image, name))
    simulation = prepared(options, protocol, image, name)
    site = simulation.image.site_of(simulation.image.symbol(name))
    table = simulation.task.poke.protocol
    say(f"A toy kernel runs on {options.cpus} CPUs; {len(simulation.image.mcount_loc):,} functions can be traced.")
    say(f"Protocol {table.name} ({table.era}); fetch model {options.model}; seed {options.seed}.")
    say(f"{name} begins with five bytes that do nothing, at {site:#x}:")
    narrator = Narrator(simulation, site, say)
    narrator.table(always=True)

    say(f"\n$ echo {name} > set_ftrace_filter; echo function > current_tracer")
    start = moment_string(simulation)
    simulation.do(SetTracer("function"))
    finish(narrator, options)
    say(f"\n{name} now calls its trampoline.\n")
    with progress("tracing"):
        traced_on_two(simulation, site)
    check_alive(simulation)
    trace = list(trace_lines_of(simulation, site, TRACE_LINES))
    say("$ grep -v '^#' trace | tail")
    for line in trace:
        say(line)

    say("\n$ echo nop > current_tracer")
    simulation.do(SetTracer("nop"))
    finish(narrator, options)
    say(f"\n{name} begins with a NOP again. The CPUs ran {simulation.machine.clock:,} instructions in all.")
    say(f"Once more from the first write:\nsimkernel demo --moment {start}")
    return {
        "function": name,
        "site": site,
        "seed": options.seed,
        "protocol": protocol,
        "beats": narrator.beats,
        "trace": trace,
        "moment": start,
    }


def prepared(options: Options, protocol: str, image: KernelImage, name: str) -> Simulation:
    """A booted kernel with the filter set to one function."""
    from simkernel.ftrace.commands import SetFilter

    simulation = boot(options, protocol)
    if not simulation.image.symbol(name).traced:
        raise LearnerError(
            f"{name} is notrace: no site stands at its start; `simkernel functions` lists those with one"
        )
    simulation.do(SetFilter("filter", name))
    simulation.settle_down(options.max_instructions)
    check_alive(simulation)
    return simulation


def finish(narrator: Narrator, options: Options) -> None:
    """Tell the rest of what the patching task has to do; the kernel's last words where it dies."""
    narrator.until_idle(options.max_instructions)
    simulation = narrator.simulation
    if simulation.outcome:
        from simkernel.oops import read_oops

        oops = read_oops(simulation.machine)
        narrator.say("" if oops is None else f"\n{oops.text}\n")
    check_alive(simulation)
    if not simulation.task.idle:
        raise GuestError(f"not done after {options.max_instructions:,} instructions (--max-instructions)")


def traced_on_two(simulation: Simulation, site: int) -> bool:
    """Run until two CPUs (or the only one) have written a trace line of the function; True where they have."""
    from simkernel.ringbuffer import merged

    wanted = min(2, simulation.options.cpus)
    memory = simulation.machine.memory
    for _ in range(TRACED_INSTRUCTIONS // 2_000):
        if len({one.cpu for one in merged(memory, simulation.options.cpus) if one.ip == site}) >= wanted:
            return True
        simulation.run(2_000)
        if simulation.outcome:
            return False
    return False


def telling_seed(options: Options, image: KernelImage, name: str) -> int:
    """The first seed from 0 with which a CPU takes the int3 on the way to the call, and two CPUs are traced; else 0."""
    from simkernel.events import Int3Taken
    from simkernel.ftrace.commands import SetTracer

    site = image.site_of(image.symbol(name))
    with progress("looking for a telling seed") as line:
        for seed in range(SEEDS_TRIED):
            line.show(str(seed))
            simulation = prepared(replace(options, seed=seed), "int3", image, name)
            before = len(simulation.log)
            simulation.do(SetTracer("function"))
            simulation.settle_down(options.max_instructions)
            met = any(isinstance(one, Int3Taken) and one.address == site for one in simulation.log[before:])
            if met and traced_on_two(simulation, site):
                return seed
    return options.seed


def favourite(options: Options, image: KernelImage) -> str:
    """A function worth watching: vfs_read, or the one that the kernel's tasks call most."""
    names = image.function_names()
    if FAVOURITE in names:
        return FAVOURITE
    from simkernel.ftrace.commands import SetTracer
    from simkernel.ringbuffer import merged

    if not names:
        raise LearnerError("this kernel has no function that can be traced")
    simulation = boot(options, image=image)
    with progress("looking for a function that is called"):
        simulation.do(SetTracer("function"))
        simulation.settle_down(options.max_instructions)
        run(simulation, 50_000)
    called = Counter(one.ip for one in merged(simulation.machine.memory, options.cpus))
    return image.symbolize(called.most_common(1)[0][0]) if called else names[0]


def reopen(text: str, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Open a moment, show the site of the change there, and tell what comes next."""
    from simkernel.moment import open_moment

    with progress("going there"):
        image = None if options.kernel is None else image_of(options)
        simulation = open_moment(text, image)
    entry, instruction = simulation.place
    say(f"Entry {entry} of history, instruction {instruction} of it; the clock stands at {simulation.machine.clock:,}.")
    narrator = Narrator(simulation, site_of_interest(simulation), say)
    narrator.table(always=True)
    finish(narrator, options)
    return {"entry": entry, "instruction": instruction, "site": narrator.site, "beats": narrator.beats}


def site_of_interest(simulation: Simulation) -> int:
    """The first site of the batch or filter, else of the kernel."""
    batch = simulation.task.poke.state.batch
    if batch is not None:
        return int(batch.sites[0])
    from simkernel.ftrace.ops import GLOBAL_OPS

    ops = simulation.core.state().get(GLOBAL_OPS)
    chosen = ops.hash.filter if ops is not None else simulation.image.mcount_loc
    return int(chosen[0] if len(chosen) else simulation.image.mcount_loc[0])
