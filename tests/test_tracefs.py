"""The control files: their texts as Linux has them, their errors, and commands instead of deeds."""

from __future__ import annotations

import errno
import random

import pytest

from simkernel import tracefs
from simkernel.errors import LearnerError
from simkernel.ftrace import ops as fl
from simkernel.ftrace.commands import (
    RegisterOps,
    ResetBuffer,
    SetFilter,
    SetTracer,
    TracingOn,
    UnregisterOps,
)
from simkernel.kernel import layout
from simkernel.patching.commands import Command
from simkernel.patching.steps import Verify
from simkernel.sim.control_files import tree
from simkernel.trace import Record, View, trace_text
from simkernel.trace.entries.function import FunctionRecord
from simkernel.tracefs import Directory, TracefsError, Written
from tests.ftrace.fakes import NAMES, Setup, do

LISTED = (
    "function",
    "nop",
)
"""One a line, newest first."""
THERE_ARE = f"there are: {', '.join(LISTED)}."


@pytest.fixture
def setup() -> Setup:
    return Setup.of(NAMES)


def root_of(setup: Setup) -> Directory:
    return tree([setup.core], setup.kernel, setup.core.log)


def cat(setup: Setup, name: str) -> str:
    return tracefs.read(root_of(setup), name)


def echo(setup: Setup, text: str, name: str, append: bool = False) -> Written:
    """Write, and carry out what comes of it."""
    written = tracefs.echo(root_of(setup), name, text, append)
    do(setup, *written.commands)
    return written


def test_after_boot_the_files_say_so(setup: Setup) -> None:
    expected = {
        "available_filter_functions": "".join(f"{name}\n" for name in NAMES),
        "available_filter_functions_addrs": "".join(f"{setup.site(name):x} {name}\n" for name in NAMES),
        "available_tracers": " ".join(LISTED) + "\n",
        "current_tracer": "nop\n",
        "dyn_ftrace_total_info": "8 pages:1 groups: 1\n",
        "enabled_functions": "",
        "touched_functions": "",
        "set_ftrace_filter": "#### all functions enabled ####\n",
        "set_ftrace_notrace": "#### no functions disabled ####\n",
        "tracing_on": "0\n",
        "dmesg": "[    0.000000] ftrace: allocating 8 entries in 1 pages\n"
        "[    0.000000] ftrace: allocated 1 pages with 1 groups\n",
    }
    for name, text in expected.items():
        assert cat(setup, name) == text, name
    assert set(expected) | {"trace", "kallsyms"} == set(root_of(setup).readdir())


def test_enabled_functions_names_trampolines_and_what_they_call(setup: Setup) -> None:
    do(setup, SetFilter("filter", "schedule vfs_read"), SetTracer("function"))
    flags = fl.FTRACE_OPS_FL_SAVE_REGS | fl.FTRACE_OPS_FL_IPMODIFY
    do(setup, RegisterOps("regs", "ftrace_ops_count", flags, "vfs_*"))
    tramp, regs = (hex(setup.core.state().find(name).trampoline) for name in ("global_ops", "regs"))
    assert cat(setup, "enabled_functions") == (
        f"schedule (1)           \ttramp: {tramp} (function_trace_call+0x0/0x10) ->function_trace_call+0x0/0x10\n"
        f"vfs_open (1) R I     M \ttramp: {regs} (ftrace_ops_count+0x0/0xc0) ->ftrace_ops_count+0x0/0xc0\n"
        "vfs_read (2) R I     M  ->arch_ftrace_ops_list_func+0x0/0x10\n"
        f"vfs_write (1) R I     M \ttramp: {regs} (ftrace_ops_count+0x0/0xc0) ->ftrace_ops_count+0x0/0xc0\n"
    )
    do(setup, UnregisterOps("regs"), SetTracer("nop"))
    assert cat(setup, "enabled_functions") == ""
    assert cat(setup, "touched_functions").splitlines() == [
        "schedule (0)            ->ftrace_stub+0x0/0x10",
        "vfs_open (0)         M  ->ftrace_stub+0x0/0x10",
        "vfs_read (0)         M  ->ftrace_stub+0x0/0x10",
        "vfs_write (0)         M  ->ftrace_stub+0x0/0x10",
    ]


def test_an_update_seen_from_within_shows_calls_to_an_ops_that_is_off_the_list(setup: Setup) -> None:
    do(setup, SetFilter("filter", "schedule"), SetTracer("function"))
    plan = setup.core.plan(SetTracer("nop"))
    for step in plan.steps:
        if isinstance(step, Verify):
            break
        setup.take(step)
    assert cat(setup, "enabled_functions") == "schedule (0)           \ttramp: ERROR!\n"


