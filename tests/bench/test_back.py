"""A step back in a long history, and what memory that and a large kernel take."""

from __future__ import annotations

import subprocess
import sys

import pytest

from simkernel.sim.simulation import Simulation
from tests.bench.long import history
from tests.bench.table import Table, seconds


def step_back(simulation: Simulation, position: int) -> float:
    """The shorter of two times for the step back from a position."""
    times = []
    for _ in range(2):
        simulation.goto(position)
        times.append(seconds(simulation.back))
    return min(times)


@pytest.mark.bench
def test_a_step_back(table: Table) -> None:
    simulation = history()
    times = [step_back(simulation, simulation.position - 61 * n) for n in range(16)]
    table.budget("a step back at 100,000 steps of history, the slowest of 16", 1e3 * max(times), "<=", 50, "ms")
    early = [step_back(simulation, 1_000 + 61 * n) for n in range(8)]
    table.note("the same at 1,000 to 1,500, all else lying ahead", 1e3 * max(early), "ms")


@pytest.mark.bench
@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
def test_memory(table: Table) -> None:
    for what, text in (("enable", "boot and enable 200,000 sites"), ("history", "100,000 steps of history")):
        done = subprocess.run([sys.executable, "-m", "tests.bench.long", what], capture_output=True, check=True)
        table.note(f"peak memory: {text}", int(done.stdout) / 2**20, "MiB")
