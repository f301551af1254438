"""Any subsystem patches beside ftrace: the task, history, digest and moments know none by name."""

from __future__ import annotations

import ast
import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import simkernel
from simkernel import tracefs
from simkernel.errors import LearnerError
from simkernel.events import BatchReleased, Logged, PlanEnded
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.ftrace.core import FtraceCore
from simkernel.ftrace.now import FtraceNow
from simkernel.ftrace.records import FTRACE_REF_MAX
from simkernel.hw.fetch import FetchModel
from simkernel.insn import CALL
from simkernel.kernel import KernelImage
from simkernel.kernel.loader import power_on
from simkernel.kernel.toy import toy
from simkernel.patching.commands import Command
from simkernel.patching.log import KernelLog
from simkernel.patching.patches import Patches
from simkernel.patching.plan import Failure, Step
from simkernel.patching.site import Patch, Site
from simkernel.patching.steps import Verify
from simkernel.patching.subsystem import Subsystem
from simkernel.patching.task import PatchingTask
from simkernel.protocol import INT3_PROTOCOL, Variant
from simkernel.sim.control_files import control_files
from simkernel.sim.digest import state_digest
from simkernel.sim.moment import Moment, moment_string, open_moment
from simkernel.sim.narrate import sentence
from simkernel.sim.options import Options
from simkernel.sim.parts import SUBSYSTEMS, parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.validate import verdicts
from simkernel.verdict import Verdict
from tests.patching.toy.lamp import LAMP, LIT, Lamps, LampsNow, LampState, Light, Lit, Passed

IMAGE = KernelImage.default()
BOTH: tuple[type[Subsystem], ...] = (*SUBSYSTEMS, Lamps)


def site(name: str) -> int:
    return IMAGE.site_of(IMAGE.symbol(name))


@pytest.fixture
def simulation() -> Simulation:
    return Simulation.boot(Options(seed=5, patch_quantum=40), IMAGE, subsystems=BOTH)


def lamps(simulation: Simulation) -> LampState:
    return parts_of(simulation).subsystem(Lamps).state()


def logged(simulation: Simulation) -> list[str]:
    return [event.text for event in simulation.log if isinstance(event, Logged)]


def broken(simulation: Simulation) -> list[Verdict]:
    """The invariants, of every room, that do not hold."""
    return [verdict for verdict in verdicts(simulation) if not verdict.holds]


def test_two_subsystems_take_turns_and_each_changes_its_own_sites(simulation: Simulation) -> None:
    simulation.do(SetFilter("filter", "vfs_read"))
    simulation.do(Light("schedule"))
    simulation.do(SetTracer("function"))
    simulation.do(Light("do_filp_open"))
    assert simulation.run_until_idle()
    simulation.run(20_000)
    assert simulation.read(site("schedule"), 5) == simulation.read(site("do_filp_open"), 5) == LIT
    assert simulation.read(site("vfs_read"), 1)[0] == CALL
    assert lamps(simulation) == LampState(tuple(sorted((site("schedule"), site("do_filp_open")))))
    core = parts_of(simulation).subsystem(FtraceCore)
    assert core.state().tracer == "function" and not core.ftrace_disabled
    titles = [event.title for event in simulation.log if isinstance(event, PlanEnded)]
    assert [title for title in titles if title.startswith("light")] == ["light schedule", "light do_filp_open"]
    assert titles.index("light schedule") < titles.index("echo function > current_tracer")
    assert logged(simulation)[-2:] == ["lamps: 1 lit", "lamps: 2 lit"]
    assert not simulation.halt_reason
    assert [verdict.name for verdict in broken(simulation)] == ["sites"]  # ftrace finds two that others have changed

    simulation.do(Light("schedule", False))
    simulation.do(Light("do_filp_open", False))
    simulation.do(SetTracer("nop"))
    assert simulation.run_until_idle()
    assert lamps(simulation) == LampState() and not broken(simulation)


def test_its_event_has_a_sentence_and_is_where_people_stop(simulation: Simulation) -> None:
    simulation.do(Light("vfs_read"))
    assert simulation.run_until_idle()
    event = next(event for event in simulation.log if isinstance(event, Lit))
    assert event.stop
    assert sentence(event, IMAGE, simulation.patching.protocol) == "The lamp at vfs_read is on."


