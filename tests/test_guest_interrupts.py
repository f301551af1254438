"""The guest's core under interrupts: NMIs and syncs between any two instructions, idle, parking, faults."""

from __future__ import annotations

import pytest

from simkernel import disasm, insn
from simkernel.errors import GuestError
from simkernel.kernel import layout
from simkernel.kernel.abi import GO_ON, PARK_IN_IPI, PARK_IN_THREAD, PARKED
from simkernel.patching.patches import Patches
from simkernel.schedule import Nmi, Run
from tests.guest.core_kernel import CoreKernel
from tests.patches import call_patch

pytestmark = pytest.mark.keystone

STEPS = 900


def busy_kernel() -> CoreKernel:
    """One CPU, in a system call, with a traced function, the list function and an int3 on its way."""
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    ops = kernel.add_ops(0, "function_trace_call", [])
    trampoline = kernel.trampoline(ops, "function_trace_call")
    kernel.inner_call("arch_ftrace_ops_list_func")
    for name in ("x64_sys_call", "nmi_handle", "do_sync_core"):
        kernel.call_from(name, trampoline)
    kernel.call_from("stub_add_second", kernel.image.address("ftrace_regs_caller"))
    kernel.call_from("schedule", kernel.image.address("ftrace_caller"))
    site = kernel.site("stub_add")
    poke = kernel.text_poke()
    poke.begin(Patches.of([call_patch(site, insn.NOP5, insn.call(site, trampoline))]))
    poke.act()
    kernel.machine.code.write(site, b"\xcc", fresh=True)
    kernel.run_to("entry_SYSCALL_64")
    return kernel


def trail(kernel: CoreKernel, disturb: str) -> list[tuple[int, ...]]:
    """The registers before each of STEPS instructions of CPU0, with what disturbs it run to its end in between.

    What the tracer reads from the clock and the buffer's head differs, so in it and its trampoline few registers count.
    """
    machine, cpu = kernel.machine, kernel.machine.cpus[0]
    callers = "function_trace_call arch_ftrace_ops_list_func ftrace_lookup_ip ftrace_caller ftrace_regs_caller".split()
    states = []
    for _ in range(STEPS):
        if disturb == "nmi":
            machine.step(Nmi(0))
        elif disturb == "ipi":
            kernel.percpu.write(0, layout.PCPU_CSD, 1)
            kernel.smp.ask_sync(0)
        if disturb and machine.deliverable(0) is not None:
            rip, rsp = cpu.rip, cpu.rsp
            machine.step(Run(0, 1))
            while (cpu.rip, cpu.rsp) != (rip, rsp):
                machine.step(Run(0, 1))
        registers = cpu.registers()
        symbol = kernel.image.find(cpu.rip)
        if symbol is None or symbol.name in callers:
            registers = {name: registers[name] for name in ("rip", "rsp", "rbx", "rbp", "r12", "r13", "r14", "r15")}
        states.append(tuple(registers.values()))
        machine.step(Run(0, 1))
    return states


@pytest.mark.parametrize("disturb", ["nmi", "ipi"])
def test_an_interrupt_between_any_two_instructions_changes_no_register(disturb: str) -> None:
    plain, disturbed = busy_kernel(), busy_kernel()
    assert trail(plain, "") == trail(disturbed, disturb)
    assert disturbed.total(layout.TASK_ERRORS) == 0
    if disturb == "nmi":
        assert disturbed.word("nmi_count") == STEPS


def disasm_at(kernel: CoreKernel, address: int) -> str:
    """The mnemonic of the instruction at an address."""
    return next(iter(disasm.decode(kernel.machine.code.read(address, 15), address))).mnemonic


def test_a_handler_runs_with_the_direction_flag_clear_and_gives_it_back() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    site = kernel.site("stub_add_second")
    kernel.machine.code.write(site, b"\xfd\x90\x90\x90\x90", fresh=True)  # std
    kernel.run_to("stub_add_second", 2)
    kernel.machine.step(Nmi(0))
    kernel.run_to("nmi_handle")
    assert not kernel.machine.cpus[0].flags & 0x400
    kernel.run_to("stub_add_second", 2)
    assert kernel.machine.cpus[0].flags & 0x400


