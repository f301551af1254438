"""The lab: what is chosen is what is asked of the explorer, its answer is what is shown, and it can be watched."""

from __future__ import annotations

import pytest

from lessons.activities.lab import Lab
from lessons.activities.lab_answer import LabAnswer
from lessons.activities.lab_setup import SETTINGS, STARTERS, Setup
from lessons.activities.lab_words import NO, UNKNOWN, WORTH, YES, broken, holds, question, reason, worth
from lessons.activities.story import Story
from lessons.activity import Result
from lessons.picture import Moves, Prose, Question, Rows, Tabs
from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from lessons.visit import Visit
from simkernel.errors import LearnerError
from simkernel.explore import Question as Asked
from simkernel.explore import explore_each
from simkernel.explore.properties import BY_NAME, BY_VIOLATION, USUAL
from simkernel.explore.reasons import why
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import INT3_PROTOCOL, PROTOCOLS, STOP_MACHINE, Variant, parse
from tests.lessons.cancelling import CancelledAt
from tui.view.paragraphs import narration


def whole() -> Setup:
    """int3 as it is."""
    setup = Setup()
    setup.switch("sync 1", 1)
    return setup


def lab(*words: str) -> Lab:
    """The lab after some words."""
    one = Lab()
    for word in words:
        name, _, argument = word.partition(":")
        assert not (result := one.apply(name, argument)).refused, result.message
    return one


def found(one: Lab, guess: str = UNKNOWN) -> LabAnswer:
    """What the explorer finds."""
    answer = one.apply(guess).opens
    assert isinstance(answer, LabAnswer)
    return answer


# --- what is chosen -------------------------------------------------------------------------------------------------


def test_it_begins_with_a_question_whose_answer_is_not_given() -> None:
    one = lab()
    assert one.setup.question == Asked(Variant(INT3_PROTOCOL).without("sync 1"))
    asked = next(part for part in one.picture().parts if isinstance(part, Question))
    assert asked.text.endswith("?") and [choice.key for choice in asked.choices] == ["1", "2", "0"]
    assert not any("not safe" in text or "torn" in text for text in narration(one.picture()))


def test_each_setting_reaches_the_question() -> None:
    one = lab("with:sync-1", "change:call-call", "place:across", "model:pieces", "cpus:3")
    assert one.setup.question == Asked(Variant(INT3_PROTOCOL), "call-call", "across", FetchModel.PIECES, 3, USUAL)
    for word in ("property:at-once", "place:inside", "nmi:come", "nop:2+3", "gate:trap", "states:10000"):
        name, _, argument = word.partition(":")
        one.apply(name, argument)
    variant = Variant(INT3_PROTOCOL).on_nop("2+3").through_trap_gate()
    expected = Asked(variant, "call-call", "inside", FetchModel.PIECES, 3, ("at-once",), 10_000, nmi=True)
    assert one.setup.question == expected


def test_every_value_of_every_setting_can_be_asked_about() -> None:
    for name, setting in SETTINGS.items():
        setup = whole()
        before = setup.chosen[name]
        for _ in setting.values:
            setup.turn(name)
            assert setup.question.world() and all(row.help for row in setup.rows)
        assert setup.chosen[name] == before
        setup.turn(name, -1)
        setup.turn(name, 1)
        assert setup.chosen[name] == before


@pytest.mark.parametrize("order", [("place", "nmi"), ("nmi", "place")])
def test_nmis_across_two_lines_cannot_be_asked_for_and_nothing_changes(order: tuple[str, str]) -> None:
    one, values = lab(), {"place": "across", "nmi": "come"}
    one.apply(order[0], values[order[0]])
    before = narration(one.picture())
    result = one.apply(order[1], values[order[1]])
    assert result.refused and "nmi_handle, which lies inside" in result.message and narration(one.picture()) == before
    row = [row.name for row in one.setup.rows].index(order[1])
    one.apply("point", str(row))
    assert one.apply("point", str(row)).message == result.message


