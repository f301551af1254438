"""Where a learner stops: after each event that changes the story of the site that is looked at.

Which events are stops is a property of the events; of the interrupts an NMI is one, while the site's batch is under
way. Those of another site are another story: where all functions change at once, hundreds of CPUs' steps lie between
two stops of one site, and are summed up (`between`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from simkernel.events import (
    BatchReleased,
    BatchStarted,
    Event,
    InterruptTaken,
    Oopsed,
    ParkAsked,
    Parked,
    PlanEnded,
    SiteRan,
    SiteStored,
    SyncAnswered,
    SyncEnded,
    SyncSent,
    TraceWritten,
    Unparked,
)
from simkernel.kernel.layout import VECTOR_NMI
from simkernel.sim.log import Rewrite, Rewrites

OF_THE_BATCH = (BatchStarted, SiteStored, SyncSent, SyncAnswered, SyncEnded, ParkAsked, Parked, Unparked, BatchReleased)


def ends_batch(event: Event) -> bool:
    """True for the last event of a batch: no phase is under way behind it. Not every protocol releases its batches."""
    return isinstance(event, OF_THE_BATCH) and not event.during


class Stop(NamedTuple):
    """A position in history after a stop, the phase that the patching task is in there, and what happened."""

    position: int
    during: str
    events: tuple[Event, ...] = ()


def _position(stop: Stop) -> int:
    return stop.position


def _entry(event: Event) -> int:
    return event.entry


class Stops(Sequence[Stop]):
    """The stops of a story, oldest first: a part of all that `SiteStory` knows, which is looked at and never taken out.

    So it costs the same however long history is.
    """

    def __init__(self, known: list[Stop], begun: list[int], first: int, last: int) -> None:
        self._known = known
        self._begun = begun  # the positions where a phase begins
        self._first, self._last = first, max(first, last)

    @overload
    def __getitem__(self, at: int) -> Stop: ...
    @overload
    def __getitem__(self, at: slice) -> list[Stop]: ...
    def __getitem__(self, at: int | slice) -> Stop | list[Stop]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return self._known[(self._last if at < 0 else self._first) + at]

    def __len__(self) -> int:
        return self._last - self._first

    def within(self, first: int, last: int) -> str:
        """What lies at the positions first to last - 1: "phase" where one begins, "stop" for another one, "" for none.

        Positions behind the last of these stops count too, where history knows them.
        """
        begun = bisect_left(self._begun, first)
        if begun < len(self._begun) and self._begun[begun] < last:
            return "phase"
        at = bisect_left(self._known, first, key=_position)
        return "stop" if at < len(self._known) and self._known[at].position < last else ""

    @property
    def phases(self) -> int:
        """How many phases have begun on the way."""
        if not len(self):
            return 0
        return bisect_right(self._begun, self[-1].position) - bisect_left(self._begun, self[0].position)


class StopRule:
    """Tells, event by event in the order of the log, whether each is a stop of one site's story.

    `site`: the addresses of its bytes; None: any site's.
    """

    def __init__(self, site: range | None, mine: bool = False) -> None:
        self._site = site
        self.mine = mine or site is None  # the batch under way, or the last one, holds the site

    def stops_at(self, event: Event) -> bool:
        """True for a stop of this site, an NMI while it changes, the end of a plan, an oops."""
        if isinstance(event, BatchStarted) and self._site is not None:
            self.mine = self._site.start in event.sites
        if isinstance(event, SyncSent) and not event.during:
            self.mine = self._site is None  # a sync between batches, as ftrace_sync_ipi
        mine = self.mine
        if isinstance(event, PlanEnded) or ends_batch(event):
            self.mine = self._site is None
        if isinstance(event, PlanEnded | Oopsed):
            return True
        if isinstance(event, InterruptTaken):
            return mine and event.vector == VECTOR_NMI
        if not event.stop:
            return False
        return mine if isinstance(event, OF_THE_BATCH) else self._site is None or is_at(event, self._site)


def is_at(event: Event, site: range) -> bool:
    """False for what happens at another site, and for a trace line of another function; an oops is about every site.

    `site`: the addresses of its bytes.
    """
    if isinstance(event, Oopsed):
        return True
    if event.at is None:
        return not isinstance(event, TraceWritten)
    return event.at in site


class News:
    """What is new among a history's events, which become more, and others where history takes another way."""

    def __init__(self) -> None:
        self._count = 0
        self._rewrites = 0

    def rewritten(self, rewrites: Rewrites | None) -> Rewrite | None:
        """Where history has taken another way since: of what was met, the events behind it are no more."""
        rewrite = None if rewrites is None else rewrites.since(self._rewrites)
        if rewrites is not None:
            self._rewrites = rewrites.count
        if rewrite is None or rewrite.events >= self._count:
            return None
        self._count = rewrite.events
        return rewrite

    def new(self, known: Sequence[Event]) -> Iterator[tuple[int, Event]]:
        """The events not met yet, each with its number. Ask `rewritten` first."""
        first, self._count = self._count, len(known)
        yield from enumerate(known[first:], first)