def test_a_task_is_in_its_user_part_for_tasks_rcu_only_while_no_kernel_code_runs_on_it() -> None:
    """What an interrupt runs on a user part's stack may be a trampoline: TASK_IN_USER is 0 meanwhile."""
    kernel = CoreKernel(cpus=1, tick_period=2_600).online()
    machine, image = kernel.machine, kernel.image
    kernel.run(5)
    traced = [(symbol.address, symbol.address + symbol.size) for symbol in image.functions()]
    user = image.symbol("stub_user")
    tick, entered = image.address("hrtimer_interrupt"), image.address("asm_sysvec_apic_timer_interrupt")
    wrong: list[str] = []
    from_user: list[tuple[int, int]] = []

    def look(rip: int) -> None:
        in_user = machine.memory.read_u64(kernel.percpu.read(0, layout.PCPU_CURRENT) + layout.TASK_IN_USER)
        if user.address <= rip < user.address + user.size and not in_user:
            wrong.append(f"0 at {image.symbolize(rip)}")
        if any(low <= rip < high for low, high in traced) and in_user:
            wrong.append(f"1 at {image.symbolize(rip)}")
        if rip == entered:
            from_user.append((in_user, -1))
        if rip == tick:
            from_user[-1] = (from_user[-1][0], kernel.percpu.read(0, 0xF8))  # PCPU_IRQ_USER

    end = machine.cpus[0].observe(look)
    for _ in range(30):
        kernel.nmi(0)
        kernel.run(25, quantum=97)
    end()
    assert not wrong
    assert {was for was, _ in from_user} == {0, 1}
    assert all(was == told for was, told in from_user if told >= 0)


@pytest.mark.parametrize("cpuid", [False, True])
def test_a_sync_is_short_and_answered_after_the_serializing_instruction(cpuid: bool) -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    kernel.machine.memory.write_u64(kernel.image.address("sync_with_cpuid"), cpuid)
    kernel.run(5)
    kernel.run_to("stub_user_again")
    machine = kernel.machine
    kernel.percpu.write(0, layout.PCPU_CSD, 1)
    kernel.smp.ask_sync(0)
    seen = kernel.steps_until(machine.cpus[0].rip)
    assert len(seen) <= 82
    assert kernel.percpu.read(0, layout.PCPU_CSD) == 0
    names = [kernel.image.symbolize(rip).partition("+")[0] for rip in seen]
    assert "do_sync_core" in names
    mnemonics = [disasm_at(kernel, rip) for rip, name in zip(seen, names, strict=True) if name == "do_sync_core"]
    assert ("cpuid" in mnemonics, "iretq" in mnemonics) == (cpuid, not cpuid)
    last = max(i for i, name in enumerate(names) if name == "do_sync_core")
    assert names[last + 1] == "__flush_smp_call_function_queue"


def put_to_sleep(kernel: CoreKernel) -> None:
    """No task may run: the CPUs go idle."""
    for comm, _, task in kernel.tasks():
        if comm in ("first", "second"):
            kernel.machine.memory.write_u64(task + layout.TASK_STATE, 1)


def test_a_cpu_without_a_task_halts_and_the_tick_or_an_nmi_ends_that() -> None:
    kernel = CoreKernel(cpus=1, tick_period=5_000).online()
    put_to_sleep(kernel)
    for _ in range(400):
        kernel.run(1)
        if kernel.machine.halted(0):
            break
    machine = kernel.machine
    idle = kernel.percpu.read(0, layout.PCPU_IDLE_TASK)
    assert machine.halted(0)
    assert kernel.percpu.read(0, layout.PCPU_CURRENT) == idle
    assert machine.memory.read_u64(idle + layout.TASK_IN_USER) == 1
    machine.step(Nmi(0))
    machine.step(Run(0, 60))
    assert not machine.halted(0)
    assert machine.memory.read_u64(idle + layout.TASK_IN_USER) == 0 or machine.cpus[0].flags & 0x200 == 0
    ticks = kernel.percpu.read(0, layout.PCPU_TICKS)
    kernel.run(300)
    assert kernel.percpu.read(0, layout.PCPU_TICKS) > ticks
    task = next(task for comm, _, task in kernel.tasks() if comm == "first")
    machine.memory.write_u64(task + layout.TASK_STATE, 0)
    calls = machine.memory.read_u64(task + layout.TASK_SYSCALLS)
    kernel.run(300)
    assert machine.memory.read_u64(task + layout.TASK_SYSCALLS) > calls


