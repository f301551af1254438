"""The lab in plain mode: the explorer's sentences, a schedule stepped to its crash, and back."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from lessons.activities.lab import Lab
from lessons.activities.lab_answer import LabAnswer
from lessons.activities.story import Story
from lessons.session.stepper import Stepper
from lessons.story.words import NOT_A_CPU
from simkernel.errors import LearnerError
from simkernel.explore import Question, explore
from simkernel.explore.properties import BY_NAME, USUAL
from simkernel.explore.sentences import choice_of
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import INT3_PROTOCOL, Variant
from simkernel.report import Report
from tests.explore.reader import parse
from tests.tui.playing import flat, played
from tui.cli import run
from tui.stepper.player import ASKED, PlainVisit


def plain_lab(say: Callable[[str], None], as_json: bool = False) -> PlainVisit:
    return PlainVisit(Lab(), say, as_json)


def test_first_a_question_then_the_explorers_own_sentences() -> None:
    asked, answered = played(plain_lab, "2")
    assert "In every order of events, is that safe?" in flat(asked) and "not safe" not in asked
    assert "1: yes, in every order" in asked and "sync 1, left out, chosen." in asked
    finding = explore(Question(Variant(INT3_PROTOCOL).without("sync 1")))
    assert finding.answer() in flat(answered) and f"{finding.subject()}." in flat(answered)
    told = flat(answered)
    for number, (sentence, scene) in enumerate(zip(finding.sentences(), finding.scenes(), strict=True), 1):
        assert f"{number}. {sentence} " in told and parse(sentence) == choice_of(finding.world, scene)


def test_each_move_tells_its_bytes() -> None:
    """Of the schedule: int3 and the tail are stored; CPU0 gets a byte of the tail before the int3."""
    told = flat(played(plain_lab, "2")[-1])
    for bytes_of in (
        "publishes the batch, which is this one site. memory: 0F 1F 44 00 00.",
        "makes byte +0 CC, was 0F. memory: CC 1F 44 00 00.",
        "makes bytes +1 to +4 BB D2 3F 3F, were 1F 44 00 00. memory: CC BB D2 3F 3F.",
        "For CPU0 byte +1 becomes BB, was 1F. CPU0: 0F/CC BB 44/D2 00/3F 00/3F.",
        "what becomes of it depends on its registers. CPU0: 0F BB 44 00 00.",
    ):
        assert bytes_of in told


def test_a_schedule_is_stepped_to_its_crash_and_the_lab_is_there_again() -> None:
    said = played(plain_lab, "2 p " + "n " * 9 + "esc")
    assert "a kernel oops ends the run" in flat(said[-2]) and said[-1] == said[1].partition("Keys: ")[0]


def test_words_change_what_is_asked() -> None:
    words = "model:pieces change:call-call without:sync-2 twice:sync-3 with:sync-1 move:release:write-head cpus:1 0 end"
    objects: list[dict[str, Any]] = [json.loads(one) for one in played(plain_lab, words, as_json=True)]
    assert [one["word"] for one in objects[1:]] == [
        "model", "change", "without", "twice", "with", "move", "cpus", "0", "end",
    ]  # fmt: skip
    assert objects[7]["phases"] == {
        "write int3": "once", "sync 1": "once", "write tail": "once", "sync 2": "left out", "release": "once",
        "write head": "once", "sync 3": "twice",
    }  # fmt: skip
    assert objects[7]["chosen"]["model"] == "pieces" and objects[7]["findings"] == []
    variant = Variant(INT3_PROTOCOL).without("sync 2").moved("release", "write head").twice("sync 3")
    finding = explore(Question(variant, "call-call", model=FetchModel.PIECES, cpus=1))
    assert objects[8]["findings"][0] == {
        "verdict": finding.verdict(),
        "broken": finding.broken or None,
        "schedule": finding.sentences(),
    }
    parts = {part["name"]: part for part in objects[8]["picture"]["parts"]}
    assert parts["moves"]["columns"] == ["memory", "CPU0"] and len(parts["moves"]["moves"]) == len(finding.schedule)
    assert objects[9]["picture"]["place"].startswith(f"move {len(finding.schedule)} of ")


def test_the_words_of_a_verdict_are_a_key_away() -> None:
    _, verdict, words, again = played(plain_lab, "0 ? l")
    assert again == verdict.partition("Keys: ")[0] and NOT_A_CPU in flat(verdict) and "sync: " in words
    assert all(f" {name}. " in flat(verdict) for name in USUAL)
    asked = flat(played(plain_lab, "point:15")[-1])
    assert all(f"{BY_NAME[name].holds[1:]} ({name})." in asked for name in USUAL)


class Pressed(Report):
    """Hands on what it hears to another one; at the second time ctrl-C is pressed."""

    def __init__(self, other: Report) -> None:
        super().__init__()
        self._other, self._calls = other, 0

    def __call__(self, text: str = "", part: float | None = None) -> None:
        """Press ctrl-C, and hand it on."""
        self._calls += 1
        if self._calls == 2:
            signal.raise_signal(signal.SIGINT)
        self._other(text, part)


class OfTheTerminal(Lab):
    """A lab at which ctrl-C is pressed once its search has said something."""

    def apply(self, word: str, argument: str = "", report: Report | None = None) -> Any:
        """Have ctrl-C pressed while it goes on."""
        assert report is not None
        return super().apply(word, argument, Pressed(report))


def test_ctrl_c_ends_a_search_and_not_the_lab() -> None:
    said: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    player = PlainVisit(OfTheTerminal(), said.append)
    assert player.take("cpus:4")
    with pytest.raises(LearnerError, match="cancelled: .* states"):
        player.take("1")
    assert signal.getsignal(signal.SIGINT) == before and isinstance(player.visit.front, Lab)
    player.cancels = False
    with pytest.raises(KeyboardInterrupt):
        player.take("1")


def test_every_word_of_its_list_is_taken() -> None:
    arguments = {"save": "x.svg", "choose": "0", "point": "1", "move": "sync-2:write-tail", "without": "sync-2",
                 "with": "sync-1", "twice": "sync-2", "protocol": "naive", "change": "nop-call", "place": "across",
                 "nop": "2+3", "gate": "trap", "model": "byte", "cpus": "1", "nmi": "come", "property": "whole",
                 "states": "10000"}  # fmt: skip
    for word in [*(one.name for one in Lab().actions), *(one for one in ASKED if one != "save")]:
        player = plain_lab(lambda text: None)
        player.begin()
        assert bool(player.needs(word)) == (word in arguments), word
        assert player.take(f"{word}:{arguments[word]}" if word in arguments else word) == (word not in ("q", "esc"))
    for word in [*(one.name for one in LabAnswer.actions if one.name not in ("choose", "point")), "w", "l", "?", "h"]:
        player = plain_lab(lambda text: None)
        player.begin()
        assert player.take("2") and player.take(word)
    assert not any(plain_lab(print).needs(word) for word in ["1", "2", "0", "n", "b", "q"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("hum", "does nothing here. h lists all words"),
        ("modle:byte", "Did you mean 'model'"),
        ("model:bytes", "Did you mean 'byte'"),
        ("without:sync-9", "no phase 'sync-9'"),
        ("move:sync-1", "name two"),
        ("with:sync-1 0 p", "nothing was found broken"),
    ],
)
def test_what_cannot_be_is_an_error_that_helps(words: str, said: str) -> None:
    with pytest.raises(LearnerError, match=said):
        played(plain_lab, words)


def test_a_row_is_told_without_what_it_does_not_say() -> None:
    first = "".join(played(plain_lab, "w"))
    assert "write int3.\n" in first and "sync 1, left out, chosen." in first and ", ." not in first


def test_from_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["step", "lab", "--script", "2 p n esc q"]) == 0
    assert "This one does" in capsys.readouterr().out
    assert run(["step", "lab", "--script", "hum"]) == 2
    assert run(["step", "lab", "--script", "2 p b"]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("without sync 2\nmodel pieces\n1\nq\n"))
    assert run(["step", "lab", "--lines"]) == 0
    assert "int3 without sync 1 without sync 2" in flat(capsys.readouterr().out)


def test_a_story_knows_no_lab() -> None:
    with pytest.raises(LearnerError):
        played(partial(PlainVisit, Story(Stepper.start("one"))), "lab")
