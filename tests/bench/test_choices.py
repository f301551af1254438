"""How a run is cut into choices, traced and not: what tracing costs the host, and how many choices are single steps."""

from __future__ import annotations

from statistics import median

import pytest

from simkernel.ftrace.commands import SetTracer
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.bench.table import Table, seconds

INSTRUCTIONS = 1_000_000
ROUNDS = 5


def running(traced: bool) -> Simulation:
    simulation = Simulation.boot(Options(patch_quantum=QUANTUM))
    if traced:
        simulation.do(SetTracer("function"))
    assert simulation.run_until_idle()
    simulation.run(INSTRUCTIONS // 10)
    return simulation


@pytest.mark.bench
def test_tracing_on_to_off(table: Table) -> None:
    off, on = running(traced=False), running(traced=True)
    first = on.position
    ratios = []
    for _ in range(ROUNDS):
        free = seconds(lambda: off.run(INSTRUCTIONS))
        ratios.append(seconds(lambda: on.run(INSTRUCTIONS)) / free)
    choices = [entry.what for entry in on.entries[first:] if isinstance(entry.what, Run)]
    single = sum(choice.n == 1 for choice in choices) / len(choices)
    table.budget("choices of one instruction, traced, outside of batches", 100 * single, "<=", 10, "%")
    table.note("a run with the tracer on to one with it off", median(ratios))
