"""The run of a scenario: where its story ends, and whether it still goes as the scenario has it."""

from __future__ import annotations

from lessons.session.content import SCENARIOS
from lessons.session.scenarios import Ending, Scenario
from simkernel.patching.commands import Command
from simkernel.schedule import Choice
from simkernel.sim.simulation import Simulation


class ScenarioRun:
    """A simulation on its way through a scenario's story, from the place where that starts.

    Args:
        simulation: at that place, or behind it.
        scenario: whose story; None for a plain kernel, which has none.
        begin: the position where it starts.

    Attributes:
        is_other: it is known that something else was asked for before this one began.
    """

    def __init__(self, simulation: Simulation, scenario: Scenario | None, begin: int) -> None:
        self._simulation, self._scenario, self._begin = simulation, scenario, begin
        self._chosen = self._by_hand()
        self._ending = None if scenario is None else Ending(scenario, begin)
        self.is_other = False

    @property
    def finished(self) -> bool:
        """True where the story has come to its end.

        Without a scenario: where nothing is left to patch, and nothing that was chosen by hand comes next.
        """
        simulation = self._simulation
        if self._ending is None:
            return simulation.patching.idle and not simulation.directed
        return 0 <= self._ending.hear(simulation.known_events, simulation.rewrites) <= simulation.logged

    @property
    def over(self) -> bool:
        """True where the story has come to its end and nobody has asked for anything else since."""
        asked = self._simulation.has_command
        return self._ending is not None and self.finished and not asked(self._begin, self._simulation.position)

    @property
    def stops(self) -> int:
        """How many stops the scenario has, as long as nobody has changed it or asked for more; 0: not known."""
        scenario = self._scenario
        known = scenario is not None and SCENARIOS.get(scenario.name) == scenario
        return scenario.stops if scenario is not None and known and not self.is_other and self._is_as_chosen else 0

    @property
    def _is_as_chosen(self) -> bool:
        """True while nothing was chosen by hand but what the scenario chooses."""
        count = self._simulation.count_by_hand(self._begin, len(self._simulation.entries))  # there may be very many
        return count == len(self._chosen) and self._by_hand() == self._chosen

    def _by_hand(self) -> list[tuple[int, Choice | Command]]:
        """What was chosen by hand in the story, what lies ahead too: by the scenario, or by a person."""
        return self._simulation.by_hand(self._begin, len(self._simulation.entries))
