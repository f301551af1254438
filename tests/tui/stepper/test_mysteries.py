"""The two mysteries: every figure in their sentences is the run's, and each cue shows what it speaks of."""

from __future__ import annotations

import re

import pytest

from lessons.activities.opening import OPTIONS, Cue, Mysteries, shared_waits
from simkernel.overhead.published import published
from simkernel.sim.snapshot.site import CALL, CHANGING, INT3, NOP
from tui.stepper.plain_mysteries import PlainMysteries

WORDS = 20  # of a sentence at most
HARD = re.compile(r"\b(int3|sync|trampoline|IPI|serializ\w+|batch|opcode|nop|patch\w*|ops|site|beat|phase)\b", re.I)


def play(first: str) -> list[Cue]:
    """All cues, as they are once nothing is under way; at most 12 presses."""
    mysteries = Mysteries()
    cues = [mysteries.cue]
    for key in (first, "enter", "t", "t", "enter", "enter"):
        assert mysteries.press(key)
        while mysteries.work():
            pass
        cues.append(mysteries.cue)
    return cues


@pytest.fixture(scope="module")
def cues() -> list[Cue]:
    return play("y")


def test_seven_cues_each_with_its_picture(cues: list[Cue]) -> None:
    assert [cue.number for cue in cues] == [1, 2, 3, 4, 5, 6, 7]
    assert "call" in cues[0].listing[1] and "<__fentry__>" in cues[0].listing[1]
    (_, file, _), (_, memory, _) = cues[1].rows
    assert file[0] == 0xE8 and memory == bytes.fromhex("0f1f440000")
    states = [cue.map for cue in cues[2:5]]
    assert all(one is not None for one in states)
    filled, traced, back = (one for one in states if one is not None)
    assert (filled.count(CALL), traced.count(NOP), back.count(CALL)) == (0, 0, 0)
    assert filled.count(NOP) == traced.count(CALL) == back.count(NOP) == len(filled.states)


def test_the_figures_are_the_runs(cues: list[Cue]) -> None:
    ran, called = (int(one) for one in re.findall(r"(\d+) (?:times|calls)", cues[1].lines[2]))
    assert ran > 0 and called == 0
    places = len(cues[2].map.states if cues[2].map else ())
    assert f"over all {places:,} calls" in cues[2].lines[0] and "before a second CPU ran" in cues[2].lines[0]
    assert cues[0].lines[0] == f"A small kernel runs here, on a simulated machine with {OPTIONS.cpus} CPUs."
    real = max(one.sites for one in published("patching"))
    assert real > 100 * places and f"Linux on real machines has had {real:,} of them." in cues[2].lines[3]
    assert cues[3].lines[0] == f"{places:,} places changed while the CPUs ran; no CPU was stopped."
    assert sum(count for _, count in cues[3].counts) > 100
    assert cues[4].lines[0].startswith("The counts stand still: 0 more calls")
    assert f"{places:,} places" in cues[5].lines[2] and "3 waits" in cues[5].lines[3]
    assert int(re.findall(r"(\d+) times", cues[6].lines[1])[0]) > 0


def test_no_sentence_is_long_and_no_word_needs_explaining(cues: list[Cue]) -> None:
    for cue in cues:
        for text in cue.lines:
            assert not HARD.search(text), text
            assert all(len(one.split()) <= WORDS for one in re.split(r"(?<=[.?:;]) ", text)), text


def test_each_first_answer_is_answered(cues: list[Cue]) -> None:
    said = {first: play_to_second(first) for first in ("n", "?")}
    assert len({cues[1].lines[0], *(cue.lines[0] for cue in said.values())}) == 3
    assert all(cue.lines[1:] == cues[1].lines[1:] for cue in said.values())


def play_to_second(first: str) -> Cue:
    mysteries = Mysteries()
    mysteries.press(first)
    while mysteries.work():
        pass
    return mysteries.cue


def test_what_is_said_while_the_machine_runs_follows_the_map() -> None:
    """Each mark that is spoken of is on the map and the other way round; who makes the change is said where it stands
    first; the part that is done grows."""
    mysteries, seen, texts = Mysteries(), set(), set()
    for key in ("n", "enter", "t", "t"):
        mysteries.press(key)
        parts = [0.0]
        while mysteries.work():
            cue = mysteries.cue
            assert cue.working and not any(HARD.search(text) for text in cue.lines)
            assert all(len(one.split()) <= WORDS for text in cue.lines for one in re.split(r"(?<=[.?]) ", text))
            if cue.part is not None:
                assert parts[-1] <= cue.part <= 1
                parts.append(cue.part)
            if cue.number in (4, 5) and cue.map is not None:
                said = " ".join(cue.lines)
                seen |= {state for state in (INT3, CHANGING) if cue.map.count(state)}
                assert ("marked with !" in said) == bool(cue.map.count(INT3)), said
                assert ("marked with ~" in said) == bool(cue.map.count(CHANGING)), said
                assert said.count("bash-201") == said.count("bash-201, the task that makes the change,")
                texts |= set(re.findall(r"(?:prepares it|round \d of \d|wait \d of \d|ends it)\.", said))
        assert len(parts) > 3
    assert seen == {INT3, CHANGING}
    assert {"prepares it.", "wait 1 of 3.", "wait 3 of 3.", "ends it."} <= texts, texts


def test_a_key_that_means_nothing_here_changes_nothing() -> None:
    mysteries = Mysteries()
    before = mysteries.cue
    assert not mysteries.press("enter") and not mysteries.press("x")
    assert mysteries.cue == before


def test_waits_are_those_of_the_largest_batch() -> None:
    assert shared_waits([]) == 0


def test_the_words_of_a_cue_are_told_where_its_question_does_not_take_the_key() -> None:
    said: list[str] = []
    plain = PlainMysteries(said.append)
    plain.begin()
    assert ("?", "let it run, and see") in plain.mysteries.cue.keys
    assert plain.take("n") and plain.take("?")
    assert "call: Go to another function" in said[-1]
