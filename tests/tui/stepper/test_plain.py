"""Plain mode: words, questions, scripts, JSON, exit codes."""

from __future__ import annotations

import io
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lessons.activities.story import Story
from lessons.session.actions import apply
from lessons.session.content import SCENARIOS, STORIES
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.sim.moment import MARK
from simkernel.sim.snapshot.plain import plain
from tests.tui.playing import flat, played
from tui.cli import run
from tui.stepper.player import PlainVisit


def story(scenario: str | Stepper) -> partial[PlainVisit]:
    stepper = Stepper.start(scenario) if isinstance(scenario, str) else scenario
    return partial(PlainVisit, Story(stepper))


def test_questions_are_answered_at_any_time_and_move_nothing() -> None:
    objects: list[dict[str, Any]] = [
        json.loads(one) for one in played(story("slow-ipi"), "n n w f c1 y at log l n", as_json=True)
    ]
    assert [one["word"] for one in objects] == ["", *"n n w f c1 y at log l n".split()]
    assert all(one["said"] for one in objects)
    assert objects[-2]["said"] == objects[-3]["said"]
    assert objects[-1]["step"] == 3 and objects[-1]["place"] > objects[2]["place"]
    memory = bytes.fromhex(objects[2]["memory"])
    assert f"Byte 0 is {memory[0]:02X}, int3; bytes 1 to 4 are old." in objects[2]["said"]


def test_a_wait_left_out_is_walked_to_its_end_and_back_to_the_move_before() -> None:
    objects: list[dict[str, Any]] = [
        json.loads(one) for one in played(story("one"), "n x:sync-1 y r P y", as_json=True)
    ]
    there, why, *walk, back, why_then = (one for one in objects[2:])
    assert there["step"] == 3 and not there["halt_reason"]
    assert "Another run, chosen because it fails without sync 1. r runs on to the failure." in there["said"]
    assert "Here sync 1 would have waited for CPU0 and CPU1: it is left out." in there["said"]
    for said in (why["said"], why_then["said"]):
        assert any(one.startswith("Left out: sync 1. Why it is there: A CPU may have begun") for one in said)
        assert any(one.startswith("Without sync 1: ") for one in said) and not any("sync 2" in one for one in said)
    assert len(walk) > 2 and not walk[-2]["halt_reason"] and walk[-1]["halt_reason"] == "oops on CPU1"
    assert "This is what sync 1 is for." in walk[-1]["said"]
    assert not back["halt_reason"] and not back["holds"] and back["read"][1] == 1
    assert all(text.isascii() and len(text.split()) <= 30 for one in objects for text in one["said"])


def test_a_word_that_means_nothing_names_the_nearest() -> None:
    with pytest.raises(LearnerError, match="Did you mean 'next'"):
        played(story("one"), "nextt")


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "one", "--script", "n"]) == 0
    assert run(["step", "naive", "--script", "r"]) == 0
    assert run(["step", "one", "--script", "b"]) == 2
    assert run(["step", "one", "--script", "hum"]) == 2
    assert run(["step", "nonesuch", "--plain"]) == 2
    assert run(["step", "one", "--script", " "]) == 2
    assert "there is nothing before it" in capsys.readouterr().err
    assert run(["step", "one", "--json", "--script", "n b b n"]) == 2
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["word"], one["error"]) for one in told] == [("", False), ("n", False), ("b", False), ("b", True)]
    assert told[3]["message"] in told[3]["said"][0].lower() and told[3]["place"] == told[2]["place"]
    assert run(["step", "one", "--script", "start end R x:sync-1 start"]) == 0, "where one stands is no fault"


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_text_and_json_are_the_same_steps_with_the_same_events(name: str) -> None:
    """What is said is the same sentences; the events of the JSON are the log, and each stop of it is said."""
    text = played(story(name), "r")
    stepper = Stepper.start(name)
    steps = [json.loads(one) for one in played(story(stepper), "r", as_json=True)]
    told, following = [flat(paragraph) for paragraph in text[1:]], steps[-1]["next"]
    assert following == dict(zip(STORIES, [*STORIES[1:], ""], strict=True))[name]
    assert not any(step["next"] for step in steps[:-1])
    assert told == [" ".join(step["said"]) for step in steps[1:]]
    events = [event for step in steps[1:] for event in step["events"]]
    assert events == plain([event for event in stepper.simulation.log if event.entry >= stepper.begin])
    assert [step["step"] for step in steps] == list(range(SCENARIOS[name].stops + 1))


