"""nop: no tracer (kernel/trace/trace_nop.c). What records there are look as they did when they were written."""

from __future__ import annotations

from simkernel.tracers.function import line
from simkernel.tracers.output import Tracer

TRACER = Tracer("nop", line)
