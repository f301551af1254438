"""What plain mode says where a word changes nothing, is refused, or needs another form of words than a screen's."""

from __future__ import annotations

import io
import json
from functools import partial

import pytest

from lessons.activities.costs import Costs
from lessons.activities.functions import Functions
from lessons.activities.opening import Opening
from lessons.activities.start import GO_ON, Start
from lessons.activities.story import Story
from lessons.activity import Activity
from lessons.session.actions import apply
from lessons.session.named_step import start
from lessons.session.places import place_of
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.report import Report
from tests.tui.playing import flat, played
from tui.cli import run
from tui.stepper.player import PlainVisit


def says(activity: Activity, words: str) -> list[str]:
    return played(partial(PlainVisit, activity), words)


def test_a_digit_that_is_chosen_already_says_so() -> None:
    table = Functions(lambda _: Stepper.start("one"))
    assert says(table, "1 2 2")[1:] == [
        "Already chosen: by address.\n",
        says(table, "1 2")[2],
        "Already chosen: by name.\n",
    ]
    assert says(Costs(), "1")[1] == "Already chosen: exact.\n"


def test_a_colon_before_a_word_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for lines in ("n\nw\ng 3\ng:4\ntime\n", "n\n:w\n:g 3\n:g:4\n:time\n", ":n :w\n:g:3 :g:4\n:time\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        assert run(["step", "one", "--lines"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2] and "Step 4 of 24" in said[0] and "Step 1: bash-201" in said[0]


def test_a_traced_call_is_a_line_and_an_oops_stands_alone() -> None:
    log = says(Story(Stepper.start("one")), "end log")[-1].splitlines()
    assert len(log) > 1 and all(one.startswith("CPU") or one.endswith(".") for one in log)
    assert sum("was called from" in one for one in log) == len([one for one in log if one.startswith("CPU")])
    *oops, last, empty = says(Story(Stepper.start("naive")), "end oops")[-1].split("\n")
    assert not empty and oops[0].startswith("BUG: ")
    assert any(one.startswith("The kernel died here") for one in oops)
    assert not any("The kernel died here" in one.lstrip() and not one.startswith("The kernel") for one in (*oops, last))


def test_keys_of_a_screen_are_words_here_in_json_too() -> None:
    first, *_, last = map(json.loads, played(partial(PlainVisit, Opening()), "n", as_json=True))
    assert last["message"] == last["said"][0] == "The question is left open. b leads back to it." and first
    with pytest.raises(LearnerError, match=r"0 for a hint; n goes on without one"):
        says(Story(Stepper.start("one")), "n questions p")
    with pytest.raises(LearnerError, match=r"0 for a hint; n goes on without one"):
        says(Story(Stepper.start("one")), "n questions y")


def test_esc_is_said_for_what_it_does() -> None:
    (listed,) = says(Start(), "")
    assert "Esc or q quit" in flat(listed) and "Esc back" not in flat(listed)
    assert "Esc back" in flat(says(Start(), "one")[-1])
    assert "esc: quit, as q does" in says(Start(), "h")[-1]


def test_the_place_that_was_left_is_named_with_what_is_left_out_and_opens_with_where_one_is() -> None:
    stepper = start("one@0+without:sync-1")
    apply(stepper, "end")
    kept = place_of(stepper, "story", "att")
    step = len(stepper.stops())
    home = Start(kept)
    assert home.entries[0].name == GO_ON
    rows = says(home, "")[0]
    assert f"0. Go on where you left: Trace one function, without sync 1, step {step}" in flat(rows)
    assert "1. Two mysteries" in rows and "15. Boot" in rows and "0 is chosen." in rows
    opened = flat(says(home, "0")[-1])
    assert f"Step {step}, Trace one function, by int3 without sync 1." in opened
    assert "The story ends here" not in opened or "never a torn one" not in opened
    assert "The kernel died here, oops on CPU" in opened
    with pytest.raises(LearnerError, match="there are 0 to 15"):
        says(Start(kept), "16")
    with pytest.raises(LearnerError, match="there are 1 to 15"):
        says(Start(), "0")


def test_t_says_what_fits_where_tracing_is_turned_on_or_off() -> None:
    activity = Opening()
    activity.start(Report())
    refused: list[str] = []
    for word in "next next trace next next last next next next next next".split():
        if all(one.name != "trace" for one in activity.offered()):
            refused.append(activity.apply("trace").message)
        activity.apply(word)
    early = "go on first: t traces every function at the end of this question"
    assert refused[:2] == [early, early] and refused[2] == "an answer, or n, begins to trace every function"
    assert refused[3].startswith("every function is being traced: go on to the end")
    assert "tracing is being turned off: go on to the end of the change" in refused
    assert not any("once they can be traced" in one for one in refused)
