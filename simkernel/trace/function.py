"""function: one line for each call of a traced function, `name <-caller` (kernel/trace/trace_functions.c)."""

from __future__ import annotations

from simkernel.trace.output import Tracer, View, context, name_of
from simkernel.trace.ringbuffer import Record


def line(view: View, record: Record) -> str:
    """`trace_fn_trace()`, after the context."""
    text = context(view, record) + name_of(view, record.ip)
    return f"{text} <-{name_of(view, record.parent_ip)}" if record.parent_ip else text


TRACER = Tracer("function", line)
