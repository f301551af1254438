"""Questions of a story: what one is asked before it is told, at the steps where something is decided.

Each is computed where a stepper stands, its right answer with it: from what the CPUs may run and who waits there, by
the explorer, or by a fork of the run that goes on. A rule looks at what has just happened and makes a question of it,
or none; where the scenario has a question of its own, that one is asked.

    question   a question as a value, and what every rule needs
    store      what a single store would do, before the first one
    may_run    what a CPU can run where bytes are changing
    waits      who waits, what can come next, where a CPU goes on after an int3
    own        the questions that a scenario's file has
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lessons.session.stepper import Stepper
from lessons.story.questions.may_run import comes, old_left
from lessons.story.questions.own import own_question
from lessons.story.questions.question import StoryQuestion, in_order
from lessons.story.questions.store import first_store
from lessons.story.questions.waits import answered, handled
from lessons.story.say import stop_here
from simkernel import events as ev
from simkernel.sim.snapshot import SiteSnapshot

__all__ = ["StoryQuestion", "question_at"]

RULES: dict[type[ev.Event], Callable[[Stepper, SiteSnapshot, Any], StoryQuestion | None]] = {
    ev.BatchStarted: first_store,
    ev.SyncSent: old_left,
    ev.SyncAnswered: answered,
    ev.Parked: answered,
    ev.SiteStored: comes,
    ev.Int3Claimed: handled,
}
"""Which events are asked about; of a sync that ends and of a release nothing is decided."""


def question_at(stepper: Stepper) -> StoryQuestion | None:
    """What is asked where a stepper stands; None where nothing is decided."""
    simulation, snapshot = stepper.simulation, stepper.snapshot
    site = snapshot.site
    if not stepper.begun or site is None or site.old is None or site.new is None:
        return None
    if snapshot.oops is not None or site.address not in snapshot.patching.sites:
        return None
    here = stop_here(stepper)
    if here is None:
        return None
    last = here.events[-1]
    own, rule = own_question(stepper, last), RULES.get(type(last))
    asked = own if own is not None or rule is None else rule(stepper, site, last)
    return None if asked is None else in_order(asked, f"{asked.name} {simulation.options.seed} {site.name}")
