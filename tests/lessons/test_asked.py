"""What a story says of itself once a person has asked for something: its number of steps, its questions."""

from __future__ import annotations

import pytest

from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.picture import Lanes, Picture
from simkernel.report import Report


def begun(name: str) -> Story:
    """A story at its start."""
    story = Story.of(name)
    story.start(Report())
    return story


def last_step(picture: Picture) -> int:
    """The last step of the time picture; 0 where it has none."""
    time = next((one.time for one in picture.parts if isinstance(one, Lanes)), None)
    return 0 if time is None else time.moments[-1].step


def test_the_number_of_all_steps_is_said_only_of_the_run_that_has_them() -> None:
    story = begun("one")
    story.apply("goto", "3")
    assert story.picture().place.startswith("step 3 of 24 ")
    assert not story.apply("nmi", "1").refused
    assert "of" not in story.picture().place
    story.apply("back")
    assert "of" not in story.picture().place, "what lies ahead is another run"
    while not story.stepper.ending:
        assert not story.apply("next").refused
        assert "of" not in story.picture().place


@pytest.mark.parametrize("name", ["one", "slow-ipi", "naive"])
def test_at_its_end_the_number_of_a_step_is_that_of_all(name: str) -> None:
    story = begun(name)
    while not (story.stepper.ending or story.stepper.simulation.halt_reason):
        story.apply("next")
    assert len(story.stepper.stops()) == story.stepper.known_stops


def test_who_is_asked_sees_nothing_of_what_lies_ahead() -> None:
    story = begun("one")
    story.apply("search", "24")
    story.apply("first")
    assert last_step(story.picture()) == 24
    story.apply("questions")
    assert last_step(story.picture()) == 0
    for step in range(1, 6):
        story.apply("next")
        if story.asking.at(story.stepper) is not None:
            story.apply("1")
        assert last_step(story.picture()) == step
    story.apply("questions")
    assert last_step(story.picture()) == 24


def test_who_wants_to_be_asked_is_asked_in_the_next_story_too() -> None:
    start = Start()
    first = start.named("one")
    assert isinstance(first, Story)
    first.start(Report())
    assert "in every story" in first.apply("questions").message
    start.returned(first)
    second, function = start.apply("begin", "nmi").opens, start.apply("begin", "vfs_read").opens
    assert isinstance(second, Story) and second.asking.on
    assert isinstance(function, Story) and function.asking.on


def test_each_way_to_look_says_what_it_did() -> None:
    story = begun("one")
    said = [story.apply(name).message for name in ("view", "view", "syntax", "syntax", "names", "questions")]
    assert all(said) and len(set(said)) == len(said)
    story.apply("more")
    assert "view" not in story.picture().keys


def test_what_x_says_where_the_change_is_released_is_of_release() -> None:
    story = begun("one")
    while not (story.stepper.begun and story.stepper.simulation.patching.phase is None):
        story.apply("next")
    assert "Without release" in story.apply("without").message
