"""History: the same places hold the same state and the same log, whichever way one comes to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simkernel.errors import LearnerError
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.schedule import Nmi, Run
from simkernel.sim.digest import state_digest
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation


@pytest.fixture
def traced() -> Iterator[Simulation]:
    """A simulation in which vfs_read has become a call, with the way there in its history."""
    simulation = Simulation.boot(Options(cpus=2, seed=5))
    simulation.do(SetFilter("filter", "vfs_read"))
    simulation.do(SetTracer("function"))
    assert simulation.settle_down()
    yield simulation


def test_going_back_and_ahead_keeps_state_and_log(traced: Simulation) -> None:
    end, digest, log = traced.position, state_digest(traced), list(traced.log)
    for place in (end // 2, 3, 0, end // 3, end - 1, end):
        traced.goto(place)
        assert traced.log == [event for event in log if event.entry < place]
    assert state_digest(traced) == digest
    assert traced.log == log


def test_phases_are_stepped_both_ways(traced: Simulation) -> None:
    end = traced.position
    traced.back_phase()
    names = []
    while traced.position:
        names.append(traced.task.poke.phase.name if traced.task.poke.phase else "")
        traced.back_phase()
    assert {"write int3", "sync 1", "write tail", "sync 2", "write head", "sync 3", "release"} <= set(names)
    met: list[str] = []
    while len(met) < len(names) and traced.step_phase() and traced.position <= end:
        met.append(traced.task.poke.phase.name if traced.task.poke.phase else "")
    assert [name for name in met if name] == [name for name in reversed(names) if name]


def test_another_way_makes_history_forget_what_lay_ahead(traced: Simulation) -> None:
    end = traced.position
    traced.goto(end - 40)
    traced.step(Nmi(0))
    assert len(traced.entries) == end - 39
    traced.step(Run(1, 1))
    digest = state_digest(traced)
    traced.run(20_000)
    traced.goto(end - 38)
    assert state_digest(traced) == digest


def test_a_place_that_is_not_there_is_named(traced: Simulation) -> None:
    with pytest.raises(LearnerError, match=f"places 0 to {len(traced.entries)}"):
        traced.goto(len(traced.entries) + 1)
