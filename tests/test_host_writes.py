"""After boot the host writes guest memory in listed places only, and registers only to deliver an exception.

Two watches: what the host says it writes (`GuestMemory.watch`), and what is different in memory after a step in which
no guest instruction ran. A CPU is at a site because it ran there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from simkernel.events import Event, ExceptionTaken, Int3Taken, InterruptTaken
from simkernel.ftrace.commands import RegisterOps, ResetBuffer, SetFilter, SetTracer, TracingOn, UnregisterOps
from simkernel.hw.cpu import Cpu
from simkernel.hw.fetch import FetchModel
from simkernel.hw.x86 import PAGE_SIZE
from simkernel.kernel import KernelImage, layout
from simkernel.patching.commands import Command, UseProtocol
from simkernel.patching.text_poke import TextPoke
from simkernel.protocol import parse
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.history import CHECKPOINT_INSTRUCTIONS
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

IMAGE = KernelImage.default()
DELIVERED = (ExceptionTaken, InterruptTaken, Int3Taken)
Span = tuple[int, int]  # address, size

# The patching task's words, by symbol, and their sizes.
WORDS = {
    "bp_desc": layout.DESC_SIZE,
    "int3_skip_mode": 8,
    "stop_serialize": 8,
    "text_mutex": 8,
    "tracing_on": 8,
    "ftrace_ops_list": 8,
    "function_trace_op": 8,
}
# Its words in each CPU's per-CPU area: a sync or a park is asked for; the ring buffer is reset; the clock.
PERCPU = (
    layout.PCPU_CSD,
    layout.PCPU_STOP,
    layout.PCPU_RING_HEAD,
    layout.PCPU_RING_TAIL,
    layout.PCPU_RING_OVERRUN,
)


@dataclass
class Watch:
    """What the host wrote since it was last emptied: memory, and (CPU, stack pointer) of each delivery."""

    memory: list[Span] = field(default_factory=list)
    registers: list[tuple[int, int]] = field(default_factory=list)


def patchers(simulation: Simulation) -> Iterator[Span]:
    """Where the patching task may write."""
    for name, size in WORDS.items():
        yield IMAGE.address(name), size
    for cpu in range(layout.NR_CPUS):
        for word in PERCPU:
            yield layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + word, 8
    yield layout.IDT_BASE + 16 * layout.VECTOR_BP, 8  # a protocol through a trap gate, and the way back
    yield layout.TP_VEC, layout.TP_VEC_MAX * layout.TP_LOC_SIZE
    yield layout.FTRACE_OPS_BASE, layout.FTRACE_OPS_SIZE * layout.FTRACE_OPS_MAX
    records = parts_of(simulation).machine.memory.regions[-1]
    yield layout.DYN_FTRACE_BASE, records.base + records.size - layout.DYN_FTRACE_BASE  # dyn_ftrace, then the hashes


def inside(span: Span, allowed: list[Span]) -> bool:
    address, size = span
    return any(low <= address and address + size <= low + room for low, room in allowed)


def differing(simulation: Simulation, before: list[bytes]) -> Iterator[int]:
    """Addresses of guest data that are not as they were."""
    for region, old in zip(parts_of(simulation).machine.memory.regions, before, strict=True):
        changed = np.flatnonzero(region.buffer != np.frombuffer(old, dtype=np.uint8))
        yield from (region.base + int(at) for at in changed)


def looked_at(simulation: Simulation, watch: Watch) -> Callable[[int], list[Event]]:
    """The patching task's `act`, whose every effect on memory has to have been told to the watch."""
    act = parts_of(simulation).task.act

    def looked(entries: int = 0) -> list[Event]:
        before = [bytes(region.data) for region in parts_of(simulation).machine.memory.regions]
        registers = [cpu.registers() for cpu in parts_of(simulation).machine.cpus]
        events = act(entries)
        assert all(inside((address, 1), watch.memory) for address in differing(simulation, before))
        assert registers == [cpu.registers() for cpu in parts_of(simulation).machine.cpus]
        return events

    return looked


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    transfer = Cpu.transfer

    def seen(cpu: Cpu, rip: int, rsp: int, flags: int) -> None:
        watch.registers.append((cpu.number, rsp))
        transfer(cpu, rip, rsp, flags)

    def refused(*_: object) -> None:
        raise AssertionError("registers are written otherwise than to deliver an exception")

    monkeypatch.setattr(Cpu, "transfer", seen)
    simulation_made = Simulation.boot

    def boot(options: Options) -> Simulation:
        simulation = simulation_made(options, IMAGE)
        monkeypatch.setattr(Cpu, "reset", refused)
        monkeypatch.setattr(Cpu, "restore", refused)
        monkeypatch.setattr(parts_of(simulation).task, "act", looked_at(simulation, watch))
        parts_of(simulation).machine.memory.watch = lambda address, size: watch.memory.append((address, size))
        return simulation

    monkeypatch.setattr(Simulation, "boot", boot)
    return watch


