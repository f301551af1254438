"""Marks: what a byte or a line is, beside its text. A front end gives each a colour and, always, a glyph as well."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_ADDRESS = re.compile(r" (?:at |\()0x[0-9a-f]+\)?")

_NOWHERE = re.compile(r"to 0x[0-9a-f]+, where nothing is")


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


def no_addresses(text: str) -> str:
    """The text without " at 0x..." and " (0x...)" behind a name: a story names places and does not number them."""
    return _ADDRESS.sub("", _NOWHERE.sub("to where nothing is", text))
