"""Runs that are long: history takes no more than it may, and what is traced and untraced stays what it should be."""

from __future__ import annotations

import sys
from random import Random

import pytest

from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.schedule import Run
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from simkernel.sim.validate import verdicts
from tests.test_fork import resident_bytes

BOUND = 8 << 20  # bytes of history
TRANSLATIONS = 16 << 20  # bytes of them that an engine has at most, before it forgets them together
FLAT = 12 << 20  # bytes that a process may grow by, of which one history is no part any more


def goes_on(first: int, more: int) -> None:
    """Choices upon choices, a site being traced all the while: what the process takes stays the same."""
    simulation = Simulation.boot(Options(quantum=20, seed=4), history_bytes=BOUND)
    simulation.do(SetTracer("function"))
    resident = 0
    for count in range(first + more):
        if count == first:
            resident = resident_bytes()
        simulation.step()
    assert resident_bytes() - resident < FLAT
    assert len(simulation.entries) == simulation.position > first + more


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/statm")
def test_memory_is_flat() -> None:
    goes_on(40_000, 60_000)


@pytest.mark.stress
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/statm")
def test_memory_is_flat_over_ten_million_choices() -> None:
    goes_on(200_000, 10_000_000)


def cycles(count: int) -> None:
    """Random sets of functions are traced and untraced; after each change everything is as it should be."""
    simulation = Simulation.boot(Options(seed=4, act_odds=256), history_bytes=BOUND)
    names, draw, resident = simulation.image.function_names(), Random(4), 0
    for cycle in range(count):
        chosen = draw.sample(names, draw.randrange(1, 30))
        for command in (SetFilter("filter", " ".join(chosen)), SetTracer("function"), SetTracer("nop")):
            simulation.do(command)
            assert simulation.run_until_idle()
            broken = [one for one in verdicts(simulation) if not one.holds]
            assert not broken, (cycle, command, broken)
        if cycle == count // 4 and sys.platform == "linux":
            resident = resident_bytes()
    assert sys.platform != "linux" or resident_bytes() - resident < FLAT + 2 * TRANSLATIONS
    assert isinstance(simulation.entries[0].what, Run)


def test_random_sets_are_traced_and_untraced() -> None:
    cycles(8)


@pytest.mark.stress
def test_random_sets_are_traced_and_untraced_ten_thousand_times() -> None:
    cycles(10_000)
