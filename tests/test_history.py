"""History: the same positions hold the same state and the same log, whichever way one comes to them."""

from __future__ import annotations

import itertools

import pytest

from simkernel.errors import Cancelled, LearnerError
from simkernel.events import Switched
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.report import Report
from simkernel.schedule import Nmi, Run
from simkernel.sim import travel
from simkernel.sim.breakpoints import AtPhase, run_back_to
from simkernel.sim.digest import state_digest
from simkernel.sim.history import HISTORY_BYTES
from simkernel.sim.log import Point
from simkernel.sim.moment import moment_string
from simkernel.sim.options import Options
from simkernel.sim.past import Held, Past
from simkernel.sim.simulation import Simulation


def worked(simulation: Simulation, entries: int) -> None:
    """Tracing is switched on and off until history is so long, with a few choices made by hand."""
    while simulation.position < entries:
        if simulation.patching.idle:
            tracer = "nop" if simulation.position % 2 else "function"
            simulation.do(SetTracer(tracer))
        simulation.step(Nmi(simulation.position % 2) if simulation.position % 1_000 == 0 else None)


def test_a_history_that_forgets_is_the_same_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for some hundred entries and the least of checkpoints: states, entries, events and moments."""
    monkeypatch.setattr(travel, "A_RECALL", 1_000)  # history is several stretches
    whole, forgetful = (Simulation.boot(Options(seed=11), history_bytes=nbytes) for nbytes in (HISTORY_BYTES, 1 << 17))
    for simulation in (whole, forgetful):
        worked(simulation, 4_000)
    assert len(forgetful.checkpoint_positions(Point(4_001, 0))) < len(whole.checkpoint_positions(Point(4_001, 0)))
    assert state_digest(forgetful) == state_digest(whole)
    assert forgetful.entries == whole.entries
    assert forgetful.known_events == whole.known_events
    assert list(reversed(forgetful.log)) == list(reversed(whole.log))
    assert state_digest(forgetful) == state_digest(whole)  # it has looked back, and stands where it stood
    for position in (3_800, 1_921, 17, 3_456):
        for simulation in (whole, forgetful):
            simulation.goto(position)
        assert moment_string(forgetful) == moment_string(whole)
        assert forgetful.since(whole.logged - 20) == whole.since(whole.logged - 20)
        assert forgetful.entries[position - 3 : position + 3] == whole.entries[position - 3 : position + 3]
        assert forgetful.entries[0] == whole.entries[0]  # far from the end, which is the next that is asked for
        assert forgetful.entries[-1] == whole.entries[-1]
        assert forgetful.events_between(position - 900, position) == whole.events_between(position - 900, position)
        assert forgetful.last_event(Switched) == whole.last_event(Switched)
        assert [event.stamp for event in forgetful.known_events[-50:]] == [
            one.stamp for one in whole.known_events[-50:]
        ]
    assert forgetful.entries == whole.entries, "looking back has changed nothing of history, to its end"


def test_a_past_is_a_list() -> None:
    """Asked for by number, in slices, forwards and backwards; what is at hand begins at another item each time."""
    whole = list(range(100, 111))
    past = Past(len(whole), lambda number: Held(number - number % 4, whole[number - number % 4 :][:4]))
    ends = [None, *range(-12, 13)]
    assert [past[at] for at in range(-11, 11)] == whole * 2
    for first, last, step in itertools.product(ends, ends, (None, 1, 3, -1, -2)):
        assert past[first:last:step] == whole[first:last:step], (first, last, step)
    assert past == whole and list(reversed(past)) == whole[::-1]
    for at in (11, -12):
        with pytest.raises(IndexError):
            past[at]


def test_where_commands_are_is_known_after_each_way() -> None:
    """Also where another way was taken from a point in the middle, and on a fork."""
    simulation = Simulation.boot(Options(seed=11))
    worked(simulation, 2_500)
    simulation.do(SetTracer("nop"))
    worked(simulation, 3_000)
    simulation.goto(1_990)
    simulation.step(Nmi(0))
    assert_commands(simulation)
    with simulation.fork() as fork:
        worked(fork, 2_600)
        assert_commands(fork)
    assert_commands(simulation)


def assert_commands(simulation: Simulation) -> None:
    """Between all places just beside a command or a choice made by hand."""
    made = simulation.by_hand(0, simulation.position)
    places = sorted({place + beside for place, _ in made for beside in (0, 1)} | {2_500, 2_501})
    assert len(places) > 7
    for first, last in itertools.product(places, repeat=2):
        commands = [what for _, what in simulation.by_hand(first, last) if isinstance(what, SetTracer)]
        assert simulation.has_command(first, last) == bool(commands), (first, last)


def test_a_long_history_takes_no_more_than_it_may() -> None:
    simulation = Simulation.boot(Options(seed=11), history_bytes=4 << 20)
    worked(simulation, 40_000)
    history = simulation._history
    assert history.checkpoints.nbytes <= 3 << 20
    assert len(history.log.window.entries.items) < 4_000
    positions = simulation.checkpoint_positions(simulation.point)
    ways = [simulation.position - position for position in positions]  # each next one half as far, or nearly a step
    assert all(way < 2_500 or behind > way / 3 for way, behind in itertools.pairwise(ways)), ways


def test_the_way_back_can_be_cancelled() -> None:
    simulation = Simulation.boot(Options(seed=11), history_bytes=1 << 17)
    worked(simulation, 6_000)
    simulation.step_instruction(n=2)
    here, digest, told = simulation.point, state_digest(simulation), list[float]()

    def enough(report: Report) -> None:
        told.append(report.part or 0.0)
        if len(told) == 5:
            report.cancel()

    with pytest.raises(Cancelled, match="nothing has moved"):
        simulation.goto(3_000, Report(enough))
    assert told == sorted(told) and 0 < told[-1] < 1
    assert (simulation.point, state_digest(simulation)) == (here, digest)
    simulation.goto(3_000, Report())
    assert simulation.point == (3_000, 0)


@pytest.fixture
def traced() -> Simulation:
    """A simulation in which vfs_read has become a call, with the way there in its history."""
    simulation = Simulation.boot(Options(cpus=2, seed=5))
    simulation.do(SetFilter("filter", "vfs_read"))
    simulation.do(SetTracer("function"))
    assert simulation.run_until_idle()
    return simulation


def test_going_back_and_ahead_keeps_state_and_log(traced: Simulation) -> None:
    end, digest, log = traced.position, state_digest(traced), list(traced.log)
    for position in (end // 2, 3, 0, end // 3, end - 1, end):
        traced.goto(position)
        assert traced.log == [event for event in log if event.entry < position]
    assert state_digest(traced) == digest
    assert traced.log == log


def test_a_way_back_leaves_checkpoints_for_the_next_one() -> None:
    """Whoever goes back step by step replays the long way from the last checkpoint once."""
    simulation = Simulation.boot(Options(seed=11))
    simulation.keep_checkpoint()
    start = simulation.position
    for _ in range(1_000):
        simulation.step()
    digests = {}
    for position in range(start + 999, start + 300, -90):
        simulation.goto(position)
        assert position - simulation.checkpoint_positions(simulation.point)[-1] <= 256
        digests[position] = state_digest(simulation)
    simulation.goto(0)
    for position in reversed(digests):
        simulation.goto(position)
        assert state_digest(simulation) == digests[position]


def in_the_middle(simulation: Simulation) -> bool:
    """True where a batch is under way whose sync 2 has begun."""
    return simulation.patching.phase_name == "sync 2" and simulation.patching.begun


def test_back_until_finds_the_last_place_where_a_predicate_holds(traced: Simulation) -> None:
    end = traced.position
    traced.goto(0)
    positions = []
    while traced.position < end:
        if in_the_middle(traced):
            positions.append(traced.position)
        traced.step()
    assert len(positions) > 20
    for position, before in (
        (end, positions[-1]),
        (positions[-1], positions[-2]),
        (positions[10], positions[9]),
        (positions[1], positions[0]),
    ):
        traced.goto(position)
        assert traced.back_until(in_the_middle) and traced.point == (before, 0)
    assert not traced.back_until(in_the_middle)
    assert traced.point == (positions[0], 0), "where no position is left nothing has moved"


def test_back_until_comes_from_within_an_entry(traced: Simulation) -> None:
    def into_an_entry() -> int:
        while not traced.point.instructions:
            traced.step_instruction()
        return traced.position

    here = into_an_entry()
    known = len(traced.entries)
    assert traced.back_until(lambda now: True) and traced.point == (here, 0)
    into_an_entry()
    point, digest = traced.point, state_digest(traced)
    assert not traced.back_until(lambda now: False)
    assert (traced.point, state_digest(traced), len(traced.entries)) == (point, digest, known)


def test_the_way_back_is_told_and_can_be_ended(traced: Simulation) -> None:
    here, digest, told = traced.point, state_digest(traced), list[float]()

    def enough(report: Report) -> None:
        told.append(report.part or 0.0)
        if len(told) == 3:
            report.cancel()

    with pytest.raises(Cancelled, match="nothing has moved"):
        traced.back_until(lambda now: False, Report(enough))
    assert (traced.point, state_digest(traced)) == (here, digest)
    assert len(told) == 3 and all(0 < part <= 1 for part in told)
    with pytest.raises(Cancelled):
        run_back_to(traced, [AtPhase("nothing")], Report(lambda report: report.cancel()))
    assert (traced.point, state_digest(traced)) == (here, digest)


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
    with pytest.raises(LearnerError, match=f"positions 0 to {len(traced.entries)}"):
        traced.goto(len(traced.entries) + 1)
