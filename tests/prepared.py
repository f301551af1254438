"""Scenarios that are prepared once a process and lent to test after test, each time at the start of its story.

To prepare one runs a kernel from power-on, up to half a second. Here a simulation that a test has done with goes back
to its start, forgets what the test did, and is lent again where nothing tells it from a fresh one: its state's digest,
its entries, its events. Where something does, it is thrown away, so a test may do with one what it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lessons.scenarios import Scenario, begin
from simkernel.events import Event
from simkernel.sim.digest import state_digest
from simkernel.sim.log import Entry
from simkernel.sim.simulation import Simulation

FREE = 2  # of a scenario that wait to be lent: a test rarely needs more at once
KINDS = 16  # of scenarios that wait: each simulation holds its CPUs' engines


@dataclass(frozen=True)
class Fresh:
    """What a simulation was when its scenario had been prepared, and what was said meanwhile."""

    scenario: Scenario
    position: int
    entries: list[Entry]
    events: list[Event]
    digest: str
    said: tuple[str, ...]

    @classmethod
    def of(cls, scenario: Scenario, simulation: Simulation, said: list[str]) -> Fresh:
        return cls(
            scenario,
            simulation.position,
            list(simulation.entries),
            list(simulation.known_events),
            state_digest(simulation),
            tuple(said),
        )

    def again(self, simulation: Simulation) -> bool:
        """Bring a simulation back to what it was; False where it does not come to be the same."""
        if len(simulation.entries) < self.position:  # history took another way before the start
            return False
        simulation.goto(self.position)
        simulation.forget_ahead()
        for entry in self.entries[self.position :]:
            simulation.step(entry.what if entry.made else None)  # type: ignore[arg-type]
        simulation.goto(self.position)
        now = list(simulation.entries), list(simulation.known_events), state_digest(simulation)
        return now == (self.entries, self.events, self.digest)


class Lender:
    """Lends prepared scenarios; `begin` is `lessons.scenarios.begin`."""

    def __init__(self) -> None:
        self._free: dict[Scenario, list[Simulation]] = {}
        self._fresh: dict[Scenario, Fresh] = {}
        self._lent: list[tuple[Fresh, Simulation]] = []

    def begin(self, scenario: Scenario, told: Callable[[str], None] = lambda what: None) -> Simulation:
        """The scenario's simulation where its story starts; `told` hears what it would hear of a fresh one."""
        if free := self._free.get(scenario):
            simulation, fresh = free.pop(), self._fresh[scenario]
            for what in fresh.said:
                told(what)
        else:
            said: list[str] = []

            def note(what: str) -> None:
                said.append(what)
                told(what)

            simulation = begin(scenario, note)
            fresh = self._fresh.setdefault(scenario, Fresh.of(scenario, simulation, said))
        self._lent.append((fresh, simulation))
        return simulation

    def take_back(self) -> None:
        """All that was lent comes back: the test is over."""
        while self._lent:
            fresh, simulation = self._lent.pop()
            free = self._free.setdefault(fresh.scenario, [])
            if len(free) < FREE and len(self._free) <= KINDS and fresh.again(simulation):
                free.append(simulation)
            else:
                simulation.close()


LENDER = Lender()
