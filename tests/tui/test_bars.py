"""Bars: their lengths are the figures; what is no more than noise has no bar; the SVG is one and says the same."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from simkernel.overhead.exact import exact
from simkernel.overhead.measured import Difference, Measured
from tui.bars import COLUMNS, exact_chart, measured_chart, svg, text_lines
from tui.cli import run

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
    assert exact_chart([exact("none"), exact("nop")]).sentence.startswith(
        "Off: 1 instruction and 5 bytes of code more a call."
    )


def test_noise_is_no_bar() -> None:
    chart = measured_chart(MEASURED)
    assert [(bar.value, bar.interval) for bar in chart.bars] == [(2.0, None), (None, None), (4.0, (3.5, 5.0))]
    assert "not measurable" in text_lines(chart)[3] and "#" not in text_lines(chart)[3]
    assert "noise of 2.0 %" in chart.sentence


def test_the_picture_has_a_bar_for_each(tmp_path: Path) -> None:
    chart = measured_chart(MEASURED)
    root = ElementTree.fromstring(svg(chart))
    widths = [float(one.attrib["width"]) for one in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths[1] == 0 and widths[2] == pytest.approx(2 * widths[0], abs=0.2)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["overhead", "nop", "--svg", str(tmp_path / "none" / "x.svg")]) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err
