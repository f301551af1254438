"""What guest code has recorded, read from the ring buffers, and its text as `trace` prints it.

A tracer is three things:

    a record    its type here: the fields, and the line that `trace` prints; `entries/function.py` is
                one, and `table.py` names it
    an action   which callback its sites call: a line of `ftrace/tracers.py`
    guest code  that callback, which writes the record and the number of its type: a file of `guest/`

Nobody else knows of types: the reader (`ringbuffer.py`) decodes a slot by the type that it finds in it, and the file
`trace`, snapshots, JSON and events take what they show from `Record` and the table. `files.py` has the control files,
`output.py` what every line of `trace` has, and `observer.py` notices finished records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from simkernel.events import TraceWritten
from simkernel.trace.output import View, context, heading
from simkernel.trace.records import Record
from simkernel.trace.table import type_of
from simkernel.trace.types import RecordType

__all__ = [
    "Record",
    "RecordType",
    "View",
    "event_of",
    "json_of",
    "line_of",
    "trace_lines",
    "trace_text",
    "type_of",
]


def line_of(view: View, record: Record) -> str:
    """The record's line in `trace` (`print_trace_fmt()`, kernel/trace/trace.c)."""
    return context(view, record) + type_of(record.type).line(view, record)


def event_of(record: Record) -> TraceWritten:
    """The event that guest code has finished this record."""
    return TraceWritten(
        cpu=record.cpu,
        index=record.number,
        ip=record.site,
        parent_ip=record.caller,
        pid=record.pid,
        type=type_of(record.type).name,
    )


def json_of(view: View, record: Record) -> dict[str, Any]:
    """The record as a dictionary: what all have (`time` in instructions), and the fields of its type by name."""
    values: dict[str, Any] = {
        "time": record.ts,
        "type": type_of(record.type).name,
        "cpu": record.cpu,
        "task": view.task(record.pid),
        "pid": record.pid,
    }
    if record.site:
        values["function"] = view.name(record.site)
    if record.caller:
        values["caller"] = view.name(record.caller)
    values |= {"irqs_off": record.irqs_off, "preempt_depth": record.preempt_depth}
    common = {field.name for field in dataclasses.fields(Record)}
    own = [field.name for field in dataclasses.fields(record) if field.name not in common]
    return values | {name: getattr(record, name) for name in own}


def trace_lines(view: View, records: Sequence[Record], annotate: bool = False) -> Iterator[str]:
    """The lines of records, oldest first.

    With `annotate` a CPU's first record is announced, if it is at least the third of all: `test_cpu_buff_start()` asks
    for idx > 1, and the first record has idx 0.
    """
    started: set[int] = set()
    for index, record in enumerate(records):
        if annotate and record.cpu not in started and index > 1:
            yield f"##### CPU {record.cpu} buffer started ####"
        started.add(record.cpu)
        yield line_of(view, record)


def trace_text(view: View, records: Sequence[Record], entries: int, written: int) -> str:
    """The text of the file `trace` (`s_show()`, kernel/trace/trace.c).

    Args:
        view: what it depends on besides the records.
        records: those in the buffers, oldest first.
        entries: how many there are in the buffers.
        written: how many there have ever been; where some were lost, CPUs are announced.
    """
    lines = [*heading(view, entries, written), *trace_lines(view, records, annotate=written > entries)]
    return "".join(f"{line}\n" for line in lines)
