"""One NOP -> CALL on two CPUs: at most 24 stops, each with a sentence that no other stop of it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from lessons.session.content import SCENARIOS
from lessons.session.scenarios import begin
from simkernel.errors import GuestError
from simkernel.events import BatchReleased, Event, Int3Taken
from simkernel.sim.narrate import sentence
from simkernel.sim.simulation import Simulation

MOST = 24


def stops_to_the_release(simulation: Simulation) -> list[Event]:
    """The stops from here to the end of the batch that is about to be published."""
    stops: list[Event] = []
    while not any(isinstance(stop, BatchReleased) for stop in stops):
        stops += [event for event in simulation.step() if event.stop]
    return stops


def changed(seed: int) -> tuple[Simulation, list[Event]]:
    """The change of one site while a CPU is about to run it."""
    one = SCENARIOS["one"]
    simulation = begin(replace(one, options=replace(one.options, seed=seed)))
    return simulation, stops_to_the_release(simulation)


def begun(most: int) -> Iterator[tuple[Simulation, list[Event]]]:
    """The change under so many seeds: the first ones with which a CPU comes as near as the scenario has it."""
    found = 0
    for seed in count():
        try:
            yield changed(seed)
        except GuestError:
            continue
        if (found := found + 1) == most:
            return


def test_a_change_of_one_site_is_told_in_few_stops() -> None:
    for simulation, stops in begun(8):
        assert len(stops) <= MOST
        texts = [sentence(stop, simulation.image, simulation.patching.protocol) for stop in stops]
        assert len(set(texts)) == len(stops)


def test_one_of_them_is_an_int3_that_a_cpu_took() -> None:
    _, stops = changed(SCENARIOS["one"].options.seed)
    assert any(isinstance(stop, Int3Taken) for stop in stops)
