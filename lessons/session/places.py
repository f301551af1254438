"""Keeping the place where one stands, and coming back to it."""

from __future__ import annotations

from dataclasses import replace

from lessons.kept import Kept
from lessons.session.content import SCENARIOS
from lessons.session.path import story_of
from lessons.session.scenarios import Scenario
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.events import Oopsed
from simkernel.report import Report
from simkernel.sim.moment import open_moment
from simkernel.sim.simulation import Simulation


def place_of(stepper: Stepper, depth: str, syntax: str) -> Kept:
    """Where a stepper stands, and how one looks at it.

    The place is empty where no moment can name it, and where nobody has moved yet: a kernel that has just booted, or a
    scenario of the list at its start.
    """
    simulation, scenario = stepper.simulation, stepper.scenario
    listed = scenario is None or SCENARIOS.get(scenario.name) == scenario
    untouched = listed and simulation.point == (stepper.begin, 0)
    try:
        moment = "" if untouched else stepper.moment
    except LearnerError:
        moment = ""
    return Kept(
        moment=moment,
        scenario=stepper.scenario.name if stepper.scenario is not None else "",
        begin=stepper.begin,
        site=stepper.site or 0,
        title=_title(stepper),
        step=len(stepper.stops()),
        depth=depth,
        syntax=syntax,
    )


def _title(stepper: Stepper) -> str:
    """What to call a place: its story, and what is left out of that."""
    if stepper.scenario is None:
        return stepper.title or "a kernel"
    story = story_of(stepper)
    left_out = (f"without {phase.name}" for phase in stepper.variant.missing)
    return story.title if story is not None else ", ".join((stepper.title, *left_out))


def reopen(kept: Kept, report: Report | None = None) -> Stepper:
    """A stepper where the last session stood, looking at the same site if that is one.

    Raises: LearnerError where the moment does not open (another version, a file that is gone), or `report` cancels it.
    """
    simulation = open_moment(kept.moment, report=report)
    site = kept.site if kept.site in simulation.image.mcount_loc else None
    scenario, changes = _as_it_ran(SCENARIOS.get(kept.scenario), simulation)
    stepper = Stepper(simulation, scenario, site, min(kept.begin, simulation.position))
    stepper.changes = changes
    return stepper


def _as_it_ran(scenario: Scenario | None, simulation: Simulation) -> tuple[Scenario | None, tuple[str, ...]]:
    """A scenario with what was changed in it in a run, and those changes by name: its own end is no end of that run."""
    variant = simulation.patching.variant
    if scenario is None or variant == scenario.options.protocol:
        return scenario, ()
    options = replace(simulation.options, protocol=variant)
    model = () if options.model is scenario.options.model else (f"model:{options.model.value}",)
    left_out = (f"without:{phase.name.replace(' ', '-')}" for phase in variant.missing)
    changed = replace(scenario, options=options, near=(), moves=(), ends_with=Oopsed)
    return changed, (*model, *left_out)
