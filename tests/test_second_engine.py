"""Shown is executed: an engine that forgets every translation before each run comes to the same state, step by step.

Unicorn goes on running an old translation after the host has changed the code, and reading the code back proves
nothing. So a second simulation makes the same steps with all translations flushed before each run, and may differ in
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

import simkernel.hw.cpu as cpu_module
from simkernel.events import Int3Taken, SiteStored
from simkernel.ftrace.commands import SetTracer
from simkernel.hw.cpu import Cpu
from simkernel.hw.fetch import FetchModel
from simkernel.hw.way import VARIABLE
from simkernel.kernel import KernelImage
from simkernel.sim.digest import state_digest
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

IMAGE = KernelImage.default()
Ran = TypeVar("Ran")
WITHIN = 100  # steps of CPUs after a write, in which a translation that should have gone must show


def flushing(cpu: Cpu, run: Callable[[int], Ran]) -> Callable[[int], Ran]:
    """`Cpu.run` or `Cpu.run_straight` on an engine that has no translation of anything."""

    def flushed(count: int) -> Ran:
        cpu._flush()
        return run(count)

    return flushed


def first_difference(
    monkeypatch: pytest.MonkeyPatch, options: Options, entries: int, keep: str = ""
) -> tuple[int, set[int]]:
    """Trace every function in two simulations in step.

    `keep`: an engine of each CPU of the first one keeps its translations of changed code: that which counts one by
    one, or by blocks.

    Returns: how many steps after a write they first differed (-1: never), and the CPUs that moved soon after a write.
    """
    one, other = (Simulation.boot(options, IMAGE) for _ in range(2))
    for cpu in parts_of(other).machine.cpus:
        monkeypatch.setattr(cpu, "run", flushing(cpu, cpu.run))
        monkeypatch.setattr(cpu, "run_straight", flushing(cpu, cpu.run_straight))
    for cpu in parts_of(one).machine.cpus if keep else ():
        assert cpu._blocks is not None
        monkeypatch.setattr(cpu._stepper if keep == "one by one" else cpu._blocks.engine, "drop", lambda *_: None)
    for simulation in (one, other):
        simulation.do(SetTracer("function"))
    since, moved = WITHIN, set[int]()
    for at in range(4 * entries):
        if at >= entries and any(isinstance(event, Int3Taken) for event in one.log):
            break
        before = [cpu.rip for cpu in parts_of(one).machine.cpus]
        events = one.step()
        if other.step() != events or registers(one) != registers(other):
            return since, moved
        if at % 200 == 0 and state_digest(one) != state_digest(other):
            return since, moved
        since = 0 if any(isinstance(event, SiteStored) for event in events) else since + 1
        if since <= WITHIN:
            moved |= {number for number, cpu in enumerate(parts_of(one).machine.cpus) if cpu.rip != before[number]}
    assert state_digest(one) == state_digest(other)
    assert any(isinstance(event, Int3Taken) for event in one.log)
    return -1, moved


def registers(simulation: Simulation) -> list[dict[str, int]]:
    return [cpu.registers() for cpu in parts_of(simulation).machine.cpus]


@pytest.mark.parametrize("model", FetchModel)
@pytest.mark.parametrize(("quantum", "entries"), [(1, 9000), (8, 4000), (300, 1500)])
def test_the_engine_runs_what_a_fresh_one_runs(
    monkeypatch: pytest.MonkeyPatch, model: FetchModel, quantum: int, entries: int
) -> None:
    if quantum == 300:  # by blocks where it can be
        monkeypatch.setattr(cpu_module, "BLOCKS_FROM", 2)
    options = Options(cpus=3, seed=quantum, model=model, patch_quantum=quantum, act_odds=256, nmi_odds=300)
    assert first_difference(monkeypatch, options, entries) == (-1, {0, 1, 2})


@pytest.mark.needs("blocks")
@pytest.mark.parametrize(("quantum", "keep"), [(1, "one by one"), (8, "one by one"), (300, "by blocks")])
def test_a_translation_that_is_kept_shows_within_a_hundred_steps(
    monkeypatch: pytest.MonkeyPatch, quantum: int, keep: str
) -> None:
    monkeypatch.setenv(VARIABLE, "blocks")
    if keep == "by blocks":
        monkeypatch.setattr(cpu_module, "BLOCKS_FROM", 2)
    long = quantum == 300  # a run in which a CPU soon comes to what has changed
    options = Options(model=FetchModel.INSTANT, seed=int(long), patch_quantum=quantum, act_odds=128 if long else 256)
    steps, _ = first_difference(monkeypatch, options, 8000, keep)
    assert 0 <= steps <= WITHIN
