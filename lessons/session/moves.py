"""Actions that move in history: stops, phases, instructions, runs."""

from __future__ import annotations

from lessons.activity import by
from lessons.session.missing import before_the_failure
from lessons.session.number import number
from lessons.session.stepper import A_RUN, Stepper, StepperResult
from simkernel.errors import LearnerError
from simkernel.events import InterruptTaken
from simkernel.sentence import say, without_addresses
from simkernel.sim import breakpoints as bp
from simkernel.sim.narrate import sentence

A_SLICE = 20_000  # instructions of a run between two looks whether one wants it to stop


def _idle(stepper: Stepper) -> None:
    """LearnerError where no phase can come: there is nothing to wait for."""
    if stepper.simulation.patching.idle and not stepper.simulation.halt_reason:
        raise LearnerError(f"{stepper.snapshot.patching.task} has nothing to do; ask it to trace functions: t")


def dead(reason: str, leads_on: bool = False) -> str:
    """What is said to who asks for more where the kernel has died: nothing moves, and what can be done.

    Args:
        reason: why it halted.
        leads_on: another story follows.
    """
    then = say(", {} begins the next story", by("enter")) if leads_on else ""
    return say("The kernel died here, {}: {} goes back{}", reason, by("back"), then)


def _nothing_more(stepper: Stepper, awaited: str = "", instructions: int = 0) -> StepperResult:
    """Why what was awaited did not come, within that many instructions; without either the next stop."""
    died = stepper.simulation.halt_reason
    if stepper.report.cancelled:
        return StepperResult("Stopped, as you asked.")
    if died:
        end = f" {stepper.ending}" if stepper.ending else ""
        return StepperResult(say("{}.{}", dead(died), end), error=not stepper.passed)
    said = f"{awaited} did not come" if awaited else "Nothing happened to this site"
    return StepperResult(f"{said} in {instructions or stepper.patience:,} instructions.")


def _not_over(stepper: Stepper) -> None:
    """LearnerError at the end of a story: what comes then is none of it."""
    if stepper.ending and not stepper.simulation.halt_reason:
        raise LearnerError(stepper.ending)


def _at_the_end(stepper: Stepper) -> bool:
    """The story is over, or the patching task has nothing left to do."""
    return stepper.over or (stepper.finished and stepper.simulation.patching.idle)


def next_stop(stepper: Stepper, argument: str) -> StepperResult:
    """To the next stop of the story; LearnerError where the story has ended."""
    _not_over(stepper)
    return StepperResult(stepper.violated) if stepper.forward() else _nothing_more(stepper)


def back_stop(stepper: Stepper, argument: str) -> StepperResult:
    """To the stop before; LearnerError at the start of the story."""
    if not stepper.begun:
        raise LearnerError("the story starts here: there is nothing before it")
    stepper.backward()
    return StepperResult()


def next_phase(stepper: Stepper, argument: str) -> StepperResult:
    """To the first stop that belongs to another phase than the one under way, or to the end of the story."""
    now = stepper.simulation.patching.phase_name
    _not_over(stepper)
    _idle(stepper)
    there = stepper.forward(A_RUN, lambda stop: stop.during != now or _at_the_end(stepper))
    return StepperResult(stepper.violated) if there else _nothing_more(stepper, "The next phase", A_RUN)


def back_phase(stepper: Stepper, argument: str) -> StepperResult:
    """To where the phase under way began; where that is here, to where the one before it began.

    From an oops to the move before the failure.
    """
    here = stepper.simulation.position
    if not stepper.begun:
        raise LearnerError("the story starts here: there is nothing before it")
    if stepper.simulation.halt_reason:
        stepper.goto(before_the_failure(stepper, stepper.stops()))
        return StepperResult()
    position, during = stepper.begin, ""
    for stop in reversed(stepper.stops()):
        if stop.position < here:
            if position > stepper.begin and stop.during != during:
                break
            position, during = stop.position, stop.during
    else:
        position = position if during else stepper.begin  # no phase has begun before: the story starts there
    stepper.goto(position)
    return StepperResult()


