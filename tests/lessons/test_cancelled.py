"""What is cancelled in a story leaves it at the place that it had, at whichever of its reports that comes."""

from __future__ import annotations

import pytest

from lessons.activities.story import Story
from lessons.session.stepper import Stepper
from simkernel.report import Report
from simkernel.sim.digest import state_digest
from tests.lessons.cancelling import CancelledAt
from tui.view.paragraphs import narration

MANY = 50
START: tuple[str, ...] = ()
LATER = ("next", "next", "next", "next", "instruction", "instruction")


def story_at(words: tuple[str, ...]) -> Story:
    """The first story, some actions later."""
    story = Story(Stepper.start("one"))
    story.start(Report())
    for word in words:
        assert not story.apply(word).refused
    return story


def place(story: Story) -> object:
    """Where it is, to the instruction, and all that is shown of it."""
    simulation = story.stepper.simulation
    return simulation.point, state_digest(simulation), narration(story.picture())


@pytest.mark.parametrize("before", [START, LATER], ids=["start", "later"])
@pytest.mark.parametrize("argument", ["12", "write tail", "sync 3"])
def test_a_search_that_is_cancelled_leaves_the_story_where_it_was(before: tuple[str, ...], argument: str) -> None:
    """By a step's number (goto) and by a phase's name, for every k up to 50."""
    story = story_at(before)
    here = place(story)
    for k in range(1, MANY + 1):
        report = CancelledAt(k)
        result = story.apply("search", argument, report)
        if report.calls < k:  # it was over before
            break
        assert (result.refused, place(story)) == (True, here), f"cancelled at report {k}: {result.message}"
        assert "cancelled" in result.message
    assert not story.apply("search", argument).refused and place(story) != here


def test_after_a_cancelled_search_one_goes_on_as_without_it() -> None:
    """Forwards from there is the same way."""
    story, other = story_at(LATER), story_at(LATER)
    assert story.apply("search", "sync 3", CancelledAt(40)).refused
    for word in ("next", "next", "back", "run"):
        story.apply(word)
        other.apply(word)
        assert place(story) == place(other)


def test_a_goto_says_how_far_it_is() -> None:
    said: list[str] = []
    story_at(START).apply("search", "6", Report(lambda report: said.append(report.text)))
    assert "going to step 6" in said
