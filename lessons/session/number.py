"""Numbers that a person types."""

from __future__ import annotations

import re

from simkernel.errors import LearnerError

DIGITS = 19  # of the largest seed; nothing else that is typed has more


def is_number(text: str) -> bool:
    """True for ASCII digits, not too many: `str.isdigit()` takes superscripts, which `int()` does not."""
    return re.fullmatch(rf"[0-9]{{1,{DIGITS}}}", text) is not None


def number(text: str, what: str) -> int:
    """The number that a text is. LearnerError, which says what was wanted, for anything else."""
    if not is_number(text):
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise LearnerError(f"{what} is a number, not {shown!r}")
    return int(text)