def instruction(stepper: Stepper, argument: str) -> StepperResult:
    """One instruction of the CPU that the schedule has move next; an action where that is the patching task's."""
    cpus, first = stepper.snapshot.cpus, stepper.simulation.logged
    stepper.passed = tuple(stepper.simulation.step_instruction())
    if not stepper.passed:
        stepper.passed = tuple(stepper.simulation.since(first))
    run = stepper.simulation.last_run
    if run is None:
        return StepperResult()
    number = run.cpu
    for event in stepper.passed:
        if isinstance(event, InterruptTaken) and event.cpu == number:
            return StepperResult(without_addresses(sentence(event, stepper.image, stepper.protocol)))
    cpu = cpus[number]
    return StepperResult(f"CPU{number} {'sleeps' if cpu.halted else cpu.sentence}.")


def back_instruction(stepper: Stepper, argument: str) -> StepperResult:
    """Undo the instruction that ran last, or the entry that was no run of several; LearnerError at the start."""
    if not stepper.begun:
        raise LearnerError("the story starts here: there is nothing before it")
    stepper.simulation.back_instruction()
    return StepperResult("One instruction is taken back.")


def run(stepper: Stepper, argument: str) -> StepperResult:
    """To the next breakpoint; without any, to the end of the story, or until the patching task has finished."""
    if stepper.breakpoints:
        first, end = stepper.simulation.logged, stepper.simulation.clock + A_RUN
        hit = None
        while hit is None and stepper.simulation.clock < end and not stepper.simulation.halt_reason:
            if stepper.report.cancelled:
                return StepperResult("Stopped, as you asked.")
            hit = bp.run_to(stepper.simulation, stepper.breakpoints, A_SLICE)
        stepper.passed = tuple(stepper.simulation.since(first))
        return (
            StepperResult("No breakpoint was met.")
            if hit is None
            else StepperResult(f"Breakpoint: {break_text(stepper, hit)}.")
        )
    _not_over(stepper)
    if not stepper.dies:
        _idle(stepper)
    over = stepper.forward(A_RUN, lambda stop: _at_the_end(stepper))
    return StepperResult(stepper.violated) if over else _nothing_more(stepper, "The end of the story", A_RUN)


def run_back(stepper: Stepper, argument: str) -> StepperResult:
    """To the last point at which a breakpoint was met; without any, to the start of the story."""
    if stepper.breakpoints:
        hit = bp.run_back_to(stepper.simulation, stepper.breakpoints, stepper.report)
        if hit is None:
            raise LearnerError("no breakpoint was met before this place")
        return StepperResult(f"Breakpoint: {break_text(stepper, hit)}.")
    return start(stepper, argument)


def break_text(stepper: Stepper, hit: bp.Hit) -> str:
    """The breakpoint that was met, in words."""
    who = "" if hit.cpu is None else f"CPU{hit.cpu} "
    match hit.breakpoint:
        case bp.AtAddress(address=address):
            return f"{who}is at {stepper.image.symbolize(address)}"
        case bp.OnChange(address=address):
            return f"a byte at {address:#x} has changed"
        case bp.AtPhase(name=name):
            return f"the phase {name}" if name else "the end of a batch"
        case bp.OnEvent(type=name):
            return f"{who}{name}"


def to_position(stepper: Stepper, argument: str) -> StepperResult:
    """To a position in history: the number of entries that have happened."""
    stepper.goto(number(argument, "a place"))
    return StepperResult()


def goto(stepper: Stepper, argument: str) -> StepperResult:
    """To a step: a stop's number, 0 for the start. Beyond the last one it goes on as far as needed."""
    wanted = number(argument, "a step")
    if wanted > MOST_STEPS:
        raise LearnerError(f"a step is a number from 0 to {MOST_STEPS}")
    with stepper.or_stay():
        start(stepper, "")
        for at in range(wanted):
            stepper.report(f"going to step {wanted:,}", at / wanted)
            if not stepper.forward():
                stepper.report.check()
                return StepperResult(f"The story has {step_number(stepper)} steps up to here.")
    return StepperResult()


MOST_STEPS = 10_000


def start(stepper: Stepper, argument: str) -> StepperResult:
    """To the start of the story."""
    stepper.goto(stepper.begin)
    return StepperResult()


def end(stepper: Stepper, argument: str) -> StepperResult:
    """To the end of what history knows, which may lie ahead."""
    stepper.goto(len(stepper.simulation.entries))
    return StepperResult(stepper.violated)


def step_number(stepper: Stepper) -> int:
    """How many steps of the story lie behind one."""
    return len(stepper.stops())
