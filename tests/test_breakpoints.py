"""Breakpoints stop where stepping by single instructions finds the same thing, forwards and backwards."""

from __future__ import annotations

import random

import pytest

from simkernel.errors import LearnerError
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.kernel import layout
from simkernel.schedule import Run
from simkernel.sim.breakpoints import AtAddress, AtPhase, OnChange, OnEvent, at_function, distance, run_back_to, run_to
from simkernel.sim.digest import state_digest
from simkernel.sim.log import Point
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation


@pytest.fixture
def simulation() -> Simulation:
    return Simulation.boot(Options(cpus=2, seed=3))


def points_by_stepping(simulation: Simulation, address: int, end: Point) -> list[Point]:
    found = []
    while simulation.point < end:
        simulation.step_instruction()
        run = parts_of(simulation).machine.open
        moved = run.choice.cpu if run else getattr(simulation.entries[simulation.position - 1].what, "cpu", None)
        if moved is not None and parts_of(simulation).machine.cpus[moved].rip == address:
            found.append(simulation.point)
    return found


def test_an_address_is_met_at_every_place_that_stepping_finds(simulation: Simulation) -> None:
    start = simulation.position
    at = at_function(simulation.image, "schedule")
    forward = []
    for _ in range(8):
        hit = run_to(simulation, [at])
        assert hit is not None and hit.cpu is not None
        assert parts_of(simulation).machine.cpus[hit.cpu].rip == at.address
        forward.append(hit.point)
    for point in forward[-2::-1]:
        hit = run_back_to(simulation, [at])
        assert hit is not None and hit.point == simulation.point == point
    simulation.goto(start)
    assert points_by_stepping(simulation, at.address, forward[-1]) == forward


def test_a_change_is_met_at_the_instruction_that_made_it(simulation: Simulation) -> None:
    jiffies = OnChange(layout.PERCPU_BASE + layout.PCPU_TICKS, 8)
    first, second = run_to(simulation, [jiffies]), run_to(simulation, [jiffies])
    assert first is not None and second is not None and first.point < second.point
    before = parts_of(simulation).kernel.percpu.read(0, layout.PCPU_TICKS)
    simulation.back_instruction()
    assert parts_of(simulation).kernel.percpu.read(0, layout.PCPU_TICKS) == before - 1
    simulation.step_instruction()
    back = run_back_to(simulation, [jiffies])
    assert back is not None and back.point == first.point


def test_phases_and_events_are_met_both_ways(simulation: Simulation) -> None:
    simulation.do(SetFilter("filter", "vfs_read"))
    simulation.do(SetTracer("function"))
    there = run_to(simulation, [AtPhase("sync 2")])
    assert there is not None
    later = run_to(simulation, [OnEvent("SyncEnded")])
    assert later is not None and later.point > there.point
    assert run_to(simulation, [AtPhase("")]) is not None
    assert run_back_to(simulation, [AtPhase("sync 2")]) == there


@pytest.mark.parametrize("tick_period", [0, 3_000])
def test_the_distance_is_that_of_looking_at_each_instruction(tick_period: int) -> None:
    simulation, rng = Simulation.boot(Options(cpus=2, seed=3, tick_period=tick_period)), random.Random(3)
    found = list[int | None]()
    for _ in range(20):
        choice = Run(rng.choice(simulation.cpus), rng.choice((2, 40, 500, 2_000)))
        simulation.keep_checkpoint()  # so that going back to it replays nothing
        here, digest = simulation.position, state_digest(simulation)
        passed = simulation.step_through(choice)
        simulation.goto(here)
        drawn = (passed[0], rng.choice(passed), passed[-1], passed[0] + 1) if passed else ()  # none: it is halted
        for address in (*drawn, simulation.image.address("schedule")):
            away = distance(simulation, choice, address)
            assert away == (passed.index(address, 1) if address in passed[1:] else None)
            assert simulation.position == here and state_digest(simulation) == digest
            found.append(away)
        simulation.run(rng.randrange(4_000))
    assert None in found and len(set(found)) > 20


def test_nothing_moves_where_nothing_was_met_before(simulation: Simulation) -> None:
    simulation.run(20_000)
    point = simulation.point
    assert run_back_to(simulation, [OnEvent("Oopsed")]) is None
    assert simulation.point == point


def test_bad_breakpoints_are_refused_with_the_names_there_are(simulation: Simulation) -> None:
    with pytest.raises(LearnerError, match="Int3Taken"):
        OnEvent("Int3Token")
    with pytest.raises(LearnerError, match="schedule"):
        at_function(simulation.image, "schedul")
    assert isinstance(at_function(simulation.image, "schedule"), AtAddress)
