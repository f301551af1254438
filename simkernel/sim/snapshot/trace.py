"""The last records that guest code has written into the ring buffers, merged by their time stamps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simkernel.ftrace.now import FtraceNow
from simkernel.sim.now import SimulationNow
from simkernel.trace import Record, View, line_of, type_of

TAIL = 24  # records that a snapshot holds


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """A record.

    Attributes:
        type: its type by name.
        cpu: that wrote it.
        index: counts the CPU's records from 0.
        stamp: when, in instructions of the machine's clock.
        ip: the site that it is about, 0: none.
        parent_ip: where that function was called, 0: not recorded.
        pid: of the task that ran.
        flags: REC_*, and the preempt depth.
        function: the site by name.
        parent: the caller by name.
        text: what its type says of it, with offsets in functions.
        line: that of the file `trace`, without the blanks before it.
    """

    type: str
    cpu: int
    index: int
    stamp: int
    ip: int
    parent_ip: int
    pid: int
    flags: int
    function: str
    parent: str
    text: str
    line: str


def trace_tail(simulation: SimulationNow, count: int = TAIL) -> tuple[TraceRecord, ...]:
    """The last `count` finished records of all CPUs that no reader has consumed, oldest first."""
    found = simulation.records(count)
    if not found:
        return ()
    view = simulation.subsystem(FtraceNow).trace_view
    exact = replace(view, symbol=simulation.image.code_name)
    return tuple(_record(record, view, exact) for record in found)


def _record(record: Record, view: View, exact: View) -> TraceRecord:
    kind = type_of(record.type)
    return TraceRecord(
        type=kind.name,
        cpu=record.cpu,
        index=record.number,
        stamp=record.ts,
        ip=record.site,
        parent_ip=record.caller,
        pid=record.pid,
        flags=record.flags,
        function=exact.name(record.site),
        parent=exact.name(record.caller),
        text=kind.line(exact, record),
        line=line_of(view, record).lstrip(),
    )
