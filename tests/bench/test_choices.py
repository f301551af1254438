"""How a run is cut into choices: what tracing and a pace cost the host, and how many choices are single steps.

What has nothing beside it in one run is told in loops (`table.python_loop`), so that the budget holds on any computer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

import pytest

from simkernel.ftrace.commands import SetTracer
from simkernel.kernel import KernelImage
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.options import RUNNING, STEPPING, Options, Pace
from simkernel.sim.simulation import Simulation
from tests.bench.table import Table, python_loop, seconds, shortest

INSTRUCTIONS = 1_000_000
ROUNDS = 5
SITES = 20_000


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
    table.budget("a run with the tracer on to one with it off", median(ratios), "<=", 2.5)


def enabling(image: KernelImage, pace: Pace) -> float:
    """Seconds to enable every site while the CPUs run."""
    with Simulation.boot(Options().paced(pace), image) as simulation:
        simulation.do(SetTracer("function"))
        return seconds(lambda: simulation.run_until_idle(100_000_000))


@pytest.mark.bench
def test_the_default_pace_to_that_of_a_person_who_steps(table: Table) -> None:
    image = KernelImage.synthetic(SITES)
    running, stepping = enabling(image, RUNNING), enabling(image, STEPPING)
    table.note(f"enable {SITES:,} sites under running CPUs, at the default pace", running, "s")
    table.note("the same at the pace of a person who steps", stepping, "s")
    table.budget("the default pace to that of a person who steps", running / stepping, "<=", 0.25)


def counting() -> float:
    """Seconds of `simkernel funccount '*' --functions 50000`, in a process of its own."""
    command = [sys.executable, "-m", "tui", "funccount", "*", "--functions", "50000"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _pid, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.bench
@pytest.mark.skipif(sys.platform == "win32", reason="needs wait4")
def test_funccount_of_a_large_kernel(table: Table) -> None:
    loops, took = [shortest(3, python_loop)], []
    for _ in range(2):
        took.append(counting())
        loops.append(shortest(3, python_loop))
    table.note("funccount '*' --functions 50000", min(took), "s")
    table.budget("the same, in loops of a million calls in Python", min(took) / min(loops), "<=", 54)
