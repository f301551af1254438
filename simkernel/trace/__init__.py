"""The tracers: what `current_tracer` can be, and how `trace` shows what they recorded. One file a tracer.

A tracer here is only its name and its text: which callback the sites reach is `ftrace.commands.TRACERS`, and what the
callback does is guest code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simkernel.trace import function, nop
from simkernel.trace.output import Tracer, View, heading
from simkernel.trace.ringbuffer import Record

TABLE: dict[str, Tracer] = {tracer.name: tracer for tracer in (function.TRACER, nop.TRACER)}

__all__ = ["TABLE", "Tracer", "View", "trace_lines", "trace_text"]


def trace_lines(view: View, records: Sequence[Record], annotate: bool = False) -> Iterator[str]:
    """The lines of records, oldest first.

    With `annotate` a CPU's first record is announced, if it is at least the third of all: `test_cpu_buff_start()` asks
    for idx > 1, and the first record has idx 0.
    """
    line = TABLE[view.tracer].line
    started: set[int] = set()
    for index, record in enumerate(records):
        if annotate and record.cpu not in started and index > 1:
            yield f"##### CPU {record.cpu} buffer started ####"
        started.add(record.cpu)
        yield line(view, record)


def trace_text(view: View, records: Sequence[Record], entries: int, written: int) -> str:
    """The text of the file `trace` (`s_show()`, kernel/trace/trace.c).

    Args: entries, written: those in the buffers, and those ever written; where some were lost, CPUs are announced.
    """
    lines = [*heading(view, entries, written), *trace_lines(view, records, annotate=written > entries)]
    return "".join(f"{line}\n" for line in lines)
