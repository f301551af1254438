"""Enabling every site of a kernel: 4 CPUs, batches of 256, each sync taken by the guest's handler on each CPU."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from simkernel import insn
from simkernel.events import BatchStarted, Event, SyncAnswered, SyncSent
from simkernel.ftrace.commands import SetTracer, TracingOn
from simkernel.kernel.layout import TP_VEC_MAX
from simkernel.overhead.quiet import at_rest, carry_out
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.bench.table import Table, seconds

CPUS = 4


def enable(simulation: Simulation) -> float:
    """Seconds from the command to the end of its plan. Checks that every sync was answered and every site calls."""
    events: list[Event] = []
    took = seconds(lambda: events.extend(carry_out(simulation, SetTracer("function"))))
    seen, sites = Counter(map(type, events)), simulation.image.mcount_loc
    assert seen[SyncAnswered] == CPUS * seen[SyncSent]
    assert seen[BatchStarted] >= len(sites) // TP_VEC_MAX and seen[SyncSent] >= 3 * seen[BatchStarted]
    assert np.all(parts_of(simulation).machine.code.rows(sites, 5)[:, 0] == insn.CALL)
    return took


def measure(simulation: Simulation, repeats: int) -> float:
    """The shortest of several times, the sites disabled again in between; records are not written meanwhile."""
    carry_out(simulation, TracingOn(False))
    times = []
    for _ in range(repeats):
        times.append(enable(simulation))
        carry_out(simulation, SetTracer("nop"))
    return min(times)


@pytest.mark.bench
def test_enable_50_000_sites(table: Table) -> None:
    took = measure(at_rest(50_000, CPUS), 5)
    table.budget("enable 50,000 sites on 4 CPUs, each sync by its IPI", 1e3 * took, "<=", 100, "ms")


@pytest.mark.bench
def test_time_per_site(table: Table) -> None:
    kernels = {sites: at_rest(sites, CPUS) for sites in (10_000, 200_000)}
    each = {sites: 1e6 * measure(kernel, 3) / sites for sites, kernel in kernels.items()}
    for sites, took in each.items():
        table.note(f"of {sites:,} sites, each takes", took, "us")
    table.budget("time a site at 200,000 to that at 10,000", each[200_000] / each[10_000], "<=", 1.5)
