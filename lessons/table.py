"""The bytes of a site as a value: rows of bytes, and what each byte is beside its text.

A front end gives each mark a colour and, always, a glyph as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """What something is: one meaning, one mark, everywhere."""

    OLD = "old"
    NEW = "new"
    INT3 = "int3"
    PENDING = "pending"
    UNREAD = "not read yet"
    CHANGED = "changed"
    EXECUTING = "executing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and its marks."""

    text: str
    marks: frozenset[Mark] = frozenset()

    def has(self, mark: Mark) -> bool:
        """True where that is one of its marks."""
        return mark in self.marks


def marked(text: str, *marks: Mark | None) -> Marked:
    """A text with those of these marks that are not None."""
    return Marked(text, frozenset(mark for mark in marks if mark is not None))


@dataclass(frozen=True, slots=True)
class ByteRow:
    """A line of the table.

    Attributes:
        label: whose bytes they are.
        cells: a byte each; of one that is pending both values, "0F/CC".
        text: the instruction that they are.
        remark: what is to be said of the CPU.
        cpu: its number, -1 for none.
    """

    label: str
    cells: tuple[Marked, ...]
    text: str
    remark: str = ""
    cpu: int = -1


@dataclass(frozen=True, slots=True)
class Table:
    """The bytes of a site.

    Attributes:
        name: of the function.
        was: before the change under way; None where no change is.
        memory: what all CPUs share.
        cpus: what each may run.
        ran: what CPUs ran here and was neither instruction, the latest of each CPU; it stays to the end of the story.
        becomes: after the change; None where no change is.
        line_break: how many bytes lie before the next cache line, 0 where all lie in one.
    """

    name: str
    was: ByteRow | None
    memory: ByteRow
    cpus: tuple[ByteRow, ...]
    ran: tuple[ByteRow, ...]
    becomes: ByteRow | None
    line_break: int

    @property
    def rows(self) -> tuple[ByteRow, ...]:
        """All rows, from the top."""
        was, becomes = ((one,) if one is not None else () for one in (self.was, self.becomes))
        return (*was, self.memory, *self.cpus, *self.ran, *becomes)
