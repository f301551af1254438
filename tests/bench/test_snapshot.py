"""One step to a new snapshot, against its budget."""

from __future__ import annotations

import statistics
import time

import pytest

from simkernel.fetch import FetchModel
from simkernel.ftrace.commands import SetTracer
from simkernel.image import KernelImage
from simkernel.options import Options
from simkernel.simulation import Simulation
from simkernel.snapshot import Snapshot

BUDGET = 5.0  # ms for a step and its snapshot


@pytest.mark.bench
@pytest.mark.parametrize("functions", [None, 50_000])
@pytest.mark.parametrize("model", [FetchModel.PIECES, FetchModel.BYTE])
def test_a_step_to_a_new_snapshot(functions: int | None, model: FetchModel) -> None:
    image = KernelImage.default() if functions is None else KernelImage.synthetic(functions)
    simulation = Simulation.boot(Options(cpus=4, model=model), image)
    simulation.do(SetTracer("function"))
    snapshot, times = None, []
    for _ in range(400):
        start = time.perf_counter()
        simulation.step()
        middle = time.perf_counter()
        snapshot = Snapshot.of(simulation, snapshot)
        times.append((middle - start, time.perf_counter() - middle))
    step, taken = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    name = f"{functions or len(image.mcount_loc):,} functions, {model.value}"
    print(f"\n{name}: step {step:.2f} ms, snapshot {taken:.2f} ms (budget {BUDGET:.0f} ms together)")
    assert step + taken <= BUDGET
