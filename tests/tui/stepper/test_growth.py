"""A step costs the same however much has happened before: what it looks at of history does not grow with it."""

from __future__ import annotations

from typing import Any

import pytest

from lessons.activities.story import Story
from lessons.machine import Strip, Track
from lessons.picture import Lanes, Log
from lessons.session.stepper import Stepper
from lessons.story.look import Look
from tests.tui.stepper.long_story import go_on, long_story
from tui.view.frame import frame
from tui.view.marks import UNICODE

FEW, MANY = 1_000, 10_000
STEPS = ("next", "back", "instruction", "back-instruction", "next")


class Counting(list[Any]):
    """A list that counts how many of its items have been looked at."""

    looked = 0

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        self.looked += len(found) if isinstance(at, slice) else 1
        return found

    def __iter__(self) -> Any:
        for one in super().__iter__():
            self.looked += 1
            yield one

    def __reversed__(self) -> Any:
        for one in super().__reversed__():
            self.looked += 1
            yield one


def looked_at(story: Story, action: str) -> int:
    """How many events and stops an action, its picture and the frame of it look at."""
    counted: list[Counting] = []
    heard, held = story.stepper.site_story(), story.stepper.simulation._history.log.window.events
    for owner, name in ((held, "items"), (heard, "_stops"), (heard, "_begun")):
        counted.append(Counting(getattr(owner, name)))
        setattr(owner, name, counted[-1])
    result = story.apply(action)
    assert not result.refused, result
    drawn = frame(story.picture(), (), story.offered(), (120, 80), UNICODE)
    assert {Track, Strip, Lanes, Log} <= {type(block.part) for block in drawn.body.blocks}
    return sum(one.looked for one in counted)


@pytest.fixture(scope="module")
def stepper() -> Stepper:
    return long_story(FEW)


def test_what_a_step_looks_at_does_not_grow_with_history(stepper: Stepper) -> None:
    """Ten times the history: a few looks more of each bisection, and no more than that."""
    story = Story(stepper, look=Look(depth="all"))
    looked: list[list[int]] = []
    for events in (FEW, MANY):
        go_on(stepper, events)
        story.apply("last")
        story.picture()  # what is new has been heard
        looked.append([looked_at(story, name) for name in STEPS])
        story.apply("place", str(stepper.simulation.position - 600))  # with a part of history ahead
        looked[-1] += [looked_at(story, name) for name in STEPS]
    for few, many in zip(*looked, strict=True):
        assert many < few + 2_000, looked
