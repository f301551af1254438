"""The last records that guest code has written into the ring buffers, merged by their time stamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkernel import layout
from simkernel.narrate.operands import code_name
from simkernel.ringbuffer import Record
from simkernel.simulation import Simulation
from simkernel.tracefs import view_of
from simkernel.tracers import View, function

TAIL = 24  # records that a snapshot holds
RECORD = np.dtype([("ts", "<u8"), ("ip", "<u8"), ("parent", "<u8"), ("pid", "<u4"), ("flags", "<u4")])  # layout.REC_*
assert RECORD.itemsize == layout.RING_ENTRY_SIZE


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """A record: `index` counts those of its CPU from 0, `stamp` is in instructions of the machine's clock.

    `line` is that of the file `trace`, without the blanks before it.
    """

    cpu: int
    index: int
    stamp: int
    ip: int
    parent_ip: int
    pid: int
    flags: int
    function: str
    parent: str
    line: str


def trace_tail(simulation: Simulation, count: int = TAIL) -> tuple[TraceRecord, ...]:
    """The last `count` finished records of all CPUs that no reader has consumed, oldest first."""
    machine = simulation.machine
    found: list[tuple[int, int, int, tuple[int, ...]]] = []
    for cpu in range(len(machine.cpus)):
        head, tail = (machine.percpu(cpu, word) for word in (layout.PCPU_RING_HEAD, layout.PCPU_RING_TAIL))
        first = max(tail, head - layout.RING_ENTRIES, head - count, 0)
        if first >= head:
            continue
        base = layout.RING_BASE + cpu * layout.RING_STRIDE
        ring = machine.memory.array(base, RECORD, layout.RING_ENTRIES)
        for index in range(first, head):
            record = tuple(ring[index % layout.RING_ENTRIES].tolist())
            if record[4] & layout.REC_VALID:
                found.append((record[0], cpu, index, record))
    found.sort(key=lambda one: one[:3])
    view = view_of(simulation.core) if found else None
    return tuple(_record(simulation, view, cpu, index, record) for _, cpu, index, record in found[-count:] if view)


def _record(simulation: Simulation, view: View, cpu: int, index: int, record: tuple[int, ...]) -> TraceRecord:
    stamp, ip, parent, pid, flags = record
    names = code_name(simulation.image, ip), code_name(simulation.image, parent)
    line = function.line(view, Record(stamp, cpu, index, ip, parent, pid, flags)).lstrip()
    return TraceRecord(cpu, index, stamp, ip, parent, pid, flags, *names, line)
