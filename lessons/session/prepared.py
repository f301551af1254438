"""Simulations that stand where stories start: a story that starts again is a fork of one.

To run a kernel from power-on to the start of a story takes many times as long as to fork it. A fork is the very same
state with the very same past, and shares nothing that changes: nobody can tell it from a run anew.
"""

from __future__ import annotations

from lessons.session import scenarios
from lessons.session.scenarios import Died, Scenario
from simkernel.report import Report
from simkernel.sim.simulation import Simulation

KEPT = 6  # simulations


class Prepared:
    """Begins scenarios, and keeps a simulation at the start of each of those that were used last.

    Attributes:
        left_out: what came of leaving a phase out of a scenario, by scenario, phase and how many runs were tried; None
            where no run has failed.
    """

    def __init__(self, kept: int = KEPT) -> None:
        """Begin with none.

        Args:
            kept: how many simulations are kept at most.
        """
        self._most = kept
        self._kept: dict[Scenario, Simulation] = {}  # those used last are the last
        self.left_out: dict[tuple[Scenario, str, int], Died | None] = {}

    def begin(self, scenario: Scenario, report: Report | None = None) -> Simulation:
        """A simulation of one's own where the scenario's story starts.

        Args:
            scenario: which.
            report: is told what is under way.

        Raises:
            LearnerError, GuestError: as `scenarios.begin`.
            Cancelled: as `report` does.
        """
        report = report or Report()
        report.check()
        if (kept := self._kept.pop(scenario, None)) is not None:
            self._kept[scenario] = kept
            return kept.fork()
        simulation = scenarios.begin(scenario, report)
        while len(self._kept) >= self._most:
            self._kept.pop(next(iter(self._kept))).close()
        self._kept[scenario] = simulation.fork()
        return simulation

    def close(self) -> None:
        """Give the memory of all that is kept back; what was begun goes on."""
        while self._kept:
            self._kept.popitem()[1].close()
