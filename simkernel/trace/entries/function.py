"""function: one record for each call of a traced function, `name <-caller` (guest: `function_trace_call`, trace.S).

`struct ftrace_entry` (kernel/trace/trace_entries.h), `trace_fn_trace()` (kernel/trace/trace_output.c), 6.12.
"""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.sentence import say
from simkernel.trace.output import View
from simkernel.trace.records import Record
from simkernel.trace.types import RecordType


@dataclass(frozen=True, slots=True)
class FunctionRecord(Record):
    """A call of a traced function: its site, and the return address of who called it."""

    ip: int
    parent_ip: int

    @property
    def site(self) -> int:
        """The traced function's site."""
        return self.ip

    @property
    def caller(self) -> int:
        """The return address in its caller."""
        return self.parent_ip


def _line(view: View, record: FunctionRecord) -> str:
    """`trace_fn_trace()`: the function and who called it, without the latter if it was not recorded."""
    name = view.name(record.ip)
    return say("{} <-{}", name, view.name(record.parent_ip)) if record.parent_ip else name


TYPE = RecordType("function", 0, (("ip", "<u8"), ("parent_ip", "<u8")), FunctionRecord, _line)