def test_kallsyms_lists_trampolines_as_linux_does(setup: Setup) -> None:
    before = cat(setup, "kallsyms").splitlines()
    assert f"{setup.site('schedule'):016x} T schedule" in before
    assert before == sorted(before)
    do(setup, SetTracer("function"))
    tramp = setup.core.state().find("global_ops").trampoline
    assert cat(setup, "kallsyms").splitlines() == [
        *before,
        f"{tramp:016x} t ftrace_trampoline\t[__builtin__ftrace]",
    ]


def test_the_log_has_the_time_in_seconds(setup: Setup) -> None:
    setup.core.log.add(["hello"], 17_284_993_652_999)
    assert cat(setup, "dmesg").splitlines()[-1] == "[17284.993652] hello"


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "append", "commands"),
    [
        ("current_tracer", "function\n", False, (SetTracer("function"),)),
        ("set_ftrace_filter", "vfs_*\n", False, (SetFilter("filter", "vfs_*", False),)),
        ("set_ftrace_filter", " vfs_read\tschedule\n", True, (SetFilter("filter", "vfs_read schedule", True),)),
        ("set_ftrace_filter", "\n", False, (SetFilter("filter", "", False),)),
        ("set_ftrace_notrace", "!schedule", True, (SetFilter("notrace", "!schedule", True),)),
        ("tracing_on", "1\n", False, (TracingOn(True),)),
        ("tracing_on", "0\n", False, ()),
        ("trace", "anything\n", False, (ResetBuffer(),)),
        ("trace", "anything\n", True, ()),
    ],
)
def test_a_write_comes_to_commands_and_does_nothing(
    setup: Setup, name: str, text: str, append: bool, commands: tuple[Command, ...]
) -> None:
    before, memory = setup.core.state(), setup.machine.memory.data.copy()
    assert tracefs.write(root_of(setup), name, text, append) == Written(commands)
    assert setup.core.state() == before
    assert (setup.machine.memory.data == memory).all()


def test_a_filter_is_read_back(setup: Setup) -> None:
    echo(setup, "vfs_* !vfs_open", "set_ftrace_filter")
    assert cat(setup, "set_ftrace_filter") == "vfs_read\nvfs_write\n"
    echo(setup, "schedule", "set_ftrace_filter", append=True)
    assert cat(setup, "set_ftrace_filter") == "schedule\nvfs_read\nvfs_write\n"
    echo(setup, "", "set_ftrace_filter")
    assert cat(setup, "set_ftrace_filter") == "#### all functions enabled ####\n"
    echo(setup, "decay_load", "set_ftrace_notrace")
    assert cat(setup, "set_ftrace_notrace") == "decay_load\n"


def test_a_wrong_token_is_an_error_and_those_before_it_take_effect(setup: Setup) -> None:
    written = echo(setup, "schedule vfs_raed vfs_open", "set_ftrace_filter")
    assert written.error is not None and written.error.errno == errno.EINVAL
    assert str(written.error) == (
        "set_ftrace_filter: Invalid argument: no traced function is called 'vfs_raed'; the nearest name is 'vfs_read'"
    )
    assert cat(setup, "set_ftrace_filter") == "schedule\n"
    echo(setup, "nonsense", "set_ftrace_filter")
    assert cat(setup, "set_ftrace_filter") == "#### all functions enabled ####\n", "> truncates all the same"


@pytest.mark.parametrize(
    ("name", "text", "number", "says"),
    [
        ("current_tracer", "functoin", errno.EINVAL, f"no tracer 'functoin'; {THERE_ARE} Did you mean 'function'?"),
        ("current_tracer", "", errno.EINVAL, f"no tracer ''; {THERE_ARE}"),
        ("tracing_on", "yes", errno.EINVAL, "write 0 or 1"),
        ("set_ftrace_filter", "schedule:traceoff", errno.EINVAL, "triggers"),
    ],
)
def test_a_wrong_write_says_what_to_write(setup: Setup, name: str, text: str, number: int, says: str) -> None:
    error = tracefs.echo(root_of(setup), name, text).error
    assert error is not None and error.errno == number
    assert says in str(error)


def test_the_command_refuses_an_unknown_tracer_in_the_words_of_the_file(setup: Setup) -> None:
    error = tracefs.echo(root_of(setup), "current_tracer", "graph").error
    with pytest.raises(LearnerError) as refused:
        do(setup, SetTracer("graph"))
    assert str(error) == f"current_tracer: Invalid argument: {refused.value}"


