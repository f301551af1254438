"""The ring buffers: records that guest code writes (`guest/trace.S`), read here.

Each CPU has its own: `RING_ENTRIES` records of 32 bytes. Record number n lies in slot n mod RING_ENTRIES, and is there
once its flags word holds REC_VALID and the lap (n / RING_ENTRIES, 15 bits of it). What is reserved but not yet written
shows the lap before. Where a buffer is full the newest record takes the place of the oldest, and guest code counts it
(`overrun`) if nobody had read it: entries written = entries in the buffer + overrun.

`Simplified:` Linux's buffer (kernel/trace/ring_buffer.c) is a ring of pages with records of any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from simkernel.kernel import layout

RECORD = np.dtype([("ts", "<u8"), ("ip", "<u8"), ("parent_ip", "<u8"), ("pid", "<u4"), ("flags", "<u4")])
assert RECORD.itemsize == layout.RING_ENTRY_SIZE
LAP_BITS = 0x7FFF


class Memory(Protocol):
    """Guest data, as the reader uses it."""

    def read(self, address: int, size: int, /) -> bytes: ...
    def read_u64(self, address: int, /) -> int: ...
    def read_u32(self, address: int, /) -> int: ...
    def write_u64(self, address: int, value: int, /) -> None: ...
    def array(
        self, address: int, dtype: Any, shape: int | tuple[int, ...], write: bool = False
    ) -> npt.NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class Record:
    """One event. `number` counts the CPU's records from 0, `ts` is the clock when it was stamped (instructions)."""

    ts: int
    cpu: int
    number: int
    ip: int
    parent_ip: int
    pid: int
    flags: int  # REC_*

    @property
    def irqs_off(self) -> bool:
        return bool(self.flags & layout.REC_IRQS_OFF)

    @property
    def need_resched(self) -> bool:
        return bool(self.flags & layout.REC_NEED_RESCHED)

    @property
    def hardirq(self) -> bool:
        return bool(self.flags & layout.REC_HARDIRQ)

    @property
    def nmi(self) -> bool:
        return bool(self.flags & layout.REC_NMI)

    @property
    def preempt_depth(self) -> int:
        return self.flags >> layout.REC_PREEMPT_SHIFT & 0xFF


@dataclass(frozen=True, slots=True)
class Ring:
    """The numbers of one CPU's buffer: records reserved ever, consumed, and lost."""

    cpu: int
    head: int
    tail: int
    overrun: int

    @classmethod
    def of(cls, memory: Memory, cpu: int) -> Ring:
        area = layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE
        offsets = layout.PCPU_RING_HEAD, layout.PCPU_RING_TAIL, layout.PCPU_RING_OVERRUN
        return cls(cpu, *(memory.read_u64(area + offset) for offset in offsets))

    @property
    def first(self) -> int:
        """The number of the oldest record that can still be read."""
        return max(self.tail, self.head - layout.RING_ENTRIES)

    def raw(self, memory: Memory) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """The slots from `first` to `head` (n,), and which of them are written."""
        numbers = np.arange(self.first, self.head)
        base = layout.RING_BASE + self.cpu * layout.RING_STRIDE
        slots = memory.array(base, RECORD, layout.RING_ENTRIES)[numbers % layout.RING_ENTRIES]
        flags = slots["flags"].astype(np.int64)
        lap = numbers // layout.RING_ENTRIES & LAP_BITS
        return slots, (flags & layout.REC_VALID != 0) & (flags >> 16 & LAP_BITS == lap)

    def written(self, memory: Memory) -> npt.NDArray[Any]:
        """The records up to the first that is still under way (n,): those behind it wait for it."""
        slots, there = self.raw(memory)
        return slots[: len(slots) if there.all() else int(np.argmin(there))]

    def under_way(self, memory: Memory) -> bool:
        """True where a record is reserved and not yet written."""
        return not self.raw(memory)[1].all()

    def records(self, memory: Memory) -> list[Record]:
        """The written records, oldest first."""
        rows = self.written(memory).tolist()
        return [_record(self.cpu, number, row) for number, row in enumerate(rows, self.first)]


def merged(memory: Memory, cpus: int, last: int | None = None) -> list[Record]:
    """The records of CPUs 0..cpus-1, by time; nothing is consumed.

    Args:
        last: only so many of the newest, and only these cost something.
    """
    rings = [Ring.of(memory, cpu) for cpu in range(cpus)]
    written = [ring.written(memory) for ring in rings]
    cpu = np.repeat(np.arange(cpus), [len(rows) for rows in written])
    number = np.concatenate([ring.first + np.arange(len(rows)) for ring, rows in zip(rings, written, strict=True)])
    rows = np.concatenate(written)
    order = np.lexsort((number, cpu, rows["ts"]))[
        slice(None) if last is None else slice(max(0, len(rows) - last), None)
    ]
    columns = cpu[order].tolist(), number[order].tolist(), rows[order].tolist()
    return [_record(*columns_of_one) for columns_of_one in zip(*columns, strict=True)]


def _record(cpu: int, number: int, row: tuple[int, ...]) -> Record:
    ts, ip, parent_ip, pid, flags = row
    return Record(ts, cpu, number, ip, parent_ip, pid, flags & 0xFFFF)


def consume(memory: Memory, cpus: int) -> list[Record]:
    """The same, and they are gone: a consuming read (trace_pipe). A state of the guest is changed: its RING_TAIL.

    A CPU that has a record under way keeps its records for the next time, so that guest code compares each record
    with one tail and counts exactly what is lost.
    """
    found: list[Record] = []
    for cpu in range(cpus):
        ring = Ring.of(memory, cpu)
        if not ring.under_way(memory):
            found += ring.records(memory)
            area = layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE
            memory.write_u64(area + layout.PCPU_RING_TAIL, ring.head)
    return sorted(found, key=lambda record: (record.ts, record.cpu, record.number))


def totals(memory: Memory, cpus: int) -> tuple[int, int]:
    """(entries in the buffers, entries written), as the head of `trace` has them (`get_total_entries()`)."""
    rings = [Ring.of(memory, cpu) for cpu in range(cpus)]
    entries = sum(len(ring.written(memory)) for ring in rings)
    return entries, entries + sum(ring.overrun for ring in rings)


def saved_cmdlines(memory: Memory) -> dict[int, str]:
    """pid -> comm of the tasks there are (`Simplified:` Linux saves them as it traces, and loses the oldest)."""
    found: dict[int, str] = {}
    for slot in range(layout.TASKS_MAX):
        task = layout.TASKS_BASE + slot * layout.TASK_SIZE
        comm = memory.read(task + layout.TASK_COMM, 16).split(b"\0")[0]
        if comm:
            found[memory.read_u32(task + layout.TASK_PID)] = comm.decode("ascii", "replace")
    return found
