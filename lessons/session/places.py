"""Keeping the place where one stands, and coming back to it."""

from __future__ import annotations

from lessons.kept import Kept
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.report import Report
from simkernel.sim.moment import open_moment


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
        title=stepper.title or "a kernel",
        step=len(stepper.stops()),
        depth=depth,
        syntax=syntax,
    )


def reopen(kept: Kept, report: Report | None = None) -> Stepper:
    """A stepper where the last session stood, looking at the same site if that is one.

    Raises: LearnerError where the moment does not open (another version, a file that is gone), or `report` cancels it.
    """
    simulation = open_moment(kept.moment, report=report)
    site = kept.site if kept.site in simulation.image.mcount_loc else None
    return Stepper(simulation, SCENARIOS.get(kept.scenario), site, min(kept.begin, simulation.position))
