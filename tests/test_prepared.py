"""What is lent again cannot be told from what was prepared, and what can be told from it is not lent again."""

from __future__ import annotations

import pytest

from lessons.scenarios import SCENARIOS, begin
from simkernel.schedule import Run
from simkernel.sim.digest import state_digest
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.prepared import Lender

ONE = SCENARIOS["one"]


def looks(simulation: Simulation) -> tuple[object, ...]:
    return simulation.point, simulation.entries, simulation.known_events, state_digest(simulation)


def test_a_simulation_is_lent_again_as_it_was_and_goes_on_as_a_fresh_one() -> None:
    lender, fresh = Lender(), begin(ONE)
    said: list[list[str]] = [[], []]
    lent: list[Simulation] = []
    for heard in said:
        simulation, other = lender.begin(ONE, heard.append), lender.begin(ONE)
        assert looks(simulation) == looks(other) == looks(fresh) and other is not simulation
        lent += simulation, other
        simulation.step(Run(1, 3))  # another way than the story's, from its start on
        simulation.run(20_000)
        simulation.step_instruction()
        lender.take_back()
    assert said[0] == said[1] and len(said[0]) > 2 and set(lent[:2]) == set(lent[2:])
    again = lender.begin(ONE)
    for one in (again, fresh):
        one.run(30_000)
    assert looks(again) == looks(fresh)


@pytest.mark.parametrize("what", ["a byte that a CPU runs", "history before the start"])
def test_one_that_does_not_come_back_to_its_start_is_thrown_away(what: str) -> None:
    lender = Lender()
    simulation = lender.begin(ONE)
    if what == "history before the start":
        simulation.goto(simulation.position - 20)
        simulation.step(Run(1, 3))
        simulation.run(100_000)
    else:
        parts_of(simulation).machine.code.views[1].code[-1] ^= 1
    lender.take_back()
    again = lender.begin(ONE)
    assert again is not simulation and looks(again) == looks(begin(ONE))
