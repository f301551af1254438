"""A traced call: how many instructions it takes, and how it compares with a hook in Python that records the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import unicorn

from simkernel.ftrace.commands import SetTracer
from simkernel.hw.cpu import RFLAGS_IF
from simkernel.hw.registers import RegisterBatch
from simkernel.kernel import layout
from simkernel.overhead.quiet import carry_out
from simkernel.schedule import Run
from simkernel.sim.parts import parts_of
from tests.bench.table import Table, seconds
from tests.bench.walk import Walk

STEPS = 30_000


def site_to_site_5(walk: Walk) -> list[int]:
    """Instructions of each traced call among so many steps."""
    machine, sites = walk.machine, set(walk.simulation.image.mcount_loc.tolist())
    cpu, taken, site, rsp, began = machine.cpus[0], [], 0, 0, 0
    for step in range(STEPS):
        if cpu.rip in sites:
            site, rsp, began = cpu.rip, cpu.rsp, step
        elif cpu.rip == site + 5 and cpu.rsp == rsp:
            taken.append(step - began)
        machine.step(Run(0, 1))
    return taken


@pytest.mark.bench
def test_instructions_of_a_traced_call(table: Table) -> None:
    walk = Walk.of(2_000)
    carry_out(walk.simulation, SetTracer("function"))
    taken = site_to_site_5(walk)
    assert len(taken) > 100
    table.budget("a traced call, from its site to site + 5, at most", max(taken), "<=", 80, "instructions")


def hook(walk: Walk, events: list[tuple[int, int, int, int, int]]) -> Callable[[], None]:
    """Record the same in Python at the block that begins at a site: the cheapest hook that sees every call.

    A hook for each instruction would cost more, and so would registers read one by one. Returns the way to end it.
    """
    machine, sites = walk.machine, frozenset(walk.simulation.image.mcount_loc.tolist())
    engine, memory = walk.free.uc, machine.memory
    registers = RegisterBatch(engine, ("rsp", "eflags"))

    def record(_engine: object, rip: int, _size: int, _data: object) -> None:
        if rip in sites:
            rsp, flags = registers.read()
            stamp = parts_of(walk.simulation).kernel.percpu.read(0, layout.PCPU_CLOCK)
            parts_of(walk.simulation).kernel.percpu.write(0, layout.PCPU_CLOCK, stamp + 1)
            pid = memory.read_u32(
                parts_of(walk.simulation).kernel.percpu.read(0, layout.PCPU_CURRENT) + layout.TASK_PID
            )
            context = parts_of(walk.simulation).kernel.percpu.read(0, layout.PCPU_PREEMPT_COUNT) << 8 | (
                not flags & RFLAGS_IF
            )
            events.append((stamp, rip, memory.read_u64(rsp), pid, context))

    handle = engine.hook_add(unicorn.UC_HOOK_BLOCK, record)
    engine.ctl_flush_tb()
    return lambda: engine.hook_del(handle)


def by_hook(walk: Walk) -> tuple[float, int]:
    """(seconds, events) of a walk that the hook records."""
    events: list[tuple[int, int, int, int, int]] = []
    end = hook(walk, events)
    walk.uncounted()
    times = []
    for _ in range(5):
        events.clear()
        times.append(seconds(walk.uncounted))
    end()
    return min(times), len(events)


def by_guest(walk: Walk) -> tuple[float, int]:
    """The same of a walk that guest code records."""
    carry_out(walk.simulation, SetTracer("function"))
    walk.free.flush()
    walk.uncounted()
    times = []
    for _ in range(5):
        before = parts_of(walk.simulation).kernel.percpu.read(0, layout.PCPU_RING_HEAD)
        times.append(seconds(walk.uncounted))
    return min(times), parts_of(walk.simulation).kernel.percpu.read(0, layout.PCPU_RING_HEAD) - before


@pytest.mark.bench
def test_events_per_second(table: Table) -> None:
    walk = Walk.of(2_000)
    walk.uncounted()
    plain = min(seconds(walk.uncounted) for _ in range(5))
    hooked, seen = by_hook(walk)
    guest, written = by_guest(walk)
    assert seen == written > 1_000
    table.budget("events a second, guest code to a Python hook", hooked / guest, ">=", 1.5)
    table.note("guest code records", written / guest / 1e3, "thousand events/s")
    table.note("a Python hook records", seen / hooked / 1e3, "thousand events/s")
    table.note("the same code untraced to traced by the guest", guest / plain)
