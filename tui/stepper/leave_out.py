"""The story again without one of its phases, at the oops to which that leads."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lessons import left_out
from simkernel.errors import LearnerError
from tui.stepper.stepper import Stepper, Told


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What came of it: the stepper at the oops, None where no run failed; in words."""

    stepper: Stepper | None
    sentence: str


def leave_out(stepper: Stepper, phase: str = "", told: Told = lambda what: None) -> LeftOut:
    """The scenario without a phase (the one under way where none is named), at the oops of the first run that fails.

    Raises: LearnerError where no phase is under way, or no story that could start again.
    """
    scenario = stepper.scenario
    if scenario is None:
        raise LearnerError("only a scenario can start again without a phase: start one")
    name = phase or _phase_here(stepper)
    failure = left_out.leave_out(scenario, name, told, left_out.SOME)
    if failure is None:
        runs = left_out.RUNS if left_out.is_known(scenario, name) else left_out.SOME
        return LeftOut(None, " ".join(left_out.sentences(None, name, scenario.options.model, runs)))
    simulation = failure.simulation
    changed = replace(left_out.left_out(scenario, name), options=simulation.options)
    again = f"This is another run of the story, without {name}."
    found = Stepper(simulation, changed, stepper.site, failure.begin)
    return LeftOut(found, " ".join((again, *left_out.sentences(failure.died, name, scenario.options.model))))


def _phase_here(stepper: Stepper) -> str:
    phase = stepper.simulation.task.poke.phase
    if phase is None:
        raise LearnerError("no phase is under way here: step to one, then leave it out")
    return phase.name