@pytest.mark.parametrize(("name", "says"), [("trase", "'trace'"), ("xyzzy", "there are: ")])
def test_a_file_that_is_not_there_is_said_so(setup: Setup, name: str, says: str) -> None:
    """Reading gives ENOENT; writing EACCES, as a shell's `>` has O_CREAT and nobody can make a file there."""
    with pytest.raises(TracefsError, match=says) as missing:
        cat(setup, name)
    with pytest.raises(TracefsError, match=says) as refused:
        tracefs.echo(root_of(setup), name, "1")
    assert (missing.value.errno, refused.value.errno) == (errno.ENOENT, errno.EACCES)
    assert isinstance(refused.value, LearnerError)


def test_a_file_that_cannot_be_written_says_why(setup: Setup) -> None:
    """vfs_write() (fs/read_write.c): root may open it, and the file has no write()."""
    written = echo(setup, "1", "kallsyms")
    assert written.error is not None and written.error.errno == errno.EINVAL and written.commands == ()
    assert "only be read" in str(written.error)


DEAD = {  # kernel/trace/ftrace.c and trace.c, 6.12: what reading gives once ftrace_disabled is set, None for ENODEV
    "available_filter_functions": None,  # ftrace_avail_open()
    "available_filter_functions_addrs": None,  # ftrace_avail_addrs_open()
    "available_tracers": " ".join(LISTED) + "\n",
    "current_tracer": "function\n",  # tracing_start_function_trace() ignores -ENODEV
    "dyn_ftrace_total_info": "8 pages:1 groups: 1\n",
    "enabled_functions": "",  # ftrace_enabled_open() does not ask, t_start() does
    "touched_functions": "",
    "set_ftrace_filter": None,  # ftrace_regex_open()
    "set_ftrace_notrace": None,
    "tracing_on": "0\n",
}


def test_the_files_of_a_dead_ftrace_read_as_linux_has_them(setup: Setup) -> None:
    do(setup, SetFilter("filter", "schedule"), SetTracer("function"), SetTracer("nop"))
    setup.machine.text_write(setup.site("schedule"), b"\x90" * 5)
    assert cat(setup, "touched_functions") != ""
    echo(setup, "function", "current_tracer")
    for name, text in DEAD.items():
        if text is None:
            with pytest.raises(TracefsError, match=rf"{name}: No such device: ftrace has disabled itself") as refused:
                cat(setup, name)
            assert refused.value.errno == errno.ENODEV
        else:
            assert cat(setup, name) == text, name
    assert set(DEAD) | {"trace", "kallsyms", "dmesg"} == set(root_of(setup).readdir())
    assert cat(setup, "trace").startswith(
        "# tracer: function\n#\n# WARNING: FUNCTION TRACING IS CORRUPTED\n#          MAY BE MISSING FUNCTION EVENTS\n"
    )


def test_a_dead_ftrace_refuses_filters_and_takes_tracers(setup: Setup) -> None:
    setup.machine.text_write(setup.site("schedule"), b"\x90" * 5)
    echo(setup, "function", "current_tracer")
    for name in ("set_ftrace_filter", "set_ftrace_notrace"):
        with pytest.raises(TracefsError) as refused:
            tracefs.echo(root_of(setup), name, "vfs_read")
        assert refused.value.errno == errno.ENODEV
    for tracer in ("nop", "function"):
        assert echo(setup, tracer, "current_tracer").error is None
        assert cat(setup, "current_tracer") == f"{tracer}\n"


def test_a_boot_that_fails_counts_no_function_and_all_pages() -> None:
    """ftrace_update_code() returns before it adds to ftrace_update_tot_cnt."""
    setup = Setup.of(NAMES, boot=False)
    setup.machine.text_write(setup.site("schedule"), b"\x90" * 5)
    setup.carry_out(setup.core.boot_plan())
    assert cat(setup, "dyn_ftrace_total_info") == "0 pages:1 groups: 1\n"


def test_modes_are_those_of_linux(setup: Setup) -> None:
    modes = {name: file.mode for name, file in root_of(setup).entries.items()}
    assert modes["available_tracers"] == modes["enabled_functions"] == 0o440
    assert modes["current_tracer"] == modes["trace"] == modes["set_ftrace_filter"] == 0o640


# --- trace ------------------------------------------------------------------------------------------------------------


def view(cpus: int = 4) -> View:
    names = {0x10: "vfs_read", 0x20: "ksys_read", 0x30: "hrtimer_interrupt", 0x40: "__sysvec_apic_timer_interrupt"}
    return View("function", cpus, {0: "swapper/3", 1977: "bash"}, names.get)


def at(seconds: float, cpu: int, ip: int, parent: int, pid: int, flags: int = 0) -> Record:
    return FunctionRecord(round(seconds * 1e9) * 4, cpu, 0, pid, flags, ip, parent)


