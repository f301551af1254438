"""The explorer against an enumerator without reductions: the same properties are broken, for the whole gallery."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest

from simkernel.explore.case import CHANGES, PLACES, case_of
from simkernel.explore.effects import Bench
from simkernel.explore.properties import BY_NAME, violations_of
from simkernel.explore.search import Search
from simkernel.explore.world import World
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import parse
from tests.explore.brute import Brute, bench_of
from tests.explore.test_gallery import GALLERY

ODD = (
    "stop_machine with park twice",
    "stop_machine without park",
    "stop_machine without unpark",
    "int3 without release",
    "int3 with release before sync 3",
    "int3 with write head before sync 1",
    "int3 with sync 2 before write tail",
    "int3 without write int3",
)


def verdicts(
    name: str, change: str, place: str, model: FetchModel, cpus: int, nmi: bool = False
) -> tuple[set[str], set[str], Brute]:
    protocol = parse(name).table
    case = case_of(change, place, protocol.nop, nmi=nmi)
    answer = Search(World(protocol, case, model, bench=bench_of(case)), cpus, BY_NAME).run(
        first_only=False, bound=10**7
    )
    assert answer.finished
    brute = Brute(protocol, case, model, cpus)
    return {violations_of(bit)[0] for bit in answer.violations}, set(brute.broken), brute


Cell = tuple[str, str, FetchModel]
MODELS = tuple(FetchModel)
EVERYWHERE = tuple(product(CHANGES, PLACES, MODELS))


def agree(name: str, cells: Iterable[Cell], cpus: int, nmi: bool = False) -> None:
    """In every cell of a protocol's row the search finds broken what the enumerator does."""
    searched: dict[Cell, set[str]] = {}
    enumerated: dict[Cell, set[str]] = {}
    for cell in cells:
        searched[cell], enumerated[cell], _ = verdicts(name, *cell, cpus, nmi)
    assert searched == enumerated


@pytest.mark.parametrize("name", [*GALLERY, *ODD])
def test_one_cpu(name: str) -> None:
    agree(name, EVERYWHERE, 1)


@pytest.mark.parametrize("name", [*GALLERY, *ODD])
def test_two_cpus(name: str) -> None:
    agree(name, product(("nop-call",), ("across",), MODELS), 2)


@pytest.mark.parametrize("name", [*GALLERY, *ODD])
def test_one_cpu_to_which_nmis_come(name: str) -> None:
    agree(name, product(CHANGES, ("inside",), MODELS), 1, nmi=True)


@pytest.mark.parametrize(
    "name", ["int3", "int3 through a trap gate", "stop_machine", "stop_machine-bare", "stop_machine-ipi-bare", *ODD[:3]]
)
def test_two_cpus_to_which_nmis_come(name: str) -> None:
    agree(name, product(("nop-call",), ("inside",), MODELS), 2, nmi=True)


@pytest.mark.stress
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", [*GALLERY, *ODD])
def test_two_cpus_everywhere(name: str, model: FetchModel) -> None:
    agree(name, product(CHANGES, PLACES, (model,)), 2)
    agree(name, product(CHANGES, PLACES[:1], (model,)), 2, nmi=True)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("change", CHANGES)
def test_what_bytes_do_does_not_depend_on_what_was_tried_before(change: str, place: str) -> None:
    """All searches of a case share what they have tried: each of it again, alone, in the opposite order."""
    agree("naive", product((change,), (place,), MODELS), 1)
    case = case_of(change, place)
    tried = bench_of(case)._known
    again = Bench(case)
    assert len(tried) > 5
    assert {key: again.effect(*key) for key in reversed(tried)} == tried


def test_the_enumerator_tells_cpus_apart() -> None:
    protocol, model = parse("int3").table, FetchModel.LINE
    _, _, brute = verdicts("int3", "nop-call", "across", model, 2)
    search = Search(World(protocol, case_of("nop-call", "across"), model), 2, BY_NAME).run(first_only=False)
    assert brute.states > 2 * search.states
