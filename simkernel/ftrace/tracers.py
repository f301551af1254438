"""The tracers that `current_tracer` can be: which callback the sites of `global_ops` call. One line a tracer.

What the callback writes, and how that reads, is a type of record (`simkernel/trace`); the callback is guest code.
"""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.errors import LearnerError, nearest


@dataclass(frozen=True, slots=True)
class Tracer:
    """A tracer (`struct tracer`, kernel/trace/trace.h).

    Attributes:
        name: what one writes to `current_tracer`.
        callback: the symbol of the function that the sites call; "": they call none.
    """

    name: str
    callback: str


# Newest first, as `available_tracers` has them (`register_tracer()` puts each at the head of the list).
TRACERS = {
    one.name: one
    for one in (
        Tracer("function", "function_trace_call"),
        Tracer("nop", ""),
    )
}


def tracer_named(name: str) -> Tracer:
    """The tracer of that name.

    Raises:
        LearnerError: there is none; `tracing_set_tracer()` (kernel/trace/trace.c) has EINVAL for it.
    """
    if name not in TRACERS:
        raise LearnerError(f"no tracer {name!r}; there are: {', '.join(TRACERS)}.{nearest(name, TRACERS)}")
    return TRACERS[name]
