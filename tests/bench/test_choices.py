"""How a run is cut into choices: what tracing and a pace cost the host, and how many choices are single steps."""

from __future__ import annotations

from statistics import median

import pytest

from simkernel.ftrace.commands import SetTracer
from simkernel.kernel import KernelImage
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.options import RUNNING, STEPPING, Options, Pace
from simkernel.sim.simulation import Simulation
from tests.bench.table import Table, seconds

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
    table.note("a run with the tracer on to one with it off", median(ratios))


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
