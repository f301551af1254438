"""Scenarios that are prepared once a process; each test has a fork of one, at the start of its story.

To prepare one runs a kernel from power-on, a quarter of a second and more; a fork takes some milliseconds and shares
nothing that changes, so a test may do with it what it likes.
"""

from __future__ import annotations

import pytest

from lessons.session.scenarios import Scenario, begin
from simkernel.report import Report
from simkernel.sim.simulation import Simulation

KINDS = 16  # of scenarios that are kept: each simulation holds its CPUs' engines


class Lender:
    """Lends prepared scenarios; `begin` is `lessons.session.scenarios.begin`."""

    def __init__(self, kinds: int = KINDS) -> None:
        self._kinds = kinds
        self._prepared: dict[Scenario, tuple[Simulation, list[str]]] = {}  # those used last are the last
        self._lent: list[Simulation] = []

    def begin(self, scenario: Scenario, report: Report | None = None) -> Simulation:
        """The scenario's simulation where its story starts; `report` is told what it would be told of a fresh one."""
        report = report or Report()
        if scenario in self._prepared:
            simulation, said = self._prepared.pop(scenario)
            for what in said:
                report(what)
        else:
            simulation, said = self._prepare(scenario, report)
        self._prepared[scenario] = simulation, said
        self._lent.append(simulation.fork())
        return self._lent[-1]

    def _prepare(self, scenario: Scenario, report: Report) -> tuple[Simulation, list[str]]:
        """A simulation that nobody else has, and what was told meanwhile."""
        said: list[str] = []

        def note(told: Report) -> None:
            said.append(told.text)
            report(told.text)

        simulation = begin(scenario, Report(note))
        while len(self._prepared) >= self._kinds:
            oldest, _ = self._prepared.pop(next(iter(self._prepared)))
            oldest.close()
        return simulation, said

    def take_back(self) -> None:
        """The test is over: what was lent is closed."""
        while self._lent:
            self._lent.pop().close()


LENDER = Lender()


def lend(patch: pytest.MonkeyPatch) -> None:
    """Steppers start on what `LENDER` lends, until the patch is undone."""
    patch.setattr("lessons.session.stepper.begin_scenario", LENDER.begin)
