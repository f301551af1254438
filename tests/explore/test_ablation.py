"""The page of ablations is what the search says, and each of its cells plays on the simulation."""

from __future__ import annotations

from importlib import resources

import pytest

from simkernel.explore import Finding
from simkernel.explore.ablation import COLUMNS, cells, markdown, protocols
from simkernel.explore.case import CHANGES
from simkernel.explore.replay import Stages, replay
from simkernel.moment import open_moment
from simkernel.protocol import PROTOCOLS, protocol_of


def test_the_page_is_what_the_search_says() -> None:
    page = resources.files("simkernel.explore").joinpath("ablation.md").read_text(encoding="utf-8")
    assert page == markdown(), "simkernel explore --ablation --markdown > simkernel/explore/ablation.md"


def test_every_protocol_is_in_the_table_and_every_row_has_a_name_that_a_moment_can_give() -> None:
    assert set(PROTOCOLS) <= {row for row, _, _ in protocols()}
    for _, protocol, _ in protocols():
        assert protocol_of(protocol.name) == protocol


def ends_as_it_says(finding: Finding, stages: Stages) -> None:
    """Its schedule plays, the witness sees the same broken, and its moment opens at the start and ends there too."""
    played = replay(finding, stages)
    assert finding.broken in played.broken, finding.verdict()
    opened = open_moment(played.moment)
    assert opened.position == played.start and not opened.outcome
    while opened.position < len(opened.entries):
        opened.step()
    if finding.broken != "stuck":  # there the simulation has gone on, to see that nothing comes of it
        assert opened.position == played.simulation.position
        assert opened.outcome == played.simulation.outcome


@pytest.mark.parametrize("change", CHANGES)
def test_a_cell_opens_and_ends_as_it_says(change: str) -> None:
    """Of every seventh cell, so that each column is there: the row's soonest failure."""
    stages = Stages()
    sample = [cell for cell in list(cells(change))[::7] if cell.findings]
    assert {cell.column for cell in sample} == {name for name, _, _ in COLUMNS}
    for cell in sample:
        ends_as_it_says(cell.findings[0], stages)


@pytest.mark.stress
@pytest.mark.parametrize("change", CHANGES)
def test_every_cell_opens_and_ends_as_it_says(change: str) -> None:
    """Every failure of every cell, whichever property it breaks."""
    stages = Stages()
    findings = [finding for cell in cells(change) for finding in cell.findings]
    assert len(findings) > len(COLUMNS)
    for finding in findings:
        ends_as_it_says(finding, stages)
