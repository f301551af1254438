"""The story at a position: marks, why, what was said; and that no stop hides another."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

import pytest

from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.director import FAR, Director, Goes, Near, Through
from lessons.session.scenarios import answer_of, begin
from lessons.session.stepper import Stepper
from lessons.story import Mark, StoryNow, story_of
from simkernel.events import (
    BatchStarted,
    Event,
    Int3Taken,
    Oopsed,
    SiteRan,
    SyncSent,
)
from simkernel.hw.fetch import FetchModel
from simkernel.insn import INT3
from simkernel.kernel.layout import FRAME_SIZE, TASK_STACK_SIZE
from simkernel.protocol import INT3_2012, INT3_PROTOCOL, Variant
from simkernel.schedule import Policy
from simkernel.sim.callbacks import unreturned
from simkernel.sim.narrate import sentence
from simkernel.sim.parts import parts_of

WALKED = ("one", "cache-line", "naive", "all", "recursion", "off")


@lru_cache
def walk(name: str) -> list[StoryNow]:
    """The story of a scenario at its start and after each stop, to its end."""
    return walked(Stepper.start(name))


def walked(stepper: Stepper) -> list[StoryNow]:
    """The same of a stepper that stands at the start, and now stands at the end."""
    assert stepper.scenario is not None
    out = [story_of(stepper)]
    for _ in range(stepper.scenario.stops):
        assert not apply(stepper, "next").error
        out.append(story_of(stepper))
    return out


@pytest.mark.parametrize("name", WALKED)
def test_the_stops_together_are_the_event_log(name: str) -> None:
    stepper = Stepper.start(name)
    events: list[Event] = []
    positions: list[int] = []
    for _ in range(SCENARIOS[name].stops):
        apply(stepper, "next")
        events += stepper.passed
        positions.append(stepper.simulation.position)
    assert events == [event for event in stepper.simulation.log if event.entry >= stepper.begin]
    assert [event.entry for event in events] == sorted(event.entry for event in events)
    assert positions == [stop.position for stop in stepper.stops()]


@pytest.mark.parametrize("name", WALKED)
def test_a_sync_is_named_as_under_way_only_between_its_sending_and_its_end(name: str) -> None:
    stepper = Stepper.start(name)
    while not stepper.finished:
        apply(stepper, "next")
    sent: list[str] = []
    named = 0
    for event in stepper.simulation.log:
        if isinstance(event, BatchStarted):
            sent = []
        if isinstance(event, SyncSent):
            sent.append(event.phase)
        for word, sync in re.findall(r"(during|before) (sync \d)", sentence(event, stepper.image, stepper.protocol)):
            assert (word == "during") == (sync in sent), event
            named += 1
    assert named or name in ("naive", "all", "recursion"), "nobody ran the site meanwhile"


@pytest.mark.parametrize("name", WALKED)
def test_each_stop_says_something_else_and_changes_the_picture(name: str) -> None:
    stories = walk(name)
    for before, after in zip(stories, stories[1:], strict=False):
        assert after.said and after.said != before.said
        assert after.step == before.step + 1
        drawn = [(one.table, one.waits, one.why, one.cpus, one.trace, one.phases) for one in (before, after)]
        assert drawn[0] != drawn[1]


@pytest.mark.parametrize("name", WALKED)
def test_a_mark_of_change_stands_where_a_byte_changed_and_nowhere_else(name: str) -> None:
    stories = walk(name)
    for before, after in zip(stories, stories[1:], strict=False):
        assert before.table is not None and after.table is not None
        for was, now in zip(
            (before.table.memory, *before.table.cpus), (after.table.memory, *after.table.cpus), strict=True
        ):
            for old, new in zip(was.cells, now.cells, strict=True):
                shown = [(one.text, one.has(Mark.UNREAD)) for one in (old, new)]
                assert new.has(Mark.CHANGED) == (shown[0] != shown[1]), (now.label, old, new)


def test_marks_are_what_the_bytes_are() -> None:
    for story in walk("cache-line"):
        site = story.snapshot.site
        assert site is not None and story.table is not None
        for row, one in zip(story.table.cpus, site.cpus, strict=True):
            for at, cell in enumerate(row.cells):
                values = set(one.options[at])
                assert cell.has(Mark.PENDING) == (len(values) > 1)
                assert set(cell.text.split("/")) == {f"{value:02X}" for value in values}
        if site.old is None or site.new is None:
            continue
        for at, cell in enumerate(story.table.memory.cells):
            byte, old, new = site.memory.data[at], site.old.data[at], site.new.data[at]
            assert cell.has(Mark.INT3) == (byte == INT3)
            assert cell.has(Mark.OLD) == (byte == old != new)
            assert cell.has(Mark.NEW) == (byte == new != old)


def test_what_a_cpu_has_not_read_yet_is_not_shown_as_a_byte() -> None:
    seen = 0
    for story in walk("one"):
        assert story.table is not None and story.snapshot.site is not None
        for row, one in zip(story.table.cpus, story.snapshot.site.cpus, strict=True):
            unread = [cell.has(Mark.UNREAD) for cell in row.cells]
            assert unread == [bool(one.read) and at >= one.read for at in range(5)]
            seen += any(unread)
    assert seen


def test_a_row_that_is_not_what_its_cpu_has_just_run_says_that_it_is_the_next_time() -> None:
    said = 0
    for story in walk("one"):
        assert story.table is not None and story.snapshot.site is not None
        last = story.snapshot.events[-1].event if story.snapshot.events else None
        ran = last if isinstance(last, SiteRan) and last.entry == story.snapshot.position - 1 else None
        for row in story.table.cpus:
            shown = bytes.fromhex("".join(cell.text for cell in row.cells)) if ".." not in str(row.cells) else b""
            differs = ran is not None and ran.cpu == row.cpu and ran.data != shown
            assert (row.remark == "from its next run on") == differs, (row, ran)
            said += differs
    assert said


def test_the_naive_patch_is_seen_broken_with_the_cpu_and_the_byte() -> None:
    stories = walk("naive")
    assert stories[1].why.holds
    broken = [story.why for story in stories if not story.why.holds]
    assert all(why.verdict.startswith("Broken: ") for why in broken)
    written = [(why.cpu, why.byte) for why in broken[:4]]
    assert written == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert not stories[-1].why.holds and stories[-1].why.cpu == stories[-1].snapshot.oops.cpu  # type: ignore[union-attr]


def test_true_now_and_why_differ_in_every_phase() -> None:
    by_phase: dict[str, tuple[str, str]] = {}
    for story in walk("one"):
        why = story.why
        if why.phase:
            assert why.true_now != why.why
            by_phase.setdefault(why.phase, (why.true_now, why.why))
    assert list(by_phase) == [phase.name for phase in SCENARIOS["one"].table.phases]
    assert len({text for pair in by_phase.values() for text in pair}) == 2 * len(by_phase)


def test_back_at_a_position_the_same_is_said() -> None:
    stepper = Stepper.start("one")
    forward = [story.said for story in walked(stepper)]
    backward = [forward[-1]]
    for _ in range(len(forward) - 1):
        apply(stepper, "back")
        backward.append(story_of(stepper).said)
    assert backward[::-1] == forward


def test_a_late_settling_cpu_is_uncertain_until_it_answers() -> None:
    scenario = SCENARIOS["slow-ipi"]
    options = replace(scenario.options, model=FetchModel.BYTE, policy=Policy.LATE)
    stepper = Stepper.start(replace(scenario, options=options))
    for _ in range(4):
        apply(stepper, "next")
    table = story_of(stepper).table
    assert table is not None
    waiting = stepper.snapshot.patching.waits_for
    assert waiting
    for row in table.cpus:
        assert row.cells[0].has(Mark.PENDING) == (row.cpu in waiting)
        assert row.cells[0].text == ("0F/CC" if row.cpu in waiting else "CC")


def test_the_oops_is_one_step_behind_what_did_it() -> None:
    stepper = Stepper.start("naive")
    apply(stepper, "run")
    assert isinstance(stepper.simulation.log[-1], Oopsed)
    assert apply(stepper, "next").error
    assert not apply(stepper, "back").error
    assert stepper.snapshot.oops is None and not stepper.simulation.halt_reason


def test_one_other_function_is_one_function() -> None:
    stepper = Stepper.start("recursion")
    apply(stepper, "next")
    assert "begins to change rcu_all_qs, the callback of mine, and 1 other function, by" in " ".join(
        story_of(stepper).said
    )


def test_the_callback_is_seen_to_come_into_itself_and_how_deep_it_got() -> None:
    """A round takes 184 bytes: a struct pt_regs (168) and two return addresses; the stack says how many there were."""
    steps = [story.said for story in walk("recursion")]
    assert "The ops mine traces its own callback" in " ".join(steps[1])
    rounds = [said[0] for said in steps if said and "callback of mine" in said[0] and "runs" in said[0]]
    assert len(rounds) == 3 and "calls the callback of mine, rcu_all_qs()" in rounds[0]
    assert [re.findall(r"(\d+) calls of rcu_all_qs\(\) have not returned", one) for one in rounds] == [[], ["2"], ["3"]]
    deep = re.search(r"that have not returned, (\d+) of them of rcu_all_qs\(\)\.", " ".join(steps[-1]))
    assert deep is not None and abs(int(deep[1]) - TASK_STACK_SIZE // (FRAME_SIZE + 2 * 8)) <= 2


def test_the_depth_on_the_stack_is_how_often_the_callback_was_entered() -> None:
    scenario = SCENARIOS["recursion"]
    simulation = begin(scenario)
    site = simulation.image.address(scenario.function)
    director = Director(simulation, site)
    director.play(scenario.moves[:1])
    passed: list[int] = []
    parts_of(simulation).machine.cpus[0].observe(passed.append, (site,))
    director.play(scenario.moves[1:])
    assert simulation.halt_reason == "oops on CPU0"
    assert unreturned(simulation, 0, site) == len(passed) > 40


def test_back_from_a_full_stack_is_the_cpu_that_died_with_all_its_calls() -> None:
    stepper = Stepper.start("recursion")
    apply(stepper, "run")
    oops = stepper.snapshot.oops
    assert oops is not None and stepper.site is not None
    deep = unreturned(stepper.simulation, oops.cpu, stepper.site)
    pid = f"PID: {stepper.snapshot.cpus[oops.cpu].task.rpartition('-')[2]} "
    assert any(pid in one for one in oops.lines)
    assert not apply(stepper, "back-phase").error and not stepper.simulation.halt_reason
    now = stepper.snapshot.cpus[oops.cpu]
    assert pid == f"PID: {now.task.rpartition('-')[2]} " and now.function == "ftrace_trampoline"
    here = unreturned(stepper.simulation, oops.cpu, stepper.site)
    assert deep - FAR // 20 <= here <= deep, "one choice of history before: a round takes more than 20 instructions"


def test_an_oops_of_a_full_stack_is_not_put_down_to_the_patch() -> None:
    scenario = SCENARIOS["recursion"]
    for variant in (Variant(INT3_PROTOCOL), Variant(INT3_PROTOCOL).without("sync 2")):
        stepper = Stepper.start(replace(scenario, options=replace(scenario.options, protocol=variant)))
        apply(stepper, "run")
        oops = stepper.snapshot.oops
        assert oops is not None and oops.guard and oops.lines[0].startswith("BUG: TASK stack guard page was hit at ")
        said = " ".join(story_of(stepper).said)
        assert "The stack is full of calls that have not returned" in said
        assert "is for" not in said and "which bytes" not in said


@pytest.mark.parametrize("name", WALKED)
def test_a_story_ends_with_the_answer_to_its_question_and_goes_no_further(name: str) -> None:
    stepper = Stepper.start(name)
    stories = walked(stepper)
    assert not any(story.ending for story in stories[:-1])
    answer = answer_of(SCENARIOS[name], stepper.simulation)
    assert stories[-1].ending == f"The story ends here. {answer}"
    point = stepper.simulation.point
    for action in ("next", "next-phase"):
        result = apply(stepper, action)
        assert result.error and (answer in result.message or stepper.simulation.halt_reason)
    assert stepper.simulation.point == point
    if not stepper.simulation.halt_reason:  # one who asks for something else goes on
        assert not apply(stepper, "untrace", "").error and not stepper.ending
        assert not apply(stepper, "next").error


def test_an_int3_has_a_reason_of_its_own_and_no_other_step_has() -> None:
    for story in walk("one"):
        trapped = (
            any(words in story.said[0] for words in ("int3 at", "the int3 is", "the handler")) if story.said else False
        )
        assert bool(story.why.event) == trapped, story.said
        assert ("poke_int3_handler" in story.why.linux) == trapped


def test_an_int3_that_is_left_out_by_its_handler_is_not_said_to_be_done() -> None:
    moves = (Through("sync 1"), Goes(1, Int3Taken))
    options = replace(SCENARIOS["one"].options, protocol=Variant(INT3_2012))
    stepper = Stepper.start(replace(SCENARIOS["one"], options=options, near=(Near(1),), moves=moves))
    while not (why := story_of(stepper).why).event:
        assert not apply(stepper, "next").error
    assert "its handler skips them" in why.event and "ftrace_int3_handler" in why.linux


def test_where_the_kernel_has_died_stands_what_the_cpu_had_run() -> None:
    last = walk("naive")[-1]
    site = last.snapshot.site
    assert site is not None and last.snapshot.oops is not None
    assert site.old is not None and site.new is not None
    ran = (site.new.data[:4] + site.old.data[4:]).hex(" ").upper()
    assert f"CPU{last.why.cpu} has run {ran}, neither the old instruction" in last.why.verdict


def test_a_sync_is_over_in_words_once_every_cpu_has_answered() -> None:
    answered = [story for story in walk("one") if story.said and "the last to answer" in story.said[0]]
    assert len(answered) == 3
    assert all("has every answer" in story.waits for story in answered)
    assert all("can go on" not in story.waits for story in answered)


def test_how_a_cpu_is_asked_is_said_once_where_the_first_sync_is_sent() -> None:
    told = [story.said[0] for story in walk("one") if any("Interrupts ask them" in one for one in story.said)]
    assert told == ["bash-201 sends sync 1 to CPU0 and CPU1, and waits for every answer."]
    assert not [story for story in walk("naive") if any("Interrupts ask them" in one for one in story.said)]


def test_where_cpus_are_asked_to_park_none_is_said_to_answer_a_sync_or_to_wait_already() -> None:
    """While the patching task waits for them they run on; each that is not parked is said to be asked to park."""
    stepper = Stepper.start("nmi")
    seen = 0
    while not apply(stepper, "next").error and not stepper.finished:
        story = story_of(stepper)
        patch = story.snapshot.patching
        if patch.phase is None or patch.phase.name != "park" or not patch.waits_for:
            continue
        assert story.waits.endswith("A CPU that is not parked yet does not wait.")
        for cpu in patch.waits_for:
            assert "sync" not in story.cpus[cpu].text and "park" in story.cpus[cpu].text
            seen += 1
    assert seen == 3


def test_what_ran_is_named_by_the_bytes_of_the_instruction_that_ran() -> None:
    stepper = Stepper.start("nmi")
    apply(stepper, "end")
    said = story_of(stepper).why.verdict
    assert said == (
        "Broken: CPU1 has run 0F 1F F8, neither the old instruction nor the new one. The bytes behind it are 3F 3F."
    )
