"""The explorer: how long the whole search takes for 2 to 4 CPUs, how many states, and a violation with 3 CPUs."""

from __future__ import annotations

import pytest

from simkernel.explore import Finding, Question, explore
from simkernel.protocol import INT3_PROTOCOL, Variant
from tests.bench.table import Table, shortest


@pytest.mark.bench
@pytest.mark.parametrize(("cpus", "budget"), [(2, 0.2), (3, 2.0), (4, 60.0)])
def test_the_whole_of_int3(table: Table, cpus: int, budget: float) -> None:
    found: list[Finding] = []
    seconds = shortest(3, lambda: found.append(explore(Question(Variant(INT3_PROTOCOL), cpus=cpus))))
    assert found[0].safe
    table.budget(f"explore int3, byte, {cpus} CPUs: {found[0].states:,} states", seconds, "<=", budget, "s")
    table.note(f"states a second, {cpus} CPUs", found[0].states / seconds, "/s")
    fewer = explore(Question(Variant(INT3_PROTOCOL), cpus=cpus - 1)).states
    table.note(f"states, {cpus} CPUs against {cpus - 1}", found[0].states / fewer, "x")


@pytest.mark.bench
def test_a_violation(table: Table) -> None:
    question = Question(Variant(INT3_PROTOCOL).without("sync 3"), cpus=3)
    found: list[Finding] = []
    seconds = shortest(3, lambda: found.append(explore(question)))
    assert found[0].broken == "released"
    table.budget("explore int3 without sync 3, byte, 3 CPUs", seconds, "<=", 1.0, "s")
