"""The types of records, one line each. Whatever reads, prints or shows a record finds its type here."""

from __future__ import annotations

from simkernel.trace import function
from simkernel.trace.output import View
from simkernel.trace.records import Record
from simkernel.trace.types import RecordType

TYPES: dict[int, RecordType] = {one.number: one for one in (function.TYPE,)}


def type_of(number: int) -> RecordType:
    """The type of that number; of one that the table does not have, a type that says so."""
    known = TYPES.get(number)
    return known or RecordType(f"type {number}", number, (), Record, _unknown)


def _unknown(_view: View, record: Record) -> str:
    """The end of `print_trace_fmt()` (kernel/trace/trace.c)."""
    return f"Unknown type {record.type}"
