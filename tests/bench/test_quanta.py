"""What it costs that a machine runs in choices of so many instructions, and that they are counted at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

import pytest

from simkernel.hw.way import VARIABLE
from simkernel.schedule import QUANTUM
from tests.bench.table import Table, seconds
from tests.bench.walk import Walk

ROUNDS = 5
PASSES = 12  # of each in a round, one after the other: the least is taken


def ratios(walk: Walk, works: Sequence[Callable[[], object]]) -> list[float]:
    """How many times as long as an uncounted walk each takes: in each round the least of its passes, then the median.

    They take turns, so that what else this computer does slows all of them; each begins where the walk begins.
    """
    rounds = []
    for _ in range(ROUNDS):
        passes: list[list[float]] = []
        for _ in range(PASSES):
            passes.append([])
            for work in (walk.uncounted, *works):
                walk.to_start()
                passes[-1].append(seconds(work))
        free, *times = (min(column) for column in zip(*passes, strict=True))
        rounds.append([time / free for time in times])
    return [median(column) for column in zip(*rounds, strict=True)]


@pytest.mark.bench
@pytest.mark.needs("blocks")
def test_quanta(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "blocks")
    walk = Walk.of(3_000)
    long = 10 * QUANTUM
    works = [walk.in_quanta, lambda: walk.in_quanta(long), walk.one_by_one]
    for work in (*works, *works):
        work()  # warm
    walk.to_start()
    short, longer, single = ratios(walk, works)
    table.note("an instruction of an uncounted run", 1e9 * seconds(walk.uncounted) / walk.length, "ns")
    table.note("a run counted one by one to an uncounted one", single)
    table.budget(f"Run(cpu, {QUANTUM:,}) to an uncounted run of the same instructions", short, "<=", 4.5)
    table.budget(f"Run(cpu, {long:,}) to an uncounted run of the same instructions", longer, "<=", 2.2)
