"""Time travel is exact: whichever way one comes to a point of history, state, log and trace are the same there.

A Hypothesis machine walks one simulation about, by stops, phases, instructions, hand-made choices, commands and jumps,
and notes the digest of every point it comes to. A point met again has to have the digest it had.
"""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from simkernel import tracefs
from simkernel.errors import LearnerError
from simkernel.events import Event
from simkernel.ftrace.commands import RegisterOps, ResetBuffer, SetFilter, SetTracer, UnregisterOps
from simkernel.hw.cpu import Cpu
from simkernel.hw.fetch import FetchModel, View
from simkernel.hw.machine import Machine
from simkernel.kernel import KernelImage
from simkernel.patching.commands import Command
from simkernel.patching.task import PatchingTask
from simkernel.protocol import PROTOCOLS, parse
from simkernel.schedule import Choice, Nmi, Policy, Read, Resolve, Run
from simkernel.sim.control_files import control_files
from simkernel.sim.digest import state_digest
from simkernel.sim.history import HISTORY_BYTES
from simkernel.sim.log import Point
from simkernel.sim.options import Options
from simkernel.sim.pages import Pages
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

WALKS = 10  # in which a part that is not put back is noticed; `make stress` goes 400, and longer ones
IMAGE = KernelImage.default()
CPUS = 2
Known = tuple[str, tuple[Event, ...], str]  # digest of the state, log, text of the trace

OPTIONS = st.builds(
    Options,
    cpus=st.just(CPUS),
    seed=st.integers(0, 2**32 - 1),
    model=st.sampled_from(FetchModel),
    policy=st.sampled_from(Policy),
    schedule=st.sampled_from(["seeded", "round-robin"]),
    protocol=st.sampled_from(sorted(PROTOCOLS)).map(parse),
    patch_quantum=st.integers(1, 40),
    act_odds=st.integers(8, 256),
    nmi_odds=st.sampled_from([0, 2000]),
)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(SetTracer, st.sampled_from(["function", "nop"])),
    st.builds(SetFilter, st.just("filter"), st.sampled_from(["vfs_*", "schedule", "", "_raw_spin_lock"])),
    st.builds(RegisterOps, st.sampled_from("ab"), st.just("ftrace_ops_count"), st.just(0), st.just("vfs_* schedule")),
    st.builds(UnregisterOps, st.sampled_from("ab")),
    st.just(ResetBuffer()),
)


def phase(simulation: Simulation) -> tuple[int, str]:
    """Which phase is under way, of which batch."""
    return simulation.patching.batches, simulation.patching.phase_name


@pytest.fixture(autouse=True)
def close_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """So close that short walks go back to some that lie within a patch."""
    monkeypatch.setattr("simkernel.sim.history.CHECKPOINT_ENTRIES", 60)
    monkeypatch.setattr("simkernel.sim.travel.A_STAGE", 23)


