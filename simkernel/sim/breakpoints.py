"""Places to stop at, forwards and backwards: an address, a function, a change of bytes, a phase, an event.

A breakpoint never changes what happens: it splits the carrying out of a choice, and the pieces together do what the
choice does. Backwards means: the last place before this one at which one of the breakpoints would have stopped; history
is replayed from checkpoint to checkpoint to find it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from simkernel.errors import LearnerError
from simkernel.events import (
    Event,
    event_kinds,
)
from simkernel.kernel import KernelImage
from simkernel.schedule import QUANTUM
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.travel import Place, Progress


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
        if self.type not in (known := event_kinds()):
            raise LearnerError(f"no event is called {self.type!r}; there are: {', '.join(sorted(known))}")


Breakpoint = AtAddress | OnChange | AtPhase | OnEvent


@dataclass(frozen=True, slots=True)
class Hit:
    """A breakpoint has been met, at a place of history; `cpu` is the one that met it, if a CPU did."""

    breakpoint: Breakpoint
    place: Place
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


def run_back_to(
    simulation: Simulation, breakpoints: Sequence[Breakpoint], progress: Progress | None = None
) -> Hit | None:
    """Go to the last place before this one where a breakpoint was met; None, and nothing moved, where there is none.

    Args:
        simulation: that goes there.
        breakpoints: any of them counts.
        progress: called on a long way; where it ends that, the simulation stays where it was.

    Raises:
        Cancelled: `progress` has ended the way.
    """

    def search(until: Place) -> Generator[tuple[Place, Hit] | None]:
        with closing(_Watch(simulation, breakpoints).hits(until)) as hits:
            for hit in hits:
                yield None if hit is None else (hit.place, hit)

    return simulation.back_to_last(search, progress)


class _Watch:
    """Steps a simulation, and tells of each breakpoint that is met."""

    def __init__(self, simulation: Simulation, breakpoints: Sequence[Breakpoint]) -> None:
        self._simulation = simulation
        self._addresses = [b for b in breakpoints if isinstance(b, AtAddress)]
        self._stops = frozenset(b.address for b in self._addresses)
        self._changes = [b for b in breakpoints if isinstance(b, OnChange)]
        self._phases = [b for b in breakpoints if isinstance(b, AtPhase)]
        self._events = [b for b in breakpoints if isinstance(b, OnEvent)]

    def hits(self, until: Place | None = None) -> Generator[Hit | None]:
        """Every hit up to `until` (for ever without), and None after a move without one."""
        simulation = self._simulation
        for cpu in parts_of(simulation).machine.cpus if self._stops else ():
            cpu.watch(True)
        try:
            yield from self._hits(until)
        finally:
            for cpu in parts_of(simulation).machine.cpus if self._stops else ():
                cpu.watch(False)

    def _hits(self, until: Place | None) -> Iterator[Hit | None]:
        simulation = self._simulation
        while not simulation.halt_reason and (until is None or simulation.place < until):
            bytes_before, phase_before = self._bytes(), self._phase()
            logged, place = simulation.logged, simulation.place
            cpu = self._move(until)
            found = False
            if bytes_before != self._bytes():
                yield from self._changed(place, bytes_before)
                found = True
            for hit in self._met(cpu, phase_before, simulation.since(logged)):
                found = True
                yield hit
            if not found:
                yield None

    def _move(self, until: Place | None) -> int | None:
        """One entry of history, or a part of it up to a breakpoint or to `until`; the CPU that moved."""
        simulation = self._simulation
        if not self._stops and (until is None or simulation.place[0] < until[0]):
            simulation.step()
        else:
            entry, done = simulation.place
            n = until[1] - done if until is not None and entry == until[0] else QUANTUM
            simulation.step_instruction(self._stops, n)
        run = simulation.last_run
        return None if run is None else run.cpu

    def _met(self, cpu: int | None, phase: str, logged: list[Event]) -> Iterator[Hit]:
        simulation = self._simulation
        place = simulation.place
        if cpu is not None and not simulation.cpu(cpu).halted:
            rip = simulation.cpu(cpu).rip
            for at in self._addresses:
                if at.address == rip and at.cpu in (None, cpu):
                    yield Hit(at, place, cpu)
        for wanted in self._phases:
            if wanted.name == self._phase() != phase:
                yield Hit(wanted, place)
        for on in self._events:
            for event in logged:
                if type(event).__name__ == on.type and on.cpu in (None, event.cpu):
                    yield Hit(on, place, event.cpu)

    def _changed(self, start: Place, before: list[bytes]) -> Iterator[Hit]:
        """The very instruction that changed the bytes: the entry is run again, one instruction at a time."""
        simulation = self._simulation
        end = simulation.place
        simulation.goto_place(start)
        while simulation.place < end and self._bytes() == before:
            simulation.step_instruction()
        now = self._bytes()
        for watch, old, new in zip(self._changes, before, now, strict=True):
            if old != new:
                yield Hit(watch, simulation.place)

    def _bytes(self) -> list[bytes]:
        return [self._simulation.read(watch.address, watch.size) for watch in self._changes]

    def _phase(self) -> str:
        return self._simulation.patching.phase_name
