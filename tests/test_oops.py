"""An oops reads as Linux prints it, and names what happened."""

from __future__ import annotations

import re

import pytest

from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from simkernel.events import Oopsed
from simkernel.ftrace.commands import SetTracer
from simkernel.hw.fault import PF_INSTR, PF_PROT
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.protocol import parse
from simkernel.sim.oops import Oops, read_oops
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.linux_facts import facts
from tests.tui.playing import another

NX = "kernel tried to execute NX-protected page - exploit attempt? (uid: 0)"  # show_fault_oops()
H16 = "[0-9a-f]{16}"
SYMBOL = r"(?:[a-z_][\w.]*\+0x[0-9a-f]+/0x[0-9a-f]+|0x[0-9a-f]+)"
REGISTERS = [
    rf"RIP: 0010:{SYMBOL}",
    r"Code: (?:(?:[0-9a-f]{2} ){42}<[0-9a-f]{2}>(?: [0-9a-f]{2}){21}|Unable to access opcode bytes at 0x[0-9a-f]+\.)",
    rf"RSP: 0018:{H16} EFLAGS: [0-9a-f]{{8}}",
    rf"RAX: {H16} RBX: {H16} RCX: {H16}",
    rf"RDX: {H16} RSI: {H16} RDI: {H16}",
    rf"RBP: {H16} R08: {H16} R09: {H16}",
    rf"R10: {H16} R11: {H16} R12: {H16}",
    rf"R13: {H16} R14: {H16} R15: {H16}",
]
HEADER = r"Oops: (?:int3|invalid opcode|general protection fault.*|Oops|double fault): [0-9a-f]{4} \[#1\] PREEMPT SMP"

# The contexts of an exception (arch/x86/kernel/traps.c, 6.12): exc_int3() and exc_double_fault() run as an NMI does
# (irqentry_nmi_enter()), so in_interrupt() is true in oops_end(); elsewhere preempt_count says it.
HARDIRQ, NMI, PREEMPT = 0x1_0000, 0x10_0000, 0x1


@pytest.fixture(scope="module")
def image() -> KernelImage:
    return KernelImage.default()


def crashed(image: KernelImage, seed: int) -> Simulation | None:
    """A naive patch under load, if it ended in an oops: CPUs come between its stores at the pace of who steps."""
    options = Options(seed=seed, model=FetchModel.BYTE, protocol=parse("naive")).paced(STEPPING)
    simulation = Simulation.boot(options, image)
    simulation.do(SetTracer("function"))
    simulation.run_until_idle(5_000_000)
    return simulation if simulation.halt_reason else None


@pytest.fixture(scope="module")
def simulation(image: KernelImage) -> Simulation:
    for seed in range(30):
        if (found := crashed(image, seed)) is not None and found.oops is not None:
            return found
    pytest.fail("no naive patch of 30 seeds ended in an oops")


@pytest.fixture(scope="module")
def oops(simulation: Simulation) -> Oops:
    found = simulation.oops
    assert found is not None
    return found


def panic_of(where: str) -> list[str]:
    """What follows the executive summary: panic() and its notifier dump_kernel_offset(), without KASLR."""
    panic = f"Kernel panic - not syncing: Fatal exception{where}"
    return [panic, "Kernel Offset: disabled", f"---[ end {panic} ]---"]


def expect(lines: list[str], patterns: list[str]) -> list[str]:
    """The lines behind those that the patterns match, in order."""
    for line, pattern in zip(lines, patterns, strict=False):
        assert re.fullmatch(pattern, line), (pattern, line)
    return lines[len(patterns) :]


