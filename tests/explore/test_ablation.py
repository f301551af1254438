"""The page of ablations is what the search says, and each of its cells plays on the simulation."""

from __future__ import annotations

from importlib import resources

import pytest

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


@pytest.mark.stress
@pytest.mark.parametrize("change", CHANGES)
def test_every_cell_opens_and_ends_as_it_says(change: str) -> None:
    stages = Stages()
    seen = 0
    for cell in cells(change):
        for finding in cell.findings[:1]:
            played = replay(finding, stages)
            assert finding.broken in played.broken, finding.verdict()
            opened = open_moment(played.moment)
            assert opened.position == played.start
            while opened.position < len(opened.entries):
                opened.step()
            assert opened.position == played.simulation.position or finding.broken == "stuck"
            assert opened.outcome == played.simulation.outcome or finding.broken == "stuck"
            seen += 1
    assert seen > len(COLUMNS)
