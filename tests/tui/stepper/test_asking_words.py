"""What plain mode says where a word changes nothing, is refused, or needs another form of words than a screen's."""

from __future__ import annotations

import io
import json
from functools import partial

import pytest

from lessons.activities.costs import Costs
from lessons.activities.functions import Functions
from lessons.activities.lab import Lab
from lessons.activities.opening import Opening
from lessons.activities.start import GO_ON, Start
from lessons.activities.story import Story
from lessons.activity import Activity
from lessons.session.actions import apply
from lessons.session.named_step import start
from lessons.session.places import place_of
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.overhead.exact import exact
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
    stepper = Stepper.start("naive")
    oops = says(Story(stepper), "end oops")[-1]
    assert stepper.snapshot.oops is not None and oops.strip() == stepper.snapshot.oops.text.strip()


def test_keys_of_a_screen_are_words_here_in_json_too() -> None:
    first, *_, last = map(json.loads, played(partial(PlainVisit, Opening()), "n", as_json=True))
    assert last["message"] == last["said"][0] == "The question is left open. b leads back to it." and first
    with pytest.raises(LearnerError, match=r"0 for a hint; n goes on without one"):
        says(Story(Stepper.start("one")), "n questions p")
    dead: list[str] = []
    visit = PlainVisit(Story(Stepper.start("naive")), dead.append, as_json=True)
    visit.begin()
    visit.take("end")
    with pytest.raises(LearnerError, match=r"b goes back, p begins the next story"):
        visit.take("n")
    assert json.loads(dead[-1])["error"] and "b goes back" in json.loads(dead[-1])["message"]
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


def test_a_bar_is_named_before_it_is_explained() -> None:
    first, down = says(Costs(), "down")
    assert "NOP: tracing off: 22,748 instructions, +5.6 %, chosen.\n" in first
    assert down.splitlines()[0] == "call left in: 23,961 instructions, +11.3 %, chosen."
    fewer, more = exact("nop"), exact("function")
    names = [one for one, times in more.by_function.items() if times != fewer.by_function[one]]
    told = flat(says(Costs(), "down down")[-1])
    assert f"The work has {more.calls - fewer.calls} calls more, of {' and '.join(names)}. " in told
    assert all("Enter: count. Esc: back." in one for one in says(Costs(), "4 n b")[1:])


def test_only_words_that_work_are_listed() -> None:
    story, boot = says(Story(Stepper.start("one")), "h")[-1], says(Costs(), "h")[-1]
    assert "graph: " not in story and "save: " not in story and "d: " in story and "save: " in boot
    assert "d: " not in "\n".join(one for one in says(Opening(), "n n h")[-1].splitlines() if one.startswith("d: "))


def test_the_model_is_said_in_words_and_no_seed_that_is_usual() -> None:
    (opened,) = says(Story(Stepper.start("one")), "")
    assert "Fetch model pieces: a CPU reads an instruction byte after byte" in flat(opened) and "eed" not in opened
    (other,) = says(Story(start("one@0+seed:5")), "")
    assert "Seed 5." in other and "seed: The number" in says(Story(start("one@0+seed:5")), "?")[-1]


def test_what_the_lab_has_found_is_said_where_it_is_watched() -> None:
    said = list(map(flat, says(Lab(), "2 p w")))
    assert "The order of events that the lab has found, played on the machine: int3 without sync 1" in said[-2]
    assert "The lab has asked for that command, so that ftrace changes " in said[-1]
    assert "Step 0, int3 without sync 1: " in said[-1]


def test_what_holds_is_said_to_hold() -> None:
    said = flat(says(Story(Stepper.start("one")), "n y")[-1])
    assert "That is so here: memory and each CPU were looked at." in said and "Looked at: it holds" not in said