@pytest.mark.parametrize("name", PROTOCOLS)
def test_phases_are_left_out_doubled_and_moved_as_the_table_does(name: str) -> None:
    base = Variant(PROTOCOLS[name])
    setup = Setup()
    setup.choose("protocol", name)
    assert setup.variant == base
    names = [phase.name for phase in base.table.phases]
    for phase in names:
        setup.switch(phase, 2)
        assert setup.variant == base.twice(phase)
        if len(names) > 1:
            setup.switch(phase, 0)
            assert setup.variant == base.without(phase)
        setup.switch(phase, 1)
    for before, phase in zip(names, names[1:], strict=False):
        setup.shift(phase, -1)
        assert setup.variant == base.moved(phase, before)
        setup.shift(before, -1)
        assert setup.variant == base
    setup.shift(names[0], -1)
    setup.shift(names[-1], 1)
    assert setup.variant == base


def test_all_changes_at_once_have_a_name_that_a_moment_can_hold() -> None:
    setup = lab("with:sync-1", "without:sync 2", "twice:sync-3", "move:release:write-head", "nop:5x1").setup
    assert [phase.name for phase in setup.variant.table.phases] == [
        "write int3", "sync 1", "write tail", "release", "write head", "sync 3", "sync 3 again",
    ]  # fmt: skip
    assert parse(setup.variant.name) == setup.variant


def test_a_row_is_chosen_changed_left_out_and_moved() -> None:
    one = lab()
    assert one.row.name == "sync 1" and not one.row.on
    one.apply("x")
    assert one.setup.times["sync 1"] == 1
    one.apply("x")
    assert one.setup.times["sync 1"] == 0
    for times in (2, 1, 0):
        one.apply("enter")
        assert one.setup.times["sync 1"] == times
    one.apply("change-back")
    one.apply("earlier")
    assert one.setup.variant.name == "int3 with sync 1 before write int3" and one.row.name == "sync 1"
    one.apply("later")
    one.apply("up")
    one.apply("up")
    assert one.row.name == "states" and not {"earlier", "later"} & {action.name for action in one.offered()}
    assert one.apply("earlier").message == "Earlier: states is no phase of the protocol; choose one, or name it"
    assert one.apply("x").refused and one.setup.variant == Variant(INT3_PROTOCOL)
    one.apply("point", "12")
    assert one.row.name == "model" and one.setup.chosen["model"] == "byte"
    one.apply("point", "12")
    assert one.setup.chosen["model"] == "instant"
    assert "go from 0 to 16" in one.apply("point", "17").message
    rows = next(part for part in one.picture().parts if isinstance(part, Rows))
    assert rows.cursor == 12 and [row.cells[0] for row in rows.rows] == [*one.setup.order, *SETTINGS]


def test_the_cursor_stays_on_the_table_where_a_protocol_has_fewer_phases() -> None:
    one = lab("point:7")
    for _ in PROTOCOLS:
        assert one.row.name == "protocol"
        one.apply("enter")
    assert one.setup.base.name == "int3" and one.cursor == 7
    one.apply("point", "6")
    one.apply("protocol", "one-store")
    assert one.row.name == "write all" and len(one.setup.order) == 1


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model:bytes", "no model 'bytes'; there are: .*Did you mean 'byte'"),
        ("property:torn", "'torn' is what happens where the property whole is broken: ask for whole"),
        ("without:sync-9", "no phase 'sync-9'"),
        ("move:sync-1", "name two, as in move:sync-2:write-tail"),
        ("choose:y", "no answer 'y'; there are: 1, 2, 0"),
        ("7", "no answer '7'"),
        ("modle:byte", "does nothing here. Did you mean 'model'"),
    ],
)
def test_what_cannot_be_asked_says_what_can(word: str, said: str) -> None:
    one = lab()
    before = narration(one.picture())
    name, _, argument = word.partition(":")
    result = one.apply(name, argument)
    with pytest.raises(LearnerError, match=said):
        raise LearnerError(result.message)
    assert result.refused and narration(one.picture()) == before


def test_the_last_phase_stays() -> None:
    *others, last = STOP_MACHINE.phases
    one = lab("protocol:stop_machine", *(f"without:{phase.name}" for phase in others))
    assert "nothing would be left" in one.apply("without", last.name).message
    assert [phase.name for phase in one.setup.variant.table.phases] == [last.name]


def test_the_questions_to_begin_with_have_both_answers_and_each_another_one() -> None:
    one = Lab()
    answers = []
    for number in range(len(STARTERS)):
        assert one.setup.number == number
        answer = found(one)
        assert answer.finding.finished or answer.finding.broken
        answers.append((one.setup.variant.name, tuple(each.broken for each in answer.findings)))
        one.apply("next")
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
    assert one.setup.number == 0
    one.apply("back")
    assert one.setup.number == len(STARTERS) - 1


