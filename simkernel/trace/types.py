"""A type of record: which fields it has, how they are read, and its line in `trace`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from simkernel.kernel import layout
from simkernel.trace.output import View
from simkernel.trace.records import Fields, Record, slot


class Decode(Protocol):
    """Makes a record of the values that all have, in the order of `Record`, and those of its own fields."""

    def __call__(self, ts: int, cpu: int, number: int, pid: int, flags: int, /, *own: Any) -> Record:
        """Make the record."""
        ...


@dataclass(frozen=True)
class RecordType:
    """One type of record (`struct trace_event` with its `funcs->trace`, linux/trace_events.h).

    Raises:
        ValueError: the number is none of a type's, the fields do not fit into a slot, or one has a name that every
            record has (`records.TAKEN`).

    Attributes:
        name: what it is called.
        number: what the four bits of type in a slot hold.
        fields: those that this type alone has.
        decode: makes a record of what a slot holds; the class of the record, as a rule.
        line: what `trace` prints of the record after task, CPU, flags and time.
    """

    name: str
    number: int
    fields: Fields
    decode: Decode
    line: Callable[[View, Any], str]

    def __post_init__(self) -> None:
        if not 0 <= self.number <= layout.REC_TYPE_MASK:
            raise ValueError(f"{self.name}: type {self.number} is not in 0..{layout.REC_TYPE_MASK}")
        slot(self.name, self.fields)

    @cached_property
    def slot(self) -> np.dtype[Any]:
        """A slot of a ring buffer that holds such a record."""
        return slot(self.name, self.fields)
