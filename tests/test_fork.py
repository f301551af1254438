"""A fork: the same state and past, a future of its own, and its memory back when it is closed."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path
from random import Random

import pytest

from simkernel import room
from simkernel.ftrace.commands import SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.schedule import Nmi, Policy, Run
from simkernel.sim.digest import state_digest
from simkernel.sim.moment import moment_string
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

FLAT = 24 << 20  # bytes that the collector may be behind; the engines of a single fork take 2 GiB of address space


def patching(model: FetchModel) -> Simulation:
    """A simulation in the middle of a batch, with bytes that CPUs may still run as old or new."""
    simulation = Simulation.boot(Options(model=model, seed=3, policy=Policy.LATE))
    simulation.do(SetTracer("function"))
    pending, views = model.cell_shift is not None, parts_of(simulation).machine.code.views

    def within(now: Simulation) -> bool:
        return parts_of(now).task.poke.state.number == 3 and (not pending or all(view.pending for view in views))

    assert simulation.run_until(within, 5_000_000)
    return simulation


def by_hand(simulation: Simulation, seed: int, entries: int) -> list[str]:
    """Some entries, a few of them made by hand; the digests on the way."""
    draw, digests = Random(seed), list[str]()
    for _ in range(entries):
        hand = (Nmi(draw.randrange(2)), Run(draw.randrange(2), 1), *[None] * 6)
        simulation.step(draw.choice(hand))
        digests.append(state_digest(simulation))
    return digests


@pytest.mark.parametrize("model", FetchModel)
def test_a_fork_goes_on_alike_and_by_itself(model: FetchModel) -> None:
    with patching(model) as simulation, simulation.fork() as fork:
        here, position, log = state_digest(simulation), simulation.position, list(simulation.log)
        assert state_digest(fork) == here and fork.position == position and fork.log == log
        way = by_hand(fork, 1, 120)
        assert state_digest(simulation) == here and simulation.log == log
        assert by_hand(simulation, 1, 120) == way
        assert fork.log == simulation.log and moment_string(fork) == moment_string(simulation)
        fork.goto(position)
        assert state_digest(fork) == here
        other = by_hand(fork, 2, 60)
        assert other != way[:60] and state_digest(simulation) == way[-1]
        simulation.goto(position)
        assert by_hand(simulation, 2, 60) == other


def test_a_fork_goes_back_as_far_whatever_becomes_of_the_other() -> None:
    simulation = patching(FetchModel.BYTE)
    positions = range(0, simulation.position, simulation.position // 9)
    fork = simulation.fork()
    digests = []
    for position in positions:
        simulation.goto(position)
        digests.append(state_digest(simulation))
    simulation.step(Nmi(0))
    simulation.run(20_000)
    simulation.close()
    for position, digest in [*zip(positions, digests, strict=True)][::-1]:
        fork.goto(position)
        assert state_digest(fork) == digest
    fork.close()


def test_an_entry_that_has_run_in_part_is_forked_too() -> None:
    with Simulation.boot(Options(seed=3)) as simulation:
        while not simulation.point.instructions:
            simulation.step_instruction(n=5)
        with simulation.fork() as fork:
            assert fork.point == simulation.point
            for one in (fork, simulation):
                one.step()
                one.run(5_000)
            assert state_digest(fork) == state_digest(simulation) and fork.log == simulation.log


def test_a_closed_fork_is_gone_without_a_garbage_collector() -> None:
    with Simulation.boot(Options(cpus=2)) as simulation:
        gc.collect()
        gc.disable()
        try:
            with simulation.fork() as fork:
                fork.run(2_000)
            parts = [
                weakref.ref(one)
                for one in (fork, parts_of(fork).machine, parts_of(fork).machine.memory, parts_of(fork).task)
            ]
            del fork
            assert [part() for part in parts] == [None] * 4
        finally:
            gc.enable()


def forks_take_nothing(first: int, more: int) -> None:
    with Simulation.boot(Options(cpus=4)) as simulation:
        for count in range(first + more):
            if count == first:
                taken, resident = room.used(), resident_bytes()
            with simulation.fork() as fork:
                fork.run(2_000)
        assert room.used() - taken < FLAT and resident_bytes() - resident < FLAT


def resident_bytes() -> int:
    """What this process holds in memory (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4_096


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/statm")
def test_closed_forks_take_nothing() -> None:
    forks_take_nothing(30, 50)


@pytest.mark.stress
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/statm")
def test_a_thousand_closed_forks_take_nothing() -> None:
    forks_take_nothing(30, 1_000)
