"""The reader of the ring buffers, into which guest code writes records (`guest/ring_buffer.S`). There is no other.

Each CPU has a buffer of RING_ENTRIES slots. Record number n lies in slot n mod RING_ENTRIES, and is there once its
flags word holds REC_VALID and the lap (n / RING_ENTRIES, 15 bits of it). What is reserved but not yet written shows the
lap before. Where a buffer is full the newest record takes the place of the oldest, and guest code counts it (`overrun`)
if nobody had read it: entries written = entries in the buffer + overrun.

`Simplified:` Linux's buffer (kernel/trace/ring_buffer.c) is a ring of pages with records of any size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from simkernel.kernel import layout
from simkernel.trace.records import BITS, RAW, Record
from simkernel.trace.table import type_of
from simkernel.trace.types import RecordType

LAP_SHIFT, LAP_BITS = 16, 0x7FFF
Rows = npt.NDArray[Any]  # slots (n,) as RAW


class Memory(Protocol):
    """Guest data, as the reader uses it."""

    def read(self, address: int, size: int, /) -> bytes:
        """`size` bytes from an address."""
        ...

    def read_u64(self, address: int, /) -> int:
        """A word of eight bytes."""
        ...

    def read_u32(self, address: int, /) -> int:
        """A word of four bytes."""
        ...

    def write_u64(self, address: int, value: int, /) -> None:
        """Store a word of eight bytes."""
        ...

    def array(self, address: int, dtype: Any, shape: int | tuple[int, ...], write: bool = False) -> npt.NDArray[Any]:
        """A view of guest memory as an array; writable only where asked for."""
        ...


def _flags_of(number: Any) -> Any:
    """What a flags word holds above BITS once record `number` is written; for numbers or arrays of them."""
    return layout.REC_VALID | (number // layout.RING_ENTRIES & LAP_BITS) << LAP_SHIFT


def _slot_at(cpu: int, number: int) -> int:
    """The address of the slot in which a CPU's record of that number lies."""
    return layout.RING_BASE + cpu * layout.RING_STRIDE + number % layout.RING_ENTRIES * layout.RING_ENTRY_SIZE


def _flags(memory: Memory, slot: int, number: int) -> int | None:
    """The flags word of record `number` in its slot; None where that is not written yet."""
    flags = memory.read_u32(slot + layout.REC_FLAGS)
    return flags if flags & ~BITS == _flags_of(number) else None


@dataclass(frozen=True, slots=True)
class Ring:
    """The numbers of one CPU's buffer: records reserved ever, consumed, and lost."""

    cpu: int
    head: int
    tail: int
    overrun: int

    @classmethod
    def of(cls, memory: Memory, cpu: int) -> Ring:
        """The numbers of a CPU's buffer as they are now."""
        area = layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE
        offsets = layout.PCPU_RING_HEAD, layout.PCPU_RING_TAIL, layout.PCPU_RING_OVERRUN
        return cls(cpu, *(memory.read_u64(area + offset) for offset in offsets))

    @property
    def first(self) -> int:
        """The number of the oldest record that can still be read."""
        return max(self.tail, self.head - layout.RING_ENTRIES)

    def raw(self, memory: Memory) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """The slots from `first` to `head` (n,), and which of them are written."""
        numbers = np.arange(self.first, self.head)
        base = layout.RING_BASE + self.cpu * layout.RING_STRIDE
        slots = memory.array(base, RAW, layout.RING_ENTRIES)[numbers % layout.RING_ENTRIES]
        return slots, slots["flags"].astype(np.int64) & ~BITS == _flags_of(numbers)

    def written(self, memory: Memory) -> Rows:
        """The slots of records up to the first that is still under way (n,): those behind it wait for it."""
        slots, there = self.raw(memory)
        return slots[: len(slots) if there.all() else int(np.argmin(there))]

    def under_way(self, memory: Memory) -> bool:
        """True where a record is reserved and not yet written."""
        numbers = range(self.first, self.head)
        return any(_flags(memory, _slot_at(self.cpu, number), number) is None for number in numbers)

    def records(self, memory: Memory) -> list[Record]:
        """The written records, oldest first."""
        rows = self.written(memory)
        return decode_slots(rows.tobytes(), [self.cpu] * len(rows), range(self.first, self.first + len(rows)))


def of_type(rows: Rows, kind: RecordType) -> Rows:
    """Those of the slots (n,) that hold records of this type (m,), with its fields by name."""
    out: Rows = rows[rows["flags"] >> layout.REC_TYPE_SHIFT & layout.REC_TYPE_MASK == kind.number].view(kind.slot)
    return out


def decode_slots(slots: bytes, cpus: Sequence[int], numbers: Sequence[int]) -> list[Record]:
    """The records that some slots hold, each decoded as its type says; `cpus` and `numbers` are theirs."""
    kinds = [word >> layout.REC_TYPE_SHIFT & layout.REC_TYPE_MASK for word in _flags_words(slots)]
    types = {number: type_of(number) for number in set(kinds)}
    values = {number: np.frombuffer(slots, one.slot).tolist() for number, one in types.items()}
    out = []
    for at, (kind, cpu, number) in enumerate(zip(kinds, cpus, numbers, strict=True)):
        ts, *own, pid, flags = values[kind][at]
        out.append(types[kind].decode(ts, cpu, number, pid, flags & BITS, *own))
    return out


def finished(memory: Memory, cpu: int, first: int, head: int) -> list[Record]:
    """The records `first` to `head` - 1 of a CPU, as far as they are finished, read or not; oldest first.

    Left out are those that newer ones have overwritten, and all from the first on that is still under way: the list
    ends where the next look has to begin.
    """
    numbers = range(max(first, head - layout.RING_ENTRIES), head)
    if numbers and _flags(memory, _slot_at(cpu, numbers[0]), numbers[0]) is None:
        return []  # as at the end of most choices where each is short
    slots = b"".join(_slots(memory, cpu, numbers))
    count = 0
    for number, flags in zip(numbers, _flags_words(slots), strict=True):
        if flags & ~BITS != _flags_of(number):
            break
        count += 1
    return decode_slots(slots[: count * layout.RING_ENTRY_SIZE], [cpu] * count, numbers[:count])


def _flags_words(slots: bytes) -> list[int]:
    """The flags word of each slot."""
    return memoryview(slots).cast("I")[layout.REC_FLAGS // 4 :: layout.RING_ENTRY_SIZE // 4].tolist()


def _slots(memory: Memory, cpu: int, numbers: range) -> Iterator[bytes]:
    """What the slots of a CPU's records hold, in one piece or two: the buffer's end lies between them."""
    while numbers:
        piece = numbers[: layout.RING_ENTRIES - numbers[0] % layout.RING_ENTRIES]
        yield memory.read(_slot_at(cpu, piece[0]), len(piece) * layout.RING_ENTRY_SIZE)
        numbers = numbers[len(piece) :]


def merged(memory: Memory, cpus: int, last: int | None = None) -> list[Record]:
    """The records of CPUs 0..cpus-1, by time; nothing is consumed.

    Args:
        memory: guest data.
        cpus: how many there are.
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
    return decode_slots(rows[order].tobytes(), cpu[order].tolist(), number[order].tolist())


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
