"""What ftrace refuses, and how it dies: by report, with every site whole."""

from __future__ import annotations

import errno

import pytest

from simkernel.errors import LearnerError
from simkernel.ftrace import ops as fl
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import (
    RegisterOps,
    ResetBuffer,
    SetFilter,
    SetOpsFilter,
    SetTracer,
    TracingOn,
    UnregisterOps,
)
from simkernel.ftrace.core import NOP5
from simkernel.ftrace.ops import FtraceError
from simkernel.ftrace.tracers import TRACERS
from simkernel.kernel import layout
from simkernel.patching.commands import Command
from simkernel.patching.steps import PokeMany
from tests.ftrace.fakes import NAMES, Setup, do, target, warning


@pytest.fixture
def setup() -> Setup:
    return Setup.of(NAMES)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "number", "says"),
    [
        (SetTracer("functoin"), errno.EINVAL, ", ".join(TRACERS)),
        (SetFilter("filter", "vfs_raed"), errno.EINVAL, "'vfs_read'"),
        (SetFilter("filtre", "vfs_read"), errno.EINVAL, "filter, notrace"),
        (UnregisterOps("nobody"), errno.ENOENT, "global_ops"),
        (UnregisterOps("global_ops"), errno.EBUSY, "echo nop"),
        (RegisterOps("global_ops", "ftrace_ops_count"), errno.EBUSY, "choose another"),
        (RegisterOps("x", "ftrace_ops_count", fl.FTRACE_OPS_FL_DIRECT), errno.EOPNOTSUPP, "direct"),
        (RegisterOps("x", "ftrace_ops_count", fl.FTRACE_OPS_FL_ENABLED), errno.EINVAL, "ftrace's own"),
        (RegisterOps("x", "ftrace_ops_count", fl.FTRACE_OPS_FL_IPMODIFY), errno.EINVAL, "must name its functions"),
        (RegisterOps("x", "nonsense"), None, "nonsense"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    setup: Setup, command: Command, number: int | None, says: str
) -> None:
    before, memory = setup.core.state(), setup.machine.memory.data.copy()
    with pytest.raises(LearnerError) as refused:  # noqa: PT012  one of the two refuses it
        setup.core.check(command)
        setup.core.plan(command)
    assert says in str(refused.value)
    assert getattr(refused.value, "errno", None) == number
    assert setup.core.state() == before
    assert (setup.machine.memory.data == memory).all()


def test_two_ops_cannot_both_change_rip_at_one_site(setup: Setup) -> None:
    flags = fl.FTRACE_OPS_FL_IPMODIFY | fl.FTRACE_OPS_FL_SAVE_REGS
    do(setup, RegisterOps("one", "ftrace_ops_count", flags, "vfs_read"))
    assert setup.flags("vfs_read") & rec.FTRACE_FL_IPMODIFY
    with pytest.raises(FtraceError, match="vfs_read") as refused:
        setup.core.plan(RegisterOps("two", "ftrace_ops_count", flags, "vfs_*"))
    assert refused.value.errno == errno.EBUSY
    do(setup, RegisterOps("two", "ftrace_ops_count", flags, "vfs_open"))
    with pytest.raises(FtraceError) as refused:
        setup.core.plan(SetOpsFilter("two", "filter", "vfs_read", append=True))
    assert refused.value.errno == errno.EBUSY
    with pytest.raises(FtraceError) as refused:
        setup.core.plan(SetOpsFilter("two", "notrace", "vfs_read"))
    assert refused.value.errno == errno.EINVAL
    do(setup, UnregisterOps("one"))
    assert not setup.flags("vfs_read") & rec.FTRACE_FL_IPMODIFY
    assert setup.flags("vfs_read") & rec.FTRACE_FL_MODIFIED
    do(setup, SetOpsFilter("two", "filter", "vfs_read", append=True))
    assert setup.flags("vfs_read") & rec.FTRACE_FL_IPMODIFY


def test_there_are_sixteen_ops_at_most(setup: Setup) -> None:
    for number in range(layout.FTRACE_OPS_MAX - 1):
        do(setup, RegisterOps(f"o{number}", "ftrace_ops_count", filter="schedule"))
    with pytest.raises(FtraceError) as refused:
        setup.core.plan(RegisterOps("more", "ftrace_ops_count"))
    assert refused.value.errno == errno.ENOMEM
    do(setup, SetTracer("function"), SetTracer("nop"))
    do(setup, *(UnregisterOps(f"o{number}") for number in range(layout.FTRACE_OPS_MAX - 1)))
    assert target(setup, "schedule") == "nop"


def test_what_a_check_cannot_know_yet_it_lets_pass(setup: Setup) -> None:
    setup.core.check(UnregisterOps("later"))
    with pytest.raises(FtraceError):
        setup.core.check(SetFilter("filter", "nonsense"))
    with pytest.raises(LearnerError):
        setup.core.check(RegisterOps("x", "nonsense"))


def test_control_words_are_stored(setup: Setup) -> None:
    do(setup, TracingOn(True))
    assert setup.machine.memory.read_u64(setup.kernel.address("tracing_on")) == 1
    do(setup, TracingOn(False), ResetBuffer())
    assert setup.machine.memory.read_u64(setup.kernel.address("tracing_on")) == 0


# --- failure ----------------------------------------------------------------------------------------------------------


def test_a_site_that_is_not_as_expected_kills_ftrace_and_nothing_is_patched(setup: Setup) -> None:
    do(setup, RegisterOps("count", "ftrace_ops_count", filter="vfs_*"))
    site = setup.site("decay_load")
    setup.machine.text_write(site, b"\x90\x90\x90\x90\x90")
    text = setup.machine.areas[0][1][0x400:].copy()
    lines = setup.carry_out(setup.core.plan(SetTracer("function")))
    assert (setup.machine.areas[0][1][0x400:] == text).all()
    tramp = rec.FTRACE_FL_TRAMP | 1
    assert lines == [
        "------------[ ftrace bug ]------------",
        "ftrace failed to modify ",
        f"[<{site:016x}>] decay_load+0x0/0x20",
        " actual:   90:90:90:90:90",
        " expected: 0f:1f:44:00:00",
        "Setting ftrace call site to call ftrace function",
        f"ftrace record flags: {tramp:x}",
        " (1)    ",
        f" expected tramp: {setup.kernel.address('ftrace_caller'):x}",
        *warning(2, 201, "bash"),
    ]
    assert [text for _, text in setup.core.log.lines][-len(lines) :] == lines
    assert setup.core.state().order == ("count",), "the one that was being registered is off the list again"
    for command in (SetFilter("filter", "schedule"), UnregisterOps("count"), RegisterOps("x", "ftrace_ops_count")):
        with pytest.raises(FtraceError) as refused:
            setup.core.plan(command)
        assert refused.value.errno == errno.ENODEV


def test_a_call_that_is_not_the_expected_one_names_trampoline_and_count(setup: Setup) -> None:
    do(setup, SetTracer("function"))
    site = setup.site("schedule")
    good = setup.machine.code.read(site, 5)
    setup.machine.text_write(site, NOP5)
    lines = setup.carry_out(setup.core.plan(RegisterOps("count", "ftrace_ops_count", filter="schedule")))
    assert lines[3:6] == [
        " actual:   0f:1f:44:00:00",
        " expected: " + ":".join(f"{byte:02x}" for byte in good),
        "Updating ftrace call site to call a different ftrace function",
    ]
    ops = setup.core.state().find("global_ops")
    assert lines[-5:] == warning(2, 201, "bash")
    lines = lines[:-5]
    assert lines[-2].startswith(" (2)    \ttramp: ") and hex(ops.trampoline) in lines[-2]
    assert "(function_trace_call+0x0/0x10)" in lines[-2]
    assert lines[-1] == f" expected tramp: {ops.trampoline:x}"


def test_the_tracer_is_set_though_ftrace_is_dead(setup: Setup) -> None:
    """trace_functions.c ignores what register_ftrace_function() and unregister_ftrace_function() return."""
    setup.machine.text_write(setup.site("decay_load"), b"\x90\x90\x90\x90\x90")
    sites = setup.machine.code.rows(setup.kernel.mcount_loc, 5)
    for name in ("function", "nop", "nop", "function", "function"):
        do(setup, SetTracer(name))
        assert setup.core.ftrace_disabled and setup.core.state().tracer == name
        assert (setup.machine.code.rows(setup.kernel.mcount_loc, 5) == sites).all()
    assert sum("ftrace bug" in line for _, line in setup.core.log.lines) == 1


def test_a_tracer_that_cannot_be_unregistered_is_no_longer_the_tracer_and_the_buffers_are_empty(setup: Setup) -> None:
    do(setup, SetTracer("function"))
    setup.machine.text_write(setup.site("decay_load"), b"\x90\x90\x90\x90\x90")
    setup.machine.memory.write_u64(layout.PERCPU_BASE + layout.PCPU_RING_HEAD, 5)
    sites = setup.machine.code.rows(setup.kernel.mcount_loc, 5)
    do(setup, SetTracer("nop"))
    assert setup.core.ftrace_disabled and setup.core.state().tracer == "nop"
    assert setup.machine.memory.read_u64(layout.PERCPU_BASE + layout.PCPU_RING_TAIL) == 5, "tracing_reset_online_cpus()"
    assert (setup.machine.code.rows(setup.kernel.mcount_loc, 5) == sites).all()


SCRIPT: list[Command] = [
    SetTracer("function"),
    RegisterOps("regs", "ftrace_ops_count", fl.FTRACE_OPS_FL_SAVE_REGS, "vfs_*"),
    SetFilter("filter", "vfs_read schedule"),
    UnregisterOps("regs"),
    SetTracer("nop"),
]


def test_an_exception_at_any_step_leaves_whole_sites_a_report_and_a_dead_ftrace() -> None:
    places = 0
    while fails_at(places):
        places += 1
    assert places > 60


def fails_at(place: int) -> bool:
    """Break the script off at a step and see what is left; False where it has no such step."""
    setup = Setup.of(NAMES)
    seen = 0
    for command in SCRIPT:
        plan = setup.core.plan(command)
        old = {name: setup.site_bytes(name) for name in NAMES}
        new = dict(old)
        for step in plan.steps:
            if isinstance(step, PokeMany):
                for site, data in zip(step.patches.sites.tolist(), step.patches.new, strict=True):
                    new[NAMES[setup.kernel.mcount_loc.tolist().index(site)]] = data.tobytes()
        for step in plan.steps:
            if seen == place:
                if isinstance(step, PokeMany):  # queued, and some of them written
                    step.store(setup.machine.memory)
                    setup.machine.sites_write(step.patches.sites[:1], step.patches.new[:1])
                lines = setup.core.fail(step.broken(setup.machine))
                setup.core.reconcile()
                assert lines[0] == "------------[ ftrace bug ]------------"
                assert setup.core.ftrace_disabled
                check_records_follow_bytes(setup)
                assert all(setup.site_bytes(name) in (old[name], new[name]) for name in NAMES)
                return True
            setup.take(step)
            seen += 1
    return False


def check_records_follow_bytes(setup: Setup) -> None:
    for name in NAMES:
        flags, what = setup.flags(name), target(setup, name)
        assert bool(flags & rec.FTRACE_FL_ENABLED) == (what != "nop"), name
        assert bool(flags & rec.FTRACE_FL_TRAMP_EN) == what.startswith("tramp:"), name
        assert bool(flags & rec.FTRACE_FL_REGS_EN) == (what in ("ftrace_regs_caller", "tramp:regs")), name
