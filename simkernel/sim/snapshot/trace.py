"""The last records that guest code has written into the ring buffers, merged by their time stamps."""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.sim.narrate.operands import code_name
from simkernel.sim.simulation import Simulation
from simkernel.trace import View, function
from simkernel.trace.ringbuffer import Record, merged
from simkernel.tracefs import view_of

TAIL = 24  # records that a snapshot holds


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
    found = merged(simulation.machine.memory, simulation.options.cpus, count)
    view = view_of(simulation.core) if found else None
    return tuple(_record(simulation, view, record) for record in found if view)


def _record(simulation: Simulation, view: View, record: Record) -> TraceRecord:
    names = code_name(simulation.image, record.ip), code_name(simulation.image, record.parent_ip)
    return TraceRecord(
        record.cpu,
        record.number,
        record.ts,
        record.ip,
        record.parent_ip,
        record.pid,
        record.flags,
        *names,
        function.line(view, record).lstrip(),
    )
