"""What is different between two snapshots: a name for each thing that a viewer may have on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from simkernel.sim.snapshot.lanes import Lane
from simkernel.sim.snapshot.patch import NOW, Patch
from simkernel.sim.snapshot.site import SiteMap, SiteView
from simkernel.sim.snapshot.trace import TraceRecord
from simkernel.verdict import Verdict

_LANE_FIELDS = (
    "task",
    "rip",
    "interrupts_on",
    "pending",
    "asked",
    "parked",
    "handling",
    "halted",
    "reading",
)


class Picture(Protocol):
    """What is compared of two snapshots."""

    @property
    def patch(self) -> Patch:
        """The patching task."""
        ...

    @property
    def site(self) -> SiteView | None:
        """The site that is looked at."""
        ...

    @property
    def map(self) -> SiteMap:
        """All sites."""
        ...

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Each CPU."""
        ...

    @property
    def trace(self) -> tuple[TraceRecord, ...]:
        """The tail of the trace."""
        ...

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The invariants."""
        ...

    @property
    def outcome(self) -> str:
        """Why nothing moves any more; "" while it does."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was: `what` names it ("memory +0", "CPU1 may run +0", "CPU0 rax", "phase")."""

    what: str
    before: Any
    after: Any


def changes_of(before: Picture, after: Picture) -> tuple[Change, ...]:
    """All that changed, in the order of the screen: phase, the site's bytes, CPUs, verdicts, outcome."""
    return tuple(_changes(before, after))


def _changes(before: Picture, after: Picture) -> Iterator[Change]:
    yield from _different("phase", _phase(before), _phase(after))
    for name in ("title", "step", "batch", "done", "written", "waits_for", "holdouts", "queued"):
        yield from _different(f"patch {name}", getattr(before.patch, name), getattr(after.patch, name))
    if before.site is not None and after.site is not None and before.site.address == after.site.address:
        yield from _site(before.site, after.site)
    elif before.site != after.site:
        yield Change("site", before.site and before.site.name, after.site and after.site.name)
    for one, other in zip(before.lanes, after.lanes, strict=False):
        yield from _lane(one, other)
    yield from _different("trace", before.trace[-1:], after.trace[-1:])
    held = {verdict.name: verdict.holds for verdict in before.verdicts}
    for at, verdict in enumerate(after.verdicts):
        was = before.verdicts[at].holds if at < len(before.verdicts) else held.get(verdict.name)
        yield from _different(f"verdict {verdict.name}", was, verdict.holds)
    yield from _different("site map", before.map.states, after.map.states)
    yield from _different("outcome", before.outcome, after.outcome)


def _different(what: str, before: Any, after: Any) -> Iterator[Change]:
    if before != after:
        yield Change(what, before, after)


def _phase(snapshot: Picture) -> str:
    return next((row.name for row in snapshot.patch.phases if row.state == NOW), "")


def _site(before: SiteView, after: SiteView) -> Iterator[Change]:
    for at in range(len(after.memory.data)):
        yield from _different(f"memory +{at}", before.memory.data[at], after.memory.data[at])
    for one, other in zip(before.cpus, after.cpus, strict=False):
        for at, (was, now) in enumerate(zip(one.options, other.options, strict=True)):
            yield from _different(f"CPU{other.cpu} may run +{at}", was, now)
        yield from _different(f"CPU{other.cpu} has read", one.read, other.read)
    yield from _different("flags", before.flags, after.flags)


def _lane(before: Lane, after: Lane) -> Iterator[Change]:
    for name in _LANE_FIELDS:
        yield from _different(f"CPU{after.cpu} {name}", getattr(before, name), getattr(after, name))
    was = {register.name: register.value for register in before.registers}
    for register in after.registers:
        if register.changed and register.name != "rip":
            yield Change(f"CPU{after.cpu} {register.name}", was.get(register.name), register.value)
    words = {word.address: word.value for word in before.stack}
    for word in after.stack:
        if word.changed and word.address in words:
            yield Change(f"CPU{after.cpu} stack {word.address:#x}", words[word.address], word.value)
