"""A change of every site, stepped: what the patching task and the CPUs do, forwards and back.

A step is an event of the batch that has the sites: it begins, a round of writes is over, a sync is sent, a CPU answers,
the batch is released; then the end of the plan. What the CPUs did in between belongs to the step that it led to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lessons.lanes import Did, LaneMark, TimePicture, TimeStep
from lessons.story.time import TASK, in_short, marks_of
from simkernel import events as ev
from simkernel.errors import GuestError
from simkernel.ftrace.commands import SetTracer
from simkernel.report import Report
from simkernel.schedule import Run
from simkernel.sim.log import Point
from simkernel.sim.narrate import PATCHING_TASK, sentence
from simkernel.sim.narrate.events import Words
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import SiteMap
from simkernel.sim.snapshot.site import site_map

STEPS = (ev.BatchStarted, ev.SiteStored, ev.SyncSent, ev.SyncAnswered, ev.SyncEnded, ev.BatchReleased)


@dataclass(frozen=True, slots=True)
class ChangeStep:
    """A step that has been taken.

    Attributes:
        point: in history, behind it.
        event: what it ends with; None for the command, before anything has happened.
        phase: of which it is a part, "" between batches.
        sites: the state of each site behind it.
        took: how many int3s each CPU has taken since the step before.
        taken: the sites at which, by number.
        traced: calls that the tracer has written down since the step before.
        by_int3: those of them that an int3's handler has emulated.
        not_yet: int3s that have been taken, whose call the tracer has not written down yet.
    """

    point: Point
    event: ev.Event | None
    phase: str
    sites: SiteMap
    took: tuple[int, ...]
    taken: tuple[int, ...] = ()
    traced: int = 0
    by_int3: int = 0
    not_yet: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a change has cost, counted in its own run.

    Attributes:
        syncs: of the largest batch: its sites share them.
        parked: how often the CPUs were asked to stop.
        time: how many instructions each CPU had time for.
        took: how many int3s each CPU has taken.
    """

    syncs: int
    parked: int
    time: tuple[int, ...]
    took: tuple[int, ...]


