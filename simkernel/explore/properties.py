"""What must never happen while a protocol patches, one name each; a violation is a bit of a step (`world.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simkernel.errors import LearnerError, nearest


@dataclass(frozen=True, slots=True)
class Property:
    """What is looked for in every order of events; each apart from the others.

    Attributes:
        name: of what fails.
        bit: of its violation.
        broken: what must never happen, and what did where it is broken.
    """

    name: str
    bit: int
    broken: str


TORN, UNCLAIMED, NEITHER, BACK, LATE, STACK, RELEASED, STUCK, AT_ONCE = (1 << n for n in range(9))
OLD_WAY = 1 << 15  # no violation: a CPU has behaved as old

PROPERTIES = (
    Property("torn", TORN, "a CPU runs neither the old instruction, int3 nor the new one at the site"),
    Property("unclaimed", UNCLAIMED, "a CPU takes an int3 that nobody claims"),
    Property("neither", NEITHER, "a passage behaves neither as old nor as new"),
    Property("back", BACK, "a CPU that has behaved as new behaves as old again"),
    Property("late", LATE, "a CPU behaves as old after the patching task's last action"),
    Property("wrong-stack", STACK, "a return address or a stack is wrong"),
    Property("released", RELEASED, "the record is released while a CPU may still take its int3"),
    Property("stuck", STUCK, "the end of the patch can no longer be reached"),
    Property("not-at-once", AT_ONCE, "a CPU behaves as old though another has behaved as new"),
)
"""`not-at-once` is for teaching: on Linux it happens."""

BY_NAME = {one.name: one for one in PROPERTIES}
USUAL = tuple(one.name for one in PROPERTIES if one.name != "not-at-once")


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