class SiteStory:
    """The stops of one site's story among the events of a history that grows, is walked back and forth, and forgets.

    `site`: the addresses of its bytes; None: any site's.
    """

    def __init__(self, site: range | None) -> None:
        self.site = site
        self._news = News()
        self._rule = StopRule(self.site)
        self._stops: list[Stop] = []
        self._begun: list[int] = []  # positions where a phase begins
        self._turns: list[tuple[int, bool]] = []  # from which event on the batch was this site's, or was not
        self._ran: list[SiteRan] = []  # what CPUs ran at the site

    def hear(self, known: Sequence[Event], rewrites: Rewrites | None = None) -> None:
        """Take in what is new among all known events; `rewrites`: of the history they are of."""
        if (rewrite := self._news.rewritten(rewrites)) is not None:
            self._forget_behind(rewrite)
        for at, event in self._news.new(known):
            mine = self._rule.mine
            if self._rule.stops_at(event):
                self._stop(Stop(event.entry + 1, event.during, (event,)))
            if self._rule.mine != mine:
                self._turns.append((at + 1, not mine))
            if isinstance(event, SiteRan) and self.site is not None and is_at(event, self.site):
                self._ran.append(event)

    def _forget_behind(self, rewrite: Rewrite) -> None:
        self._rule = self.rule_from(rewrite.events)
        del self._stops[bisect_right(self._stops, rewrite.position, key=_position) :]
        del self._begun[bisect_right(self._begun, rewrite.position) :]
        del self._turns[bisect_right(self._turns, rewrite.events, key=lambda one: one[0]) :]
        del self._ran[bisect_left(self._ran, rewrite.position, key=_entry) :]

    def _stop(self, stop: Stop) -> None:
        """Several stops in one entry are one stop: the phase of the last one counts."""
        if self._stops and self._stops[-1].position == stop.position:
            stop = stop._replace(events=(*self._stops.pop().events, *stop.events))
            if self._begun and self._begun[-1] == stop.position:
                self._begun.pop()
        if stop.during and (not self._stops or self._stops[-1].during != stop.during):
            self._begun.append(stop.position)
        self._stops.append(stop)

    def stops(self, after: int, until: int) -> Stops:
        """The stops behind the position `after`, up to the position `until`."""
        first, last = (bisect_right(self._stops, position, key=_position) for position in (after, until))
        return Stops(self._stops, self._begun, first, last)

    def ran(self, after: int, until: int) -> list[SiteRan]:
        """What CPUs ran at the site in the entries from the position `after` to before `until`."""
        first, last = (bisect_left(self._ran, position, key=_entry) for position in (after, until))
        return self._ran[first:last]

    def rule_from(self, count: int) -> StopRule:
        """What tells the events that come after the first `count` that it knows."""
        at = bisect_right(self._turns, count, key=lambda one: one[0])
        return StopRule(self.site, bool(at) and self._turns[at - 1][1])
