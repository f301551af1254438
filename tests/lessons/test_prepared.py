"""A story on a fork of what was prepared is the very story, and what one does in it touches no other."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

import pytest

from lessons.activities.lab import Lab
from lessons.activities.lab_answer import LabAnswer
from lessons.session import asks
from lessons.session.content import SCENARIOS
from lessons.session.named_step import NamedStep, name_of
from lessons.session.prepared import Prepared
from lessons.session.scenarios import begin
from lessons.session.stepper import Stepper
from simkernel.errors import Cancelled, LearnerError
from simkernel.explore.replay import replay
from simkernel.report import Report
from simkernel.schedule import Run
from simkernel.sim.digest import state_digest
from simkernel.sim.moment import moment_string, open_moment
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.test_fork import resident_bytes

ONE = SCENARIOS["one"]
FLAT = 24 << 20  # bytes


def looks(simulation: Simulation) -> tuple[object, ...]:
    return (
        simulation.point,
        list(simulation.entries),
        list(simulation.known_events),
        state_digest(simulation),
        moment_string(simulation),
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_story_starts_the_same_whether_or_not_it_was_prepared(name: str) -> None:
    """The one that was prepared, its fork and one from power-on, at the start and after the same way on."""
    scenario, prepared = SCENARIOS[name], Prepared()
    three = [prepared.begin(scenario), prepared.begin(scenario), begin(scenario)]
    assert looks(three[0]) == looks(three[1]) == looks(three[2])
    for one in three:
        one.run(5_000)
    assert looks(three[0]) == looks(three[1]) == looks(three[2])
    start = prepared.begin(scenario)
    assert start.position < three[0].position
    for one in three:
        one.goto(start.position)
    assert state_digest(start) == state_digest(three[0]) == state_digest(three[2])
    for one in (*three, start):
        one.close()
    prepared.close()


def test_what_one_does_in_a_story_touches_no_other() -> None:
    prepared, fresh = Prepared(), begin(ONE)
    for _ in range(2):  # the one that was prepared, and a fork
        simulation, other = prepared.begin(ONE), prepared.begin(ONE)
        assert looks(simulation) == looks(other) == looks(fresh) and other is not simulation
        simulation.step(Run(1, 3))  # another way than the story's, from its start on
        simulation.run(20_000)
        simulation.step_instruction()
        other.goto(other.position - 20)  # and from before it
        other.step(Run(1, 3))
        other.run(100_000)
        parts_of(other).machine.code.views[1].code[-1] ^= 1
        simulation.close()
        other.close()
    again = prepared.begin(ONE)
    for one in (again, fresh):
        one.run(30_000)
    assert looks(again) == looks(fresh)


def test_those_used_last_are_kept_and_the_others_closed() -> None:
    prepared = Prepared(kept=2)
    first, second, third = (replace(ONE, options=replace(ONE.options, seed=seed)) for seed in (1, 2, 3))
    for scenario, kept, said in (
        (first, [first], True),
        (second, [first, second], True),
        (first, [second, first], False),
        (third, [first, third], True),
        (second, [third, second], True),
    ):
        heard: list[str] = []
        with prepared.begin(scenario, Report(lambda report: heard.append(report.text))) as simulation:  # noqa: B023
            assert simulation.options == scenario.options
        assert list(prepared._kept) == kept and bool(heard) == said
    prepared.close()
    assert not prepared._kept


def test_what_was_prepared_can_be_cancelled_too() -> None:
    prepared, report = Prepared(), Report()
    prepared.begin(ONE).close()
    report.cancel()
    with pytest.raises(Cancelled):
        prepared.begin(ONE, report)


def test_what_cannot_begin_is_not_kept() -> None:
    prepared = Prepared()
    with pytest.raises(LearnerError, match="notrace"):
        prepared.begin(replace(ONE, function="ftrace_caller"))
    assert not prepared._kept


@pytest.mark.parametrize("ask", [partial(asks.without, argument="sync 1"), partial(asks.seed, argument="5")])
def test_a_story_leads_to_the_same_the_second_time(ask: partial[object]) -> None:
    """With what was prepared the first time; and so does another stepper, which has nothing prepared."""
    stepper = Stepper.start("one")
    found = [one.ask(ask).stepper for one in (stepper, stepper, Stepper.start("one"))]  # type: ignore[arg-type]
    assert None not in found
    first, *others = [one for one in found if one is not None]
    assert first.prepared is stepper.prepared and others[0].prepared is stepper.prepared
    for one in others:
        assert looks(one.simulation) == looks(first.simulation) and one.changes == first.changes
    name = name_of(first)
    assert NamedStep.parse(name).open().moment == first.moment


def test_a_story_that_is_begun_again_boots_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same start, the same phase left out, the name of a step: once each has been prepared."""
    stepper = Stepper.start("one")
    stepper.forward()
    failed = stepper.ask(partial(asks.without, argument="sync 1")).stepper
    assert failed is not None

    def boot(*_: object) -> Simulation:
        raise AssertionError("a kernel boots")

    monkeypatch.setattr(Simulation, "boot", boot)
    assert stepper.ask(partial(asks.without, argument="sync 1")).stepper is not None
    assert name_of(stepper) == "one@1" and name_of(failed) == "one@3+without:sync-1"
    assert Stepper.start("one", prepared=stepper.prepared).simulation.position == stepper.begin


def test_a_schedule_that_is_watched_is_what_its_moment_opens() -> None:
    """Also once the stage has been used for it again."""
    found = Lab().apply("choose", "1").opens
    assert isinstance(found, LabAnswer)
    watched = [found.watch(Report()) for _ in range(2)]
    watched[1].forward()
    watched[1].goto(watched[1].begin)
    watched[1].simulation.step(Run(1, 1))  # another way
    played = replay(found.finding)
    opened = open_moment(played.moment)
    assert looks(watched[0].simulation) == looks(opened)
    watched[0].goto(len(opened.entries))
    opened.goto(len(opened.entries))
    assert looks(watched[0].simulation) == looks(opened) == looks(played.simulation)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/statm")
def test_memory_stays_flat_over_restarts() -> None:
    """Also where each has other options, so that nothing was prepared for it and something else is closed."""
    prepared = Prepared(kept=2)
    for count in range(120):
        if count == 20:
            resident = resident_bytes()
        options = replace(ONE.options, seed=count if count % 12 == 0 else 1)
        with prepared.begin(replace(ONE, options=options)) as simulation:
            simulation.run(500)
    assert resident_bytes() - resident < FLAT