def test_an_nmi_on_the_way_into_hlt_loses_neither_the_halt_nor_a_wake_up() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    put_to_sleep(kernel)
    machine, image = kernel.machine, kernel.image
    machine.memory.write_u64(layout.PERCPU_BASE + layout.PCPU_NEED_RESCHED, 1)
    for before_hlt in (False, True, False, True):
        kernel.run_to("default_idle_sti")
        if before_hlt:
            machine.step(Run(0, 1))
        rip = machine.cpus[0].rip
        machine.step(Nmi(0))
        machine.step(Run(0, 1))
        kernel.run_to("default_idle_sti", rip - image.address("default_idle_sti"))
        assert kernel.percpu.read(0, layout.PCPU_HLT) == 1
        machine.step(Run(0, 1))
        if not before_hlt:
            machine.step(Run(0, 1))
        assert machine.halted(0)
        assert machine.cpus[0].rip == image.address("hlt_resume")
        machine.step(Nmi(0))
        machine.step(Run(0, 1))


@pytest.mark.parametrize("where", [PARK_IN_THREAD, PARK_IN_IPI])
@pytest.mark.parametrize("serialize", [0, 1])
def test_parked_cpus_stand_still_until_they_are_let_go(where: int, serialize: int) -> None:
    kernel = CoreKernel(cpus=2, tick_period=4_000).online()
    machine = kernel.machine
    machine.memory.write_u64(kernel.image.address("stop_serialize"), serialize)
    symbol = kernel.image.symbol("stop_cpu_and_wait")
    code = machine.code.read(symbol.address, symbol.size)
    irets = {one.address for one in disasm.decode(code, symbol.address) if one.mnemonic == "iretq"}
    serialized: list[int] = []
    ends = [cpu.observe(lambda rip: serialized.extend({rip} & irets)) for cpu in machine.cpus]
    for _ in range(3):
        kernel.run(30)
        for cpu in range(2):
            kernel.percpu.write(cpu, layout.PCPU_STOP, where)
            kernel.smp.ask_park(cpu)
        for _ in range(300):
            kernel.run(1)
            if all(kernel.percpu.read(cpu, layout.PCPU_STOP) == PARKED for cpu in range(2)):
                break
        calls = kernel.total(layout.TASK_SYSCALLS)
        for cpu in range(2):
            kernel.nmi(cpu)
        kernel.run(100)
        assert [kernel.percpu.read(cpu, layout.PCPU_STOP) for cpu in range(2)] == [PARKED, PARKED]
        assert not any(machine.interrupts_on(cpu) for cpu in range(2))
        assert kernel.total(layout.TASK_SYSCALLS) == calls
        for cpu in range(2):
            kernel.percpu.write(cpu, layout.PCPU_STOP, GO_ON)
        kernel.run(200)
        assert [kernel.percpu.read(cpu, layout.PCPU_STOP) for cpu in range(2)] == [0, 0]
        assert kernel.total(layout.TASK_SYSCALLS) > calls
    for end in ends:
        end()
    assert len(serialized) == 3 * 2 * serialize
    assert machine.halt_reason == "" and kernel.total(layout.TASK_ERRORS) == 0
    assert kernel.word("nmi_count") == kernel.word("nmi_count", 8) == 3


