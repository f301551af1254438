"""Moves that a scenario makes by hand, so that what it is about happens: who goes on, and until what.

They say what is to happen, not how many instructions that takes, so they hold for a changed kernel too. Each becomes
choices of history, and all of it really runs: a director decides what moves next, never what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from lessons.session.stops import is_at
from simkernel.errors import GuestError
from simkernel.events import Event
from simkernel.schedule import QUANTUM, Act, Choice, Nmi, Read, Resolve, Run
from simkernel.sim.simulation import Simulation

PATIENCE = 60_000  # choices for one move
FAR = 100  # instructions of a choice between batches
ASLEEP = 5_000  # choices after which a CPU does not come: while it sleeps each is one instruction of the clock


@dataclass(frozen=True, slots=True)
class Acts:
    """The patching task takes its next action; before that every CPU that it waits for answers."""


@dataclass(frozen=True, slots=True)
class Through:
    """The patching task goes on until its phase is this one, not begun; "" for the end of the batch."""

    phase: str


@dataclass(frozen=True, slots=True)
class Goes:
    """A CPU goes on until an event of that type happens to it, at the site where the event has one.

    None is: until it is at the site. The others go on beside it, but none of them answers or comes there.
    """

    cpu: int
    until: type[Event] | None


@dataclass(frozen=True, slots=True)
class Reads:
    """A CPU reads so many bytes of its next instruction."""

    cpu: int
    count: int


@dataclass(frozen=True, slots=True)
class Resolves:
    """A CPU's pending byte of the site is resolved, by one store."""

    cpu: int
    byte: int


@dataclass(frozen=True, slots=True)
class Interrupts:
    """An NMI comes to a CPU, whatever it is at."""

    cpu: int


Move = Acts | Through | Goes | Reads | Resolves | Interrupts


@dataclass(frozen=True, slots=True)
class Near:
    """Where a CPU is when a story starts: so many instructions before the site, or before a function."""

    cpu: int
    distance: int = 0
    function: str = ""


class Director:
    """Makes moves on a simulation, about one site."""

    def __init__(self, simulation: Simulation, site: int) -> None:
        self._simulation = simulation
        self._site = site
        self._addresses = simulation.site(site).addresses

    def play(self, moves: Sequence[Move]) -> None:
        """Make these moves, in order; a halt ends them.

        Raises: GuestError where one of them does not come about.
        """
        for move in moves:
            if self._simulation.halt_reason:
                return
            match move:
                case Acts():
                    self._act()
                case Through(phase=phase):
                    self._through(phase)
                case Goes(cpu=cpu, until=until):
                    self._go(cpu, until)
                case Reads(cpu=cpu, count=count):
                    self._simulation.step(Read(cpu, count))
                case Resolves(cpu=cpu, byte=byte):
                    self._simulation.step(Resolve(cpu, self._site + byte))
                case Interrupts(cpu=cpu):
                    self._simulation.step(Nmi(cpu))

    def _act(self) -> None:
        patching = self._simulation.patching
        while (waits := patching.waits_for) and not self._simulation.halt_reason:
            self._until(waits[0], lambda events: waits[0] not in patching.waits_for, "an answer")
        if not patching.ready:
            raise GuestError("the patching task waits, and for no CPU that could answer")
        self._simulation.step(Act())

    def _through(self, phase: str) -> None:
        simulation = self._simulation
        begun = simulation.patching.busy
        while not simulation.halt_reason:
            now = simulation.patching.phase_name
            begun = begun or now != ""
            if begun and phase == now:
                return
            self._act()

    def _go(self, cpu: int, until: type[Event] | None) -> None:
        if until is not None:
            self._until(cpu, lambda events: self._found(events, cpu, until), until.__name__)
        else:
            now = self._simulation.cpu(cpu)
            self._until(cpu, lambda events: now.rip == self._site, self._simulation.image.symbolize(self._site))

    def _until(self, cpu: int, there: Callable[[list[Event]], bool], what: str) -> None:
        """A CPU runs until it is so, after some instruction; the others go on beside it."""
        simulation = self._simulation
        for _ in range(PATIENCE):
            if there(self._run(cpu)) or simulation.halt_reason:
                return
            for other in simulation.cpus:
                if other != cpu and self._may_go_on(other) and not simulation.halt_reason:
                    self._run(other)
            if simulation.halt_reason:
                return
        raise GuestError(f"CPU{cpu} does not come to {what}")

    def _run(self, cpu: int) -> list[Event]:
        choice: Choice = Run(cpu, 1 if self._simulation.patching.busy else FAR)
        return self._simulation.step(choice)

    def _found(self, events: list[Event], cpu: int, until: type[Event]) -> bool:
        for event in events:
            if isinstance(event, until) and event.cpu in (None, cpu) and is_at(event, self._addresses):
                return True
        return False

    def _may_go_on(self, cpu: int) -> bool:
        """True where the CPU is elsewhere, and nothing that it does next is part of the story."""
        now = self._simulation.cpu(cpu)
        near = now.rip in self._addresses
        return not (near or now.reading or now.handling or now.asked or "sync" in now.interrupts)


def come_near(
    simulation: Simulation, address: int, cpu: int, others: Collection[int] = (), instructions: int = 2_000_000
) -> int | None:
    """Let a CPU run, so far that its next choice of `QUANTUM` instructions leads to an address.

    Args:
        simulation: where this happens; the patching task does nothing meanwhile.
        address: where the CPU is to come.
        cpu: which one runs.
        others: the CPUs that run on beside it: it may need a lock that they hold, or wait to be woken by them.
        instructions: of the clock, after which it has not come there.

    Returns:
        How many of these come before it; None, and nothing has moved, where the CPU does not come there.
    """
    start, end = simulation.position, simulation.clock + instructions
    simulation.keep_checkpoint()  # what is tried out is taken back
    with simulation.looking(cpu, address) as met:
        for _ in range(ASLEEP):
            here = simulation.position
            if simulation.clock >= end or simulation.halt_reason:
                break
            simulation.step(Run(cpu, QUANTUM))
            if met:
                break
            for other in others:
                if not simulation.halt_reason:
                    simulation.step(Run(other, QUANTUM))
    if not met:
        simulation.goto(start)
        return None
    simulation.goto(here)
    passed = simulation.step_through(Run(cpu, QUANTUM))
    simulation.goto(here)
    return passed.index(address)


def approach(simulation: Simulation, site: int, near: Near, others: Collection[int]) -> None:
    """Let one CPU run until it is where it is to be (less far where its tick came between); see `come_near`.

    Raises: GuestError where the CPU does not come there.
    """
    address = simulation.image.address(near.function) if near.function else site
    away = come_near(simulation, address, near.cpu, others)
    if away is None:
        raise GuestError(f"CPU{near.cpu} does not come to {simulation.image.symbolize(address)}")
    if away > near.distance:
        simulation.step(Run(near.cpu, away - near.distance))