class Change:
    """`echo TRACER > current_tracer`, for every function, as far as it has been seen.

    Attributes:
        tracer: which is set.
        simulation: where it happens; it stands behind the step `at`, after each move.
        steps: those that have been taken, the command first.
        at: the step behind which one stands, 0 for the command.
        over: the change is done, at the last of these steps.
        seen: the furthest of them that a person has seen, this time.
    """

    def __init__(self, simulation: Simulation, tracer: str) -> None:
        self.simulation, self.tracer = simulation, tracer
        self._logged, self._begin = simulation.logged, simulation.position
        simulation.do(SetTracer(tracer))
        self._number = {int(site): at for at, site in enumerate(simulation.image.mcount_loc)}
        self._words = Words(simulation.image, simulation.patching.protocol)
        self._in_batch = False
        self._emulated: Counter[tuple[int, int]] = Counter()  # (CPU, site): int3s whose call has no record yet
        self.steps = [self._step(None, [])]
        self.at = self.seen = 0
        self.over = False

    @property
    def here(self) -> ChangeStep:
        """The step behind which one stands."""
        return self.steps[self.at]

    @property
    def at_end(self) -> bool:
        """True behind the last step of a change that is done."""
        return self.over and self.at + 1 == len(self.steps)

    def go(self, at: int) -> None:
        """Stand behind a step that has been taken."""
        self.at = at
        self.seen = max(self.seen, at)
        self.simulation.goto_point(self.here.point)

    def forward(self, report: Report) -> None:
        """Take the next step; one that is cancelled was not taken.

        Args:
            report: is told how far it is.

        Raises:
            GuestError: the kernel has died on the way.
            Cancelled: as `report` does.
        """
        if self.at + 1 < len(self.steps):
            self.go(self.at + 1)
            return
        in_batch = self._in_batch
        try:
            event, happened = self._next(report)
        except BaseException:
            self._in_batch = in_batch
            self.go(self.at)
            raise
        self.over = isinstance(event, ev.PlanEnded)
        self.steps.append(self._step(event, happened))
        self.at += 1
        self.seen = self.at

    def _next(self, report: Report) -> tuple[ev.Event, list[ev.Event]]:
        """Go on to what ends the next step; that, and all that happened on the way."""
        simulation, happened = self.simulation, list[ev.Event]()
        while not simulation.halt_reason:
            report(f"{PATCHING_TASK} changes {len(self._number):,} sites")
            new = simulation.step()
            happened += new
            ends = [event for event in new if self._ends_a_step(event)]
            if ends:
                return ends[-1], happened
        raise GuestError(simulation.halt_reason)

    def _ends_a_step(self, event: ev.Event) -> bool:
        """Whether a step ends with an event: with one of the batch that has the sites, or the end of the plan."""
        if isinstance(event, ev.BatchStarted):
            self._in_batch = any(site in self._number for site in event.sites)
        of_batch = self._in_batch
        if isinstance(event, ev.BatchReleased):
            self._in_batch = False
        return isinstance(event, ev.PlanEnded) or (of_batch and isinstance(event, STEPS))

    def _step(self, event: ev.Event | None, happened: Sequence[ev.Event]) -> ChangeStep:
        simulation = self.simulation
        traps = [one for one in happened if isinstance(one, ev.Int3Taken) and one.address in self._number]
        by_int3 = self._recorded(happened)
        return ChangeStep(
            point=simulation.point,
            event=event,
            phase=event.phase if isinstance(event, ev.PhaseEvent) else event.stamp.during if event else "",
            sites=site_map(simulation),
            took=tuple(sum(one.cpu == cpu for one in traps) for cpu in simulation.cpus),
            taken=tuple(sorted({self._number[one.address] for one in traps})),
            traced=sum(isinstance(one, ev.TraceWritten) for one in happened),
            by_int3=by_int3,
            not_yet=self._emulated.total(),
        )

    def _recorded(self, happened: Sequence[ev.Event]) -> int:
        """How many records are of calls that an int3's handler has emulated: the site itself made the others."""
        found = 0
        for one in happened:
            if self.tracer == "nop":
                break  # an int3 is a NOP then
            if isinstance(one, ev.Int3Taken) and one.address in self._number:
                self._emulated[one.cpu, one.address] += 1
            elif isinstance(one, ev.TraceWritten) and self._emulated[one.cpu, one.ip] > 0:
                self._emulated[one.cpu, one.ip] -= 1
                found += 1
        return found

    @property
    def said(self) -> str:
        """What happened at the step behind which one stands."""
        event = self.here.event
        if event is None:
            return ""
        return sentence(event, self.simulation.image, self.simulation.patching.protocol)

    @property
    def figures(self) -> Figures:
        """What the change has cost up to here."""
        simulation = self.simulation
        log = simulation.since(self._logged)
        traps = [event.cpu for event in log if isinstance(event, ev.Int3Taken)]
        return Figures(
            syncs=shared_syncs(log),
            parked=sum(isinstance(event, ev.ParkAsked) for event in log),
            time=time_given(simulation, self._begin),
            took=tuple(traps.count(cpu) for cpu in simulation.cpus),
        )

    @property
    def time(self) -> TimePicture:
        """Who did what at each step up to the furthest one that was seen."""
        lanes = (PATCHING_TASK, *(f"CPU{cpu}" for cpu in self.simulation.cpus))
        return TimePicture(lanes, tuple(self._moments()), self.at)

    def _moments(self) -> Iterator[TimeStep]:
        waits = False
        for number, step in enumerate(self.steps[1 : self.seen + 1], 1):
            assert step.event is not None
            marks = {TASK: LaneMark(Did.WAITS)} if waits else {}
            marks |= dict(marks_of(step.event))
            for cpu in [cpu for cpu, times in enumerate(step.took) if times]:
                marks[cpu] = replace(marks[cpu], trapped=True) if cpu in marks else LaneMark(Did.INT3)
            every = (TASK, *self.simulation.cpus)
            row = tuple(marks.get(lane, LaneMark(Did.NOTHING)) for lane in every)
            yield TimeStep(number, step.point.position, step.phase, row, in_short(step.event, self._words))
            waits = isinstance(step.event, ev.SyncSent) or (waits and isinstance(step.event, ev.SyncAnswered))


def shared_syncs(events: Sequence[ev.Event]) -> int:
    """How many syncs the largest batch had: its sites share them."""
    largest, syncs, inside = 0, 0, False
    for event in events:
        if isinstance(event, ev.BatchStarted) and len(event.sites) > largest:
            largest, syncs, inside = len(event.sites), 0, True
        elif isinstance(event, ev.BatchReleased):
            inside = False
        elif isinstance(event, ev.SyncSent) and inside:
            syncs += 1
    return syncs


def time_given(simulation: Simulation, first: int) -> tuple[int, ...]:
    """How many instructions each CPU had time for from a position in history on."""
    given = [0] * simulation.options.cpus
    for entry in simulation.entries[first : simulation.position]:
        if isinstance(entry.what, Run):
            given[entry.what.cpu] += entry.what.n
    return tuple(given)
