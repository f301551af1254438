"""The lab without a screen: what is chosen is what is asked of the explorer, and its answer is what is shown."""

from __future__ import annotations

import pytest

from lessons.activities.lab import NOT_SAFE, SAFE, SETTINGS, STARTERS, Lab
from lessons.activities.lab_words import WORTH, answer, question
from lessons.session.actions import apply
from simkernel.errors import LearnerError
from simkernel.explore import Question, explore, explore_each
from simkernel.explore.properties import USUAL
from simkernel.explore.reasons import why
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import INT3_PROTOCOL, PROTOCOLS, STOP_MACHINE, Variant, parse


def whole() -> Lab:
    """The lab with int3 as it is."""
    lab = Lab()
    lab.switch("sync 1", 1)
    return lab


def test_it_begins_with_a_question_whose_answer_is_not_given() -> None:
    lab = Lab()
    assert lab.question == Question(Variant(INT3_PROTOCOL).without("sync 1"))
    assert question(lab)[-1].endswith("?") and answer(lab) == [] and lab.finding is None


def test_each_setting_reaches_the_question() -> None:
    lab = whole()
    for name, value in (("change", "call-call"), ("place", "across"), ("model", "pieces"), ("cpus", "3")):
        lab.choose(name, value)
    assert lab.question == Question(Variant(INT3_PROTOCOL), "call-call", "across", FetchModel.PIECES, 3, USUAL)
    lab.choose("property", "not-at-once")
    assert lab.question.properties == ("not-at-once",)
    lab.choose("place", "inside")
    lab.choose("nmi", "come")
    properties = ("not-at-once",)
    int3 = Variant(INT3_PROTOCOL)
    assert lab.question == Question(int3, "call-call", "inside", FetchModel.PIECES, 3, properties, nmi=True)
    lab.choose("nop", "2+3")
    lab.choose("gate", "trap")
    assert lab.variant == Variant(INT3_PROTOCOL).on_nop("2+3").through_trap_gate()


def test_every_value_of_every_setting_can_be_asked_about() -> None:
    for name, setting in SETTINGS.items():
        lab = whole()
        before = lab.chosen[name]
        for _ in setting.values:
            lab.turn(name)
            assert lab.question.world() and all(row.help for row in lab.rows)
        assert lab.chosen[name] == before
        lab.turn(name, -1)
        lab.turn(name, 1)
        assert lab.chosen[name] == before


@pytest.mark.parametrize("order", [("place", "nmi"), ("nmi", "place")])
def test_nmis_across_two_lines_cannot_be_asked_for_and_nothing_changes(order: tuple[str, str]) -> None:
    lab, values = whole(), {"place": "across", "nmi": "come"}
    lab.choose(order[0], values[order[0]])
    before = lab.question
    with pytest.raises(LearnerError, match="nmi_handle, which lies inside"):
        lab.choose(order[1], values[order[1]])
    assert lab.question == before


@pytest.mark.parametrize("name", PROTOCOLS)
def test_steps_are_left_out_doubled_and_moved_as_the_table_does(name: str) -> None:
    base = Variant(PROTOCOLS[name])
    lab = Lab()
    lab.choose("protocol", name)
    assert lab.variant == base
    names = [phase.name for phase in base.table.phases]
    for step in names:
        lab.switch(step, 2)
        assert lab.variant == base.twice(step)
        if len(names) > 1:
            lab.switch(step, 0)
            assert lab.variant == base.without(step)
        lab.switch(step, 1)
    for before, step in zip(names, names[1:], strict=False):
        lab.shift(step, -1)
        assert lab.variant == base.moved(step, before)
        lab.shift(before, -1)
        assert lab.variant == base
    lab.shift(names[0], -1)
    lab.shift(names[-1], 1)
    assert lab.variant == base


def test_all_changes_at_once_have_a_name_that_a_moment_can_hold() -> None:
    lab = whole()
    lab.switch("sync 2", 0)
    lab.switch("sync 3", 2)
    lab.move("release", "write head")
    lab.choose("nop", "5x1")
    assert [phase.name for phase in lab.variant.table.phases] == [
        "write int3", "sync 1", "write tail", "release", "write head", "sync 3", "sync 3 again",
    ]  # fmt: skip
    assert parse(lab.variant.name) == lab.variant


