"""The reader against a guest in Python that writes records by the rules of guest/ring_buffer.S."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from simkernel.ftrace.commands import ResetBuffer, SetFilter, SetTracer
from simkernel.kernel import layout
from simkernel.schedule import Act
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.trace import ringbuffer
from simkernel.trace.entries.function import FunctionRecord
from simkernel.trace.ringbuffer import Ring, totals
from tests.ftrace.fakes import FakeMemory


@dataclass
class Guest:
    """Writes records as `function_trace_call` does, and keeps the truth."""

    memory: FakeMemory = field(default_factory=lambda: FakeMemory(layout.BSS_FIXED_SIZE))
    clock: int = 0
    seen: list[FunctionRecord] = field(default_factory=list)

    def word(self, cpu: int, offset: int) -> int:
        return layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + offset

    def reserve(self, cpu: int) -> int:
        number = self.memory.read_u64(self.word(cpu, layout.PCPU_RING_HEAD))
        self.memory.write_u64(self.word(cpu, layout.PCPU_RING_HEAD), number + 1)
        tail = self.memory.read_u64(self.word(cpu, layout.PCPU_RING_TAIL))
        if number - layout.RING_ENTRIES >= tail:
            at = self.word(cpu, layout.PCPU_RING_OVERRUN)
            self.memory.write_u64(at, self.memory.read_u64(at) + 1)
        return number

    def finish(self, cpu: int, number: int, flags: int = 0) -> None:
        self.clock += 1
        record = FunctionRecord(self.clock, cpu, number, 100 + cpu, flags, 0x1000 + number, 0x2000 + cpu)
        slot = layout.RING_BASE + cpu * layout.RING_STRIDE + number % layout.RING_ENTRIES * layout.RING_ENTRY_SIZE
        lap = number // layout.RING_ENTRIES & 0x7FFF
        for offset, value in ((layout.REC_TS, record.ts), (layout.REC_IP, record.ip), (0x10, record.parent_ip)):
            self.memory.write_u64(slot + offset, value)
        self.memory.write(slot + layout.REC_PID, record.pid.to_bytes(4, "little"))
        self.memory.write(slot + layout.REC_FLAGS, (layout.REC_VALID | lap << 16 | flags).to_bytes(4, "little"))
        self.seen.append(record)

    def record(self, cpu: int, times: int = 1) -> None:
        for _ in range(times):
            self.finish(cpu, self.reserve(cpu))


def test_records_of_all_cpus_come_out_by_time() -> None:
    guest = Guest()
    for cpu in (0, 1, 1, 0, 2, 1):
        guest.record(cpu)
    assert ringbuffer.merged(guest.memory, 3) == guest.seen
    assert ringbuffer.merged(guest.memory, 3) == guest.seen, "reading takes nothing away"
    assert ringbuffer.totals(guest.memory, 3) == (6, 6)


def test_a_full_buffer_keeps_the_newest_and_counts_the_rest() -> None:
    guest = Guest()
    guest.record(0, 3 * layout.RING_ENTRIES + 7)
    assert ringbuffer.merged(guest.memory, 1) == guest.seen[-layout.RING_ENTRIES :]
    assert ringbuffer.totals(guest.memory, 1) == (layout.RING_ENTRIES, 3 * layout.RING_ENTRIES + 7)


def test_what_is_under_way_and_what_came_after_it_is_not_shown_yet() -> None:
    guest = Guest()
    guest.record(0, layout.RING_ENTRIES + 2)
    outer = guest.reserve(0)
    inner = guest.reserve(0)  # an interrupt's
    guest.finish(0, inner)
    shown = ringbuffer.merged(guest.memory, 1)
    assert [record.number for record in shown] == list(range(4, layout.RING_ENTRIES + 2))
    assert Ring.of(guest.memory, 0).under_way(guest.memory)
    assert ringbuffer.consume(guest.memory, 1) == []
    guest.finish(0, outer)
    assert [record.number for record in ringbuffer.merged(guest.memory, 1)][-2:] == [inner, outer], "by time"
    assert not Ring.of(guest.memory, 0).under_way(guest.memory)


@given(st.lists(st.one_of(st.tuples(st.integers(0, 1), st.integers(1, 900)), st.none()), max_size=12))
def test_every_record_is_read_once_or_counted_as_lost(turns: list[tuple[int, int] | None]) -> None:
    guest, read = Guest(), 0
    for turn in turns:
        if turn is None:
            read += len(ringbuffer.consume(guest.memory, 2))
        else:
            guest.record(*turn)
    read += len(ringbuffer.consume(guest.memory, 2))
    lost = sum(Ring.of(guest.memory, cpu).overrun for cpu in (0, 1))
    assert read + lost == len(guest.seen)
    assert ringbuffer.merged(guest.memory, 2) == []


def test_a_reset_waits_for_a_record_under_way() -> None:
    """Else who writes it could count it as lost, though it was thrown away before."""
    simulation = Simulation.boot(Options(2, quantum=20))
    for command in (SetFilter("filter", "vfs_* _raw_spin_lock"), SetTracer("function")):
        simulation.do(command)
    simulation.run_until_idle()
    memory, task = parts_of(simulation).machine.memory, parts_of(simulation).task

    def writing() -> tuple[int, ...]:
        return tuple(cpu for cpu in range(2) if Ring.of(memory, cpu).under_way(memory))

    assert simulation.run_until(lambda _: writing() != (), 1_000_000)
    simulation.do(ResetBuffer())
    who = writing()
    simulation.step(Act())
    assert task.waits_for() == who and not task.ready()
    assert simulation.run_until(lambda _: task.ready(), 100_000) and not writing()
    simulation.step(Act())
    assert task.idle and totals(memory, 2) == (0, 0)
