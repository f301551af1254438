"""The explorer's answers for the protocols that everybody knows, and its schedules in words and back."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from simkernel.errors import Cancelled
from simkernel.explore import Finding, Question, explore, explore_each
from simkernel.explore.ablation import variants
from simkernel.explore.search import REPORT_EVERY, Search
from simkernel.explore.sentences import choice_of, follow, sentence
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import INT3_PROTOCOL, NAIVE, STOP_MACHINE, Variant
from simkernel.report import Report
from tests.explore.reader import parse

MODELS = tuple(FetchModel)


def found(variant: Variant, **asked: object) -> Finding:
    return explore(Question(variant, **asked))  # type: ignore[arg-type]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("place", ["inside", "across"])
@pytest.mark.parametrize("change", ["nop-call", "call-call", "call-nop"])
def test_int3_and_stop_machine_are_safe_and_five_stores_tear(change: str, place: str, model: FetchModel) -> None:
    assert found(Variant(INT3_PROTOCOL), change=change, place=place, model=model).safe
    assert found(Variant(STOP_MACHINE), change=change, place=place, model=model).safe
    assert found(Variant(NAIVE), change=change, place=place, model=model).broken == "torn"


def test_a_search_that_gives_up_says_so() -> None:
    finding = found(Variant(INT3_PROTOCOL), bound=100)
    assert not finding.safe and not finding.broken and not finding.finished
    assert "not finished" in finding.verdict() and "safe" not in finding.verdict()


def test_a_search_can_be_cancelled() -> None:
    question = Question(Variant(INT3_PROTOCOL))
    whole = explore_each(question)

    def enough(report: Report) -> None:
        if ", 5 steps" in report.text:
            report.cancel()

    with pytest.raises(Cancelled, match="cancelled: [0-9]+ states, 5 steps$"):
        explore_each(question, Report(enough))
    again = explore_each(question)
    assert [one.states for one in again] == [one.states for one in whole], "a cancelled search leaves nothing behind"


def test_a_search_asks_often_whether_to_go_on() -> None:
    """Not only between two steps: the states that are so many steps away may be hundreds of thousands."""
    told: list[int] = []

    def enough(report: Report) -> None:
        found = re.fullmatch("([0-9,]+) states, ([0-9]+) steps(; found: torn)?", report.text)
        assert found is not None and (int(found[2]) <= 5 or found[3])
        told.append(int(found[1].replace(",", "")))
        if told[-1] > 100_000:
            report.cancel()

    world = Question(Variant(INT3_PROTOCOL).without("sync 1"), cpus=4).world()
    with pytest.raises(Cancelled, match="found: torn"):
        Search(world, 4).run(first_only=False, report=Report(enough))
    assert max(after - before for before, after in pairwise(told)) < 8 * REPORT_EVERY


@pytest.mark.parametrize("model", MODELS)
def test_sentences_parse_back_to_the_choices(model: FetchModel) -> None:
    """Of every schedule of the ablation table across two lines."""
    for _, variant in variants():
        for finding in explore_each(Question(variant, place="across", model=model)):
            if not finding.broken:
                continue
            scenes = finding.scenes()
            choices = [parse(sentence(finding.world, scene)) for scene in scenes]
            assert choices == [choice_of(finding.world, scene) for scene in scenes]
            assert follow(finding.world, 2, choices) == scenes


def test_a_sentence_of_no_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="no step"):
        parse("CPU0 sleeps.")


def test_safe_is_said_of_all_promises_only() -> None:
    variant = Variant(INT3_PROTOCOL).through_trap_gate()
    one = found(variant, properties=("forward",))
    assert one.safe and "keeps what was asked" in one.verdict() and ": safe" not in one.verdict()
    assert "not safe" in found(variant).verdict()
