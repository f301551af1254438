"""`simkernel demo`: one function's NOP becomes a call and a NOP again: a story in plain mode that is shown."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from simkernel.errors import GuestError
from tui.options import KERNEL, MACHINE, MAX_INSTRUCTIONS, Options, takes_options
from tui.output import progress, wait_for_a_key
from tui.session import check_alive, engine_options, image_of
from tui.stepper.words import filled

if TYPE_CHECKING:
    from lessons.session.demo import Demo
    from lessons.session.stepper import Stepper
    from simkernel.protocol import Variant
    from tui.stepper.player import PlainVisit

A_STEP = 1_000_000  # instructions a CPU for one step: several times what a whole change takes
MORE = "--max-instructions lets the CPUs run longer"


@click.command
@click.argument("function", required=False, metavar="[FUNC]")
@click.option("--protocol", default="int3", show_default=True, help="How to patch: int3, stop_machine, naive, ...")
@click.option("--moment", metavar="STRING", help="Open the moment that a string names, and tell what comes next.")
@takes_options(KERNEL, MACHINE)
def command(function: str | None, protocol: str, moment: str | None, options: Options, as_json: bool) -> None:
    """Watch FUNC's first five bytes change under running CPUs: a NOP becomes a call, and a NOP again.

    Each step is one thing that happened. The table below it has the five bytes in memory, and those that each CPU may
    run. Twice it is chosen what moves next: the first write comes while a CPU is between two of the five bytes, where
    the model has such reads, and once the patching task is held back until a CPU has run the site and met the change.

    On a terminal it waits for a key before each phase; q ends it. With --json each step is an object on a line of its
    own, as `simkernel step --json` has it.
    """
    if moment is not None:
        reopen(moment, options, as_json)
    else:
        from simkernel.protocol import parse

        demonstrate(function, parse(protocol), options, as_json)


def demonstrate(function: str | None, variant: Variant, options: Options, as_json: bool) -> None:
    """The whole run: the change, the trace, the way back."""
    from lessons.session.demo import until_traced_on_two
    from lessons.story.answers import MOST
    from simkernel.insn import CALL

    demo = begun(function, variant, options)
    stepper = demo.stepper
    plain, say = shown(stepper, as_json)
    name = demo.name
    say(f"$ echo {name} > set_ftrace_filter; echo function > current_tracer\n")
    plain.begin()
    say(f"{filled(' '.join((f'{name} is at {stepper.site:#x}.', *demo.chosen)))}\n")
    if not play(plain, stepper, "r"):
        return
    say(f"{name} {what_became(stepper, CALL, 'now calls its trampoline')}.\n")
    with progress("tracing"):
        until_traced_on_two(stepper, MOST)
    play_on(plain, stepper)
    plain.take("trace-file")
    say("$ echo nop > current_tracer\n")
    back = home(plain, stepper)
    if not play(shown(back, as_json)[0], back, "r"):
        return
    again = what_became(back, stepper.protocol.nop[0], "begins with a NOP again")
    say(f"{name} {again}. The CPUs ran {stepper.simulation.clock:,} instructions in all.")
    kernel = "".join(f" --{name} {shlex.quote(str(file))}" for name, file in options.kernel_files.items())
    say(f"Once more from the first write:\nsimkernel demo{kernel} --moment {stepper.opens}")


def home(plain: PlainVisit, stepper: Stepper) -> Stepper:
    """The story of the way back; where the kernel dies before it, that is told."""
    from lessons.session.demo import way_back

    try:
        with progress("getting ready") as line:
            return way_back(stepper, line.report())
    except GuestError:
        stepper.looked()
        play_on(plain, stepper)
        raise


def begun(function: str | None, variant: Variant, options: Options) -> Demo:
    """The story of a function, or of one worth watching, at its start."""
    from lessons.session.demo import favourite, start
    from lessons.session.scenarios import NeverEnds

    image, made = image_of(options), engine_options(options, variant)
    with progress("getting ready") as line:
        report = line.report()
        try:
            return start(function or favourite(image, made, report), made, patience(options), report, image)
        except NeverEnds as error:
            raise GuestError(f"{error}; {MORE}") from error


def patience(options: Options) -> int:
    """Instructions after which one waits no longer for the next step."""
    return options.max_instructions if options.max_instructions != MAX_INSTRUCTIONS else A_STEP * options.cpus


def reopen(moment: str, options: Options, as_json: bool) -> None:
    """Open a moment, show the site of the change there, and tell what comes next."""
    from lessons.session.demo import opened
    from simkernel.sim.moment import open_moment

    with progress("going there") as line:
        image = image_of(options) if options.kernel_files else None
        simulation = open_moment(moment, image, line.report())
    stepper = opened(simulation)
    stepper.patience = patience(options)
    plain, say = shown(stepper, as_json)
    entry, instruction = simulation.point
    say(f"Move {entry} of history, instruction {instruction} of it; the clock is at {simulation.clock:,}.\n")
    plain.begin()
    nothing = simulation.patching.idle or simulation.halt_reason or stepper.finished
    play(plain, stepper, *([] if nothing else ["r"]))


def shown(stepper: Stepper, as_json: bool) -> tuple[PlainVisit, Callable[[str], None]]:
    """The player of a stepper's story, and what says the rest: nothing in JSON."""
    from lessons.activities.story import Story
    from tui.stepper.player import PlainVisit

    waits = not as_json and all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    plain = PlainVisit(Story(stepper), click.echo, as_json, wait_for_a_key if waits else lambda: True)
    return plain, (lambda text: None) if as_json else click.echo


def play(plain: PlainVisit, stepper: Stepper, *words: str) -> bool:
    """Have a story do these words; False where somebody has seen enough.

    Raises: GuestError where the kernel dies, or what is awaited does not come.
    """
    simulation = stepper.simulation
    if not all(plain.take(word) for word in words):
        return False
    while simulation.directed and not simulation.halt_reason:  # what was chosen ends behind the story
        plain.take("n")
    if simulation.oops is not None:
        plain.take("oops")
        if not plain.as_json:
            plain.say(f"From just before that, step by step:\nsimkernel step --moment {before_death(stepper)}\n")
    check_alive(simulation)
    if not (stepper.over or (stepper.finished and simulation.patching.idle)):
        raise GuestError(f"not done: nothing has happened for {stepper.patience:,} instructions; {MORE}")
    return True


def play_on(plain: PlainVisit, stepper: Stepper) -> None:
    """Behind a story, where the machine has run on without being told of: where the kernel died there, that step.

    Raises: GuestError as `play` does.
    """
    died = stepper.simulation.oops is not None
    if died:
        stepper.backward()
        stepper.looked()
    play(plain, stepper, *(["n"] if died else []))


def before_death(stepper: Stepper) -> str:
    """The moment before the CPU that died ran what it died of, with what was chosen next; the stepper stays."""
    from lessons.session.missing import before_the_failure
    from simkernel.sim.moment import Moment

    simulation = stepper.simulation
    here, there = simulation.position, before_the_failure(stepper, stepper.stops())
    until = there
    for at, _ in simulation.by_hand(there, here):
        until += at == until
    stepper.goto(there)
    moment = Moment.of(simulation, until).to_string()
    stepper.goto(here)
    return moment


def what_became(stepper: Stepper, head: int, whole: str) -> str:
    """What is said of a site whose first byte should be `head`: `whole`, or what it holds instead."""
    assert stepper.site is not None
    data = stepper.simulation.site(stepper.site).memory
    return whole if data[0] == head else f"begins with {data.hex(' ').upper()}: this protocol has not changed it"
