"""Marks: what a byte or a line is, beside its text. A front end gives each a colour and, always, a glyph as well."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """What something is: one meaning, one mark, everywhere."""

    OLD = "old"
    NEW = "new"
    INT3 = "int3"
    UNCERTAIN = "uncertain"
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
        return mark in self.marks


def marked(text: str, *marks: Mark | None) -> Marked:
    """A text with those of these marks that are not None."""
    return Marked(text, frozenset(mark for mark in marks if mark is not None))