def test_who_patches_like_this_does_not_give_the_answer_away() -> None:
    assert not any("crash" in SETTINGS["protocol"].help(name) for name in PROTOCOLS)


# --- the answer -----------------------------------------------------------------------------------------------------


def test_the_answer_is_the_explorers() -> None:
    one = lab("with:sync-1", "without:sync-3")
    answer, same = found(one, YES), explore_each(one.setup.question)
    assert [(each.broken, each.schedule, each.states) for each in answer.findings] == [
        (each.broken, each.schedule, each.states) for each in same
    ]
    assert {each.broken for each in same} == {"released", "unclaimed"}
    said = narration(answer.picture())
    assert WORTH[YES, False] in said and same[0].answer() in said and why(same) in said
    assert f"{same[0].subject()}." in said and same[0].verdict() == answer.data()["findings"][0]["verdict"]
    tabs = next(part for part in answer.picture().parts if isinstance(part, Tabs))
    assert tabs.choices == ("released, 14 moves", "unclaimed, 15 moves") and tabs.at == 0
    answer.apply("2")
    assert answer.finding.broken == "unclaimed" and answer.cursor == 0
    assert answer.finding.answer() in narration(answer.picture())
    assert "there is no schedule 3; they go from 1 to 2" in answer.apply("3").message


def test_a_guess_is_answered_by_what_was_found() -> None:
    one = lab("with:sync-1")
    for guess in (YES, NO):
        said = narration(found(one, guess).picture())
        assert WORTH[guess, True] in said and any(text.startswith("Safe. In all ") for text in said)
    assert not set(WORTH.values()) & set(narration(found(one).picture()))


def test_a_search_that_gives_up_says_so_and_no_guess_is_judged() -> None:
    one = lab("with:sync-1", "cpus:4", "states:10000")
    answer = found(one, YES)
    said = narration(answer.picture())
    assert any(text.startswith("Not finished. No schedule of up to ") for text in said)
    assert worth(YES, answer.finding) == "" and not holds(answer.findings) and not broken(answer.findings)
    answer = found(lab("cpus:4", "states:10000"), NO)
    assert "another property may be broken too" in reason(answer.finding) and answer.finding.broken == "torn"
    assert worth(NO, answer.finding) == WORTH[NO, False]
    assert any("the search was not finished" in text for text in narration(answer.picture()))


@pytest.mark.parametrize("number", range(len(STARTERS)))
def test_each_property_is_said_to_hold_or_to_be_broken(number: int) -> None:
    """Its name says what holds, so that both read right; together they are all that was asked for."""
    one = Lab()
    one.begin(number)
    answer = found(one)
    part = next(part for part in answer.picture().parts if part.name == "properties")
    assert isinstance(part, Prose)
    said = [paragraph.text for paragraph in part.paragraphs]
    fail = {BY_VIOLATION[each.broken].name for each in answer.findings if each.broken}
    for name in one.setup.question.properties:
        clause = BY_NAME[name].broken if name in fail else BY_NAME[name].holds
        start = f"{'Broken' if name in fail else 'Holds'}: {name}. "
        assert [text for text in said if text.startswith(start) and clause[1:] in text] != []
    assert len(said) == len(one.setup.question.properties)


def test_the_names_of_properties_and_of_violations_are_two_sets() -> None:
    assert not set(BY_NAME) & set(BY_VIOLATION) and len(BY_NAME) == len(BY_VIOLATION)
    one = lab()
    for name in BY_NAME:
        one.apply("property", name)
        assert question(one.setup) == f"In every order of events, does this hold: {BY_NAME[name].holds}?"


def test_a_schedule_is_walked_move_by_move_and_its_end_leads_to_the_next_question() -> None:
    visit = Visit(lab())
    visit.apply(NO)
    answer = visit.front
    assert isinstance(answer, LabAnswer) and visit.crumbs == ("The lab",)
    sentences = answer.finding.sentences()
    for number, sentence in enumerate(sentences, 1):
        assert sentence in narration(answer.picture()) and answer.picture().place.startswith(f"move {number} of 5")
        moves = next(part for part in answer.picture().parts if isinstance(part, Moves))
        assert moves.cursor == number - 1
        if number < len(sentences):
            assert not visit.apply("next").refused
    for word, cursor in (("down", 4), ("first", 0), ("back", 0), ("up", 0), ("last", 4), ("point:2", 2), ("down", 3)):
        name, _, argument = word.partition(":")
        visit.apply(name, argument)
        assert answer.cursor == cursor, word
    visit.apply("last")
    assert visit.apply("next").leaves
    assert isinstance(visit.front, Lab) and visit.front.setup.number == 1


