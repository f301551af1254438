"""A place in a story as a picture: which parts there are in which view, and what goes first where there is no room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lessons.picture import Part, Picture
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from lessons.story import StoryNow, story_of
from lessons.story.asking import AskedQuestion
from lessons.story.cover import reply
from lessons.story.look import ALL, CODE, STORY, Look
from lessons.story.parts.machine import core_part, cpus_part, events_part, map_parts, time_part, trace_part, track_part
from lessons.story.parts.prose import (
    bytes_part,
    next_story_parts,
    now_parts,
    oops_parts,
    phases_parts,
    reasons_parts,
    waits_parts,
)
from lessons.story.words import MODELS, NOT_A_CPU

FIRST = ("phases", "bytes", "answer", "now")
REST = ("why", "waits", "next story", "oops", "nothing", "what holds", "time", "core", "reasons", "without it",
        "who in Linux", "trace", "map", "cpus", "track", "events")  # fmt: skip
DEEPER = {STORY: (), CODE: ("oops", "core", "cpus"), ALL: ("oops", "events", "track", "core")}
"""What one has gone deeper for goes before what the story tells."""
SURVIVAL = {depth: tuple(dict.fromkeys((*FIRST, *parts, *REST))) for depth, parts in DEEPER.items()}
DEAD = ("waits", "next story", "oops", "why", "reasons")  # before all of that, where it has died: first how it ends


def picture_of(
    stepper: Stepper,
    look: Look,
    asked: AskedQuestion | None = None,
    following: str = "",
    ahead: bool = True,
    away: bool = False,
) -> Picture:
    """Where a stepper stands, as one looks at it.

    Args:
        stepper: which.
        look: how one looks at it.
        asked: what came of the question that was asked there.
        following: at the end of a story the title of the one that follows.
        ahead: the time picture shows steps ahead, too, as far as one has seen them.
        away: a phase is left out, and x leads home.
    """
    stops = stepper.stops()
    story = story_of(stepper, stops)
    snapshot = story.snapshot
    parts: list[Part] = [*phases_parts(story, bool(stops.phases)), bytes_part(story)]
    parts += [reply(asked)] if asked is not None else []
    reasoned = story if look.depth == STORY else replace(story, safe_here="")
    parts += [
        *now_parts(story),
        *waits_parts(story),
        *reasons_parts(reasoned, look.later, away),
        *next_story_parts(following),
        *oops_parts(snapshot),
    ]
    parts.append(cpus_part(story, look))
    if snapshot.oops is None:
        parts += [*map_parts(stepper, snapshot), trace_part(story, look)]
    if look.depth == ALL:
        parts.append(events_part(snapshot))
    parts.append(time_part(stepper, look, ahead))  # with as many rows at each step: at the foot it stays
    if look.depth != STORY:
        parts.append(core_part(stepper, snapshot, look))
    if look.depth == ALL:
        parts.append(track_part(stepper, snapshot))
    variant = snapshot.patching.variant
    ways = tuple(f"without {phase.name}" for phase in variant.missing)
    path = (*(ways or (f"{story.protocol}, {story.era.users}",)), *_other_model(stepper))
    return Picture(
        title=stepper.title or "A kernel that has just booted",
        path=path,
        place=_place(stepper, story),
        brief=_brief(story),
        parts=tuple(parts),
        survival=tuple(dict.fromkeys((*FIRST, *(DEAD if snapshot.oops else ()), *SURVIVAL[look.depth]))),
        notes=(f"How a CPU reads code here: the model {snapshot.options.model.value}. "
               f"{MODELS[snapshot.options.model.value]} {NOT_A_CPU}",),
    )  # fmt: skip


def _other_model(stepper: Stepper) -> Iterator[str]:
    """How CPUs read code here, where that is not as the scenario has it."""
    scenario = None if stepper.scenario is None else SCENARIOS.get(stepper.scenario.name)
    model = stepper.simulation.options.model
    if scenario is not None and scenario.options.model is not model:
        yield f"in model {model.value}"


def _place(stepper: Stepper, story: StoryNow) -> str:
    """The step, and how CPUs read code here."""
    of = f" of {story.total}" if story.total and story.step else ""
    end = ", the end" if stepper.simulation.halt_reason else ""
    return f"step {story.step}{end or of} · model {story.snapshot.options.model.value}"


def _brief(story: StoryNow) -> str:
    """The same in less room."""
    of = f"/{story.total}" if story.total and story.step else ""
    return f"step {story.step}{of} · model {story.snapshot.options.model.value}"
