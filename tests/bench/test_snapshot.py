"""One step to a new snapshot, in the middle of an update."""

from __future__ import annotations

import statistics
from functools import partial

import pytest

from simkernel.ftrace.commands import SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import Snapshot
from tests.bench.table import Table, seconds


def step(simulation: Simulation, shown: list[Snapshot]) -> None:
    simulation.step()
    shown.append(Snapshot.of(simulation, shown[-1] if shown else None))


@pytest.mark.bench
@pytest.mark.parametrize("functions", [None, 50_000])
@pytest.mark.parametrize("model", [FetchModel.PIECES, FetchModel.BYTE])
def test_a_step_to_a_new_snapshot(table: Table, functions: int | None, model: FetchModel) -> None:
    image = KernelImage.default() if functions is None else KernelImage.synthetic(functions)
    simulation = Simulation.boot(Options(cpus=4, model=model), image)
    simulation.do(SetTracer("function"))
    shown: list[Snapshot] = []
    took = statistics.median(seconds(partial(step, simulation, shown)) for _ in range(400))
    name = f"a step and its snapshot: {len(image.mcount_loc):,} functions, {model.value}"
    table.budget(name, 1e3 * took, "<=", 5, "ms")
