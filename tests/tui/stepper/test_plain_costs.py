"""What tracing costs in plain mode: the figures as sentences, the same as the bars'; from the command line, and from
the mysteries and back."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from lessons.activities.charts import FIRST
from lessons.activities.costs import Costs
from lessons.activities.opening import Opening
from simkernel.errors import LearnerError
from simkernel.overhead.exact import exact
from simkernel.overhead.variants import VARIANTS
from simkernel.report import Report
from tests.tui.measurements import little_to_count, measured_at_once
from tests.tui.playing import flat, played
from tui.cli import run
from tui.stepper.player import ASKED, PlainVisit

pytestmark = pytest.mark.keystone


def plain_costs(say: Callable[[str], None], as_json: bool = False) -> PlainVisit:
    return PlainVisit(Costs(), say, as_json)


def test_figures_first_then_an_explanation_of_each() -> None:
    first, *explained = map(flat, played(plain_costs, "down down down"))
    said = " ".join([first, *explained])
    for name in FIRST:
        assert f"{VARIANTS[name].title}: {exact(name).instructions:,} instructions" in first
        assert flat(VARIANTS[name].sentence) in said
    assert "NOP: tracing off: 22,748 instructions, +5.6 %, chosen." in first
    assert "Off: 1 instruction more a call (+5.6 %). On: x 5.1." in first


def test_measuring_waits_for_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    measured_at_once(monkeypatch)
    objects = [json.loads(one) for one in played(plain_costs, "choose:measured n b p picture", as_json=True)]
    assert [one["answer"] for one in objects] == ["exact", "measured", "growth", "measured", "measured", "measured"]
    charts = [[part for part in one["picture"]["parts"] if part["type"] == "Bars"] for one in objects]
    bars: list[Any] = [parts[0]["chart"]["bars"] if parts else [] for parts in charts]
    assert [bool(one) for one in bars] == [True, False, False, False, True, True]
    said = " ".join(objects[1]["said"])
    assert "Chosen: measured, 3 of 5. The others: exact, modelled, growth, sites." in said
    assert "Nothing is measured yet." in said
    assert bars[4][1] == {
        "type": "Bar", "name": "nop", "title": "NOP: tracing off", "value": 2.01, "interval": [1.96, 2.04],
        "text": "2.01 ns", "against": "not measurable",
    }  # fmt: skip
    assert [one["which"] for one in objects[4:]] == ["tight", "warm"]
    assert "smaller than this machine's noise of 2.0 %" in " ".join(objects[4]["said"])


def test_every_word_of_its_list_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured_at_once(monkeypatch)
    little_to_count(monkeypatch)
    arguments = {"save": str(tmp_path / "x.svg"), "choose": "growth", "point": "1"}
    first = Costs()
    first.start(Report())
    words = [*ASKED, *(action.word for action in first.offered())]
    for word in words:
        plain = plain_costs(lambda text: None)
        plain.begin()
        text = f"{word}:{arguments[word]}" if word in arguments else word
        assert plain.take(text) == (word not in ("q", "esc"))
    assert [word for word in words if plain.needs(word)] == list(arguments)
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")


def test_bars_can_be_drawn() -> None:
    drawn = played(plain_costs, "d")[-1].splitlines()
    assert drawn[5].startswith("function tracer on") and drawn[5].count("#") == 40


def test_what_means_nothing_is_an_error_that_helps() -> None:
    with pytest.raises(LearnerError, match="Did you mean 'growth'"):
        played(plain_costs, "choose:grwth")
    with pytest.raises(LearnerError, match="Did you mean 'zoom'"):
        played(plain_costs, "zom")


def test_from_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["step", "overhead", "--script", "2 q"]) == 0
    assert "MODELLED: cycles, by a table." in capsys.readouterr().out
    assert run(["step", "overhead", "--script", "hum"]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("2 down\nsave /no/such/place\n"))
    assert run(["step", "overhead", "--lines"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_mysteries_lead_here_where_they_ask_about_cost_and_go_on() -> None:
    said: list[str] = []
    mysteries = PlainVisit(Opening(), said.append)
    mysteries.begin()
    for word in "0 n n 0 end t n".split():
        assert mysteries.take(word)
    assert "what tracing costs" in said[-1]
    for word in "1 2 down esc".split():
        assert mysteries.take(word)
    assert "EXACT" in said[-4] and "MODELLED" in said[-3] and "Why is it not slow?" in said[-1]
    assert mysteries.take("n") and "One thing should worry you" in said[-1]
    assert mysteries.take("n") and "Trace one function." in said[-1]


def test_single_keys_on_a_terminal() -> None:
    terminal = pexpect.spawn(
        sys.executable, ["-m", "tui", "step", "overhead", "--plain"], dimensions=(24, 100), timeout=60, encoding="utf-8"
    )
    terminal.expect("EXACT")
    terminal.send("\x1b[C")
    terminal.expect("MODELLED")
    terminal.send("4")
    terminal.expect("Nothing is counted yet")
    terminal.send("\x1b[D")
    terminal.expect("Enter: measure|Nothing can be measured")
    terminal.send("\x1b")
    terminal.expect("What do you want to watch")
    terminal.send("\x1b")
    terminal.expect("simkernel ends")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
