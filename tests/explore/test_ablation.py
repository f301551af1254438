"""The page of ablations is what the search says, and each of its cells plays on the simulation."""

from __future__ import annotations

import functools
from importlib import resources
from itertools import product

import pytest

from simkernel.explore import Finding, Question, explore_each
from simkernel.explore.ablation import Cell, markdown, rows, variants
from simkernel.explore.case import CHANGES, PLACES
from simkernel.explore.reasons import REASONS, verdict_of, why
from simkernel.explore.replay import replay
from simkernel.explore.stage import Stages
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import PROTOCOLS, parse
from simkernel.sim.moment import open_moment


@functools.cache
def table(change: str) -> tuple[list[Cell], ...]:
    """The rows for a change: every search of it, once a process."""
    return tuple(rows(change))


def cells(change: str) -> tuple[Cell, ...]:
    return tuple(cell for row in table(change) for cell in row)


def test_the_page_is_what_the_search_says() -> None:
    page = resources.files("simkernel.explore").joinpath("ablation.md").read_text(encoding="utf-8")
    assert page == markdown(table), "simkernel explore --ablation --markdown > simkernel/explore/ablation.md"


def test_each_cell_has_the_reason_of_its_verdict_and_no_reason_is_left_over() -> None:
    """A sentence is said for verdicts that it names: where the search says another, there is none."""
    said = set()
    for cell in (cell for change in CHANGES for cell in cells(change)):
        reason = why(cell.findings)
        assert reason, (cell.question, verdict_of(cell.findings))
        said.add(reason)
    assert said == {one.text for one in REASONS}
    assert all(len(reason.split()) <= 20 for reason in said)


def test_a_reason_is_given_only_to_the_question_that_it_answers() -> None:
    variant = parse("int3-2012")
    assert why(explore_each(Question(variant)))
    assert not why(explore_each(Question(variant, "call-call", properties=("whole",))))
    assert not why(explore_each(Question(variant, bound=10)))
    assert not why(explore_each(Question(variant.twice("sync 1"))))


def test_every_protocol_is_in_the_table_and_every_row_has_a_name_that_a_moment_can_give() -> None:
    assert set(PROTOCOLS) <= {row for row, _ in variants()}
    for _, variant in variants():
        assert parse(variant.name) == variant


def test_rows_with_nmis_are_those_of_int3_and_of_what_nmis_change() -> None:
    """By what is known of the protocols: who parks CPUs is torn; who is saved by interrupts being off is safe."""
    rows_of = {change: {cell.row for cell in cells(change) if cell.question.nmi} for change in CHANGES}
    ways = ("stop_machine", "stop_machine-bare", "stop_machine-ipi", "stop_machine-ipi-bare", "... without unpark")
    parks = {f"{one}, with NMIs" for one in (*ways, "stop_machine on nop jmp+3")}
    gate = {"int3, with NMIs", "int3 through a trap gate, with NMIs"}
    on = {name: {f"{name} on nop {form}, with NMIs" for form in ("5x1", "2+3")} for name in ("int3", "stop_machine")}
    assert rows_of["nop-call"] == gate | parks | on["int3"]
    assert rows_of["call-call"] == rows_of["call-nop"] == gate | parks | on["stop_machine"]


def ends_as_it_says(finding: Finding, stages: Stages) -> None:
    """Its schedule plays, the witness sees the same broken, and its moment opens at the start and ends there too."""
    played = replay(finding, stages)
    assert finding.broken in played.broken, finding.verdict()
    opened = open_moment(played.moment)
    assert opened.position == played.start and not opened.halt_reason
    while opened.position < len(opened.entries):
        opened.step()
    if finding.broken != "stuck":  # there the simulation has gone on, to see that nothing comes of it
        assert opened.position == played.simulation.position
        assert opened.halt_reason == played.simulation.halt_reason


@pytest.mark.parametrize("change", CHANGES)
def test_a_cell_opens_and_ends_as_it_says(change: str) -> None:
    """In each model and place, of one of every eleventh cell: the soonest failure."""
    stages = Stages()
    sample: dict[tuple[FetchModel, str], Cell] = {}
    for cell in cells(change)[::11]:
        if cell.broken:
            sample.setdefault((cell.question.model, cell.question.place), cell)
    assert set(sample) == set(product(FetchModel, PLACES))
    for cell in sample.values():
        ends_as_it_says(cell.broken[0], stages)


@pytest.mark.stress
@pytest.mark.parametrize("change", CHANGES)
def test_every_cell_opens_and_ends_as_it_says(change: str) -> None:
    """Every failure of every cell, whichever property it breaks."""
    stages = Stages()
    findings = [finding for cell in cells(change) for finding in cell.broken]
    assert len(findings) > 100
    for finding in findings:
        ends_as_it_says(finding, stages)