def test_its_invariant_is_among_those_of_the_others(simulation: Simulation) -> None:
    names = [verdict.name for verdict in verdicts(simulation)]
    assert names == ["phase", "sites", "records", "lamps", "stacks", "workload"]
    simulation.do(Light("schedule"))
    while not simulation.patching.idle:
        simulation.step()
        assert all(verdict.holds for verdict in verdicts(simulation) if verdict.name == "lamps")
    parts_of(simulation).machine.code.write(site("schedule") + 1, b"\x01", fresh=True)
    found = next(verdict for verdict in broken(simulation) if verdict.name == "lamps")
    assert (found.holds, found.address) == (False, site("schedule"))
    assert found.detail == f"the lamp at schedule ({site('schedule'):#x}) is on, its site holds E9 01 00 00 00"


def test_its_observer_notices_what_cpus_do_and_is_part_of_history(simulation: Simulation) -> None:
    simulation.do(Light("schedule"))
    assert simulation.run_until_idle()
    begin = simulation.position
    simulation.run(100_000)
    passed = [event for event in simulation.log if isinstance(event, Passed)]
    assert [event.count for event in passed] == list(range(1, len(passed) + 1)) and len(passed) > 2
    assert {event.site for event in passed} == {site("schedule")} and len({event.cpu for event in passed}) > 1
    assert sentence(passed[0], IMAGE, simulation.patching.protocol).endswith("passes the lamp at schedule.")
    end, digest = simulation.position, state_digest(simulation)
    simulation.goto(begin)
    simulation.goto(end)
    assert state_digest(simulation) == digest and [one for one in simulation.log if isinstance(one, Passed)] == passed
    ahead = simulation.fork()
    last = len(passed)
    assert ahead.run_until(lambda now: (now.last_event(Passed) or passed[0]).count > last, 400_000)
    counts = [event.count for event in ahead.log if isinstance(event, Passed)]
    assert counts == list(range(1, last + 2))


def test_a_kernel_without_a_boot_stage_and_a_mutex_is_patched_at_once() -> None:
    own = toy(IMAGE)
    other = replace(own, abi=replace(own.abi, boot_stage=None, text_mutex=None))
    words = [IMAGE.address(name) for name in ("boot_stage", "text_mutex")]
    for one, waits in ((other, False), (own, True)):
        kernel = power_on(one, 2, FetchModel.INSTANT)
        log = KernelLog()
        task = PatchingTask(kernel, Variant(INT3_PROTOCOL), log, [FtraceCore.of(kernel, INT3_PROTOCOL.nop, log)])
        assert task.ready() == (not waits)
        while task.ready():
            task.act()
            assert [kernel.machine.memory.read_u64(word) for word in words] == [0, 0]
        assert task.idle == (not waits)


def test_outsiders_ask_what_each_subsystem_answers_and_change_nothing(simulation: Simulation) -> None:
    ftrace, lit = simulation.subsystem(FtraceNow), simulation.subsystem(LampsNow)
    simulation.do(Light("vfs_read"))
    simulation.do(SetFilter("filter", "schedule"))
    simulation.do(SetTracer("function"))
    assert simulation.run_until_idle()
    assert lit.lit == (site("vfs_read"),)
    core, digest = parts_of(simulation).subsystem(FtraceCore), state_digest(simulation)
    assert ftrace.state == core.state() and ftrace.trace_view.tracer == "function"
    wanted = [int(IMAGE.mcount_loc[row]) for row in np.flatnonzero(ftrace.flags & np.uint64(FTRACE_REF_MAX))]
    assert wanted == [site("schedule")]
    ftrace.flags[:] = 0
    assert state_digest(simulation) == digest
    with pytest.raises(LearnerError, match="no subsystem of this simulation answers as LampsNow"):
        Simulation(IMAGE, Options()).subsystem(LampsNow)
    assert not Simulation(IMAGE, Options()).subsystem(FtraceNow).flags.any()  # not booted: there are no records


def test_its_control_file_is_among_those_of_the_others(simulation: Simulation) -> None:
    root = control_files(simulation)
    assert {"lamps", "current_tracer", "dmesg"} <= set(root.readdir())
    simulation.do(Light("vfs_read"))
    assert simulation.run_until_idle()
    assert tracefs.read(root, "lamps") == "vfs_read\n"
    assert tracefs.read(root, "dmesg").endswith(" lamps: 1 lit\n")


