"""The types of records, one line each. Whatever reads, prints or shows a record finds its type here."""

from __future__ import annotations

from collections.abc import Iterable

from simkernel.errors import OurError
from simkernel.trace.entries.function import TYPE as FUNCTION
from simkernel.trace.output import View
from simkernel.trace.records import Record
from simkernel.trace.types import RecordType


def by_number(types: Iterable[RecordType]) -> dict[int, RecordType]:
    """The types by their numbers.

    Raises:
        OurError: two have the same.
    """
    found: dict[int, RecordType] = {}
    for one in types:
        if (other := found.setdefault(one.number, one)) is not one:
            raise OurError(f"the record types {other.name} and {one.name} both have number {one.number}")
    return found


TYPES = by_number(
    [
        FUNCTION,
    ]
)


def type_of(number: int) -> RecordType:
    """The type of that number; of one that the table does not have, a type that says so."""
    known = TYPES.get(number)
    return known or RecordType(f"type {number}", number, (), Record, _unknown)


def _unknown(_view: View, record: Record) -> str:
    """The end of `print_trace_fmt()` (kernel/trace/trace.c)."""
    return f"Unknown type {record.type}"
