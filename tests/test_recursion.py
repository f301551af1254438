"""A callback that comes back into itself: the stack overflows into its guard page, or ftrace keeps it from that."""

from __future__ import annotations

import random
import re
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

import simkernel
from simkernel import tracefs
from simkernel.events import ExceptionTaken, Oopsed
from simkernel.ftrace import ops as fl
from simkernel.ftrace.commands import RegisterOps, SetTracer
from simkernel.ftrace.core import FtraceCore
from simkernel.kernel import KernelImage, layout
from simkernel.patching.commands import Command
from simkernel.schedule import Nmi
from simkernel.sim.control_files import control_files
from simkernel.sim.oops import Oops
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.guest.models import SCRATCH, put
from tests.guest.whole_kernel import MASK, C, WholeKernel, default_image
from tests.linux_facts import facts

HELLO = Path(simkernel.__file__).parent / "guest" / "examples" / "hello.S"
CALLBACKS = """
.text
SYM_FUNC_START_NOTRACE calls_square
	pushq %rdi
	movl $0x3, %edi
	call square
	popq %rdi
	ret
SYM_FUNC_END calls_square
SYM_FUNC_START traced_callback
	ret
SYM_FUNC_END traced_callback
"""
LEVEL = 168 + 5 * 8  # bytes of stack: pt_regs, what calls_square pushes, the return addresses of four calls

pytestmark = pytest.mark.keystone


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> KernelImage:
    path = tmp_path_factory.mktemp("kernel") / "recursion.S"
    path.write_text(HELLO.read_text(encoding="utf-8") + CALLBACKS, encoding="utf-8")
    return KernelImage.from_source(path)


def run(image: KernelImage, *commands: Command, cpus: int = 1) -> Simulation:
    simulation = Simulation.boot(Options(cpus=cpus, seed=3), image)
    for command in commands:
        simulation.do(command)
    simulation.run_until_idle()
    simulation.run(60_000)
    return simulation


def died(simulation: Simulation) -> Oops:
    oops = simulation.oops
    assert oops is not None and simulation.halt_reason == f"oops on CPU{oops.cpu}"
    return oops


def the_task_stack(simulation: Simulation) -> range:
    """The stack of the task that CPU0 runs, from the map of memory."""
    task = parts_of(simulation).kernel.percpu.read(0, layout.PCPU_CURRENT)
    slot = (task - layout.TASKS_BASE) // layout.TASK_SIZE
    top = layout.TASK_STACKS + (slot + 1) * 0x3000
    return range(top - 0x2000, top)


@pytest.mark.parametrize(("func", "functions"), [("calls_square", "square"), ("traced_callback", "square traced_*")])
def test_a_callback_that_calls_what_it_traces_ends_in_the_guard_page(
    image: KernelImage, func: str, functions: str
) -> None:
    simulation = run(image, RegisterOps("mine", func, filter=functions))
    oops, stack = died(simulation), the_task_stack(simulation)
    regs = {name: int(value, 16) for name, value in re.findall(r"(\w\w\w): (?:\d{4}:)?([0-9a-f]{16})\b", oops.text)}
    pushed, double = [event for event in simulation.log if isinstance(event, ExceptionTaken)][-2:]
    assert (pushed.vector, pushed.error, double.vector) == (layout.VECTOR_PF, 2, layout.VECTOR_DF)
    assert stack.start - layout.PAGE_SIZE <= pushed.cr2 < stack.start, "the write that missed the stack"
    assert double.cr2 == min((regs["RSP"] & ~0xF) - 8, double.cr2) < stack.start, "the push of the fault's own frame"
    place = f"{double.cr2:016x} (stack is {stack.start:016x}..{stack.stop:016x})"
    assert oops.lines[0] == f"BUG: TASK stack guard page was hit at {place}"
    assert oops.lines[1] == "Oops: stack guard page: 0000 [#1] PREEMPT SMP"
    assert oops.lines[-3] == "Kernel panic - not syncing: Fatal exception in interrupt"
    assert not any(line.startswith(("CR2", "traps:", "#PF", "BUG: unable")) for line in oops.lines[1:])


