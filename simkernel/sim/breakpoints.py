"""Where to stop, forwards and backwards: an address, a function, a change of bytes, a phase, an event.

A breakpoint never changes what happens: it splits the carrying out of a choice, and the pieces together do what the
choice does. Backwards means: the last point before this one at which one of the breakpoints would have stopped; history
is replayed from checkpoint to checkpoint to find it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from simkernel.events import Event, event_named
from simkernel.kernel import KernelImage
from simkernel.report import Report
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.log import Point
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation


@dataclass(frozen=True, slots=True)
class AtAddress:
    """A CPU (`cpu`, or any) is about to run the instruction at `address`."""

    address: int
    cpu: int | None = None


@dataclass(frozen=True, slots=True)
class OnChange:
    """Any of `size` bytes in memory, code or data, has changed."""

    address: int
    size: int = 1


@dataclass(frozen=True, slots=True)
class AtPhase:
    """The patching task has come to the phase of that name; "" for the end of a batch."""

    name: str


@dataclass(frozen=True, slots=True)
class OnEvent:
    """An event of that type happened, e.g. "Int3Taken"; on CPU `cpu` if one is given."""

    type: str
    cpu: int | None = None

    def __post_init__(self) -> None:
        event_named(self.type)


Breakpoint = AtAddress | OnChange | AtPhase | OnEvent


@dataclass(frozen=True, slots=True)
class Hit:
    """A breakpoint has been met, at a point of history; `cpu` is the one that met it, if a CPU did."""

    breakpoint: Breakpoint
    point: Point
    cpu: int | None = None


def at_function(image: KernelImage, name: str, cpu: int | None = None) -> AtAddress:
    """A breakpoint at a function's first instruction; LearnerError with the nearest name where there is none."""
    return AtAddress(image.address(name), cpu)


def run_to(simulation: Simulation, breakpoints: Sequence[Breakpoint], instructions: int = 5_000_000) -> Hit | None:
    """Run until one of the breakpoints is met; None where the bound or a halt comes first."""
    end = simulation.clock + instructions
    with closing(_Watch(simulation, breakpoints).hits()) as hits:
        for hit in hits:
            if hit is not None or simulation.halt_reason or simulation.clock >= end:
                return hit
    return None


def run_back_to(simulation: Simulation, breakpoints: Sequence[Breakpoint], report: Report | None = None) -> Hit | None:
    """Go to the last point before this one where a breakpoint was met; None, and nothing moved, where there is none.

    Args:
        simulation: that goes there.
        breakpoints: any of them counts.
        report: called on a long way; where it cancels that, the simulation stays where it was.

    Raises:
        Cancelled: `report` has cancelled the way.
    """

    def search(until: Point) -> Generator[tuple[Point, Hit] | None]:
        with closing(_Watch(simulation, breakpoints).hits(until)) as hits:
            for hit in hits:
                yield None if hit is None else (hit.point, hit)

    return simulation.back_to_last(search, report)


def distance(simulation: Simulation, choice: Run, address: int) -> int | None:
    """How many instructions of a choice bring its CPU before the one at an address; what was tried is taken back.

    History forgets what lay ahead, as for a choice given by hand.

    Returns:
        At least 1; None where the choice does not lead there before its end.
    """
    here = simulation.position
    simulation.foresee([(here, choice)])
    try:
        simulation.step_instruction(frozenset((address,)), choice.n)
    finally:
        parts_of(simulation).machine.cpus[choice.cpu].unwatch()
    away = simulation.point.instructions  # 0: the choice has come to its end
    simulation.goto(here)
    return away or None


class _Watch:
    """Steps a simulation, and tells of each breakpoint that is met."""

    def __init__(self, simulation: Simulation, breakpoints: Sequence[Breakpoint]) -> None:
        self._simulation = simulation
        self._addresses = [b for b in breakpoints if isinstance(b, AtAddress)]
        self._stops = frozenset(b.address for b in self._addresses)
        self._changes = [b for b in breakpoints if isinstance(b, OnChange)]
        self._phases = [b for b in breakpoints if isinstance(b, AtPhase)]
        self._events = [b for b in breakpoints if isinstance(b, OnEvent)]

    def hits(self, until: Point | None = None) -> Generator[Hit | None]:
        """Every hit up to `until` (for ever without), and None after a move without one."""
        try:
            yield from self._hits(until)
        finally:
            for cpu in parts_of(self._simulation).machine.cpus if self._stops else ():
                cpu.unwatch()

    def _hits(self, until: Point | None) -> Iterator[Hit | None]:
        simulation = self._simulation
        while not simulation.halt_reason and (until is None or simulation.point < until):
            bytes_before, phase_before = self._bytes(), self._phase()
            logged, point = simulation.logged, simulation.point
            cpu = self._move(until)
            found = False
            if bytes_before != self._bytes():
                yield from self._changed(point, bytes_before)
                found = True
            for hit in self._met(cpu, phase_before, simulation.since(logged)):
                found = True
                yield hit
            if not found:
                yield None

    def _move(self, until: Point | None) -> int | None:
        """One entry of history, or a part of it up to a breakpoint or to `until`; the CPU that moved."""
        simulation = self._simulation
        if not self._stops and (until is None or simulation.position < until.position):
            simulation.step()
        else:
            position, done = simulation.point
            n = until.instructions - done if until is not None and position == until.position else QUANTUM
            simulation.step_instruction(self._stops, n)
        run = simulation.last_run
        return None if run is None else run.cpu

    def _met(self, cpu: int | None, phase: str, logged: list[Event]) -> Iterator[Hit]:
        simulation = self._simulation
        point = simulation.point
        if cpu is not None and not simulation.cpu(cpu).halted:
            rip = simulation.cpu(cpu).rip
            for at in self._addresses:
                if at.address == rip and at.cpu in (None, cpu):
                    yield Hit(at, point, cpu)
        for wanted in self._phases:
            if wanted.name == self._phase() != phase:
                yield Hit(wanted, point)
        for on in self._events:
            for event in logged:
                if type(event).__name__ == on.type and on.cpu in (None, event.cpu):
                    yield Hit(on, point, event.cpu)

    def _changed(self, start: Point, before: list[bytes]) -> Iterator[Hit]:
        """The very instruction that changed the bytes: the entry is run again, one instruction at a time."""
        simulation = self._simulation
        end = simulation.point
        simulation.goto_point(start)
        while simulation.point < end and self._bytes() == before:
            simulation.step_instruction()
        now = self._bytes()
        for watch, old, new in zip(self._changes, before, now, strict=True):
            if old != new:
                yield Hit(watch, simulation.point)

    def _bytes(self) -> list[bytes]:
        return [self._simulation.read(watch.address, watch.size) for watch in self._changes]

    def _phase(self) -> str:
        return self._simulation.patching.phase_name