def test_the_answer_is_the_explorers() -> None:
    lab = whole()
    lab.switch("sync 3", 0)
    lab.explore(SAFE)
    same = [(one.broken, one.schedule, one.states) for one in explore_each(lab.question)]
    assert [(one.broken, one.schedule, one.states) for one in lab.findings] == same
    assert {one.broken for one in lab.findings} == {"released", "unclaimed"}
    assert lab.finding is not None and lab.finding.verdict() == explore(lab.question).verdict()
    assert answer(lab) == [WORTH[SAFE, False], lab.finding.verdict(), why(lab.findings)]
    lab.look_at(1)
    assert lab.finding.broken == "unclaimed" and answer(lab)[1] == lab.finding.verdict()
    lab.turn("cpus")
    assert lab.finding is None and not lab.guess


def test_a_guess_is_answered_by_what_was_found() -> None:
    lab = whole()
    for guess in (SAFE, NOT_SAFE):
        lab.explore(guess)
        assert answer(lab)[0] == WORTH[guess, True] and ": safe." in answer(lab)[1]
    lab.explore()
    assert lab.finding is not None and answer(lab) == [lab.finding.verdict(), why(lab.findings)]


def test_a_search_that_is_stopped_says_so_and_no_guess_is_judged() -> None:
    class Impatient(Lab):
        stop_asked = property(lambda self: self.depth == 5, lambda self, value: None)

    lab = Impatient()
    lab.switch("sync 1", 1)
    lab.explore(SAFE)
    assert lab.states > 0 and lab.depth == 5
    assert len(answer(lab)) == 1 and "not finished" in answer(lab)[0]


def test_a_schedule_is_watched_from_its_start_to_its_crash() -> None:
    lab = Lab()
    lab.explore()
    stepper = lab.watch()
    assert stepper.title == "int3 without sync 1: torn" and not stepper.begun and not stepper.stops()
    assert stepper.variant == lab.variant
    for _ in range(20):
        if apply(stepper, "next").message:
            break
    assert stepper.simulation.halt_reason == "oops on CPU0"
    again = lab.watch()
    assert again.simulation.halt_reason == "" and again.simulation.position == again.begin


def test_what_cannot_be_asked_says_what_can() -> None:
    lab = Lab()
    with pytest.raises(LearnerError, match="no model 'bytes'; there are: .*Did you mean 'byte'"):
        lab.choose("model", "bytes")
    with pytest.raises(LearnerError, match="no phase 'sync 9'"):
        lab.switch("sync 9", 0)
    with pytest.raises(LearnerError, match="nothing to watch|no schedule to watch"):
        lab.watch()
    lab.choose("protocol", STOP_MACHINE.name)
    *others, last = STOP_MACHINE.phases
    for phase in others:
        lab.switch(phase.name, 0)
    with pytest.raises(LearnerError, match="nothing would be left"):
        lab.switch(last.name, 0)
    assert [phase.name for phase in lab.variant.table.phases] == [last.name]


def test_the_questions_to_begin_with_have_both_answers_and_each_another_one() -> None:
    lab = Lab()
    answers = []
    for number in range(len(STARTERS)):
        lab.begin(number)
        lab.explore()
        assert lab.finding is not None and (lab.finding.finished or lab.finding.broken)
        answers.append((lab.variant.name, tuple(one.broken for one in lab.findings)))
    assert answers == [
        ("int3 without sync 1", ("torn",)),
        ("int3 without sync 2", ("",)),
        ("int3 without sync 3", ("released", "unclaimed")),
        ("one-store", ("torn", "late")),
        ("int3-2012", ("neither",)),
        ("stop_machine-bare", ("torn", "neither", "late")),
        ("int3 on nop 5x1", ("torn",)),
        ("int3", ("not-at-once",)),
        ("stop_machine", ("",)),
        ("stop_machine", ("torn",)),
        ("int3", ("",)),
    ]
    lab.begin(len(STARTERS))
    assert lab.number == 0 and lab.finding is None


def test_who_patches_like_this_does_not_give_the_answer_away() -> None:
    assert not any("crash" in SETTINGS["protocol"].words(name) for name in PROTOCOLS)
