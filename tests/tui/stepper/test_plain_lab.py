"""The lab in plain mode: the explorer's sentences, a schedule stepped to its crash, and back."""

from __future__ import annotations

import io
import json
import re
import signal
from functools import partial
from typing import Any

import pytest

from lessons.activities.lab import SETTINGS
from lessons.activities.lab_words import GUESSES
from lessons.session.stepper import Stepper
from lessons.story.words import NOT_A_CPU
from simkernel.errors import LearnerError
from simkernel.explore import Question, explore
from simkernel.explore.properties import BY_NAME, USUAL
from simkernel.explore.sentences import choice_of
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import INT3_PROTOCOL, Variant
from tests.explore.reader import parse
from tests.tui.playing import flat, played
from tui.cli import run
from tui.stepper.plain import Plain
from tui.stepper.plain_lab import STEPS, WORDS, PlainLab


def test_first_a_question_then_the_explorers_own_sentences() -> None:
    asked, answered = played(PlainLab, "n")
    assert "In every order of events, is that safe?" in flat(asked) and "not safe" not in asked
    finding = explore(Question(Variant(INT3_PROTOCOL).without("sync 1")))
    assert finding.verdict() in flat(answered)
    steps = re.split(r" \d\. (?=[a-zA-Z])", flat(answered).partition(" Keys:")[0])[1:]
    assert [parse(step) for step in steps] == [choice_of(finding.world, scene) for scene in finding.scenes()]


def test_a_schedule_is_stepped_to_its_crash_and_the_lab_is_there_again() -> None:
    said = played(PlainLab, "n p " + "n " * 9 + "lab")
    assert "a kernel oops ends the run" in flat(said[-2]) and said[-1] == said[1]


def test_words_change_what_is_asked() -> None:
    words = (
        "x:model:pieces change:call-call without:sync-2 twice:sync-3 with:sync-1 move:release:write-head cpus:1 e s o"
    )
    objects: list[dict[str, Any]] = [json.loads(one) for one in played(PlainLab, words, as_json=True)]
    assert [one["word"] for one in objects[1:]] == [
        "model", "change", "without", "twice", "with", "move", "cpus", "e", "s", "o",
    ]  # fmt: skip
    variant = Variant(INT3_PROTOCOL).without("sync 2").moved("release", "write head").twice("sync 3")
    finding = explore(Question(variant, "call-call", model=FetchModel.PIECES, cpus=1))
    assert objects[8]["findings"][0] == {
        "verdict": finding.verdict(),
        "broken": finding.broken or None,
        "schedule": finding.sentences(),
    }
    assert objects[8]["steps"] == {
        "write int3": "once", "sync 1": "once", "write tail": "once", "sync 2": "left out", "release": "once",
        "write head": "once", "sync 3": "twice",
    }  # fmt: skip
    assert objects[8]["chosen"]["model"] == "pieces"


def test_the_words_of_a_verdict_are_a_key_away() -> None:
    _, verdict, words, again = played(PlainLab, "e w l")
    assert again == verdict and NOT_A_CPU in flat(words)
    assert all(f"{name}: {BY_NAME[name].broken}." in flat(words) for name in USUAL)


def test_ctrl_c_ends_a_search_and_not_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    lab = PlainLab(said.append)
    explore, before = lab.lab.explore, signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(
        lab.lab, "explore", lambda guess, heard: explore(guess, lambda: signal.raise_signal(signal.SIGINT))
    )
    for word in ("cpus:4", "e"):
        assert lab.take(word)
    assert "not finished" in flat(said[-1]) and signal.getsignal(signal.SIGINT) == before


def test_every_word_of_its_list_is_taken() -> None:
    for word in WORDS:
        plain = PlainLab(lambda text: None)
        plain.take("e")
        assert plain.take("x:cpus:1" if word == "x" else word) == (word != "q")
    for word in [*SETTINGS, *STEPS, "x"]:
        assert PlainLab(print).needs(word)
    assert not any(PlainLab(print).needs(word) for word in [*GUESSES, "e", "s", "q", ""])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("hum", "does nothing here"),
        ("modle:byte", "Did you mean 'model'"),
        ("model:bytes", "Did you mean 'byte'"),
        ("without:sync-9", "no phase 'sync-9'"),
        ("move:sync-1", "name two"),
        ("p", "no schedule to watch"),
    ],
)
def test_what_cannot_be_is_an_error_that_helps(words: str, said: str) -> None:
    with pytest.raises(LearnerError, match=said):
        played(PlainLab, words)


def test_from_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["step", "lab", "--script", "n p n lab q"]) == 0
    assert "This one does" in capsys.readouterr().out
    assert run(["step", "lab", "--script", "hum"]) == 2
    assert run(["step", "lab", "--script", "n p b"]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("without sync 2\nmodel pieces\ny\nq\n"))
    assert run(["step", "lab", "--lines"]) == 0
    assert "int3 without sync 1 without sync 2" in flat(capsys.readouterr().out)


def test_a_story_knows_no_lab() -> None:
    with pytest.raises(LearnerError):
        played(partial(Plain, Stepper.start("one")), "lab")