def test_where_nothing_is_broken_there_is_nothing_to_watch() -> None:
    visit = Visit(lab("with:sync-1"))
    visit.apply(UNKNOWN)
    assert [action.name for action in visit.front.offered()] == ["next", "question"]
    for word in ("enter", "down", "last", "point"):
        assert visit.apply(word, "0").message.endswith("there is no schedule, for nothing was found broken")
    assert visit.apply("1").message == "there is one answer only"
    visit.apply("question")
    assert isinstance(visit.front, Lab) and visit.front.setup.number == 1


# --- watching and cancelling ----------------------------------------------------------------------------------------


def watched(result: Result) -> Stepper:
    """The stepper of the story that an answer has led to."""
    assert isinstance(result.opens, Story)
    return result.opens.stepper


def test_a_schedule_is_watched_from_its_start_to_its_crash() -> None:
    answer = found(lab())
    stepper = watched(answer.apply("enter"))
    assert stepper.title == "int3 without sync 1: torn" and not stepper.begun and not stepper.stops()
    assert stepper.variant == answer.finding.question.variant
    for _ in range(20):
        if apply(stepper, "next").message:
            break
    assert stepper.violated
    for _ in range(20):
        if apply(stepper, "next").message:
            break
    assert stepper.simulation.halt_reason == "oops on CPU0"
    again = watched(answer.apply("enter"))
    assert again.simulation.halt_reason == "" and again.simulation.position == again.begin


@pytest.mark.parametrize("number", range(len(STARTERS)))
def test_who_watches_is_stopped_where_the_schedule_breaks_the_property(number: int) -> None:
    one = lab()
    one.begin(number)
    answer = found(one)
    for way in ("next", "enter", "run", "last") if answer.finding.broken else ():
        story = answer.apply("enter").opens
        assert isinstance(story, Story)
        stepper, result = story.stepper, Result()
        schedule = len(stepper.simulation.entries)
        while not result.message:
            assert stepper.violates_ahead and dict(story.picture().hints)["run"] == "failure"
            result = story.apply(way)
        expected = f"Broken: {BY_VIOLATION[answer.finding.broken].name} ({answer.finding.broken}), by move "
        assert result.message.startswith(f"{expected}{len(answer.moves)} ")
        assert result.stays and not result.refused and stepper.simulation.position == schedule, way
        assert not stepper.violates_ahead
        assert ("Next goes on" in result.message) == any(one.name == "next" for one in story.offered())
        if way == "next" and not stepper.simulation.halt_reason:
            assert not story.apply("next").refused and stepper.simulation.position > schedule, "it goes on"
            story.apply("first")
            assert stepper.violates_ahead, "and one can watch it again"
            story.apply("cpu-run", "1 7")
            assert not stepper.violates_ahead and not stepper.violated, "another way"


def test_a_cancelled_search_leaves_the_lab_where_it_was() -> None:
    """At each of the first reports, and at some of those that a search makes as it goes on."""
    one = lab("cpus:4", "down", "twice")
    before = narration(one.picture()), one.data(), [action.name for action in one.offered()]
    for k in (*range(1, 9), 15, 26, 50):
        report = CancelledAt(k)
        result = one.apply(YES, report=report)
        assert result.refused and result.opens is None and report.calls == k
        assert result.message.startswith("cancelled: ") and "With fewer states" in result.message
        assert (narration(one.picture()), one.data(), [action.name for action in one.offered()]) == before
    assert "found: torn" in result.message, "what it had found is told"
    one.apply("states", "10000")
    assert found(one).finding.broken == "torn", "and it can be seen"


def test_cancelled_playing_leaves_the_answer_where_it_was() -> None:
    answer = found(lab())
    answer.apply("down")
    before = narration(answer.picture())
    counting = CancelledAt(0)
    assert answer.apply("enter", report=counting).opens is not None
    for k in range(1, counting.calls + 1):
        result = answer.apply("enter", report=CancelledAt(k))
        assert result.refused and result.opens is None and narration(answer.picture()) == before, k
    stepper = watched(answer.apply("enter"))
    assert stepper.simulation.position == stepper.begin