def check_step(simulation: Simulation, watch: Watch) -> None:
    """One step, held against the list."""
    watch.memory.clear()
    watch.registers.clear()
    events = simulation.step()
    entry = simulation.entries[simulation.position - 1].what
    if isinstance(entry, Run):
        clock = layout.PERCPU_BASE + entry.cpu * layout.PERCPU_SIZE + layout.PCPU_CLOCK
        frames = [(rsp, layout.FRAME_SIZE) for _, rsp in watch.registers]
        allowed = [(clock, 8), *frames]
        assert len(watch.registers) == sum(isinstance(event, DELIVERED) for event in events)
        assert all(cpu == entry.cpu for cpu, _ in watch.registers)
    else:
        allowed = list(patchers(simulation))
        assert not watch.registers
    for span in watch.memory:
        assert inside(span, allowed), f"{entry}: the host wrote {span[1]} bytes at {IMAGE.symbolize(span[0])}"


COMMANDS = (
    SetFilter("filter", "vfs_* *lock schedule"),
    SetTracer("function"),
    RegisterOps("count", "ftrace_ops_count", filter="vfs_* schedule"),
    TracingOn(False),
    ResetBuffer(),
    TracingOn(True),
    UnregisterOps("count"),
    SetTracer("nop"),
)


TO_A_TRAP_GATE_AND_BACK = (
    SetFilter("filter", "vfs_*"),
    UseProtocol(parse("int3 through a trap gate")),
    SetTracer("function"),
    UseProtocol(parse("int3")),
    SetTracer("nop"),
)


def carried_out(simulation: Simulation, watch: Watch, commands: Iterable[Command]) -> None:
    """Each command to its end, every step held against the list."""
    for command in commands:
        simulation.do(command)
        for _ in range(60_000):
            if simulation.patching.idle:
                break
            check_step(simulation, watch)
        assert simulation.patching.idle and not simulation.halt_reason


@pytest.mark.parametrize(
    ("model", "protocol"),
    [(FetchModel.PIECES, "int3"), (FetchModel.BYTE, "int3"), (FetchModel.LINE, "stop_machine")],
)
def test_the_host_writes_where_the_list_says(watch: Watch, model: FetchModel, protocol: str) -> None:
    options = Options(model=model, protocol=parse(protocol), patch_quantum=64, act_odds=256, nmi_odds=1500)
    simulation = Simulation.boot(options)
    carried_out(simulation, watch, COMMANDS)
    for _ in range(200):
        check_step(simulation, watch)


def test_a_trap_gate_and_the_way_back_are_written_where_the_list_says(watch: Watch) -> None:
    """Without ticks: a task that is preempted in the handler may go on after the batch, and the kernel dies of it."""
    options = Options(patch_quantum=64, act_odds=256, tick_period=0)
    simulation = Simulation.boot(options)
    before = parts_of(simulation).machine.memory.read(layout.IDT_BASE + 16 * layout.VECTOR_BP, 16)
    carried_out(simulation, watch, TO_A_TRAP_GATE_AND_BACK)
    assert parts_of(simulation).machine.memory.read(layout.IDT_BASE + 16 * layout.VECTOR_BP, 16) == before


def test_a_write_that_is_not_listed_is_found(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation.boot(Options())
    step = Simulation.step

    def meddling(self: Simulation) -> object:
        parts_of(self).machine.memory.write_u64(layout.TASKS_BASE, 7)
        return step(self)

    monkeypatch.setattr(Simulation, "step", meddling)
    with pytest.raises(AssertionError, match="the host wrote 8 bytes"):
        check_step(simulation, watch)


def test_a_write_that_nobody_told_of_is_found(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation.boot(Options(act_odds=256))
    simulation.do(SetTracer("function"))
    publish = TextPoke.act

    def meddling(self: TextPoke, entries: int = 0) -> list[Event]:
        region = self.machine.memory.regions[-1]
        region.data[layout.HEAP_BASE - region.base] ^= 1
        return publish(self, entries)

    monkeypatch.setattr(TextPoke, "act", meddling)
    with pytest.raises(AssertionError):  # noqa: PT012  within so many steps
        for _ in range(200):
            check_step(simulation, watch)


def pages_that_differ(simulation: Simulation, before: list[bytes]) -> set[int]:
    """The numbers of the pages of guest data that are not as they were."""
    return {address // PAGE_SIZE for address in differing(simulation, before)}


def test_what_differs_from_the_last_checkpoint_lies_in_pages_that_may_have_been_written() -> None:
    simulation, forked = Simulation(IMAGE, Options(seed=3)), False
    simulation.run_until(Simulation.booted, 2_000_000)

    def only_stored(now: Simulation, before: list[bytes]) -> set[int]:
        memory, differ = parts_of(now).machine.memory, pages_that_differ(now, before)
        assert differ <= memory.touched | memory.stored
        assert len(memory.touched | memory.stored) < sum(region.size for region in memory.regions) // PAGE_SIZE
        return differ - memory.touched

    for command in COMMANDS:
        simulation.do(command)
        while not simulation.patching.idle:
            simulation.keep_checkpoint()
            before = [bytes(region.data) for region in parts_of(simulation).machine.memory.regions]
            for _ in range(CHECKPOINT_INSTRUCTIONS // QUANTUM - 1):  # no other checkpoint on the way
                simulation.step()
            pages = only_stored(simulation, before)
            if pages and not forked:
                with simulation.fork() as fork:
                    assert only_stored(fork, before) == pages
                forked = True
    assert forked
