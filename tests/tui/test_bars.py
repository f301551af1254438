"""Bars: their lengths are the figures, whiskers lie around their ends; the SVG is one and says the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lessons.activities.charts import FIRST, exact_chart, measured_chart, modelled_chart
from lessons.chart import Bar, Chart
from simkernel.overhead.exact import exact
from simkernel.overhead.measured import Difference, Measured
from simkernel.overhead.modelled import costs, modelled
from tui.cli import run
from tui.view.bars import COLUMNS, cells, text_lines

MEASURED = Measured(
    "warm",
    48,
    70,
    2.0,
    0.02,
    (Difference("nop", 0.01, -0.02, 0.03, 0.005, False), Difference("call", 2.0, 1.5, 3.0, 1.0, True)),
)


def test_lengths_are_the_figures() -> None:
    rows = [exact("nop"), exact("call"), exact("function"), exact("nops")]
    chart = exact_chart(rows)
    assert [bar.value for bar in chart.bars] == [row.instructions for row in rows[:3]]
    drawn = [line.count("#") for line in text_lines(chart)[2:5]]
    assert drawn[2] == COLUMNS
    assert drawn[0] == round(COLUMNS * rows[0].instructions / rows[2].instructions)


@pytest.mark.keystone
def test_the_sentence_has_what_off_costs() -> None:
    assert exact_chart([exact("none"), exact("nop")]).sentence.startswith("Off: 1 instruction more a call (+5.6 %).")
    assert exact_chart([exact(name) for name in FIRST]).sentence.endswith(" On: x 5.1.")


def test_what_is_no_more_than_noise_has_its_bar_and_says_so() -> None:
    chart = measured_chart(MEASURED)
    assert [(bar.value, bar.interval) for bar in chart.bars] == [(2.0, None), (2.01, (1.96, 2.04)), (4.0, (3.5, 5.0))]
    assert [bar.against for bar in chart.bars] == ["", "not measurable", "x 2.0"]
    assert text_lines(chart)[2:5] == [
        "no site           ################ 2.00 ns",
        "NOP: tracing off  ################| 2.01 ns  not measurable",
        "call left in      ############################====-------| 4.00 ns  x 2.0",
    ]
    assert "difference in time is smaller than this machine's noise of 2.0 %" in chart.sentence


def test_what_is_measurable_is_said_with_its_interval() -> None:
    off = Difference("nop", 0.05, 0.045, 0.06, 0.025, True)
    assert "+0.050 ns (+0.045 to +0.060), +2.5 %." in measured_chart(replace(MEASURED, differences=(off,))).sentence
    off = Difference("nop", 0.05, -0.01, 0.2, 0.025, False)
    chart = measured_chart(replace(MEASURED, differences=(off,)))
    assert "cannot be told from none" in chart.sentence and chart.bars[1].interval == (1.96, 2.2)


def test_a_table_prices_the_counts_and_says_what_it_cannot_price() -> None:
    rows = [exact("nop"), exact("int3"), exact("function")]
    table = replace(costs(), cycles={form: cost for form, cost in costs().cycles.items() if form != "int3"})
    bars = modelled_chart(rows, table).bars
    assert [bar.value for bar in bars] == [modelled(rows[0], table).cycles, modelled(rows[2], table).cycles]
    every = modelled_chart(rows, table, [row.name for row in rows]).bars
    assert [bar.text.startswith("more than ") for bar in every] == [False, True, False]


@pytest.mark.keystone
def test_what_off_costs_by_a_table_is_said_where_it_has_a_price() -> None:
    rows, table = [exact("none"), exact("nop")], costs()
    more = table.cycles["nop"]
    assert modelled_chart(rows, table).sentence == f"Off: {more:.2f} cycles more a call (+1.0 %), by this table."
    unpriced = replace(table, cycles={form: cost for form, cost in table.cycles.items() if form != "nop"})
    assert "no price" in modelled_chart(rows, unpriced).sentence


@pytest.mark.parametrize(
    ("bar", "drawn"),
    [
        (Bar("", 5, ""), "#####"),
        (Bar("", 0.01, ""), "#"),
        (Bar("", 20, ""), "#########>"),
        (Bar("", 5, "", interval=(3, 8)), "###==--|"),
        (Bar("", 5, "", interval=(3, 6)), "###==|"),
        (Bar("", 5, "", interval=(3, 5)), "###=="),
        (Bar("", 5, "", interval=(-1, 5.1)), "====="),
        (Bar("", 5, "", interval=(4.9, 5.1)), "#####|"),
        (Bar("", 5, "", interval=(3, 12)), "###==---->"),
        (Bar("", 10, "", interval=(9.9, 10)), "##########"),
    ],
)
def test_a_bar_is_as_long_as_its_value_and_its_interval_lies_where_it_is(bar: Bar, drawn: str) -> None:
    assert cells(bar, 10, 10) == drawn


@pytest.mark.parametrize("value", [0.4, 1, 3.3, 7.9])
def test_a_measured_bar_ends_at_its_estimate_however_wide_its_interval_is(value: float) -> None:
    lone = cells(Bar("", value, ""), 10, 40)
    for low, high in ((value, value), (value - 0.3, value + 2), (0, 10), (value / 2, value)):
        drawn = cells(Bar("", value, "", interval=(low, high)), 10, 40)
        assert len(drawn.rstrip("-|")) == len(lone) and set(drawn[: len(lone)]) <= set("#=")
        assert drawn.count("#", 0, len(lone)) == min(len(lone), round(4 * low))


def test_parts_of_a_column_are_drawn_where_there_are_characters_for_them() -> None:
    drawn = [cells(Bar("", value, ""), 4, 1, "#", "123") for value in range(1, 5)]
    assert drawn == ["1", "2", "3", "#"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["overhead", "nop", "--slides", str(tmp_path / "none" / "x.svg")]) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "the name of the file is empty"),
        (".", ". cannot be written: it is a directory"),
        ("/", "/ cannot be written: it is a directory"),
        ("none/x.svg", "none/x.svg cannot be written: No such file"),
        ("bars.svg", "bars-cycles.svg would be written too, but it is there already"),
        ("more.svg", "more-syncs.svg would be written too, but it is there already"),
    ],
)
def test_pictures_that_cannot_be_written_are_refused_before_the_work_and_nothing_is_harmed(
    name: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tui.commands.overhead.count", lambda *_: pytest.fail("the work has begun"))
    for mine in ("bars.svg", "bars-cycles.svg", "more-syncs.svg"):
        (tmp_path / mine).write_text("mine")
    assert run(["overhead", "nop", "--measure", "--plot", "--slides", name]) == 2
    assert why in capsys.readouterr().err
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == dict.fromkeys(
        ("bars.svg", "bars-cycles.svg", "more-syncs.svg"), "mine"
    )


def test_a_bar_many_times_as_long_as_the_next_is_cut_off_and_the_others_can_be_seen() -> None:
    bars = (Bar("one", 1, "1"), Bar("two", 2, "2"), Bar("far", 200, "200", interval=(190, 210)))
    lines = text_lines(Chart("h", bars, "s"))
    assert [line.count("#") for line in lines[2:4]] == [COLUMNS * 10 // 25, COLUMNS * 20 // 25]
    assert lines[4].split()[1].endswith(">") and lines[-1].startswith("Cut off at the edge") and "far" in lines[-1]
    near = Chart("h", (*bars[:2], Bar("near", 9, "9")), "s")
    assert not any("Cut off" in line for line in text_lines(near))