def test_a_crash_of_our_own_leaves_a_report_with_the_moment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("platformdirs.user_log_dir", lambda *args, **kwargs: str(tmp_path))
    monkeypatch.setattr("lessons.story.answers.why", lambda story: 1 // 0)
    assert run(["step", "one", "--script", "n n y"]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err
    (report,) = tmp_path.glob("simkernel-bug-*.txt")
    moment = re.search(r"moment: (\S+)", report.read_text(encoding="utf-8"))
    assert moment is not None
    opened = Stepper.open(moment[1])
    assert len([event for event in opened.simulation.log if event.stop]) > 2


def test_lines_take_several_words_or_one_action_with_its_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n n f\n\ngoto 4\nlook-at vfs_open\nq\nn\n"))
    assert run(["step", "slow-ipi", "--lines"]) == 0
    said = flat(capsys.readouterr().out)
    assert "Step 4 of 17." in said and "Step 5" not in said
    assert "These are the first five bytes of vfs_open: 0F 1F 44 00 00, nop. Step " in said


def test_a_step_has_a_short_name_in_plain_mode(capsys: Any) -> None:
    assert run(["step", "one", "--script", "n n n c"]) == 0
    moment, name = capsys.readouterr().out.strip().split("\n\n")[-2:]
    assert moment.startswith(MARK) and name.strip() == "simkernel step one@3 opens this step, too."
    assert run(["step", "one@3", "--json", "--script", "c a c"]) == 0
    _begin, first, _moved, then = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["message"], first["name"], then["name"]) == (moment, "one@3", "one@4")


def test_a_moment_opens_from_the_command_line_with_the_story_before_it(tmp_path: Path, capsys: Any) -> None:
    """Through the command: the string and a file with it, at the same place, from where one can go back."""
    stepper = Stepper.start("one")
    apply(stepper, "goto", "4")
    file = tmp_path / "moment.txt"
    file.write_text(stepper.moment)
    for moment in (stepper.moment, str(file)):
        assert run(["step", "--moment", moment, "--json", "--script", "b b w"]) == 0
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert told[0]["place"] == list(stepper.simulation.point)
        assert (told[0]["step"], told[1]["step"], told[2]["step"]) == (4, 3, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--moment", "nonsense"], "moment"),
        (["one", "--moment", "sk4-x"], "not both"),
        (["--moment", "sk4-x"], "moment"),
        (["--moment", " "], "--moment is empty"),
    ],
)
def test_a_wrong_moment_is_refused(arguments: list[str], words: str, capsys: Any) -> None:
    assert run(["step", "--json", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_time_picture_is_a_line_a_step_and_data_in_json() -> None:
    said = played(story("one"), "n n n n n time")[-1].splitlines()
    assert said[3:5] == ["Step 4: bash-201 sends sync 1.", "Step 5: CPU0 runs a NOP; bash-201 waits."]
    whole = played(story("one"), "r time")[-1].splitlines()
    answers = ["CPU0 answers, goes on; bash-201 waits.", "CPU1 answers, goes on."]
    assert [one.partition(": ")[2] for one in whole if "answers" in one] == 3 * answers
    value = json.loads(played(story("one"), "n n time", as_json=True)[-1])["time"]
    assert value["lanes"] == ["bash-201", "CPU0", "CPU1"] and value["at"] == 2
    assert [one["marks"][1]["did"] for one in value["moments"]] == ["nothing", "reads"]


def test_a_story_leads_to_other_activities_and_back_to_its_step() -> None:
    objects: list[dict[str, Any]] = [
        json.loads(one) for one in played(story("one"), "n n functions down esc w c0 functions enter", as_json=True)
    ]
    there, _, back, where, cpu, _, looked = objects[3:]
    assert "step" not in there and there["picture"]["title"] != back["picture"]["title"]
    assert back["said"] == where["said"] and back["place"] == objects[2]["place"] and "events" not in back
    assert cpu["said"][0].startswith("CPU0 ") and cpu["picture"] == where["picture"]
    assert looked["step"] is not None and looked["message"].startswith("These are the first five bytes of ")
    with pytest.raises(LearnerError, match="nothing is asked here"):
        played(story("one"), "5")
    with pytest.raises(LearnerError, match="there is no CPU7; there are CPU0 to CPU1"):
        played(story("one"), "c7")
    player = story("one")(lambda said: None)
    assert player.is_begun("c") and not player.is_begun("a") and player.needs("v") == "function"
    assert not player.take("esc") and not player.take("q")


def test_an_unknown_name_is_refused_before_a_terminal_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "on"]) == 2
    said = capsys.readouterr().err
    assert "no scenario 'on'" in said and "Did you mean 'one'?" in said and "terminal" not in said


def test_the_list_counts_the_steps_of_changed_stories(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "--list", "--json"]) == 0
    listed = {one["name"]: one["steps"] for one in json.loads(capsys.readouterr().out) if "steps" in one}
    assert list(listed) == list(STORIES)
    for name in STORIES:
        if "@" in name:
            assert run(["step", name, "--json", "--script", "r"]) in (0, 1)
            assert json.loads(capsys.readouterr().out.splitlines()[-1])["step"] == listed[name] > 3
