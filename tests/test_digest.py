"""What the two digests are of: the machine's own bytes and numbers, and Python's state besides."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel, PendingStore, Store
from simkernel.hw.machine import Machine
from simkernel.hw.x86 import PAGE_SIZE
from simkernel.schedule import Nmi, Run
from simkernel.sim.digest import machine_digest, state_digest
from simkernel.sim.moment import Moment, moment_string, open_moment
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation


@pytest.fixture(scope="module")
def patching() -> Simulation:
    """Within a batch, CPU1 with bytes pending, no interrupt on its way to it; after commands and choices by hand."""
    simulation = Simulation.boot(Options(seed=3, model=FetchModel.BYTE, patch_quantum=1, act_odds=24))
    simulation.do(SetFilter("filter", "vfs_* schedule"))
    simulation.do(SetTracer("function"))
    machine = parts_of(simulation).machine
    for _ in range(2_000):
        simulation.step()
        if machine.code.views[1].pending and not machine.interrupts.waits(1, machine.states[1], machine.clock):
            break
    simulation.step(Run(0, 1))
    simulation.step(Nmi(0))
    assert machine.changing.longest and machine.code.views[1].pending and machine.states[1].ipi_sent is None
    return simulation


@pytest.fixture
def simulation(patching: Simulation) -> Simulation:
    return patching.fork()


def digests(simulation: Simulation) -> tuple[str, str]:
    return machine_digest(simulation), state_digest(simulation)


# --- what the machine holds ------------------------------------------------------------------------------------


def other_data(machine: Machine) -> None:
    machine.memory.regions[-1].buffer[-1] ^= 1


def other_code(machine: Machine) -> None:
    machine.code.memory[-1] ^= 1


def empty_page(machine: Machine, number: int = 0) -> None:
    """A page that holds nothing but zeros holds something."""
    pages = machine.memory.regions[-1].buffer.reshape(-1, PAGE_SIZE)
    pages[np.flatnonzero(~pages.any(axis=1))[number], 0] = 1


def another_empty_page(machine: Machine) -> None:
    empty_page(machine, 1)


def other_view(machine: Machine) -> None:
    machine.code.views[1].code[-1] ^= 1


def pending_store(machine: Machine, offset: int = 0, value: int = 0) -> None:
    """CPU1's oldest pending store has its first byte this far behind, or with this much in other bits."""
    store = machine.code.views[1].pending[0].store
    offsets, values = store.offsets.copy(), store.values.copy()
    offsets[0] += offset
    values[0] ^= value
    machine.code.views[1].pending[0] = PendingStore(Store(offsets, values, store.cells))


def pending_elsewhere(machine: Machine) -> None:
    pending_store(machine, offset=1)


def pending_other_value(machine: Machine) -> None:
    pending_store(machine, value=1)


def pending_no_longer(machine: Machine) -> None:
    item = machine.code.views[1].pending[0]
    item.taken = np.zeros(len(item.store.offsets), dtype=np.bool_)
    item.taken[0] = True


def none_pending(machine: Machine) -> None:
    machine.code.views[1].pending.clear()


def other_register(machine: Machine) -> None:
    machine.cpus[1].reset(r15=machine.cpus[1].registers()["r15"] ^ 1)


def other_flags(machine: Machine) -> None:
    cpu = machine.cpus[1]
    cpu.transfer(cpu.rip, cpu.rsp, cpu.flags ^ 1)


def later(machine: Machine) -> None:
    machine.clock += 1


def ipi_sent(machine: Machine) -> None:
    machine.send_ipi(1)


def ipi_sent_before(machine: Machine) -> None:
    machine.states[1].ipi_sent = machine.clock - 1


def nmi_sent(machine: Machine) -> None:
    machine.step(Nmi(1))


def tick_taken(machine: Machine) -> None:
    machine.states[1].ticks_seen += 1


def byte_read(machine: Machine) -> None:
    machine.states[1].reading = machine.next_bytes(1)[:1]


def halted(machine: Machine) -> None:
    machine.halt("oops on CPU1")


CHANGES = (
    other_data, empty_page, another_empty_page, other_code, other_view,
    pending_elsewhere, pending_other_value, pending_no_longer, none_pending,
    other_register, other_flags, later, ipi_sent, ipi_sent_before, nmi_sent, tick_taken, byte_read, halted,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_the_machine_holds_is_in_both(simulation: Simulation, change: Callable[[Machine], None]) -> None:
    before = digests(simulation)
    change(parts_of(simulation).machine)
    after = digests(simulation)
    assert after[0] != before[0] and after[1] != before[1]


def test_each_change_makes_a_digest_of_its_own(patching: Simulation) -> None:
    seen = {*digests(patching)}
    for change in CHANGES:
        fork = patching.fork()
        change(parts_of(fork).machine)
        seen.update(digests(fork))
    assert len(seen) == 2 * (1 + len(CHANGES))


# --- what Python holds -----------------------------------------------------------------------------------------


def widened(value: Any) -> Any:
    """A dataclass's value as one of another class: another name, one field more."""
    names = [field.name for field in dataclasses.fields(value)]
    kind = dataclasses.make_dataclass("Otherwise", [*names, "more"])
    return kind(*(getattr(value, name) for name in names), more=1)


def other_steps(simulation: Simulation) -> None:
    task = parts_of(simulation).task
    state = task.state()
    assert state.plan is not None
    task.restore(state._replace(plan=dataclasses.replace(state.plan, steps=tuple(map(widened, state.plan.steps)))))


def other_cpu_states(simulation: Simulation) -> None:
    machine = parts_of(simulation).machine
    machine.states = [widened(state) for state in machine.states]


def other_log(simulation: Simulation) -> None:
    task = parts_of(simulation).task
    task.restore(task.state()._replace(log=((0, "another line"),)))


def other_words(simulation: Simulation) -> None:
    parts_of(simulation).machine.halt_reason = "the kernel died"


@pytest.mark.parametrize("change", [other_steps, other_cpu_states, other_log, other_words])
def test_how_our_classes_are_laid_out_is_in_that_of_the_state_only(
    simulation: Simulation, change: Callable[[Simulation], None]
) -> None:
    parts_of(simulation).machine.halt("oops on CPU1")
    before = digests(simulation)
    change(simulation)
    after = digests(simulation)
    assert after[0] == before[0] and after[1] != before[1]


@contextmanager
def renamed() -> Iterator[None]:
    """Every dataclass of the engine is called something else."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "simkernel"]
    classes = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    ours = [kind for kind in classes if kind.__module__.startswith("simkernel.") and dataclasses.is_dataclass(kind)]
    names = [kind.__name__ for kind in ours]
    try:
        for kind, name in zip(ours, names, strict=True):
            kind.__name__ = f"Renamed{name}"
        yield
    finally:
        for kind, name in zip(ours, names, strict=True):
            kind.__name__ = name


def test_a_moment_does_not_know_what_our_classes_are_called(simulation: Simulation) -> None:
    text, before = moment_string(simulation), digests(simulation)
    with renamed():
        after = digests(simulation)
        assert after[0] == before[0] and after[1] != before[1]
        assert moment_string(simulation) == text
        assert Moment.from_string(text).made and digests(open_moment(text)) == after