def test_the_trace_shows_the_same_calls_again_and_again(image: KernelImage) -> None:
    simulation = run(image, RegisterOps("mine", "calls_square", filter="square"))
    oops, stack = died(simulation), the_task_stack(simulation)
    at = oops.lines.index("Call Trace:")
    end = oops.lines.index(" </TASK>")
    assert oops.lines[at + 1] == " <TASK>"
    trace = [line.removeprefix(" ? ").partition("/")[0] for line in oops.lines[at + 2 : end]]
    counted = Counter(trace)
    behind_call = 1 + 5 + 5  # push, mov, call
    assert counted[f"calls_square+{behind_call:#x}"] >= len(stack) // LEVEL - 1 > 30
    assert counted["square+0x5"] >= len(stack) // LEVEL - 1
    assert any(name.startswith("sys_hello+") for name in trace[-12:]), "where it began is at the stack's end"
    assert " </TASK>" == oops.lines[end] and oops.lines[end + 1] == "---[ end trace 0000000000000000 ]---"


def test_the_words_are_those_of_linux() -> None:
    assert facts().guard_page[:2] == ["BUG: %s stack guard page was hit at %p (stack is %p..%p)", "stack guard page"]


def test_on_the_stack_of_an_nmi_the_guard_page_is_that_stacks(image: KernelImage) -> None:
    simulation = run(image, RegisterOps("mine", "traced_callback", filter="nmi_handle traced_callback"))
    assert simulation.halt_reason == "", "nothing calls it but by an NMI"
    simulation.step(Nmi(0))
    simulation.run(60_000)
    top = parts_of(simulation).kernel.abi.nmi_stack(0).stop - 1
    place = rf"[0-9a-f]{{16}} \(stack is {top - layout.PAGE_SIZE:016x}\.\.{top:016x}\)"
    oops = died(simulation)
    assert re.fullmatch(rf"BUG: NMI stack guard page was hit at {place}", oops.lines[0])
    at = oops.lines.index("Call Trace:")
    assert oops.lines[at + 1] == " <NMI>" and oops.lines.index(" </NMI>") < oops.lines.index(" <TASK>")


@pytest.mark.parametrize("flag", [fl.FTRACE_OPS_FL_RECURSION, fl.FTRACE_OPS_FL_RCU])
def test_the_same_callback_runs_where_ftrace_protects_it(image: KernelImage, flag: int) -> None:
    simulation = Simulation.boot(Options(cpus=2, seed=3), image)
    simulation.do(RegisterOps("mine", "calls_square", flag, filter="square"))
    assert simulation.run_until_idle()
    assist = image.symbol("ftrace_ops_assist_func")
    tramp = parts_of(simulation).subsystem(FtraceCore).state().find("mine").trampoline
    assert re.fullmatch(
        rf"square \(1\)  +\ttramp: {tramp:#x} \(calls_square\+0x0/0x[0-9a-f]+\) "
        r"->ftrace_ops_assist_func\+0x0/0x[0-9a-f]+\n",
        tracefs.read(control_files(simulation), "enabled_functions"),
    )
    came: Counter[tuple[str, int]] = Counter()

    def seen(cpu: int, rip: int) -> None:
        task = parts_of(simulation).kernel.percpu.read(cpu, layout.PCPU_CURRENT)
        symbol = image.find(rip)
        assert symbol is not None
        came[symbol.name, parts_of(simulation).machine.memory.read_u32(task + C["TASK_TRACE_RECURSION"])] += 1

    for number, cpu in enumerate(parts_of(simulation).machine.cpus):
        cpu.observe(partial(seen, number), (assist.address, image.address("calls_square")))
    simulation.run(60_000)
    assert not simulation.halt_reason
    normal, transition = 0x100, 0x200
    outer = came["ftrace_ops_assist_func", 0]
    assert outer > 20
    # In the same context it runs once more, by the bit of the transition; the third time it returns at once.
    for place in (
        ("calls_square", normal),
        ("ftrace_ops_assist_func", normal),
        ("calls_square", normal | transition),
        ("ftrace_ops_assist_func", normal | transition),
    ):
        assert outer - 2 <= came[place] <= outer + 2, (place, came)
    assert sum(came.values()) <= 5 * outer + 4


def test_two_ops_on_a_site_are_protected_by_the_list(image: KernelImage) -> None:
    """`__ftrace_ops_list_func()` takes the bit itself, whatever the flags of the ops."""
    both = (RegisterOps("counts", "ftrace_ops_count", filter="square"), SetTracer("function"))
    simulation = run(image, *both, RegisterOps("mine", "calls_square", filter="square"), cpus=2)
    assert simulation.halt_reason == ""
    assert (
        parts_of(simulation).machine.memory.read_u64(
            parts_of(simulation).subsystem(FtraceCore).state().find("counts").address + layout.OPS_HITS
        )
        > 20
    )


