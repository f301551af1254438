"""What tracing costs in plain mode: the figures as sentences, the same as the bars'; from the command line, and from
the mysteries and back."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pexpect
import pytest

from lessons.activities.charts import FIRST
from simkernel.errors import LearnerError
from simkernel.overhead.exact import exact
from simkernel.overhead.variants import VARIANTS
from tests.tui.measurements import little_to_count, measured_at_once
from tests.tui.playing import flat, played
from tui.cli import run
from tui.stepper.plain_mysteries import PlainMysteries
from tui.stepper.plain_overhead import WORDS, PlainOverhead

pytestmark = pytest.mark.keystone


def test_figures_first_then_an_explanation_of_each() -> None:
    first, explained = map(flat, played(PlainOverhead, "y"))
    for name in FIRST:
        assert f"{VARIANTS[name].title}: {exact(name).instructions:,} instructions." in first
        assert flat(VARIANTS[name].sentence) in explained
    assert "Off: 1 instruction and 5 bytes of code more a call." in first


def test_measuring_waits_for_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    measured_at_once(monkeypatch)
    objects = [json.loads(one) for one in played(PlainOverhead, "measured n b g o", as_json=True)]
    assert [one["answer"] for one in objects] == ["exact", "measured", "growth", "measured", "measured", "measured"]
    assert [bool(one["bars"]) for one in objects] == [True, False, False, False, True, True]
    assert objects[1]["said"][0].startswith("Nothing is measured yet.")
    assert objects[4]["bars"][1] == {
        "name": "nop", "title": "NOP: tracing off", "value": None, "interval": [1.96, 2.04], "text": "not measurable",
    }  # fmt: skip
    assert [one["picture"] for one in objects[4:]] == ["tight", "warm"]
    assert "smaller than this machine's noise of 2.0 %" in objects[4]["sentence"]


def test_every_word_of_its_list_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured_at_once(monkeypatch)
    little_to_count(monkeypatch)
    for word in WORDS:
        plain = PlainOverhead(lambda text: None)
        plain.begin()
        assert plain.take(f"w:{tmp_path / 'x.svg'}" if word == "w" else word) == (word not in ("q", "back"))
    assert [word for word in WORDS if plain.needs(word)] == ["w"]
    assert (tmp_path / "x.svg").read_text().startswith("<svg")


def test_bars_can_be_drawn() -> None:
    drawn = played(PlainOverhead, "d")[-1].splitlines()
    assert drawn[5].startswith("function tracer on") and drawn[5].count("#") == 40


def test_what_means_nothing_is_an_error_that_helps() -> None:
    with pytest.raises(LearnerError, match="Did you mean 'growth'"):
        played(PlainOverhead, "grwth")


def test_from_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["step", "overhead", "--script", "modelled q"]) == 0
    assert "MODELLED: cycles, by a table." in capsys.readouterr().out
    assert run(["step", "overhead", "--script", "hum"]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("2 y\nw /no/such/place\n"))
    assert run(["step", "overhead", "--lines"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_mysteries_lead_here_where_they_ask_about_cost_and_go_on() -> None:
    said: list[str] = []
    mysteries = PlainMysteries(said.append)
    mysteries.begin()
    with pytest.raises(LearnerError):
        mysteries.take("C")
    for word in "? n t t n C 2 y back".split():
        assert mysteries.take(word)
    assert "EXACT" in said[-4] and "MODELLED" in said[-3] and said[-1] == said[-5] and "Why is it not slow?" in said[-1]
    assert mysteries.take("n") and "One thing should worry you" in said[-1]
    assert not mysteries.take("n")


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
    terminal.expect("Words: g begin|Nothing can be measured")
    terminal.send("\x1b")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
