"""What is lent cannot be told from what was prepared, whatever was done to what was lent before."""

from __future__ import annotations

from dataclasses import replace

from lessons.session.content import SCENARIOS
from lessons.session.scenarios import begin
from simkernel.report import Report
from simkernel.schedule import Run
from simkernel.sim.digest import state_digest
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.prepared import Lender

ONE = SCENARIOS["one"]


def texts(said: list[str]) -> Report:
    """A report that notes each text."""
    return Report(lambda report: said.append(report.text))


def looks(simulation: Simulation) -> tuple[object, ...]:
    return simulation.point, simulation.entries, simulation.known_events, state_digest(simulation)


def test_what_is_lent_is_as_it_was_prepared_and_goes_on_as_a_fresh_one() -> None:
    lender, fresh = Lender(), begin(ONE)
    said: list[list[str]] = [[], []]
    for heard in said:
        simulation, other = lender.begin(ONE, texts(heard)), lender.begin(ONE)
        assert looks(simulation) == looks(other) == looks(fresh) and other is not simulation
        simulation.step(Run(1, 3))  # another way than the story's, from its start on
        simulation.run(20_000)
        simulation.step_instruction()
        other.goto(other.position - 20)  # and from before it
        other.step(Run(1, 3))
        other.run(100_000)
        parts_of(other).machine.code.views[1].code[-1] ^= 1
        lender.take_back()
    assert said[0] == said[1] and len(said[0]) > 2
    again = lender.begin(ONE)
    for one in (again, fresh):
        one.run(30_000)
    assert looks(again) == looks(fresh)
    lender.take_back()


def test_those_used_last_are_kept() -> None:
    lender = Lender(kinds=2)
    first, second, third = (replace(ONE, options=replace(ONE.options, seed=seed)) for seed in (1, 2, 3))
    for scenario, kept in (
        (first, [first]),
        (second, [first, second]),
        (first, [second, first]),
        (third, [first, third]),
    ):
        said: list[str] = []
        assert lender.begin(scenario, texts(said)).options == scenario.options and said
        lender.take_back()
        assert list(lender._prepared) == kept