def test_the_run_ends_with_one_oops_and_no_triple_fault(image: KernelImage) -> None:
    simulation = run(image, RegisterOps("mine", "calls_square", filter="square"), cpus=2)
    assert [event.vector for event in simulation.log if isinstance(event, Oopsed)] == [layout.VECTOR_DF]


# include/linux/trace_recursion.h: TRACE_LIST_START is 5; contexts from there on: NMI, IRQ, SOFTIRQ, NORMAL, TRANSITION.
START, TRANSITION = 5, 4
NMI_COUNT, HARDIRQ, SOFTIRQ = 0x11_0000, 0x1_0000, 0x100  # preempt_count there; an NMI counts as a hard interrupt too


def takes(word: int, count: int) -> int | None:
    """The bit that trace_test_and_set_recursion() takes; None for a recursion."""
    level = (count & 0xF0_0000 > 0) + (count & 0xFF_0000 > 0) + (count & 0xFF_0100 > 0)
    for bit in (START + 3 - level, START + TRANSITION):
        if not word >> bit & 1:
            return bit
    return None


@pytest.mark.parametrize("func", ["ftrace_ops_assist_func", "arch_ftrace_ops_list_func"])
def test_a_callback_is_called_where_its_context_has_a_bit_free(func: str) -> None:
    kernel = WholeKernel(default_image(), 1)
    kernel.run(200, 500)
    ops, memory = SCRATCH, kernel.machine.memory
    preempt = layout.PERCPU_BASE + layout.PCPU_PREEMPT_COUNT
    task = memory.read_u64(layout.PERCPU_BASE + layout.PCPU_CURRENT)
    word = task + C["TASK_TRACE_RECURSION"]
    put(kernel, ops, *[0] * 16)
    put(kernel, ops + layout.OPS_FUNC, kernel.image.address("ftrace_ops_count"), kernel.image.address(fl.LIST_END))
    memory.write_u64(kernel.image.address("ftrace_ops_list"), ops)
    chance, called = random.Random(4), Counter[bool]()
    full = [1 << START | 1 << START + TRANSITION, 1 << START + 3 | 1 << START + TRANSITION, 0x3FF, 0]
    for bits in full + [chance.getrandbits(16) for _ in range(60)]:
        for count in (0, 3, SOFTIRQ + 1, HARDIRQ, HARDIRQ + SOFTIRQ, NMI_COUNT, NMI_COUNT + HARDIRQ + SOFTIRQ):
            flags, in_user = chance.choice((0, fl.FTRACE_OPS_FL_RCU)), chance.randrange(2)
            memory.write_u32(word, bits)
            put(kernel, preempt, count)
            put(kernel, task + layout.TASK_IN_USER, in_user)
            put(kernel, ops + layout.OPS_FLAGS, flags)
            before = kernel.u64(ops + layout.OPS_HITS)
            kernel.call(func, 0x1000, 0x2000, ops, SCRATCH + 0x400)
            wanted = takes(bits, count) is not None and not (flags and in_user)
            assert kernel.u64(ops + layout.OPS_HITS) - before == wanted, (hex(bits), hex(count), flags, in_user)
            assert (memory.read_u32(word), kernel.u64(preempt)) == (bits, count), "all is as it was"
            called[wanted] += 1
    assert min(called.values()) > 50


def test_who_is_on_a_stack_is_found_and_who_is_in_a_guard_page_is_not() -> None:
    kernel = WholeKernel(default_image(), 2)
    kernel.run(50, 500)
    for cpu in range(2):
        task = kernel.percpu(cpu, "PCPU_CURRENT")
        slot = (task - layout.TASKS_BASE) // layout.TASK_SIZE
        base, irq = layout.TASK_STACKS + slot * 0x3000 + 0x1000, layout.IRQ_STACKS + cpu * 0x4000
        stacks = [range(base, base + 0x2000), range(irq + 0x1000, irq + 0x2000), range(irq + 0x3000, irq + 0x4000)]
        edges = {edge + d for one in stacks for edge in (one.start, one.stop) for d in (-0x1000, -8, -1, 0, 8, 0x1000)}
        for address in (*edges, 0, layout.TASK_STACKS, layout.HEAP_BASE, MASK):
            found = kernel.call("get_stack_info_noinstr", address, task, cpu=cpu)
            assert found == any(address in one for one in stacks), hex(address)