class Walk(RuleBasedStateMachine):
    """A simulation, and what was seen at each point of its history."""

    history_bytes = HISTORY_BYTES

    @initialize(options=OPTIONS)
    def boot(self, options: Options) -> None:
        self.simulation = Simulation.boot(options, IMAGE, history_bytes=self.history_bytes)
        self.simulation.do(SetTracer("function"))
        self.known: dict[Point, Known] = {}
        self.note()

    def note(self) -> None:
        """A point met again is as it was; a new one is remembered."""
        simulation = self.simulation
        seen = (state_digest(simulation), tuple(simulation.log), tracefs.read(control_files(simulation), "trace"))
        assert self.known.setdefault(simulation.point, seen) == seen, f"point {simulation.point} is not as it was"

    def another_way(self) -> None:
        """History may go another way from here: nothing is known of what lies ahead, nor of this one."""
        here = self.simulation.point
        self.known = {point: seen for point, seen in self.known.items() if point < here}
        self.note()

    def alive(self) -> bool:
        return not self.simulation.halt_reason

    @precondition(alive)
    @rule(n=st.integers(1, 300))
    def step(self, n: int) -> None:
        for _ in range(n):
            if self.alive():
                self.simulation.step()
        self.note()

    @precondition(alive)
    @rule(n=st.integers(1, 30))
    def step_instruction(self, n: int) -> None:
        self.simulation.step_instruction(n=n)
        self.note()

    @precondition(alive)
    @rule()
    def run_until(self) -> None:
        before = phase(self.simulation)
        self.simulation.run_until(lambda now: phase(now) != before, 200_000)
        self.note()

    @precondition(alive)
    @rule(command=COMMANDS)
    def command(self, command: Command) -> None:
        if self.simulation.point.instructions:
            self.simulation.step()  # a command comes between two entries
            if not self.alive():
                return
        before = state_digest(self.simulation)
        try:
            self.simulation.do(command)
        except LearnerError:
            assert state_digest(self.simulation) == before
        self.another_way()

    @precondition(alive)
    @rule(cpu=st.integers(0, CPUS - 1), n=st.integers(1, 2000), kind=st.sampled_from([Run, Read, Nmi, Resolve]))
    def by_hand(self, cpu: int, n: int, kind: type) -> None:
        if self.simulation.point.instructions:
            self.simulation.step()
            if not self.alive():
                return
        choice: Choice
        if kind is Run:
            choice = Run(cpu, min(n, parts_of(self.simulation).limit(cpu)))
        elif kind is Read:
            choice = Read(cpu, n % 5 + 1)
        else:
            choice = kind(cpu)
        self.simulation.step(choice)
        self.another_way()

    @rule(data=st.data())
    def goto_known(self, data: st.DataObject) -> None:
        self.simulation.goto_point(data.draw(st.sampled_from(sorted(self.known))))
        self.note()

    @rule(n=st.integers(1, 2000))
    def back(self, n: int) -> None:
        self.simulation.back(n)
        self.note()

    @rule()
    def back_until(self) -> None:
        before = phase(self.simulation)
        self.simulation.back_until(lambda now: phase(now) != before)
        self.note()

    @precondition(lambda self: self.simulation.position > 0)
    @rule()
    def back_instruction(self) -> None:
        self.simulation.back_instruction()
        self.note()

    @precondition(alive)
    @rule(n=st.integers(1, 60))
    def forth_and_back(self, n: int) -> None:
        """back(forward(s)) == s, at once."""
        here = self.simulation.point
        for _ in range(n):
            if self.alive():
                self.simulation.step()
        self.note()
        self.simulation.goto_point(here)
        self.note()


def test_whichever_way_one_comes_to_a_place_it_is_the_same() -> None:
    run_state_machine_as_test(Walk, settings=settings(max_examples=WALKS, stateful_step_count=30))


class Forgetful(Walk):
    """The same with a history that soon holds next to nothing."""

    history_bytes = 1 << 17


def test_also_where_history_has_forgotten_it() -> None:
    run_state_machine_as_test(Forgetful, settings=settings(max_examples=WALKS // 2, stateful_step_count=30))


@pytest.mark.stress
def test_also_on_long_walks() -> None:
    run_state_machine_as_test(Walk, settings=settings(max_examples=400, stateful_step_count=80))


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Machine, "restore"), (PatchingTask, "restore"), (Cpu, "restore"), (Pages, "restore")],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_a_part_that_is_not_put_back_is_noticed(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    monkeypatch.setattr(owner, name, lambda *_: None)
    quick = settings(
        max_examples=WALKS, stateful_step_count=30, phases=(Phase.generate,), derandomize=True, database=None
    )
    with pytest.raises(Exception):  # noqa: B017, PT011  a wrong state shows in the digest, or breaks the engine itself
        run_state_machine_as_test(Walk, settings=quick)


@pytest.mark.parametrize("put_back", [True, False])
def test_pending_bytes_are_put_back(monkeypatch: pytest.MonkeyPatch, put_back: bool) -> None:
    monkeypatch.setattr("simkernel.sim.history.CHECKPOINT_ENTRIES", 1)
    if not put_back:
        monkeypatch.setattr(View, "restore", lambda *_: None)
    simulation = Simulation.boot(Options(model=FetchModel.BYTE, policy=Policy.LATE), IMAGE)
    simulation.do(SetTracer("function"))
    assert simulation.run_until(lambda now: bool(parts_of(now).machine.code.views[0].pending), 5_000_000)
    here, digest = simulation.point, state_digest(simulation)
    before = phase(simulation)
    assert simulation.run_until(lambda now: phase(now) != before, 5_000_000)
    simulation.goto_point(here)
    assert (state_digest(simulation) == digest) == put_back
