"""What an event is: something that happened, as a frozen value, and when it happened.

Each tells which CPU it is about (`cpu`) and which address (`at`), and carries its stamp: `entry`, the index in the
history of the choice or command that caused it, and `clock`, in instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from simkernel.errors import LearnerError, nearest
from simkernel.sentence import Sentence


class Stamp(Struct, frozen=True, order=True, gc=False):
    """Where in history something happened: what all events of one entry have in common.

    `entry` counts history entries from 0, `clock` counts instructions. `during` is the phase that the patching task was
    in, "" between batches; `begun`: that phase had begun to act (before that, its sync is not sent yet, its write not
    begun).
    """

    entry: int = -1
    clock: int = 0
    during: str = ""
    begun: bool = True


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened.

    Attributes:
        stop: it changes the story of a site.
        stamp: when it happened.
    """

    stop: ClassVar[bool] = False
    stamp: Stamp = Stamp()

    @property
    def cpu(self) -> int | None:
        """The CPU that it is about; None where it is about the patching task, or all CPUs."""
        return None

    @property
    def at(self) -> int | None:
        """The site, or the address, that it is about; None where it is about none, or about many."""
        return None

    @property
    def entry(self) -> int:
        """The index of the history entry that caused it."""
        return self.stamp.entry

    @property
    def clock(self) -> int:
        """The machine's clock there, in instructions."""
        return self.stamp.clock

    @property
    def during(self) -> str:
        """The phase that the patching task was in; "" between batches."""
        return self.stamp.during

    @property
    def begun(self) -> bool:
        """True where that phase had begun to act."""
        return self.stamp.begun

    def sentence(self, place: Callable[[int], Sentence]) -> Sentence:
        """What happened, in a sentence: of an event that a room brings. Those of this package have theirs in narrate.

        Args:
            place: names an address.
        """
        raise NotImplementedError(f"{type(self).__name__} has no sentence")


def put_stamp(events: Iterable[Event], stamp: Stamp) -> None:
    """Give events, which were made just now and which nobody has seen yet, their stamp."""
    for event in events:
        force_setattr(event, "stamp", stamp)


def with_stamp(events: Iterable[Event], stamp: Stamp) -> list[Event]:
    """The same events, with another stamp."""
    return [replace(event, stamp=stamp) for event in events]


def event_types() -> dict[str, type[Event]]:
    """All events that there are by their names, those that a subsystem brings too."""
    found = dict[str, type[Event]]()
    left = [Event]
    while left:
        kind = left.pop()
        below: list[type[Event]] = kind.__subclasses__()
        if not below:
            found[kind.__name__] = kind
        left += below
    return found


def event_kinds() -> set[str]:
    """The names of all events that there are, those that a subsystem brings too."""
    return set(event_types())


def event_named(name: str) -> type[Event]:
    """The type of event of that name.

    Raises:
        LearnerError: there is none; the message has the names there are.
    """
    types = event_types()
    if name not in types:
        raise LearnerError(f"no event is called {name!r}; there are: {', '.join(sorted(types))}.{nearest(name, types)}")
    return types[name]


class CpuEvent(Event, frozen=True, kw_only=True):
    """Something that a CPU did, or that happened to it."""

    cpu: int


class InstructionEvent(CpuEvent, frozen=True, kw_only=True):
    """Something that a CPU did, or that happened to it, at the instruction at `address`."""

    address: int

    @property
    def at(self) -> int:
        """The address."""
        return self.address


class PhaseEvent(Event, frozen=True, kw_only=True):
    """Something that a phase of a protocol did; of a sync between batches, `phase` says why it is sent."""

    phase: str
