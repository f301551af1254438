"""The order in which a person watches the stories: each entry opens, and each but the last leads to the next."""

from __future__ import annotations

import pytest

from lessons.session.content import SCENARIOS, STORIES
from lessons.session.named_step import next_story, start
from simkernel.events import Oopsed
from simkernel.hw.fetch import FetchModel


def test_the_motive_comes_first_and_every_scenario_is_on_the_path() -> None:
    assert STORIES[:3] == ("naive", "one", "one@0+without:sync-1")
    assert [story for story in STORIES if "@" not in story] == list(SCENARIOS)
    assert {one.name: one.next for one in SCENARIOS.values()} == {
        name: (*STORIES, "")[STORIES.index(name) + 1] for name in SCENARIOS
    }


def test_the_name_of_the_first_gives_no_outcome_away() -> None:
    first = SCENARIOS[STORIES[0]]
    assert first.ends_with is Oopsed
    assert not {"crash", "dies", "oops", "torn", "naive"} & set(f"{first.title} {first.question}".lower().split())


@pytest.mark.parametrize("story", STORIES)
def test_each_story_of_the_path_opens_at_its_start_and_names_the_next(story: str) -> None:
    stepper = start(story)
    assert stepper.simulation.position == stepper.begin
    assert next_story(stepper) == dict(zip(STORIES, [*STORIES[1:], ""], strict=True))[story]
    if "@" in story:
        assert stepper.dies and f"without:{stepper.variant.missing[0].name.replace(' ', '-')}" in story
        assert (stepper.simulation.options.model is FetchModel.BYTE) == ("model:byte" in story)


def test_what_is_on_no_path_leads_nowhere() -> None:
    assert next_story(start("one@0+seed:5")) == next_story(start("one@2+without:sync-3")) == ""