def test_the_text_of_trace_is_the_kernel_s() -> None:
    records = [
        at(186.475409, 3, 0x30, 0x40, 0, layout.REC_IRQS_OFF | layout.REC_HARDIRQ | 1 << layout.REC_PREEMPT_SHIFT),
        at(17284.993652, 0, 0x10, 0x20, 1977),
    ]
    assert trace_text(view(), records, 2, 2) == (
        "# tracer: function\n"
        "#\n"
        "# entries-in-buffer/entries-written: 2/2   #P:4\n"
        "#\n"
        "#                                _-----=> irqs-off/BH-disabled\n"
        "#                               / _----=> need-resched\n"
        "#                              | / _---=> hardirq/softirq\n"
        "#                              || / _--=> preempt-depth\n"
        "#                              ||| / _-=> migrate-disable\n"
        "#                              |||| /     delay\n"
        "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
        "#              | |         |   |||||     |         |\n"
        "          <idle>-0       [003] d.h1.   186.475409: hrtimer_interrupt <-__sysvec_apic_timer_interrupt\n"
        "            bash-1977    [000] ..... 17284.993652: vfs_read <-ksys_read\n"
    )


def test_what_has_no_name_is_shown_by_its_number() -> None:
    record = at(0, 0, 0x10, 0xFFFF_FFFF_C040_2033, 4711)
    assert trace_text(view(), [record], 1, 1).splitlines()[-1] == (
        "           <...>-4711    [000] .....     0.000000: vfs_read <-0xffffffffc0402033"
    )
    assert trace_text(view(), [at(0, 0, 0x10, 0, 0)], 1, 1).endswith(": vfs_read\n")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (0, "....."),
        (layout.REC_NEED_RESCHED | 0x200, ".N.2."),
        (layout.REC_NMI | layout.REC_HARDIRQ | layout.REC_IRQS_OFF | 0xF00, "d.Zf."),
        (layout.REC_NMI | 0x4000, "..zf."),
    ],
)
def test_five_characters_say_where_it_was_called(flags: int, text: str) -> None:
    assert f" {text} " in trace_text(view(), [at(0, 0, 0x10, 0x20, 1977, flags)], 1, 1)


def announced(cpus: list[int]) -> list[str]:
    """What s_next() and test_cpu_buff_start() (kernel/trace/trace.c, 6.12) make of records on these CPUs, in order.

    `idx` is -1 when the file is opened, and trace_iterator_increment() adds one before each record is printed.
    """
    idx = -1
    started: set[int] = set()
    out: list[str] = []
    for cpu in cpus:
        idx += 1
        if cpu not in started:
            started.add(cpu)
            if idx > 1:
                out.append(f"##### CPU {cpu} buffer started ####")
        out.append(f"[{cpu:03d}]")
    return out


def test_where_records_were_lost_a_cpu_is_announced_from_the_third_record_on() -> None:
    found, expected = {}, {}
    for seed in range(200):
        draw = random.Random(seed)
        cpus = [draw.randrange(draw.randint(1, 8)) for _ in range(draw.randrange(12))]
        records = [at(second, cpu, 0x10, 0x20, 1977) for second, cpu in enumerate(cpus)]
        told = trace_text(view(8), records, len(records), len(records) + 1).splitlines()[12:]
        found[seed] = [line if line.startswith("#") else line[line.index("[") :][:5] for line in told]
        expected[seed] = announced(cpus)
        assert "####" not in trace_text(view(8), records, len(records), len(records)), "nothing was lost"
    assert found == expected


def test_trace_is_read_from_the_guest_s_buffers(setup: Setup) -> None:
    memory = setup.machine.memory
    task = layout.TASKS_BASE
    memory.write(task + layout.TASK_PID, (201).to_bytes(4, "little"))
    memory.write(task + layout.TASK_COMM, b"bash\0")
    slot = layout.RING_BASE + layout.RING_STRIDE
    for offset, value in ((layout.REC_TS, 9_000), (layout.REC_IP, setup.site("vfs_read")), (layout.REC_PARENT, 8)):
        memory.write_u64(slot + offset, value)
    memory.write(slot + layout.REC_PID, (201).to_bytes(4, "little") + layout.REC_VALID.to_bytes(4, "little"))
    memory.write_u64(layout.PERCPU_BASE + layout.PERCPU_SIZE + layout.PCPU_RING_HEAD, 1)
    text = cat(setup, "trace")
    assert "# entries-in-buffer/entries-written: 1/1   #P:2\n" in text
    assert text.endswith("            bash-201     [001] .....     0.000005: vfs_read <-0x00000008\n")
    echo(setup, "", "trace")
    assert "# entries-in-buffer/entries-written: 0/0   #P:2\n" in cat(setup, "trace")
