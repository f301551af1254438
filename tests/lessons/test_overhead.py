"""What tracing costs, without a screen: each answer's bars, what is awaited, what is said; the work can be ended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lessons.activities.charts import FIRST
from lessons.activities.costs import Costs
from lessons.activities.overhead import ANSWERS, CLOSER, Overhead
from lessons.activities.overhead_words import FIRST_BAR, explained, notes, row_explained, waiting
from lessons.picture import Prose, Rows
from simkernel.errors import Cancelled, LearnerError
from simkernel.overhead.exact import exact
from simkernel.overhead.modelled import costs, modelled
from simkernel.overhead.published import published
from simkernel.overhead.sites import patch_sites
from simkernel.overhead.variants import VARIANTS
from simkernel.report import Report
from tests.tui.measurements import MEASURED, little_to_count, measured_at_once
from tui.view.save import save_bars

pytestmark = pytest.mark.keystone


def counted(every: bool = False) -> Overhead:
    overhead = Overhead()
    if every:
        overhead.more()
    overhead.work()
    return overhead


def all_answers(monkeypatch: pytest.MonkeyPatch) -> Overhead:
    """With something to see in each."""
    measured_at_once(monkeypatch)
    little_to_count(monkeypatch)
    overhead = counted()
    for _ in ANSWERS:
        overhead.turn(1)
        overhead.work()
    return overhead


def test_first_four_bars_then_all_of_them() -> None:
    overhead = counted()
    assert overhead.chart is not None and [bar.name for bar in overhead.chart.bars] == list(FIRST)
    assert [bar.value for bar in overhead.chart.bars] == [exact(name).instructions for name in FIRST]
    overhead.more()
    assert overhead.chart is None and overhead.can_work
    assert "4 of 10 are counted." in waiting(overhead)
    overhead.work()
    assert overhead.chart is not None and [bar.name for bar in overhead.chart.bars] == list(VARIANTS)


def test_an_answer_never_has_the_figures_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    overhead = all_answers(monkeypatch)
    units = {"exact": "instruction", "modelled": "cycles", "measured": " ns "}
    for name, unit in units.items():
        overhead.look_at(name)
        chart = overhead.chart
        assert chart is not None and chart.heading.startswith(name.upper())
        figures = [text for bar in chart.bars[1:] for text in (bar.text, explained(overhead, bar).sentences[-1])]
        assert any(unit in text for text in figures)
        assert not any(other in text for text in figures for other in units.values() if other != unit)


def test_the_price_is_the_tables() -> None:
    overhead = counted()
    overhead.look_at("modelled")
    assert overhead.chart is not None
    assert [bar.value for bar in overhead.chart.bars] == [modelled(exact(name), costs()).cycles for name in FIRST]
    assert any("LLVM" in one for one in notes(overhead))


def test_what_takes_long_is_begun_only_when_asked_for() -> None:
    assert [name for name, answer in ANSWERS.items() if answer.at_once] == ["exact", "modelled"]
    overhead = Overhead()
    for name in ("measured", "growth", "sites"):
        overhead.look_at(name)
        assert overhead.chart is None and overhead.can_work
        assert "up to a minute" in waiting(overhead)[0] or name == "growth"


def test_sites_have_a_table_of_what_is_counted_and_one_of_what_is_modelled(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = Costs()
    overhead = costs.overhead = all_answers(monkeypatch)
    overhead.look_at("sites")
    assert overhead.chart is None and not overhead.awaited
    one, ten = patch_sites(1), patch_sites(10)
    counted = (("sites", "batches", "stores", "syncs"), [("1", "1", "3", "3"), ("10", "1", "30", "3")])
    price = [("1", f"{one.price:,}", f"{one.price:,}"), ("10", f"{ten.price:,}", f"{ten.price / 10:,.0f}")]
    modelled = (("sites", "patch time, instructions", "a site"), price)
    for heading, (columns, cells) in (("EXACT", counted), ("MODELLED", modelled)):
        parts = {part.name: part for part in costs.picture().parts}
        table, published_apart = parts["sites"], parts["published"]
        assert isinstance(table, Rows) and isinstance(published_apart, Prose) and "bars" not in parts
        assert table.title.startswith(heading)
        assert (table.columns, [row.cells for row in table.rows]) == (columns, cells)
        said = [one.text for one in published_apart.paragraphs]
        assert said == [f"{one.text} Source: {one.source}." for one in published("patching")]
        assert costs.picture().figure is not None
        overhead.other()


def test_a_row_of_sites_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    overhead = all_answers(monkeypatch)
    overhead.look_at("sites")
    overhead.move(1)
    assert overhead.cursor == 1
    about = row_explained(overhead, patch_sites(10))
    assert about.title == "10 sites" and about.sentences[0].endswith("up to 256 sites are one batch and share them.")
    assert row_explained(overhead, patch_sites(257)).sentences[0] == (
        "6 syncs for 257 sites: 2 batches of at most 256 sites share 3 each."
    )
    overhead.other()
    assert row_explained(overhead, patch_sites(10)).sentences[0].startswith("2,245 instructions")
    overhead.move(1)
    assert overhead.cursor == 0


def test_a_bar_is_explained_with_its_bytes_and_its_figures() -> None:
    overhead = counted()
    assert overhead.chart is not None and overhead.chart.bars[overhead.cursor].name == "nop"
    said = {bar.name: explained(overhead, bar) for bar in overhead.chart.bars}
    assert said["none"].sentences[-1] == FIRST_BAR
    assert said["nop"].code == VARIANTS["nop"].what and said["nop"].sentences[0] == VARIANTS["nop"].sentence
    more = {name: one.sentences[-1] for name, one in said.items()}
    assert more["function"].startswith("On average a call runs 7") and not re.search(r"\d\.\d", more["function"])
    none, row = exact("none").instructions, exact("nop")
    calls = row.calls
    assert row.instructions - none == calls and exact("call").instructions - none == 2 * calls
    nop = f"(5 bytes of code) more than with no site: +{calls:,} in {calls:,} calls."
    call = f"(6 bytes of code) more than with no site: +{2 * calls:,} in {calls:,} calls."
    assert more["nop"] == f"A call runs 1 instruction {nop} It accesses memory as often."
    assert more["call"] == f"A call runs 2 instructions {call} It accesses memory 2 times more."


def test_closer_cuts_off_what_is_long() -> None:
    overhead = counted()
    assert overhead.end == exact("function").instructions
    overhead.closer = True
    assert overhead.end == CLOSER * exact("none").instructions


def test_work_can_be_ended_and_what_is_counted_stays() -> None:
    overhead = Overhead()

    parts: list[float | None] = []

    def show(report: Report) -> None:
        parts.append(report.part)
        if "2 of 4" in report.text:
            report.cancel()

    with pytest.raises(Cancelled):
        overhead.work(Report(show))
    assert list(overhead.counted) == ["none"] and parts == [0, 0.25]
    overhead.work()
    assert overhead.chart is not None


@pytest.mark.parametrize("whose", ["system", "memory"])
def test_where_nothing_can_be_measured_it_is_said_why(whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if whose == "system":
        monkeypatch.setattr("sys.platform", "darwin")
    else:
        monkeypatch.setattr("simkernel.overhead.native.mmap.mmap", refuse)
    overhead = Overhead()
    overhead.look_at("measured")
    assert not overhead.can_work
    said = " ".join(waiting(overhead))
    assert "Nothing can be measured here" in said and ("Linux" if whose == "system" else "not permitted") in said


def test_without_an_assembler_the_rest_is_shown_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkernel.asm.available", lambda: False)
    overhead = counted()
    assert overhead.chart is not None and [bar.name for bar in overhead.chart.bars] == ["nop", "call", "function"]
    assert overhead.cursor == 0 and "no site" in notes(overhead)[0] and "Keystone" in notes(overhead)[0]
    assert "more than with NOP" in explained(overhead, overhead.chart.bars[1]).sentences[-1]


def test_a_file_has_the_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = Costs()
    overhead = costs.overhead = all_answers(monkeypatch)
    for name in ANSWERS:
        overhead.look_at(name)
        figure = costs.picture().figure
        assert figure is not None
        save_bars(costs.picture(), str(tmp_path / "x.svg"))
        save_bars(costs.picture(), str(tmp_path / "x.txt"))
        assert f"<!-- {figure.heading}. -->" in (tmp_path / "x.svg").read_text()
        text = (tmp_path / "x.txt").read_text()
        assert text.startswith(("EXACT", "MODELLED", "MEASURED")) and ("\n\nsites" in text) == (name == "sites")
    with pytest.raises(LearnerError, match="cannot be written: No such"):
        save_bars(costs.picture(), str(tmp_path / "none" / "x.svg"))
    with pytest.raises(LearnerError, match="no bars"):
        save_bars(Costs().picture(), str(tmp_path / "x.svg"))


def test_what_is_measured_is_said_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    overhead = all_answers(monkeypatch)
    overhead.look_at("measured")
    assert overhead.picture == "tight" and any("clock source" in one for one in notes(overhead))
    overhead.other()
    assert overhead.picture == "warm" and overhead.chart is not None
    assert f"noise of {100 * MEASURED.noise:.1f} %" in overhead.chart.sentence
    assert not any("From fast" in one for one in notes(overhead))
    overhead.more()
    assert any("no site ~ NOP: tracing off < call left in < function" in one for one in notes(overhead))
    overhead.more()
    call, function = (" ".join(explained(overhead, overhead.chart.bars[at]).sentences) for at in (2, 3))
    assert "+2.000 ns (+1.500 to +3.000), +100.0 %" in call and "RDTSC" not in call
    assert "not RDTSC" in function


def test_an_answer_that_there_is_not() -> None:
    with pytest.raises(LearnerError, match="Did you mean 'modelled'"):
        Overhead().look_at("modeled")


def test_what_is_awaited_says_what_enter_does() -> None:
    costs = Costs()
    for answer, does in (("measured", "measure"), ("growth", "count"), ("exact", "count")):
        costs.overhead.look_at(answer)
        costs.overhead.__dict__["refused"] = ""  # this machine can measure
        assert dict(costs.picture().hints)["enter"] == does
        result = costs.apply("down")
        assert result.refused and result.message == f"Next bar: nothing is there yet; Enter {does}s it"
