"""`run_to` meets every instruction that stepping meets, at the same point of history, and leaves the same machine."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

import pytest

import simkernel.hw.cpu as cpu_module
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.hw.way import VARIABLE
from simkernel.kernel import KernelImage
from simkernel.schedule import Run
from simkernel.sim.breakpoints import AtAddress, run_back_to, run_to
from simkernel.sim.digest import state_digest
from simkernel.sim.log import Point
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

IMAGE = KernelImage.default()
INSTRUCTIONS = 5_000  # that are stepped through one by one
BY_HAND = 8  # choices
DRAWS = 2  # of breakpoints, for each run
BACK = 4  # hits that are gone back to


class Passed(NamedTuple):
    """A CPU has come before the instruction at `rip`, at a point of history."""

    point: Point
    cpu: int
    rip: int


def in_a_batch(options: Options) -> Simulation:
    """A simulation in which sites are changing, and will be for a while."""
    simulation = Simulation.boot(options, IMAGE)
    simulation.do(SetFilter("filter", "vfs_* *lock* schedule rcu_*"))
    simulation.do(SetTracer("function"))
    assert simulation.run_until(lambda now: bool(parts_of(now).machine.changing.starts), 2_000_000)
    return simulation


def make_by_hand(simulation: Simulation, rng: random.Random) -> None:
    """History ahead has long choices too, which no limit has cut short, while bytes are pending."""
    start = simulation.position
    for _ in range(BY_HAND):
        simulation.step(Run(rng.choice(simulation.cpus), rng.randrange(20, 600)))
        for _ in range(rng.randrange(4)):
            simulation.step()
    simulation.goto(start)


def by_stepping(simulation: Simulation) -> list[Passed]:
    """Where a CPU stood after each instruction, looked at one by one."""
    passed = list[Passed]()
    for _ in range(INSTRUCTIONS):
        simulation.step_instruction()
        if simulation.halt_reason:
            break
        if (run := simulation.last_run) is not None and not simulation.cpu(run.cpu).halted:
            passed.append(Passed(simulation.point, run.cpu, simulation.cpu(run.cpu).rip))
    while simulation.point.instructions:
        simulation.step()
    return passed


def drawn(rng: random.Random, passed: list[Passed], simulation: Simulation) -> list[AtAddress]:
    """Addresses that are often passed and seldom, of sites, of the int3 handler, of nothing; some on one CPU alone."""
    often = Counter(one.rip for one in passed)
    known, seldom = sorted(often), sorted(rip for rip, count in often.items() if count < 4)
    sites = sorted(set(IMAGE.mcount_loc.tolist()) & often.keys())
    addresses = {
        *rng.sample(known, 2),
        *rng.sample(seldom, 2),
        *rng.sample(sites, min(2, len(sites))),
        IMAGE.address("asm_exc_int3"),
        rng.choice(known) + 1,
    }
    return [AtAddress(address, rng.choice((None, None, *simulation.cpus))) for address in sorted(addresses)]


RUNS = [
    Options(cpus=3, seed=1, model=FetchModel.INSTANT, patch_quantum=300, act_odds=64, nmi_odds=600),
    Options(cpus=2, seed=2, model=FetchModel.BYTE, patch_quantum=300, act_odds=128),
    Options(cpus=2, seed=3, model=FetchModel.LINE, patch_quantum=2_000, act_odds=32, tick_period=3_000),
    Options(cpus=3, seed=4, model=FetchModel.PIECES, patch_quantum=40, act_odds=128),
    Options(cpus=2, seed=5, model=FetchModel.BYTE, patch_quantum=2_000, act_odds=16, schedule="round-robin"),
]


@pytest.mark.parametrize("way", ["blocks", "hook", "blocks always"])
@pytest.mark.parametrize("options", RUNS, ids=[f"{one.model}-{one.seed}" for one in RUNS])
def test_what_stepping_meets_is_met_both_ways(monkeypatch: pytest.MonkeyPatch, options: Options, way: str) -> None:
    monkeypatch.setenv(VARIABLE, way.split()[0])
    if way == "blocks always":
        monkeypatch.setattr(cpu_module, "BLOCKS_FROM", 2)
    simulation, rng = in_a_batch(options), random.Random(options.seed)
    start = simulation.position
    make_by_hand(simulation, rng)
    passed = by_stepping(simulation)
    end, digest = simulation.position, state_digest(simulation)
    for _ in range(DRAWS):
        breakpoints = drawn(rng, passed, simulation)
        of = {at.address: at for at in breakpoints}
        wanted = [one for one in passed if one.rip in of and of[one.rip].cpu in (None, one.cpu)]
        assert wanted and wanted[-1].point <= (end, 0)
        simulation.goto(start)
        for one in wanted:
            hit = run_to(simulation, breakpoints)
            assert hit is not None and hit.point == simulation.point
            assert (hit.point, hit.cpu, hit.breakpoint) == (one.point, one.cpu, of[one.rip])
            assert simulation.cpu(one.cpu).rip == one.rip
        for one in wanted[-2 : -2 - BACK : -1]:
            hit = run_back_to(simulation, breakpoints)
            assert hit is not None and hit.point == simulation.point == one.point
            assert (hit.cpu, hit.breakpoint) == (one.cpu, of[one.rip])
        simulation.goto_point(wanted[-1].point)
        while simulation.position < end:
            simulation.step()
        assert state_digest(simulation) == digest
