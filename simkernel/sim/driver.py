"""Carries history's entries out, whole or an instruction at a time, and notes each in history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

from simkernel.errors import GuestError
from simkernel.events import Event, Stamp, put_stamp, with_stamp
from simkernel.patching.commands import Command
from simkernel.schedule import Act, Choice, Run, Schedule, ScheduleState
from simkernel.sim.history import History
from simkernel.sim.log import CHOICES, Entry, Point
from simkernel.sim.parts import Parts


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An entry that has run in part: what noting it will need."""

    entry: Entry
    drawn: ScheduleState | None
    stamp: Stamp
    events: tuple[Event, ...] = ()


class Driver:
    """What moves the parts of a simulation; nothing else changes their state.

    Attributes:
        schedule: makes the choices that nobody makes by hand.
        open: the entry that has run in part.
    """

    def __init__(self, parts: Parts, history: History, schedule: Schedule) -> None:
        self.schedule = schedule
        self.open: OpenEntry | None = None
        self._parts, self._machine, self._task = parts, parts.machine, parts.task
        self._history, self._log, self._poke = history, history.log, parts.task.poke

    @property
    def point(self) -> Point:
        """Where history is, to the instruction."""
        return Point(self._log.position, self._machine.open.done if self.open and self._machine.open else 0)

    def step(self, choice: Choice | None) -> list[Event]:
        """The choice given, else the next entry of history, else the schedule's choice."""
        if self.open is not None:
            return self._finish()
        return self._enter(*self._next()) if choice is None else self._enter(Entry(choice, True), None)

    def do(self, command: Command) -> list[Event]:
        """Carry out a command."""
        if self.open is not None:
            self._finish()
        return self._enter(Entry(command, True), None)

    def step_instruction(self, breakpoints: frozenset[int], n: int) -> list[Event]:
        """Up to `n` instructions of the next entry; the whole entry where that is not a run of several."""
        events: list[Event] = []
        if self.open is None:
            entry, drawn = self._next()
            if not isinstance(entry.what, Run) or entry.what.n == 1:
                return self._enter(entry, drawn)
            if self._machine.halt_reason:
                self._refuse()
            events += self._machine.begin(entry.what)
            begun = self._machine.open
            assert begun is not None
            self.open = OpenEntry(entry, drawn, self._stamp(ahead=begun.choice.n))  # or less: `_finish`
        events += self._machine.advance(n, breakpoints)
        put_stamp(events, self.open.stamp)
        known = (*self.open.events, *events)
        self.open = replace(self.open, events=known)
        run = self._machine.open
        if run is not None and (run.ended or run.done >= run.choice.n):
            events += self._finish()[len(known) :]
        return events

    def _next(self) -> tuple[Entry, ScheduleState | None]:
        """The entry that comes next, and the schedule's state after it where the schedule drew it."""
        log = self._log
        if log.position < log.length and (what := log.made.at(log.position)) is not None:
            return Entry(what, True), None
        drawn, state = self.schedule.choose(self._history.schedule, self._parts)
        return Entry(drawn, False), state

    def _enter(self, entry: Entry, drawn: ScheduleState | None) -> list[Event]:
        machine, what = self._machine, entry.what
        if machine.halt_reason:
            self._refuse()
        if isinstance(what, Act):
            events = self._task.act(what.entries)
        elif isinstance(what, CHOICES):
            clock = machine.clock
            events = machine.step(what)
            if not entry.made:
                entry = _as_it_ran(entry, machine.clock - clock)
        else:
            events = self._task.command(what)
        if events:
            put_stamp(events, self._stamp())
        self._history.close(entry, drawn, events, machine.halt_reason)
        return events

    def _finish(self) -> list[Event]:
        """The rest of the open entry; all of its events."""
        opened, run = self.open, self._machine.open
        assert opened is not None and run is not None
        left = [*self._machine.advance(run.choice.n), *self._machine.finish()]
        self.open = None
        events = with_stamp([*opened.events, *left], self._stamp())
        self._history.close(_as_it_ran(opened.entry, run.choice.n), opened.drawn, events, self._machine.halt_reason)
        return events

    def _stamp(self, ahead: int = 0) -> Stamp:
        """That of the entry that comes next, which ends `ahead` instructions of the clock from now."""
        during, begun = self._poke.during
        return Stamp(self._log.position, self._machine.clock + ahead, during, begun)

    def _refuse(self) -> NoReturn:
        """GuestError: the machine has halted."""
        raise GuestError(f"nothing moves any more: {self._machine.halt_reason}")


def _as_it_ran(entry: Entry, n: int) -> Entry:
    """The entry, with the `n` instructions that a choice of the schedule has come to: it may be cut."""
    what = entry.what
    return entry if entry.made or not isinstance(what, Run) or what.n == n else Entry(Run(what.cpu, n), False)
