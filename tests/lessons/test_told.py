"""What is told of each step of each story, held against the machine at that step."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from lessons.activities.start import Start
from lessons.activities.story import Story as Watched
from lessons.lanes import Did, TimeStep
from lessons.picture import Prose
from lessons.session.actions import apply
from lessons.session.content import STORIES
from lessons.session.named_step import start
from lessons.story import StoryNow, story_of
from lessons.story.lines import WRITTEN, site_words
from lessons.story.linux_names import LATER, linux
from lessons.story.time import time_picture
from lessons.visit import Visit
from simkernel.events import Event, SiteStored
from simkernel.protocol import PROTOCOLS
from simkernel.report import Report
from simkernel.sentence import Role, sentences, spans_of
from simkernel.sim.snapshot.site import CHANGING


@dataclass(frozen=True)
class Step:
    """A step as it was when one came to it."""

    story: StoryNow
    passed: tuple[Event, ...]
    moments: tuple[TimeStep, ...]


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


def test_functions_of_linux_have_their_later_names_on_demand_in_every_story_from_then_on() -> None:
    visit = Visit(Start(), Watched.of("slow-ipi"))
    visit.start()
    steps = ("text_poke_bp_batch(), first step", "text_poke_sync() -> do_sync_core()")
    later = ("smp_text_poke_batch_finish(), first step", "smp_text_poke_sync_each_cpu() -> do_sync_core()")
    for number, (old, new) in enumerate(zip(steps, later, strict=True), 1):
        visit.apply("goto", str(number))
        assert who_in_linux(visit) == ("Linux 6.12", old)
        assert visit.apply("names").message == "Functions of Linux are named as 6.16 and later do."
        assert who_in_linux(visit) == ("Linux 6.16+", new)
        visit.apply("names")
    visit.apply("names")
    while visit.apply("next").message == "":
        pass
    visit.apply("enter")  # stop_machine, whose names are older
    visit.start()
    visit.apply("goto", "1")
    assert who_in_linux(visit)[0] == "Linux"
    visit.back()
    visit.apply("search", "Turn it off")
    visit.apply("enter")
    visit.start()
    visit.apply("goto", "1")
    assert who_in_linux(visit) == ("Linux 6.16+", later[0])


def who_in_linux(visit: Visit) -> tuple[str, str]:
    """What stands in the row of a story on who does it in Linux."""
    (part,) = (part for part in visit.front.picture().parts if part.name == "who in Linux")
    assert isinstance(part, Prose)
    return part.paragraphs[0].label, part.paragraphs[0].text


@pytest.mark.needs("linux-source")
def test_the_names_that_changed_are_of_6_12() -> None:
    root = Path(os.environ["LINUX_SOURCE"])
    files = ("arch/x86/kernel/alternative.c", "arch/x86/include/asm/text-patching.h", "arch/x86/mm/init.c")
    text = "".join((root / file).read_text(encoding="utf-8") for file in files)
    for old, new in LATER.items():
        assert re.search(rf"\b{re.escape(old.lstrip('&'))}\b", text), old
        assert not re.search(rf"\b{re.escape(new)}\b", text), new


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_later_name_replaces_a_whole_name(protocol: str) -> None:
    for phase in PROTOCOLS[protocol].phases:
        _, text = linux(phase.linux, later=True)
        assert not any(word in LATER for word in re.findall(r"\w+", text))
        assert "smp_smp" not in text and (text != phase.linux) == any(
            word in LATER for word in re.findall(r"\w+", phase.linux)
        )


@pytest.mark.parametrize("name", STORIES)
def test_no_sentence_is_said_twice_in_a_picture(name: str) -> None:
    story = Watched.of(name)
    story.start(Report())
    told: list[str] = []
    while not told or not story.apply("next").message:
        parts = [part for part in story.picture().parts if isinstance(part, Prose)]
        told = [one.rstrip(".") for part in parts for text in part.paragraphs for one in sentences(text.text)]
        told = [re.sub(r"^Broken: | \(byte \+\d\)$", "", one) for one in told]  # a row has its name as a label
        assert len(set(told)) == len(told), told


@pytest.mark.parametrize("name", STORIES)
def test_a_site_without_int3_is_written_once_memory_holds_all_of_its_new_bytes(name: str) -> None:
    for step in steps(name):
        snapshot, site = step.story.snapshot, step.story.snapshot.site
        if snapshot.map.count(CHANGING) and site is not None and site.address in snapshot.patching.sites:
            assert (site_words(snapshot.patching)[CHANGING] == WRITTEN) == (site.memory == site.new)


LINE = re.compile(r"\S+-\d+ \[\d{3}\] \S{5} \d+\.\d{6}: [\w.]+ <-[\w.]+")
"""`print_fn_trace()` of kernel/trace/trace_output.c (6.12) behind `trace_print_context()`: no offset, as the option
sym-offset is off."""


@pytest.mark.parametrize("name", STORIES)
def test_the_line_of_the_trace_is_ftraces(name: str) -> None:
    for step in steps(name):
        if step.story.snapshot.trace:
            assert all(LINE.fullmatch(line) for line in step.story.trace), step.story.trace
