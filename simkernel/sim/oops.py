"""The text of a kernel oops, in the format of Linux 6.12 for x86-64, made from what the guest has saved.

The guest's handler leaves a `struct pt_regs`, the vector and the error code (`PCPU_OOPS_*`) and stands still. Printing
is the host's: it changes nothing. Mirrored are `__die_header()`, `show_opcodes()`, `__show_regs()` and
`show_trace_log_lvl()` (arch/x86/kernel/dumpstack.c, process_64.c), `show_fault_oops()` (arch/x86/mm/fault.c),
`exc_general_protection()`, `handle_stack_overflow()` (arch/x86/kernel/traps.c), `dump_stack_print_info()`
(lib/dump_stack.c). The "Oops: " before every message is commit f9f62a877da1 ("x86/dumpstack: Use uniform 'Oops: '
prefix for die() messages").

`Simplified:` the lines of segment and control registers are left out, and the page table walk of a page fault: there
are no page tables here. `Simplified:` the addresses of a stack and of its guard page are printed as they are, as with
no_hash_pointers: %p prints a hash of each.

`Simplified:` the trace lists what looks like a return address, as the guess unwinder does (arch/x86/kernel/
unwind_guess.c); a kernel with ORC tables prints the sure ones without a `?`. No line names modules: `print_modules()`
is empty without CONFIG_MODULES. The first oops ends the run, as with panic_on_oops=1: `oops_end()` (dumpstack.c) goes
on to `panic()` (kernel/panic.c), whose notifier `dump_kernel_offset()` (arch/x86/kernel/setup.c) knows of no offset
without KASLR.

The Code line is what memory holds, for `copy_code()` loads it as data. A CPU that died of half an instruction has run
other bytes than these: that difference is how one knows such a death.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simkernel import disasm
from simkernel.errors import GuestError
from simkernel.ftrace.needs import symbol_text
from simkernel.hw.fault import PF_INSTR, PF_PROT, PF_WRITE
from simkernel.kernel import RELEASE, KernelImage, layout, tasks
from simkernel.kernel.running import RunningKernel
from simkernel.kernel.stacks import stack_of, stacks_from
from simkernel.sim.narrate.operands import Instant, mask

PROLOGUE_SIZE, EPILOGUE_SIZE = 42, 21  # bytes of the Code line before and after the one at RIP (dumpstack.c)
_INTERRUPT_BITS = 0xFFFF00  # SOFTIRQ, HARDIRQ and NMI of preempt_count: in_interrupt() (linux/preempt.h)
# exc_int3() runs in irqentry_nmi_enter() (traps.c) and counts as an NMI. Simplified: ours leaves preempt_count alone.
_AS_IN_NMI = layout.VECTOR_BP
_NMI_ENTERED = {  # exceptions that run in irqentry_nmi_enter() whatever they come in (traps.c), and their functions
    layout.VECTOR_BP: ("An int3", "exc_int3()"),
    layout.VECTOR_DF: ("A double fault", "exc_double_fault()"),
}

MESSAGES = {
    layout.VECTOR_BP: "int3",
    layout.VECTOR_UD: "invalid opcode",
    layout.VECTOR_DF: "double fault",
    layout.VECTOR_GP: "general protection fault",
    layout.VECTOR_PF: "Oops",
}


@dataclass(frozen=True, slots=True)
class Oops:
    """A kernel oops.

    Attributes:
        cpu: on which it happened.
        vector, error: the exception.
        address: RIP in pt_regs.
        cr2: of a page fault.
        guard: the address in a stack's guard page that was hit, 0: none.
        lines: the text, without times and newlines.
        afterwards: what Linux does then, in a sentence.
    """

    cpu: int
    vector: int
    error: int
    address: int
    cr2: int
    guard: int
    lines: tuple[str, ...]
    afterwards: str

    @property
    def text(self) -> str:
        """The lines, joined."""
        return "\n".join(self.lines)


def read_oops(kernel: RunningKernel) -> Oops | None:
    """The oops of a kernel that has noted one, else None."""
    machine, image = kernel.machine, kernel.image
    word = machine.memory.read_u64(image.address("oops_in_progress"))
    if not word or word > len(machine.cpus):
        return None
    cpu = word - 1
    regs = kernel.percpu.read(cpu, layout.PCPU_OOPS_REGS)
    if not machine.memory.holds(regs, layout.FRAME_SIZE):
        return None
    return _Report(kernel, cpu, regs).oops()


class _Report:
    """One oops, printed part by part in Linux's order."""

    def __init__(self, kernel: RunningKernel, cpu: int, regs: int) -> None:
        machine = kernel.machine
        self.machine, self.percpu, self.memory, self.image, self.cpu = (
            machine,
            kernel.percpu,
            machine.memory,
            kernel.image,
            cpu,
        )
        self.vector = kernel.percpu.read(cpu, layout.PCPU_OOPS_VECTOR)
        self.error = kernel.percpu.read(cpu, layout.PCPU_OOPS_ERROR)
        self.guard = kernel.percpu.read(cpu, layout.PCPU_OOPS_GUARD)
        self.cr2 = machine.cpus[cpu].registers()["cr2"]
        names = [name for name in dir(layout) if name.startswith("PT_")]
        self.regs = {name[3:].lower(): self.memory.read_u64(regs + getattr(layout, name)) for name in names}

    def oops(self) -> Oops:
        """What guest code has noted of the death, and the lines that Linux prints."""
        lines = tuple(self._lines())
        return Oops(
            self.cpu, self.vector, self.error, self.regs["rip"], self.cr2, self.guard, lines, self._afterwards()
        )

    def _lines(self) -> Iterator[str]:
        if self.guard:
            yield from self._stack_overflow()
        elif self.vector == layout.VECTOR_PF:
            yield from self._page_fault()
        elif self.vector == layout.VECTOR_DF:
            yield f"traps: PANIC: double fault, error_code: {self.error:#x}"
        yield f"Oops: {self._message()}: {self.error & 0xFFFF:04x} [#1] PREEMPT SMP"
        yield f"CPU: {self.cpu} UID: 0 PID: {self._pid()} Comm: {self._comm()} Not tainted {RELEASE}"
        yield from self._registers()
        yield from self._trace()
        if self.vector == layout.VECTOR_PF and not self.guard:
            yield f"CR2: {self.cr2:016x}"
        yield "---[ end trace 0000000000000000 ]---"
        yield from self._registers()
        panic = f"Kernel panic - not syncing: Fatal exception{' in interrupt' if self._in_interrupt() else ''}"
        yield from (panic, "Kernel Offset: disabled", f"---[ end {panic} ]---")

    def _in_interrupt(self) -> bool:
        """`in_interrupt()` where `oops_end()` asks."""
        count = self.percpu.read(self.cpu, layout.PCPU_PREEMPT_COUNT)
        return self.vector == _AS_IN_NMI or bool(count & _INTERRUPT_BITS)

    def _afterwards(self) -> str:
        """What comes of it in Linux: `oops_end()`, then `make_task_dead()` and `do_exit()` (kernel/exit.c)."""
        if self.vector in _NMI_ENTERED:
            what, function = _NMI_ENTERED[self.vector]
            why = f"{what} counts as an NMI ({function} calls irqentry_nmi_enter())"
            return f"{why}: there Linux panics, whatever panic_on_oops says."
        if self._in_interrupt():
            return "It happened in interrupt context: there Linux panics, whatever panic_on_oops says."
        if self._pid() in (0, 1):
            who = "init" if self._pid() else "the idle task"
            return f"Linux panics, whatever panic_on_oops says: it cannot kill {who}."
        task = f"{self._comm()}-{self._pid()}"
        return f"Simplified: panic_on_oops is 1 here; by default Linux kills {task} (make_task_dead()) and goes on."

    def _message(self) -> str:
        if self.guard:
            return "stack guard page"
        message = MESSAGES.get(self.vector, f"exception {self.vector}")
        if self.vector != layout.VECTOR_GP:
            return message
        if self.error:
            return f"segment-related {message}"
        address = self._operand_address()
        if address is None:
            return message
        canonical = address >> 47 in (0, 0x1FFFF)
        hint = "maybe for address" if canonical else "probably for non-canonical address"
        return f"{message}, {hint} {address:#x}"

    def _operand_address(self) -> int | None:
        """`get_kernel_gp_address()`: where the instruction's operand in memory lies."""
        code = self._code(self.regs["rip"], disasm.LONGEST)
        first = next(iter(disasm.decode(code, self.regs["rip"])), None)
        if first is None or "(" not in first.op_str:
            return None
        registers = self.regs | {"gs_base": self.machine.cpus[self.cpu].gs_base()}
        mnemonic = first.mnemonic.split()[-1]
        instant = Instant(first.address, first.size, "", mnemonic, first.op_str, registers, self.memory, self.image)
        places = [instant.where(operand) for operand in instant.operands if operand.kind == "mem"]
        return places[0] & mask(8) if places else None

    def _stack_overflow(self) -> Iterator[str]:
        stack = stack_of(self.guard + layout.PAGE_SIZE)
        if stack is not None:
            places = f"{self.guard:016x} (stack is {stack.base:016x}..{stack.top:016x})"
            yield f"BUG: {stack.name} stack guard page was hit at {places}"

    def _page_fault(self) -> Iterator[str]:
        if self.error & PF_INSTR and self.error & PF_PROT:
            yield "kernel tried to execute NX-protected page - exploit attempt? (uid: 0)"
        if self.cr2 < layout.PAGE_SIZE:
            yield f"BUG: kernel NULL pointer dereference, address: {self.cr2:016x}"
        else:
            yield f"BUG: unable to handle page fault for address: {self.cr2:016x}"
        written = "write access" if self.error & PF_WRITE else "read access"
        access = "instruction fetch" if self.error & PF_INSTR else written
        yield f"#PF: supervisor {access} in kernel mode"
        reason = "permissions violation" if self.error & PF_PROT else "not-present page"
        yield f"#PF: error_code(0x{self.error:04x}) - {reason}"

    def _task(self) -> int:
        return self.percpu.read(self.cpu, layout.PCPU_CURRENT)

    def _pid(self) -> int:
        task = self._task()
        return tasks.pid(self.memory, task) if task else 0

    def _comm(self) -> str:
        task = self._task()
        return tasks.comm(self.memory, task) if task else "swapper"

    def _code(self, address: int, size: int) -> bytes:
        try:
            return self.machine.code.read(address, size)
        except GuestError:
            return b""

    def _registers(self) -> Iterator[str]:
        regs = self.regs
        rip = regs["rip"]
        yield f"RIP: {regs['cs']:04x}:{symbol_text(self.image, rip)}"
        start = rip - PROLOGUE_SIZE
        code = self._code(start, PROLOGUE_SIZE + 1 + EPILOGUE_SIZE)
        if len(code) == PROLOGUE_SIZE + 1 + EPILOGUE_SIZE:
            before, at, after = code[:PROLOGUE_SIZE], code[PROLOGUE_SIZE], code[PROLOGUE_SIZE + 1 :]
            yield f"Code: {before.hex(' ')} <{at:02x}> {after.hex(' ')}"
        else:
            yield f"Code: Unable to access opcode bytes at {start:#x}."
        yield f"RSP: {regs['ss']:04x}:{regs['rsp']:016x} EFLAGS: {regs['eflags']:08x}"
        names = "RAX RBX RCX RDX RSI RDI RBP R08 R09 R10 R11 R12 R13 R14 R15".split()
        shown = [f"{name}: {regs[name.lower().replace('r0', 'r')]:016x}" for name in names]
        for first in range(0, len(shown), 3):
            yield " ".join(shown[first : first + 3])

    def _trace(self) -> Iterator[str]:
        yield "Call Trace:"
        for stack, places in stacks_from(self.regs["rsp"], self.memory.read_u64):
            yield f" <{stack.name}>"
            for at in places:
                address = self.memory.read_u64(at)
                if is_text(self.image, address):
                    yield f" ? {symbol_text(self.image, address, before=1)}"
            yield f" </{stack.name}>"


def is_text(image: KernelImage, address: int) -> bool:
    """`__kernel_text_address()`: the kernel's text, or a trampoline of ftrace."""
    if layout.TRAMP_BASE <= address < layout.TRAMP_BASE + layout.TRAMP_SIZE:
        return True
    return any(s.executable and s.base <= address < s.base + len(s.data) for s in image.segments)
