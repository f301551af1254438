"""Calls counted up to a place: the same as by going through the whole log there, wherever history has gone."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from simkernel.events import TraceWritten
from simkernel.ftrace.commands import SetTracer
from simkernel.schedule import Run
from simkernel.sim.calls import CallsSoFar
from simkernel.sim.options import Options
from simkernel.sim.past import Past
from simkernel.sim.simulation import Simulation


def in_the_log(simulation: Simulation) -> Counter[int]:
    return Counter(event.ip for event in simulation.log if isinstance(event, TraceWritten))


def traced() -> Simulation:
    simulation = Simulation.boot(Options(cpus=2, seed=7))
    simulation.do(SetTracer("function"))
    assert simulation.run_until_idle()
    return simulation


def test_it_follows_history_on_back_and_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkernel.sim.calls.MARKS", 6)
    simulation, draw = traced(), random.Random(3)
    calls, seen = CallsSoFar(simulation), set()
    for _ in range(30):
        if draw.randrange(3) == 0:
            simulation.goto(simulation.position - draw.randrange(1, 40))
            if draw.randrange(2):
                simulation.step(Run(draw.randrange(2), draw.randrange(1, 9)))  # another way
        else:
            for _ in range(draw.randrange(1, 30)):
                simulation.step()
        counted = calls.by_site()
        assert counted == in_the_log(simulation)
        seen.add(counted.total())
    assert len(seen) > 5


def test_it_looks_at_no_event_twice_on_the_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation, looked = traced(), list[tuple[int, int]]()
    calls, parts = CallsSoFar(simulation), Past.parts

    def noted(past: Past[object], first: int, last: int) -> object:
        looked.append((first, last))
        return parts(past, first, last)

    monkeypatch.setattr(Past, "parts", noted)
    ends = [0]
    for _ in range(5):
        simulation.run(20_000)
        calls.by_site()
        calls.by_site()
        ends.append(simulation.logged)
    assert looked == list(zip(ends, ends[1:], strict=False)) and ends[-1] > ends[1]
