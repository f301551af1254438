"""What a record is: the part that all have, and what a type of record adds to it.

A slot of a ring buffer is RING_ENTRY_SIZE bytes. Every record has, as `struct trace_entry` does (linux/trace_events.h),
its type, flags, preempt depth and pid in the same place, with the time stamp; the rest is its type's own:

    +0x00  ts       u64, the clock when it was stamped (instructions)
    +0x08  the fields of its type, up to 16 bytes
    +0x18  pid      u32
    +0x1c  flags    u32: REC_VALID, 15 bits of the lap, preempt depth, 4 bits of the type, 4 bits of REC_*

`Simplified:` Linux's records have any size, and the type is a word of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simkernel.kernel import layout

Fields = tuple[tuple[str, str], ...]  # (name, NumPy's format) of each, in the order in which they lie
BITS = 0xFFFF  # of the flags word: those of the record; above them REC_VALID and the lap


@dataclass(frozen=True, slots=True)
class Record:
    """One record, as far as all types have it.

    Attributes:
        ts: the clock when it was stamped (instructions).
        cpu: who wrote it.
        number: counts the CPU's records from 0.
        pid: of the task that ran.
        flags: REC_*, the type and the preempt depth; neither REC_VALID nor the lap.
    """

    ts: int
    cpu: int
    number: int
    pid: int
    flags: int

    @property
    def type(self) -> int:
        """The number of its type (`trace_entry.type`)."""
        return self.flags >> layout.REC_TYPE_SHIFT & layout.REC_TYPE_MASK

    @property
    def site(self) -> int:
        """The traced function that it is about; 0: none."""
        return 0

    @property
    def caller(self) -> int:
        """Where that function was called; 0: not recorded."""
        return 0

    @property
    def irqs_off(self) -> bool:
        """True where the traced function ran with IF = 0."""
        return bool(self.flags & layout.REC_IRQS_OFF)

    @property
    def need_resched(self) -> bool:
        """True where another task was due."""
        return bool(self.flags & layout.REC_NEED_RESCHED)

    @property
    def hardirq(self) -> bool:
        """True within a hard interrupt, an NMI included."""
        return bool(self.flags & layout.REC_HARDIRQ)

    @property
    def nmi(self) -> bool:
        """True within an NMI."""
        return bool(self.flags & layout.REC_NMI)

    @property
    def preempt_depth(self) -> int:
        """How often preemption had been disabled (`preempt_count`'s lowest field)."""
        return self.flags >> layout.REC_PREEMPT_SHIFT & 0xFF


IN_JSON = ("time", "task", "function")  # what `json_of` calls what it has of every record, where `Record` does not
TAKEN = frozenset(name for name in dir(Record) if not name.startswith("_")).union(IN_JSON)
"""The names that no field of a type's own can have: every record has something of that name."""


def slot(type: str, fields: Fields) -> np.dtype[Any]:
    """The dtype of a slot whose record has these fields of its own: ts, those, pid, flags.

    Args:
        type: the name of the type, for the message.
        fields: its own.

    Raises:
        ValueError: they do not fit between the time stamp and the pid, or one has a name that is taken.
    """
    names, formats, offsets = ["ts"], ["<u8"], [layout.REC_TS]
    at = layout.REC_OWN
    for name, format in fields:
        if name in TAKEN:
            raise ValueError(f"{type}: rename the field {name!r}: of every record these are taken: {_listed(TAKEN)}")
        if name in names:
            raise ValueError(f"{type}: rename one of the two fields {name!r}")
        names.append(name)
        formats.append(format)
        offsets.append(at)
        at += np.dtype(format).itemsize
    if at > layout.REC_PID:
        own, room = at - layout.REC_OWN, layout.REC_PID - layout.REC_OWN
        raise ValueError(f"{type}: a record has room for {room} bytes of its own, not for {own}")
    names += ["pid", "flags"]
    formats += ["<u4", "<u4"]
    offsets += [layout.REC_PID, layout.REC_FLAGS]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": layout.RING_ENTRY_SIZE})


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


RAW = slot("raw", (("own", f"V{layout.REC_PID - layout.REC_OWN}"),))  # no gap: NumPy copies no byte in no field