FAULTS = {
    "ud2": (b"\x0f\x0b", layout.VECTOR_UD, 0),
    "load of an unmapped address": (b"\x48\x8b\x04\x25\0\0\0\0", layout.VECTOR_PF, 0),
    "load of a non-canonical address": (b"\x48\xa1" + bytes(7) + b"\x80", layout.VECTOR_GP, 0),
    "push on no stack": (b"\x48\xc7\xc4\x34\x12\0\0\x50", layout.VECTOR_DF, 7),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_in_an_oops_that_says_where(name: str) -> None:
    code, vector, at = FAULTS[name]
    kernel = CoreKernel(cpus=2).online()
    machine = kernel.machine
    machine.code.write(kernel.site("stub_add_second"), code, fresh=True)
    with pytest.raises(GuestError, match="oops on CPU"):
        kernel.run(2_000)
    cpu = kernel.word("oops_in_progress") - 1
    regs = kernel.percpu.read(cpu, layout.PCPU_OOPS_REGS)
    assert kernel.percpu.read(cpu, layout.PCPU_OOPS_VECTOR) == vector
    assert machine.memory.read_u64(regs + layout.PT_RIP) == kernel.site("stub_add_second") + at
    assert machine.memory.read_u64(regs + layout.PT_CS) == layout.KERNEL_CS


# Where RSP is above the stack's base; the instruction; what ends it; CR2 above the base; whether it counts as an NMI.
MISSED = {
    "push": (0, b"\x50", layout.VECTOR_DF, -8, True),
    "call": (4, b"\xe8\0\0\0\0", layout.VECTOR_DF, -8, True),
    "an int3, whose frame finds no room": (0x10, b"\xcc", layout.VECTOR_DF, -8, True),
    "a fault, whose frame finds some": (0x30, b"\x0f\x0b", layout.VECTOR_DF, -8, True),
    "an interrupt": (0, b"\x90", layout.VECTOR_DF, -8, True),
    "a store far below": (0x800, b"\x48\x89\x84\x24\x00\xf0\xff\xff", layout.VECTOR_PF, -0x800, False),
}


@pytest.mark.parametrize("name", MISSED)
def test_a_stack_that_overflows_ends_in_its_guard_page(name: str) -> None:
    above, code, vector, missed, as_nmi = MISSED[name]
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    machine, cpu = kernel.machine, kernel.machine.cpus[0]
    kernel.run_to("stub_add_second")
    machine.code.write(cpu.rip, code, fresh=True)
    slot = (kernel.percpu.read(0, layout.PCPU_CURRENT) - layout.TASKS_BASE) // layout.TASK_SIZE
    base = layout.TASK_STACKS + slot * 0x3000 + layout.PAGE_SIZE
    cpu.transfer(cpu.rip, base + above, cpu.flags)
    rip, count = cpu.rip, kernel.percpu.read(0, layout.PCPU_PREEMPT_COUNT)
    if name == "an interrupt":
        kernel.smp.ask_sync(0)
    with pytest.raises(GuestError, match="oops on CPU0"):
        kernel.run(50)
    regs = kernel.percpu.read(0, layout.PCPU_OOPS_REGS)
    saved = [machine.memory.read_u64(regs + at) for at in (layout.PT_RIP, layout.PT_RSP)]
    inside = name == "a fault, whose frame finds some"  # the handler that then ran out of stack
    assert saved[0] == rip or inside
    assert saved[1] == base + above or inside
    assert kernel.percpu.read(0, layout.PCPU_OOPS_VECTOR) == vector
    assert kernel.percpu.read(0, layout.PCPU_OOPS_GUARD) == base + missed
    nmi = 0x110000 if as_nmi else 0  # NMI_OFFSET + HARDIRQ_OFFSET
    assert kernel.percpu.read(0, layout.PCPU_PREEMPT_COUNT) == count + nmi
    stack = layout.IRQ_STACKS + layout.DF_STACK_TOP
    assert stack - layout.PAGE_SIZE < cpu.rsp <= stack, "it is said on the stack of #DF"
