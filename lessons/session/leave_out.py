"""The story again without one of its phases: at the place where that would have come, with the oops still ahead."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lessons.session import left_out
from lessons.session.missing import position_without
from lessons.session.scenarios import Died, Scenario
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.events import BatchReleased, Oopsed
from simkernel.protocol import Phase, phase_named
from simkernel.report import Report


@dataclass(frozen=True, slots=True)
class Ablation:
    """What came of it: the stepper where the phase would have come, None where no run failed; in words."""

    stepper: Stepper | None
    sentence: str


def leave_out(stepper: Stepper, phase: str = "", report: Report | None = None) -> Ablation:
    """The scenario without a phase (the one under way where none is named), by the first run that fails.

    One stands where the phase would have come; history knows the way from there to the oops.
    Raises: LearnerError where no phase is under way, or no story that could start again.
    """
    scenario = stepper.scenario
    if scenario is None:
        raise LearnerError("only a scenario can start again without a phase: start one")
    name = phase_named(scenario.table, phase or _phase_here(stepper)).name
    failure = left_out.leave_out(scenario, name, report, left_out.SOME, stepper.prepared)
    if failure is None:
        runs = left_out.SOME if left_out.failing_models(scenario, name) else 0
        nothing = left_out.changes_nothing(scenario, name)
        return Ablation(None, " ".join(left_out.sentences(None, name, scenario.options.model, runs, nothing)))
    variant = scenario.options.protocol.without(name)
    options = replace(failure.simulation.options, protocol=variant)
    changed = replace(scenario, options=options, near=(), moves=(), ends_with=Oopsed)
    found = Stepper(failure.simulation, changed, stepper.site, failure.begin, prepared=stepper.prepared)
    found.changes = (*stepper.changes, f"without:{name.replace(' ', '-')}")
    _to_where_it_would_have_come(found, scenario.table.phase(name))
    found.unsee()
    return Ablation(found, _in_words(name, failure.died, scenario))


def _to_where_it_would_have_come(found: Stepper, phase: Phase) -> None:
    """To the step at which a phase that is left out would have begun, coming from the one before."""
    stops = found.stops()
    position = position_without(found.variant, phase, stops)
    before = [stop.position for stop in stops if position is not None and stop.position < position]
    found.goto(before[-1] if before else found.begin)
    if position is not None and found.simulation.position < position:
        found.forward()
    found.looked()


def _in_words(name: str, died: Died, scenario: Scenario) -> str:
    """Which run this is, in which model and why in that, and how one goes on in it."""
    model, found = scenario.options.model, f", run {died.run} of {left_out.RUNS:,}" if died.run else ""
    if died.model is model:
        return f"Another run, chosen because it fails without {name}{found}. r runs on to the failure."
    what = f"nothing goes wrong without {name}, in any order of events"
    if not left_out.harmless(scenario, name, model):
        what = f"no run without {name} was found to end in an oops"
    return f"In model {model.value} {what}: this run is in model {died.model.value}{found}. r runs on to the failure."


def _phase_here(stepper: Stepper) -> str:
    phase, released = stepper.simulation.patching.phase, stepper.simulation.last_event(BatchReleased)
    if phase is None and released is not None and released.entry == stepper.simulation.position - 1:
        return stepper.protocol.phases[-1].name  # it is that which has just been done
    if phase is None:
        raise LearnerError("no phase is under way here: step to one, then leave it out")
    return phase.name
