"""A fork of a simulation in the middle of things."""

from __future__ import annotations

from statistics import median

import pytest

from simkernel.ftrace.commands import SetTracer
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.bench.table import Table, seconds


@pytest.mark.bench
def test_a_fork(table: Table) -> None:
    simulation = Simulation.boot(Options(cpus=4))
    simulation.do(SetTracer("function"))
    simulation.run_until_idle()
    forks: list[Simulation] = []
    times = []
    for _ in range(5):
        times.append(seconds(lambda: forks.append(simulation.fork())))
        forks.pop().close()
    table.budget("a fork, 4 CPUs", 1e3 * median(times), "<=", 60, "ms")