def test_the_lines_are_those_of_linux_in_its_order(simulation: Simulation, oops: Oops) -> None:
    lines = list(oops.lines)
    if oops.vector == layout.VECTOR_PF:
        if oops.error & (PF_INSTR | PF_PROT) == PF_INSTR | PF_PROT:
            lines = expect(lines, [re.escape(NX)])
        lines = expect(
            lines,
            [
                rf"BUG: (?:unable to handle page fault for|kernel NULL pointer dereference,) address: {H16}",
                r"#PF: supervisor (?:read access|write access|instruction fetch) in kernel mode",
                r"#PF: error_code\(0x[0-9a-f]{4}\) - (?:not-present page|permissions violation)",
            ],
        )
    cpu = rf"CPU: {oops.cpu} UID: 0 PID: \d+ Comm: \S+ Not tainted 6\.12\.0-simkernel #1"
    lines = expect(lines, [HEADER, cpu, *REGISTERS, "Call Trace:", r" <(?:TASK|NMI|#DF)>"])
    end = next(at for at, line in enumerate(lines) if not line.startswith(" "))
    assert all(re.fullmatch(rf" \? {SYMBOL}| </?(?:TASK|NMI|#DF)>", line) for line in lines[:end])
    lines = lines[end:]
    if oops.vector == layout.VECTOR_PF:
        lines = expect(lines, [rf"CR2: {H16}"])
    lines = expect(lines, [r"---\[ end trace 0000000000000000 \]---", *REGISTERS])
    interrupted = parts_of(simulation).kernel.percpu.read(oops.cpu, layout.PCPU_PREEMPT_COUNT) & (HARDIRQ | NMI)
    assert lines == panic_of(" in interrupt" if interrupted or oops.vector == layout.VECTOR_BP else "")


def test_it_agrees_with_the_event_and_the_machine(simulation: Simulation, oops: Oops) -> None:
    (event,) = (event for event in simulation.log if isinstance(event, Oopsed))
    assert (event.cpu, event.vector, event.address) == (oops.cpu, oops.vector, oops.address)
    assert f"{simulation.halt_reason}".startswith(f"oops on CPU{oops.cpu}")
    fault = oops.vector in (layout.VECTOR_PF, layout.VECTOR_UD, layout.VECTOR_GP)  # they push RF: SDM 18.3.1.1
    flags = next(line for line in oops.lines if "EFLAGS: " in line).rpartition(" ")[2]
    assert bool(int(flags, 16) & 0x10000) == fault


def test_the_byte_in_angle_brackets_is_what_memory_holds_at_rip(image: KernelImage) -> None:
    """What the CPU has run may differ: without sync 1 it is half of the old instruction, and memory holds an int3."""
    stepper = another(Stepper.start("one"), "without", "sync 1")
    assert not apply(stepper, "run").error
    simulation = stepper.simulation
    oops = simulation.oops
    assert oops is not None
    code = next(line for line in oops.lines if line.startswith("Code:"))
    marked = re.search(r"((?:[0-9a-f]{2} )*)<([0-9a-f]{2})>((?: [0-9a-f]{2})*)", code)
    assert marked is not None
    start, size = oops.address - 42, 42 + 1 + 21
    assert bytes.fromhex("".join(marked.groups())) == simulation.read(start, size)


def test_a_healthy_machine_has_none(image: KernelImage) -> None:
    assert read_oops(parts_of(Simulation.boot(Options(), image)).kernel) is None


def noted(image: KernelImage, vector: int, error: int = 0, pid: int = 4711, preempt_count: int = 0) -> Simulation:
    """A machine whose CPU0 has died in vfs_read, in a task of that pid."""
    simulation = Simulation.boot(Options(cpus=1), image)
    machine, percpu = parts_of(simulation).machine, parts_of(simulation).kernel.percpu
    regs = machine.cpus[0].rsp - 0x400 & ~0xF
    machine.memory.write(regs, bytes(layout.FRAME_SIZE))
    machine.memory.write_u64(regs + layout.PT_RIP, image.address("vfs_read"))
    machine.memory.write_u64(regs + layout.PT_RSP, machine.cpus[0].rsp)
    task = percpu.read(0, layout.PCPU_CURRENT)
    machine.memory.write(task + layout.TASK_PID, pid.to_bytes(4, "little"))
    words = {"PREEMPT_COUNT": preempt_count, "OOPS_REGS": regs, "OOPS_VECTOR": vector, "OOPS_ERROR": error}
    for word, value in words.items():
        percpu.write(0, getattr(layout, f"PCPU_{word}"), value)
    machine.memory.write_u64(image.address("oops_in_progress"), 1)
    return simulation


@pytest.mark.parametrize(
    ("vector", "preempt_count", "interrupt"),
    [
        (layout.VECTOR_UD, 0, False),
        (layout.VECTOR_UD, PREEMPT, False),
        (layout.VECTOR_PF, HARDIRQ, True),
        (layout.VECTOR_GP, NMI | HARDIRQ, True),
        (layout.VECTOR_BP, 0, True),
        (layout.VECTOR_DF, NMI | HARDIRQ | PREEMPT, True),
    ],
)
def test_the_panic_says_in_interrupt_where_linux_is_in_one(
    image: KernelImage, vector: int, preempt_count: int, interrupt: bool
) -> None:
    oops = read_oops(parts_of(noted(image, vector, preempt_count=preempt_count)).kernel)
    assert oops is not None
    assert list(oops.lines[-3:]) == panic_of(" in interrupt" if interrupt else "")


