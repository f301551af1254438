"""What a protocol has to keep, one name each; a violation is a bit of a step (`world.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simkernel.errors import LearnerError, nearest


@dataclass(frozen=True, slots=True)
class Property:
    """A promise that each can be checked apart from the others.

    Attributes:
        name, bit: of it. promise: what holds where it is kept. broken: what happened where it is not.
    """

    name: str
    bit: int
    promise: str
    broken: str


TORN, UNCLAIMED, NEITHER, BACK, LATE, STACK, RELEASED, STUCK, AT_ONCE = (1 << n for n in range(9))
OLD_WAY = 1 << 15  # no violation: a CPU has behaved as old

PROPERTIES = (
    Property(
        "torn",
        TORN,
        "what a CPU runs at the site is the old instruction, int3 or the new one",
        "a CPU runs bytes at the site that are neither the old instruction, nor int3, nor the new one",
    ),
    Property(
        "unclaimed",
        UNCLAIMED,
        "every int3 at the site finds its handler's record",
        "a CPU takes an int3 that nobody claims",
    ),
    Property(
        "neither",
        NEITHER,
        "each passage behaves wholly as old or wholly as new",
        "a passage behaves neither as old nor as new",
    ),
    Property(
        "back",
        BACK,
        "a CPU that has behaved as new never behaves as old again",
        "a CPU that has behaved as new behaves as old again",
    ),
    Property(
        "late",
        LATE,
        "after the patching task's last action nobody behaves as old",
        "a CPU behaves as old after the patching task's last action",
    ),
    Property(
        "stack",
        STACK,
        "the return address is right and the stack is balanced",
        "a return address or the stack is wrong",
    ),
    Property(
        "released",
        RELEASED,
        "no record goes while a CPU may still take its int3",
        "the record goes while a CPU may still take its int3",
    ),
    Property(
        "stuck",
        STUCK,
        "as long as nobody has died, the end of the patch can still be reached",
        "the end of the patch can no longer be reached",
    ),
    Property(
        "at-once",
        AT_ONCE,
        "nobody behaves as old once anybody has behaved as new",
        "a CPU behaves as old though another has behaved as new",
    ),
)
"""`at-once` is for teaching: Linux does not promise it."""

BY_NAME = {one.name: one for one in PROPERTIES}
USUAL = tuple(one.name for one in PROPERTIES if one.name != "at-once")


def bits_of(names: Iterable[str]) -> int:
    """The bits of properties, by name. LearnerError for a name that there is not."""
    out = 0
    for name in names:
        if name not in BY_NAME:
            raise LearnerError(f"no property {name!r}; there are: {', '.join(BY_NAME)}.{nearest(name, BY_NAME)}")
        out |= BY_NAME[name].bit
    return out


def names_of(bits: int) -> tuple[str, ...]:
    """The properties whose bits are set, in the table's order."""
    return tuple(one.name for one in PROPERTIES if bits & one.bit)