def test_history_goes_back_and_forwards_over_its_change(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkernel.sim.history.CHECKPOINT_ENTRIES", 16)
    before, dark = simulation.position, state_digest(simulation)
    simulation.do(Light("schedule"))
    assert simulation.run_until(lambda now: now.patching.busy, 1_000_000)
    middle, changing = simulation.position, state_digest(simulation)
    assert simulation.run_until_idle()
    after, lit = simulation.position, state_digest(simulation)
    assert len({dark, changing, lit}) == 3
    for position, digest, held in ((middle, changing, ()), (before, dark, ()), (after, lit, (site("schedule"),))):
        simulation.goto(position)
        assert (state_digest(simulation), lamps(simulation).lit) == (digest, held)


def test_its_state_alone_makes_another_digest(simulation: Simulation) -> None:
    digest = state_digest(simulation)
    parts_of(simulation).subsystem(Lamps).restore(LampState(failures=1))
    assert state_digest(simulation) != digest


def test_its_command_is_part_of_a_moment(simulation: Simulation) -> None:
    simulation.do(SetFilter("filter", "vfs_read"))
    simulation.do(Light("schedule"))
    assert simulation.run_until(lambda now: any(isinstance(one, BatchReleased) for one in now.log), 5_000_000)
    text = moment_string(simulation)
    opened = Moment.from_string(text, BOTH).open()
    assert state_digest(opened) == state_digest(simulation) and opened.log == simulation.log
    with pytest.raises(LearnerError, match="light"):
        open_moment(text)


def test_what_it_cannot_do_is_refused_and_changes_nothing(simulation: Simulation) -> None:
    digest = state_digest(simulation)
    for command, says in ((Light("no_such"), "no_such"), (Light("schedule", False), "off already")):
        with pytest.raises(LearnerError, match=says):
            simulation.do(command)
        assert state_digest(simulation) == digest
    with pytest.raises(LearnerError, match="there are the subsystems ftrace"):
        Simulation.boot(Options(), IMAGE).do(Light("schedule"))


def test_what_has_become_impossible_in_the_queue_is_refused_when_its_turn_comes(simulation: Simulation) -> None:
    simulation.do(Light("schedule"))
    simulation.do(Light("schedule"))
    with pytest.raises(LearnerError, match="no_such"):
        simulation.do(Light("no_such"))
    assert simulation.run_until_idle()
    assert logged(simulation)[-1] == "lamps: the lamp at schedule is on already"
    assert lamps(simulation) == LampState((site("schedule"),))


def test_a_site_that_another_has_changed_fails_its_plan_and_nobody_else_s(simulation: Simulation) -> None:
    simulation.do(SetFilter("filter", "schedule"))
    simulation.do(SetTracer("function"))
    simulation.do(Light("schedule"))
    assert simulation.run_until_idle()
    assert simulation.read(site("schedule"), 1)[0] == CALL
    assert lamps(simulation) == LampState(failures=1)
    assert logged(simulation)[-1] == f"lamps: the site at {site('schedule'):#x} is not what it should be"
    assert not parts_of(simulation).subsystem(FtraceCore).ftrace_disabled
    simulation.do(SetTracer("nop"))
    simulation.do(Light("schedule"))
    assert simulation.run_until_idle()
    assert lamps(simulation).lit == (site("schedule"),)


def test_a_site_of_two_bytes_is_verified_by_two(simulation: Simulation) -> None:
    short, code = Site(site("schedule"), 2, LAMP), parts_of(simulation).machine.code
    good, bad = (Verify(Patches.of([Patch(short, data, b"\xeb\x00")])) for data in (b"\x0f\x1f", b"\x66\x90"))
    assert good.mismatch(code) is None
    assert bad.mismatch(code) == Failure(errno.EINVAL, short.address, b"\x66\x90")


# --- no closed union -------------------------------------------------------------------------------------------------


def kinds(root: type) -> set[str]:
    """The names of the classes that derive from one, and its own."""
    classes: list[type] = root.__subclasses__()
    below = [name for one in classes for name in kinds(one)]
    return {root.__name__, *below}


def asked_for(tree: ast.AST) -> Iterator[str]:
    """The classes that some code asks for: in the patterns of a match, and in isinstance()."""
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass):
            yield ast.unparse(node.cls).rpartition(".")[2]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            yield from (part.rpartition(".")[2] for part in ast.unparse(node.args[1]).strip("()").split(" | "))


def test_what_the_search_for_unions_finds() -> None:
    code = "match x:\n    case a.Verify(): pass\nisinstance(x, Store | b.Note)\nisinstance(x, SetTracer)"
    assert sorted(asked_for(ast.parse(code))) == ["Note", "SetTracer", "Store", "Verify"]


def test_the_engine_asks_no_step_and_no_command_what_it_is() -> None:
    """Within patching/ and ftrace/ too: but for the task's own command, and the roots."""
    closed = (kinds(Step) | kinds(Command)) - {"Step", "Command", "FtraceCommand"}
    assert {"Verify", "PutOps", "SetTracer", "UseProtocol"} <= closed
    found = {
        (path.name, name)
        for path in Path(simkernel.__file__).parent.rglob("*.py")
        for name in asked_for(ast.parse(path.read_text(encoding="utf-8")))
        if name in closed
    }
    assert found == {("task.py", "UseProtocol")}
