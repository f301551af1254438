"""The list of all there is to do, in plain mode: begun by a number or a name, and come back to."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from lessons.activities.start import NAMES, Start
from simkernel.errors import LearnerError
from tests.tui.playing import flat
from tui.cli import run
from tui.stepper.player import PlainVisit


@pytest.mark.parametrize("arguments", [["--plain"], ["step", "--plain"], ["--plain", "step"]])
def test_plain_mode_without_a_name_is_the_list(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\nn\nesc\n2\nq\n"))
    assert run(arguments) == 0
    first, story, step, again, kept, end = capsys.readouterr().out.split("\n\n", 5)
    told = [f"{number}. {one.title} ({one.name}): {one.question}" for number, one in enumerate(Start().entries, 1)]
    assert all(one in flat(first) for one in told) and len(told) == len(NAMES)
    assert flat(story).startswith("Trace one function.") and step.startswith("Step 1 of 24.")
    assert "0. Go on where you left: Trace one function, step 1" in flat(again)
    assert flat(kept).startswith("Write the five bytes in order.") and not end


def test_esc_leads_from_a_story_to_the_list_and_out_of_the_list_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "mysteries", "--json", "--script", "esc esc"]) == 0
    _opening, there, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert there["said"][0] == "What do you want to watch?" and end["said"] == ["simkernel ends."]


def test_a_story_that_is_left_dead_has_failed() -> None:
    assert run(["step", "one", "--script", "x:sync-1 r esc"]) == run(["step", "one", "--script", "x:sync-1 r"])


def test_what_is_chosen_is_begun() -> None:
    said: list[str] = []
    plain = PlainVisit(Start(), said.append)
    plain.begin()
    assert plain.take("down") and flat(said[-1]).startswith("2. Write the five bytes in order. What happens")
    assert plain.take_line("\n") and plain.visit.front.name == "step"
    with pytest.raises(LearnerError, match="there are 1 to 15"):
        PlainVisit(Start(), said.append).take("99")
    for name in ("boot", "one@3"):
        assert PlainVisit(Start(), said.append).take(name)


def test_all_lists_name_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "--list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == [one.name for one in Start().entries] == list(NAMES)
    assert all(f"{one.title}: {one.question}" in out for one in Start().entries)
    assert run(["step", "nonesuch", "--plain"]) == 2
    assert f"there are: {', '.join(NAMES)}" in capsys.readouterr().err
    assert run(["step", "one", "--script", "scenario:lab"]) == 2
    assert "Esc leads to the list, where lab begins" in capsys.readouterr().err


def test_without_a_terminal_plain_mode_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "`simkernel --plain`" in capsys.readouterr().err


def test_a_phase_that_does_not_come_any_more_ends_with_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "one", "--json", "--script", "g:23 p"]) == 0
    *_, told = map(json.loads, capsys.readouterr().out.splitlines())
    assert told["step"] == 24 and not told["message"]


@pytest.mark.parametrize("word", ["hum", "c7", "save", "b"])
def test_a_word_that_is_refused_is_an_object_too(word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "one", "--json", "--script", word]) == 2
    out, err = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])
    assert told["error"] and told["word"] == word and told["message"] in err