@pytest.mark.parametrize(
    ("vector", "pid", "goes_on"),
    [
        (layout.VECTOR_UD, 4711, True),
        (layout.VECTOR_BP, 4711, False),  # in_interrupt(): oops_end() panics
        (layout.VECTOR_PF, 0, False),  # make_task_dead(): "Attempted to kill the idle task!"
        (layout.VECTOR_PF, 1, False),  # do_exit(): "Attempted to kill init!"
    ],
)
def test_an_oops_says_whether_linux_goes_on_after_it(image: KernelImage, vector: int, pid: int, goes_on: bool) -> None:
    oops = read_oops(parts_of(noted(image, vector, pid=pid)).kernel)
    assert oops is not None
    kills = re.fullmatch(r"Simplified: panic_on_oops is 1 here; by default Linux kills \S+-4711 .*", oops.afterwards)
    assert bool(kills) is goes_on
    assert ("Linux panics" in oops.afterwards) is not goes_on


@pytest.mark.parametrize(
    ("vector", "preempt_count", "why"),
    [
        (layout.VECTOR_DF, NMI | HARDIRQ, r"A double fault counts as an NMI \(exc_double_fault\(\) calls"),
        (layout.VECTOR_BP, 0, r"An int3 counts as an NMI \(exc_int3\(\) calls"),
        (layout.VECTOR_BP, HARDIRQ, r"An int3 counts as an NMI \(exc_int3\(\) calls"),
        (layout.VECTOR_PF, HARDIRQ, "It happened in interrupt context:"),
    ],
)
def test_an_oops_says_why_it_counts_as_one_in_an_interrupt(
    image: KernelImage, vector: int, preempt_count: int, why: str
) -> None:
    """A task shows no interrupt to a reader where the exception itself enters as an NMI (traps.c)."""
    oops = read_oops(parts_of(noted(image, vector, preempt_count=preempt_count)).kernel)
    assert oops is not None and re.match(why, oops.afterwards)
    assert oops.afterwards.endswith(" there Linux panics, whatever panic_on_oops says.")
    assert ("irqentry_nmi_enter()" in oops.afterwards) == ("NMI" in why)


def test_in_linux_these_two_enter_as_an_nmi() -> None:
    assert {"exc_double_fault", "exc_int3"} <= set(facts().nmi_handlers)


@pytest.mark.parametrize(
    ("vector", "error", "cr2", "first"),
    [
        (layout.VECTOR_UD, 0, 0, "Oops: invalid opcode: 0000 [#1] PREEMPT SMP"),
        (layout.VECTOR_BP, 0, 0, "Oops: int3: 0000 [#1] PREEMPT SMP"),
        (layout.VECTOR_GP, 0, 0, "Oops: general protection fault"),
        (layout.VECTOR_GP, 0x42, 0, "Oops: segment-related general protection fault: 0042 [#1] PREEMPT SMP"),
        (layout.VECTOR_PF, 2, 0x10, "BUG: kernel NULL pointer dereference, address: 0000000000000010"),
        (layout.VECTOR_PF, PF_INSTR | PF_PROT, layout.BSS_BASE, NX),
        (layout.VECTOR_PF, PF_INSTR, 2**63, "BUG: unable to handle page fault for address: 8000000000000000"),
        (layout.VECTOR_PF, 0, 2**63, "BUG: unable to handle page fault for address: 8000000000000000"),
    ],
)
def test_each_exception_has_its_message(image: KernelImage, vector: int, error: int, cr2: int, first: str) -> None:
    kernel = parts_of(noted(image, vector, error)).kernel
    kernel.machine.cpus[0].set_cr2(cr2)
    oops = read_oops(kernel)
    assert oops is not None and oops.lines[0].startswith(first)
    start = image.address("vfs_read")
    after = min(symbol.address for symbol in image.symbols if symbol.address > start)
    assert f"RIP: 0000:vfs_read+0x0/{after - start:#x}" in oops.text
