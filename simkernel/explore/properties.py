"""What a protocol has to keep in every order of events, and what it is called where a step breaks that.

A property's name says what holds ("whole"), a violation's what happens instead ("torn"). One is asked for by the first;
a finding, the table of ablations and the witness name the second. A violation is a bit of a step (`world.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simkernel.errors import LearnerError, nearest


@dataclass(frozen=True, slots=True)
class Property:
    """What is looked at in every order of events; each apart from the others.

    Attributes:
        name: of what holds.
        bit: of its violation.
        holds: what has to be so, in a clause.
        violation: what it is called where that is broken.
        broken: what happens then, in a clause.
    """

    name: str
    bit: int
    holds: str
    violation: str
    broken: str


TORN, UNCLAIMED, NEITHER, BACK, LATE, STACK, RELEASED, STUCK, AT_ONCE = (1 << n for n in range(9))
OLD_WAY = 1 << 15  # no violation: a CPU has behaved as old

PROPERTIES = (
    Property(
        "whole",
        TORN,
        "at the site a CPU runs the old instruction, int3 or the new one",
        "torn",
        "a CPU runs neither the old instruction, int3 nor the new one at the site",
    ),
    Property(
        "claimed",
        UNCLAIMED,
        "the handler claims every int3 of the site",
        "unclaimed",
        "a CPU takes an int3 that no handler claims",
    ),
    Property(
        "old-or-new",
        NEITHER,
        "at the site a CPU does what the old or the new instruction does",
        "neither",
        "a CPU does neither what the old nor what the new instruction does at the site",
    ),
    Property(
        "forward",
        BACK,
        "a CPU that has executed the new instruction never executes the old one again",
        "back",
        "a CPU that has executed the new instruction executes the old one again",
    ),
    Property(
        "in-time",
        LATE,
        "after the patching task's last action a CPU does what the new instruction does",
        "late",
        "a CPU does what the old instruction does after the patching task's last action",
    ),
    Property(
        "stack",
        STACK,
        "return addresses and stacks are right",
        "wrong-stack",
        "a return address or a stack is wrong",
    ),
    Property(
        "kept",
        RELEASED,
        "the batch is kept as long as a CPU may take its int3",
        "released",
        "the batch is released while a CPU may still take its int3",
    ),
    Property(
        "ends",
        STUCK,
        "the end of the patch can be reached",
        "stuck",
        "the end of the patch can no longer be reached",
    ),
    Property(
        "at-once",
        AT_ONCE,
        "once one CPU has executed the new instruction, none executes the old one",
        "not-at-once",
        "a CPU executes the old instruction though another has executed the new one",
    ),
)
"""`at-once` is for teaching: Linux does not keep it."""

BY_NAME = {one.name: one for one in PROPERTIES}
BY_VIOLATION = {one.violation: one for one in PROPERTIES}
USUAL = tuple(one.name for one in PROPERTIES if one.bit != AT_ONCE)


def property_named(name: str) -> Property:
    """The property of that name.

    Raises:
        LearnerError: there is none; where it is the name of a violation, with that of its property.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    if name in BY_VIOLATION:
        asked = BY_VIOLATION[name].name
        raise LearnerError(f"{name!r} is what happens where the property {asked} is broken: ask for {asked}")
    raise LearnerError(f"no property {name!r}; there are: {', '.join(BY_NAME)}.{nearest(name, BY_NAME)}")


def bits_of(names: Iterable[str]) -> int:
    """The bits of properties, by name.

    Raises:
        LearnerError: as `property_named` does.
    """
    out = 0
    for name in names:
        out |= property_named(name).bit
    return out


def violations_of(bits: int) -> tuple[str, ...]:
    """The violations whose bits are set, in the table's order."""
    return tuple(one.violation for one in PROPERTIES if bits & one.bit)
