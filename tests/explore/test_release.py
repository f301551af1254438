"""The wait at a release is the second of two guards: with sync 3 it is never needed, without sync 3 it is."""

from __future__ import annotations

from itertools import product

import pytest

from simkernel.explore.case import CHANGES, PLACES, case_of
from simkernel.explore.properties import USUAL
from simkernel.explore.question import Question, explore
from simkernel.explore.search import Search
from simkernel.explore.world import World
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import INT3_PROTOCOL, Variant
from tests.explore.brute import bench_of
from tests.stress.mutations import unwaited

CASES = tuple(product(CHANGES, PLACES))
INT3 = Variant(INT3_PROTOCOL)
WITHOUT = INT3.without("sync 3")


def is_held(variant: Variant, change: str, place: str, model: FetchModel) -> bool:
    """True where some order of events leaves a handler with its reference when the batch's record is gone."""
    case = case_of(change, place, variant.table.nop)
    world = World(variant.table, case, model, bench=bench_of(case))
    search = Search(world, 2, USUAL)
    assert search.run(first_only=False).finished
    gone = (state[1:] for state in search.states if state[0] > world.program.goes_at)
    return any(not search._holding.isdisjoint(cpus) for cpus in gone)


@pytest.mark.parametrize("model", FetchModel)
@pytest.mark.parametrize(("change", "place"), CASES)
def test_with_sync_3_the_release_needs_no_wait(change: str, place: str, model: FetchModel) -> None:
    assert explore(Question(unwaited(INT3), change, place, model)).safe
    assert not is_held(unwaited(INT3), change, place, model)


@pytest.mark.parametrize("model", FetchModel)
@pytest.mark.parametrize(("change", "place"), CASES)
def test_without_sync_3_the_wait_is_all_there_is(change: str, place: str, model: FetchModel) -> None:
    assert not is_held(WITHOUT, change, place, model)
    assert is_held(unwaited(WITHOUT), change, place, model)
