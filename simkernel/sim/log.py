"""What has happened: the entries of history and their events. The last are held, the others can be had again.

Choices that the schedule drew follow from the seed, so they are no more than remembered; what was made by hand is
kept, with its position. Whoever asks for something that is held no longer has it replayed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from msgspec import Struct

from simkernel.events import Event
from simkernel.patching.commands import Command
from simkernel.schedule import Choice, Nmi, Read, Resolve, Run
from simkernel.sim.past import Held, Past

CHOICES = (Run, Read, Resolve, Nmi)
ENTRY_BYTES = 160  # an entry, its choice and its slot in a list
EVENT_BYTES = 320  # an event with its numbers and its part of a stamp

Recall = Callable[[int | None, int | None], None]
"""Has the stretch around an entry, or around an event, again: `Log.recalled`."""

EventKind = TypeVar("EventKind", bound=Event)


def _entry_of(event: Event) -> int:
    return event.entry


class Entry(Struct, frozen=True, gc=False):
    """One entry of history; `made` is False where the schedule drew it."""

    what: Choice | Command
    made: bool


class Point(NamedTuple):
    """A point in history: a position, and how many instructions of the entry that comes next have run."""

    position: int
    instructions: int


class Made:
    """The entries made by hand, ascending by position; all of them are kept."""

    def __init__(self) -> None:
        self._positions = array("q")
        self._whats: list[Choice | Command] = []
        self._commands = array("q")  # the positions of those that are commands
        self._equal: dict[Choice | Command, Choice | Command] = {}  # one object for all equal choices

    def __len__(self) -> int:
        return len(self._positions)

    def at(self, position: int) -> Choice | Command | None:
        """The one at a position; None where the schedule draws."""
        index = bisect_left(self._positions, position)
        return self._whats[index] if index < len(self._positions) and self._positions[index] == position else None

    def add(self, position: int, what: Choice | Command) -> None:
        """One more, behind all others."""
        self._positions.append(position)
        self._whats.append(what)
        if isinstance(what, Command):
            self._commands.append(position)

    def foresee(self, position: int, what: Choice | Command) -> None:
        """One that a moment brings: it has as many objects as choices."""
        self.add(position, self._equal.setdefault(what, what) if isinstance(what, CHOICES) else what)

    def between(self, first: int, last: int) -> list[tuple[int, Choice | Command]]:
        """(position, entry) of those at the positions first to last - 1."""
        part = slice(bisect_left(self._positions, first), bisect_left(self._positions, last))
        return list(zip(self._positions[part], self._whats[part], strict=True))

    def count(self, first: int, last: int) -> int:
        """How many there are at the positions first to last - 1."""
        return max(0, bisect_left(self._positions, last) - bisect_left(self._positions, first))

    def has_command(self, first: int, last: int) -> bool:
        """True where one of those at the positions first to last - 1 is a command."""
        return bisect_left(self._commands, first) < bisect_left(self._commands, last)

    def forget_from(self, position: int) -> None:
        """Those at a position and behind it are no more."""
        index = bisect_left(self._positions, position)
        del self._positions[index:], self._whats[index:]
        del self._commands[bisect_left(self._commands, position) :]

    def copy(self) -> Made:
        """The same again, to go on by itself."""
        other = Made()
        other._positions, other._whats, other._equal = self._positions[:], self._whats.copy(), self._equal.copy()
        other._commands = self._commands[:]
        return other


@dataclass(slots=True)
class Window:
    """Entries that follow one another, and their events.

    Attributes:
        whole: nothing of it may be forgotten.
    """

    entries: Held[Entry]
    events: Held[Event]
    whole: bool = False

    @classmethod
    def at(cls, position: int, events: int) -> Window:
        """An empty one at a position in history."""
        return cls(Held(position), Held(events))

    def spans(self, position: int) -> bool:
        """True where the position is within it or at one of its ends."""
        return self.entries.first <= position <= self.entries.end

    def events_before(self, position: int) -> int:
        """How many events there are before a position that it spans."""
        return self.events.first + bisect_left(self.events.items, position, key=_entry_of)

    def forget_old(self, nbytes: int, position: int) -> None:
        """Forget the older half of what lies before a position, where all takes more than `nbytes`."""
        entries, events = self.entries, self.events
        if self.whole or ENTRY_BYTES * len(entries.items) + EVENT_BYTES * len(events.items) <= nbytes:
            return
        half = (position - entries.first) // 2
        gone = self.events_before(entries.first + half) - events.first
        del entries.items[:half], events.items[:gone]
        entries.first += half
        events.first += gone

    def cut(self, position: int, events: int) -> None:
        """Forget what lies behind a position, with `events` events before it: history is rewritten from there."""
        self.entries.cut(position)
        self.events.cut(events)

    def copy(self) -> Window:
        """The same again, to go on by itself."""
        entries, events = self.entries, self.events
        return Window(Held(entries.first, entries.items.copy()), Held(events.first, events.items.copy()))


class Rewrite(NamedTuple):
    """History was rewritten from `position` on: of the events it knew, the first `events` are left."""

    position: int
    events: int


class Rewrites:
    """Where history was rewritten: what a reader has read up to then may be no more.

    Attributes:
        count: how often it was.
    """

    def __init__(self) -> None:
        self.count = 0
        self._counts: list[int] = []
        self._rewrites: list[Rewrite] = []  # each leaves more than those before it: what those left is gone otherwise

    def add(self, position: int, events: int) -> None:
        """Note that history was rewritten from a position on, with `events` events before it."""
        self.count += 1
        while self._rewrites and self._rewrites[-1].events >= events and self._rewrites[-1].position >= position:
            self._rewrites.pop()
            self._counts.pop()
        self._rewrites.append(Rewrite(position, events))
        self._counts.append(self.count)

    def since(self, count: int) -> Rewrite | None:
        """The rewrite at the earliest position among those after the first `count`; None where there was none."""
        at = bisect_left(self._counts, count + 1)
        return self._rewrites[at] if at < len(self._rewrites) else None


class Log:
    """The position of history, and what it knows.

    Attributes:
        position: entries that have happened.
        logged: events that have.
        length, known: the entries and events that history knows, those ahead of here too.
        last: of each kind of event, the last one up to here.
        end: why the machine halts at the end of what is known; "" where it runs.
        window: what is held, from somewhere before here on.
        recalled: a stretch of the rest, had again.
    """

    def __init__(self, nbytes: int) -> None:
        """Begin with nothing.

        Args:
            nbytes: what either window takes.
        """
        self.nbytes = nbytes
        self.position = self.logged = self.length = self.known = 0
        self.made = Made()
        self.rewrites = Rewrites()
        self.last: dict[type[Event], Event] = {}
        self.end = ""
        self.window, self.recalled = Window.at(0, 0), Window.at(0, 0)

    def share(self, other: Log) -> None:
        """Know what another history knows, and go on by itself."""
        self.position, self.logged, self.length, self.known = other.position, other.logged, other.length, other.known
        self.made, self.window, self.last, self.end = (
            other.made.copy(),
            other.window.copy(),
            other.last.copy(),
            other.end,
        )

    # --- what happens ---------------------------------------------------------------------------------------------

    def rewrite(self, end: str) -> None:
        """History takes another way from here: what lay ahead is no more.

        Args:
            end: see `end`.
        """
        if self.position < self.length:
            self.rewrites.add(self.position, self.logged)
        self.length, self.known, self.end = self.position, self.logged, end
        self.made.forget_from(self.position)
        for window in (self.window, self.recalled):
            window.cut(self.position, self.logged)

    def add(self, entry: Entry, events: list[Event], end: str) -> None:
        """An entry has happened, with these events, which are stamped.

        Args:
            entry: what happened.
            events: stamped.
            end: see `end`.
        """
        window, position, last = self.window, self.position, self.last
        entries = window.entries
        if entries.first + len(entries.items) == position:  # else history is being replayed: it is there
            entries.items.append(entry)
            window.events.items += events
        if entry.made and position >= self.length:
            self.made.add(position, entry.what)
        for event in events:
            last[type(event)] = event
        self.position = position = position + 1
        self.logged = logged = self.logged + len(events)
        if logged > self.known:
            self.known = logged
        if position >= self.length:
            self.length, self.end = position, end

    def foresee(self, position: int, what: Choice | Command) -> None:
        """History will have this entry, made by hand, at a position behind all others."""
        self.made.foresee(position, what)
        self.length = position + 1

    def restore(self, position: int, events: int, last: dict[type[Event], Event]) -> None:
        """Put history at a position, with `events` events before it, the last of each kind in `last`."""
        self.position, self.logged, self.last = position, events, last.copy()
        if not self.window.spans(position):
            self.window = Window.at(position, events)

    def forget_old(self) -> None:
        """Forget what takes more than it may."""
        self.window.forget_old(self.nbytes, self.position)

    # --- what has happened ----------------------------------------------------------------------------------------

    def entries(self, recall: Recall) -> Past[Entry]:
        """All entries that history knows."""
        return Past(self.length, partial(self._entries_at, recall))

    def events(self, end: int, recall: Recall) -> Past[Event]:
        """The first `end` events."""
        return Past(end, partial(self._events_at, recall))

    def events_between(self, first: int, last: int, recall: Recall) -> list[Event]:
        """What happened in the entries `first` to `last - 1`, up to here."""
        start, end = (self.logged if at >= self.position else self._events_before(recall, at) for at in (first, last))
        return self.events(self.logged, recall)[start:end]

    def last_event(self, kind: type[EventKind]) -> EventKind | None:
        """The last event of a kind up to here; None where there was none."""
        event = self.last.get(kind)
        return event if isinstance(event, kind) else None

    def _entries_at(self, recall: Recall, position: int) -> Held[Entry]:
        if self.window.entries.holds(position):
            return self.window.entries
        if not self.recalled.entries.holds(position):
            recall(position, None)
        return self.recalled.entries

    def _events_at(self, recall: Recall, number: int) -> Held[Event]:
        if self.window.events.holds(number):
            return self.window.events
        if not self.recalled.events.holds(number):
            recall(None, number)
        return self.recalled.events

    def _events_before(self, recall: Recall, position: int) -> int:
        if self.window.spans(position):
            return self.window.events_before(position)
        if not self.recalled.spans(position):
            recall(position, None)
        return self.recalled.events_before(position)
