"""Scenarios that are prepared once a process: each test has a fork of one, at the start of its story.

To prepare one runs a kernel from power-on, a quarter of a second and more; a fork takes some milliseconds and shares
nothing that changes, so a test may do with it what it likes.
"""

from __future__ import annotations

import pytest

from lessons.session.prepared import Prepared
from lessons.session.scenarios import Scenario
from simkernel.report import Report
from simkernel.sim.simulation import Simulation

KEPT = 16  # scenarios: each simulation holds its CPUs' engines


class Lender(Prepared):
    """Begins scenarios as any other, and takes all of them back at the end of a test."""

    def __init__(self) -> None:
        super().__init__(KEPT)
        self._lent: list[Simulation] = []

    def begin(self, scenario: Scenario, report: Report | None = None) -> Simulation:
        """A simulation of one's own where the scenario's story starts."""
        self._lent.append(super().begin(scenario, report))
        return self._lent[-1]

    def take_back(self) -> None:
        """The test is over: what was lent is closed."""
        while self._lent:
            self._lent.pop().close()


LENDER = Lender()


def lend(patch: pytest.MonkeyPatch) -> None:
    """Steppers start on what `LENDER` lends, until the patch is undone."""
    for where in ("stepper", "left_out"):
        patch.setattr(f"lessons.session.{where}.Prepared", lambda: LENDER)
    patch.setattr("lessons.activities.start.Prepared", lambda: LENDER)
