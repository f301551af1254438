"""nop: no tracer (kernel/trace/trace_nop.c). What records there are look as they did when they were written."""

from __future__ import annotations

from simkernel.trace.function import line
from simkernel.trace.output import Tracer

TRACER = Tracer("nop", line)
