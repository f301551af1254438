"""The questions that a scenario's file has: a fork of the run goes on, and what comes of it decides."""

from __future__ import annotations

from collections.abc import Iterator

from lessons.session.own_question import Claim, OwnQuestion
from lessons.session.scenarios import FIGURES, Scenario
from lessons.session.stepper import Stepper
from lessons.session.stops import is_at
from lessons.story.questions.question import StoryQuestion, is_first, made
from simkernel import events as ev

A_STORY = 2_000_000  # instructions of the clock within which a story ends, by far


def own_question(stepper: Stepper, event: ev.Event) -> StoryQuestion | None:
    """What the scenario asks where this is the first event of its kind; None in a run that a person has changed."""
    scenario = stepper.scenario
    if scenario is None or not stepper.known_stops or not is_first(stepper, type(event)):
        return None
    asked = next((one for one in scenario.asks if one.at is type(event)), None)
    if asked is None:
        return None
    figures = {name: figure(scenario, stepper.simulation) for name, figure in FIGURES.items()}
    right = decided(stepper, scenario, asked, figures)
    return made(
        "own",
        {one.text.format(**figures): one.belief for one in asked.choices},
        "" if right is None else right.text.format(**figures),
        facts=tuple(one.format(**figures) for one in asked.facts),
        text=asked.text.format(**figures),
        hint=asked.hint.format(**figures),
        why=asked.why.format(**figures),
    )


def decided(stepper: Stepper, scenario: Scenario, asked: OwnQuestion, figures: dict[str, int]) -> Claim | None:
    """The choice that the run shows to be right; None where that is none."""
    if asked.counts is not None:
        count = sum(isinstance(one, asked.counts) for one in _to_come(stepper, scenario))
        return next((one for one in asked.choices if figures[one.figure] == count), None)
    for event in _to_come(stepper, scenario):
        for one in asked.choices:
            if one.event is type(event) and one.cpu in (-1, event.cpu):
                return one
    return None


def _to_come(stepper: Stepper, scenario: Scenario) -> Iterator[ev.Event]:
    """The events of the site and of its batch from here to the end of the story, in a fork of the run."""
    site = stepper.site_bytes()
    with stepper.simulation.fork() as fork:
        end = fork.clock + A_STORY
        released = False
        while not fork.halt_reason and fork.clock < end:
            for event in fork.step():
                released = released or isinstance(event, ev.BatchReleased | ev.PlanEnded)
                if site is None or is_at(event, site):
                    yield event
                if released and isinstance(event, scenario.ends_with):
                    return
