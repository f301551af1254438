"""Everything that a viewer may know of a simulation at one step, frozen: front ends draw it and hold nothing else.

A snapshot is taken from a simulation, and with the one before it says what changed. Nothing in it refers to the
simulation: it stays as it is when that goes on.

    cpus       a CPU: task, place, next instruction, registers, stack, disassembly
    site       the bytes of a site: in memory, for each CPU; the map of all sites
    patching   the patching task: plan, phases, the CPUs that it waits for
    trace      the tail of the trace
    changes    what is not as it was
    plain      the whole as dictionaries and lists, for JSON
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from simkernel.events import Event
from simkernel.schedule import Act, Choice, Nmi, Read, Resolve, Run
from simkernel.sim.log import Point
from simkernel.sim.narrate import sentence
from simkernel.sim.now import SimulationNow
from simkernel.sim.oops import Oops
from simkernel.sim.options import Options
from simkernel.sim.snapshot.changes import Thing, ThingChange, changes_of
from simkernel.sim.snapshot.cpus import CodeLine, CpuSnapshot, Register, StackWord, cpu_snapshot
from simkernel.sim.snapshot.patching import DONE, NOW, TO_COME, PatchingSnapshot, PhaseRow, patching_snapshot
from simkernel.sim.snapshot.plain import plain
from simkernel.sim.snapshot.site import MayRun, SiteBytes, SiteMap, SiteSnapshot, site_map, site_snapshot
from simkernel.sim.snapshot.trace import TraceRecord, trace_tail
from simkernel.sim.validate import verdicts
from simkernel.verdict import Verdict

__all__ = [
    "DONE",
    "NOW",
    "TO_COME",
    "ThingChange",
    "CodeLine",
    "EventLine",
    "CpuSnapshot",
    "MayRun",
    "Move",
    "PatchingSnapshot",
    "PhaseRow",
    "Register",
    "SiteBytes",
    "SiteMap",
    "SiteSnapshot",
    "Snapshot",
    "StackWord",
    "TraceRecord",
]

EVENTS = 24  # last events that a snapshot holds, at least: those of the last entry are all there
MOVES = 64  # last history entries that it holds
_ALL_SITES = 8  # of a larger batch the phase's verdict looks at the site shown and at those where CPUs are


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event and its sentence."""

    event: Event
    sentence: str

    @property
    def stop(self) -> bool:
        """True where people stop at it."""
        return self.event.stop


@dataclass(frozen=True, slots=True)
class Move:
    """A history entry: which CPU moved (-1: the patching task, -2: a person asked), what it did, by so much."""

    entry: int
    cpu: int
    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A simulation at one point of its history.

    Attributes:
        options: of the simulation.
        point: where in history, to the instruction.
        length: entries that history knows.
        clock: instructions.
        patching, site, map, cpus, trace, events, moves, verdicts: see the modules of this package.
        halt_reason: why the machine halted for good; "" while it runs.
        oops: where the kernel has died.
        changes: since the snapshot before; empty for a first one.
    """

    options: Options
    point: Point
    length: int
    clock: int
    patching: PatchingSnapshot
    site: SiteSnapshot | None
    map: SiteMap
    cpus: tuple[CpuSnapshot, ...]
    trace: tuple[TraceRecord, ...]
    events: tuple[EventLine, ...]
    moves: tuple[Move, ...]
    verdicts: tuple[Verdict, ...]
    halt_reason: str
    oops: Oops | None
    changes: tuple[ThingChange, ...] = ()

    @property
    def position(self) -> int:
        """How many history entries have happened."""
        return self.point.position

    def has_changed(self, what: Thing) -> bool:
        """True where it is other than in the snapshot before."""
        return any(change.what == what for change in self.changes)

    @classmethod
    def of(cls, simulation: SimulationNow, previous: Snapshot | None = None, site: int | None = None) -> Snapshot:
        """The simulation as it is now.

        Args:
            simulation: which.
            previous: the snapshot that `changes` compare with.
            site: the address of the site to show; None: the one shown before, else the first of the batch.
        """
        shown = _site_shown(simulation, previous, site)
        cpus_before = previous.cpus if previous is not None else ()
        now = cls(
            options=simulation.options,
            point=simulation.point,
            length=len(simulation.entries),
            clock=simulation.clock,
            patching=patching_snapshot(simulation),
            site=None if shown is None else site_snapshot(simulation, shown),
            map=site_map(simulation),
            cpus=tuple(
                cpu_snapshot(simulation, cpu, cpus_before[cpu] if cpu < len(cpus_before) else None)
                for cpu in range(simulation.options.cpus)
            ),
            trace=trace_tail(simulation),
            events=_events(simulation, previous),
            moves=_moves(simulation),
            verdicts=verdicts(simulation, _sites_checked(simulation, shown)),
            halt_reason=simulation.halt_reason,
            oops=simulation.oops,
        )
        return now if previous is None else replace(now, changes=changes_of(previous, now))

    def to_json(self) -> dict[str, Any]:
        """The whole as dictionaries, lists, texts and numbers; bytes as hexadecimal text."""
        out: dict[str, Any] = plain(self)
        return out


def _site_shown(simulation: SimulationNow, previous: Snapshot | None, site: int | None) -> int | None:
    if site is not None:
        return site
    sites = simulation.patching.sites
    if previous is not None and previous.site is not None:
        kept = previous.site.address
        if not sites or kept in previous.patching.sites or kept in sites:
            return kept
    return sites[0] if sites else None


def _sites_checked(simulation: SimulationNow, shown: int | None) -> list[int] | None:
    """The sites of the batch that are worth a close look at each step; None for all."""
    sites = simulation.patching.sites
    if len(sites) <= _ALL_SITES:
        return None
    near = {simulation.cpu(cpu).rip for cpu in range(simulation.options.cpus)}
    if shown is not None:
        near.add(shown)
    return sorted(near.intersection(sites))


def _events(simulation: SimulationNow, previous: Snapshot | None) -> tuple[EventLine, ...]:
    """The last events, oldest first: at least `EVENTS`, and all of the last entry."""
    patching = simulation.patching
    same = previous is not None and previous.patching.variant == patching.variant  # else other words may be right now
    said = {id(line.event): line for line in previous.events} if previous is not None and same else {}
    known, first = simulation.known_events, max(0, simulation.logged - EVENTS)
    while first and known[first - 1].entry == simulation.position - 1:
        first -= 1
    image, protocol = simulation.image, patching.protocol
    return tuple(
        said.get(id(event)) or EventLine(event, sentence(event, image, protocol)) for event in simulation.since(first)
    )


def _moves(simulation: SimulationNow) -> tuple[Move, ...]:
    first = max(0, simulation.position - MOVES)
    return tuple(
        _move(first + at, entry.what) for at, entry in enumerate(simulation.entries[first : simulation.position])
    )


def _move(entry: int, what: Choice | object) -> Move:
    match what:
        case Run(cpu=cpu, n=n):
            return Move(entry, cpu, "run", n)
        case Read(cpu=cpu, n=n):
            return Move(entry, cpu, "read", n)
        case Resolve(cpu=cpu):
            return Move(entry, cpu, "resolve", 1)
        case Nmi(cpu=cpu):
            return Move(entry, cpu, "nmi", 1)
        case Act(entries=entries):
            return Move(entry, -1, "act", entries)
    return Move(entry, -2, type(what).__name__, 1)
