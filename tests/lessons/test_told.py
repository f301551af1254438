"""What is told of each step of each story, held against the machine at that step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from lessons.lanes import Did, Moment
from lessons.session.actions import apply
from lessons.session.content import STORIES
from lessons.session.named_step import start
from lessons.story import Story, story_of
from lessons.story.time import time_picture
from simkernel.events import Event, SiteStored
from simkernel.sentence import Role, spans_of


@dataclass(frozen=True)
class Step:
    """A step as it was when one came to it."""

    story: Story
    passed: tuple[Event, ...]
    moments: tuple[Moment, ...]


@cache
def steps(name: str) -> list[Step]:
    """A story from its start to its end."""
    stepper = start(name)
    out: list[Step] = []
    while not out or not apply(stepper, "next").message:
        out.append(Step(story_of(stepper), stepper.passed, time_picture(stepper).moments))
    return out


@pytest.mark.parametrize("name", STORIES)
def test_a_sentence_on_bytes_is_about_the_site_of_the_table(name: str) -> None:
    memory = b""
    for step in steps(name):
        story, site = step.story, step.story.snapshot.site
        assert site is not None and story.table is not None and story.table.name == site.name
        for sentence in story.said:
            spans = spans_of(sentence)
            places = [int(span.value or 0) for span in spans if span.role is Role.SITE]
            if places and any(span.role is Role.BYTES for span in spans):
                assert 0 <= places[0] - site.address < site.size, (story.step, sentence)
        stored = [event for event in step.passed if isinstance(event, SiteStored) and site.address in event.sites]
        if stored and story.said:
            said = [span.value for span in spans_of(story.said[0]) if span.role is Role.BYTES]
            part = slice(stored[-1].first, stored[-1].first + len(stored[-1].new))
            assert said == [memory[part], site.memory.data[part]], story.said[0]
        memory = site.memory.data


@pytest.mark.parametrize("name", STORIES)
def test_a_lane_is_masked_where_the_cpu_is_asked_and_has_its_interrupts_off(name: str) -> None:
    first, *others = steps(name)
    shown = others[-1].moments[first.story.step :]
    for moment, step in zip(shown, others, strict=True):
        for cpu, mark in zip(step.story.snapshot.cpus, moment.marks[1:], strict=True):
            masked = "sync" in cpu.interrupts and cpu.asked and not cpu.interrupts_on
            if mark.did in (Did.MASKED, Did.NOTHING):
                assert (mark.did is Did.MASKED) == masked, (name, moment.step, cpu.number)


@pytest.mark.parametrize("name", STORIES)
def test_a_step_is_drawn_as_it_was_when_one_came_to_it(name: str) -> None:
    whole = steps(name)[-1].moments
    for step in steps(name):
        assert step.moments == whole[: len(step.moments)]
