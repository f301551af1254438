"""The places at which one stops: after the beats of the site that one looks at.

Which events are beats is a property of the events. Those of another site are another story: where all functions change
at once, hundreds of CPUs' steps lie between two beats of one site, and are summed up (`between`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simkernel.events import (
    BatchReleased,
    BatchStarted,
    Event,
    Int3Claimed,
    Int3Done,
    Int3Taken,
    Oopsed,
    ParkAsked,
    Parked,
    PieceRead,
    PlanEnded,
    Settled,
    SiteRan,
    SiteStored,
    SyncAnswered,
    SyncEnded,
    SyncSent,
    TraceWritten,
    Unparked,
)
from simkernel.insn import SITE_SIZE

OF_THE_BATCH = (BatchStarted, SiteStored, SyncSent, SyncAnswered, SyncEnded, ParkAsked, Parked, Unparked, BatchReleased)


class Stop(NamedTuple):
    """A place in history after a beat, and the phase that the patching task is in there."""

    place: int
    during: str


class Beats:
    """Tells, event by event in the order of the log, whether each is a beat of one site's story.

    `site` None: any site's.
    """

    def __init__(self, site: int | None) -> None:
        self._site = site
        self._mine = site is None  # the batch under way, or the last one, holds the site

    @classmethod
    def after(cls, log: Sequence[Event], site: int | None) -> Beats:
        """What tells the events that come after these."""
        beats = cls(site)
        for event in reversed(log):
            if isinstance(event, BatchStarted | BatchReleased | PlanEnded):
                beats.is_beat(event)
                break
        return beats

    def is_beat(self, event: Event) -> bool:
        """True for a beat of this site, the end of a plan, an oops."""
        if isinstance(event, BatchStarted) and self._site is not None:
            self._mine = self._site in event.sites
        mine = self._mine
        if isinstance(event, BatchReleased | PlanEnded):
            self._mine = self._site is None
        if isinstance(event, PlanEnded | Oopsed):
            return True
        if not event.is_beat:
            return False
        return mine if isinstance(event, OF_THE_BATCH) else self._site is None or self._here(event)

    def _here(self, event: Event) -> bool:
        match event:
            case SiteRan(site=place) | TraceWritten(ip=place):
                return place == self._site
            case PieceRead(address=place) | Settled(address=place) | Int3Taken(address=place):
                pass
            case Int3Claimed(address=place) | Int3Done(address=place):
                pass
            case _:
                return True
        assert self._site is not None
        return 0 <= place - self._site < SITE_SIZE


class Heard:
    """The stops of one site's story among the events of a history that grows, is walked back and forth, and forgets."""

    def __init__(self, site: int | None) -> None:
        self.site = site
        self._beats = Beats(site)
        self._stops: list[Stop] = []
        self._count = 0  # events heard
        self._last: Event | None = None

    def stops(self, known: Sequence[Event]) -> list[Stop]:
        """Every stop among all known events, in order; not to be changed."""
        if self._count > len(known) or (self._count and known[self._count - 1] is not self._last):
            self._beats, self._stops, self._count = Beats(self.site), [], 0
        for event in known[self._count :]:
            if self._beats.is_beat(event):
                stop = Stop(event.entry + 1, event.during)
                if self._stops and self._stops[-1].place == stop.place:
                    self._stops[-1] = stop
                else:
                    self._stops.append(stop)
        self._count = len(known)
        self._last = known[-1] if known else None
        return self._stops
