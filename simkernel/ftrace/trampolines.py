"""Trampolines: what stands between a site and a callback.

The guest's `ftrace_caller` serves everybody, so it must ask who wants this function. An ops that has functions for
itself alone gets a copy of it with the ops built in (`create_trampoline()`, arch/x86/kernel/ftrace.c, 6.12):

    the code from ftrace_caller to ftrace_caller_end     its inner call goes to the ops' callback,
                                                         its `movq function_trace_op(%rip), %rdx` reads the end of
    ret; int3                                            this page instead:
    8 bytes                                              the address of the ops

With SAVE_REGS it is a copy of `ftrace_regs_caller`, and the jump for direct calls in it becomes a NOP.

Each trampoline has a page of its own, as in Linux (`alloc_tramp()`: execmem of whole pages). A page that was in use
before may still be in some CPU's view, so a trampoline written there needs a sync before a site may call it.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace

from simkernel.errors import LearnerError
from simkernel.ftrace.needs import Kernel, Machine
from simkernel.ftrace.ops import FtraceError
from simkernel.insn import CALL, CALL_INSN_SIZE
from simkernel.kernel import layout

OP_REF = b"\x48\x8b\x15"  # movq disp32(%rip), %rdx
OP_REF_SIZE = 7
RETQ = b"\xc3\xcc"  # RET, and an int3 behind it
JNZ = 0x75
NOP2 = b"\x66\x90"


@dataclass(frozen=True, slots=True)
class CallerCode:
    """Where the parts of `ftrace_caller` (or `ftrace_regs_caller`) are, as addresses; `jmp` is 0 for the former."""

    start: int
    op_ptr: int
    call: int
    jmp: int
    end: int

    @classmethod
    def of(cls, kernel: Kernel, save_regs: bool) -> CallerCode:
        """The addresses in a kernel's `ftrace_caller`, or in its `ftrace_regs_caller`."""
        if save_regs:
            names = ("caller", "caller_op_ptr", "call", "caller_jmp", "caller_end")
            return cls(*(kernel.address(f"ftrace_regs_{name}") for name in names))
        start, op_ptr, call, end = (
            kernel.address(f"ftrace_{name}") for name in ("caller", "caller_op_ptr", "call", "caller_end")
        )
        return cls(start, op_ptr, call, 0, end)

    @property
    def size(self) -> int:
        """Of a trampoline made of it, in bytes."""
        return self.end - self.start + len(RETQ) + 8

    @property
    def call_offset(self) -> int:
        """Of the inner call within a trampoline (`calc_trampoline_call_offset()`)."""
        return self.call - self.start


def call_bytes(address: int, target: int) -> bytes:
    """`call target` at an address: five bytes."""
    return bytes((CALL,)) + ((target - address - CALL_INSN_SIZE) & 0xFFFF_FFFF).to_bytes(4, "little")


def call_target(address: int, data: bytes) -> int | None:
    """Where the call at an address goes (`addr_from_call()`); None where there is no call."""
    if data[:1] != bytes((CALL,)):
        return None
    return (address + CALL_INSN_SIZE + int.from_bytes(data[1:5], "little", signed=True)) & 0xFFFF_FFFF_FFFF_FFFF


def create_trampoline(
    machine: Machine, kernel: Kernel, address: int, ops: int, func: int, save_regs: bool
) -> tuple[bytes, CallerCode]:
    """The bytes of a trampoline at `address` for the struct ftrace_ops at `ops` with the callback `func`.

    Raises:
        LearnerError: the kernel's ftrace_caller is not as it has to be.
    """
    code = CallerCode.of(kernel, save_regs)
    body = bytearray(machine.code.read(code.start, code.end - code.start))
    if save_regs:
        at = code.jmp - code.start
        if body[at] != JNZ:
            raise LearnerError("the instruction at ftrace_regs_caller_jmp must be a jnz of two bytes")
        body[at : at + 2] = NOP2
    at = code.op_ptr - code.start
    if body[at : at + 3] != OP_REF:
        raise LearnerError(f"the instruction at {code.op_ptr:#x} must be movq function_trace_op(%rip), %rdx")
    where = len(body) + len(RETQ)
    body[at + 3 : at + OP_REF_SIZE] = (where - at - OP_REF_SIZE).to_bytes(4, "little", signed=True)
    at = code.call_offset
    body[at : at + CALL_INSN_SIZE] = call_bytes(address + at, func)
    return bytes(body) + RETQ + ops.to_bytes(8, "little"), code


@dataclass(frozen=True, slots=True)
class TrampolinePages:
    """Which pages of the area hold trampolines, and which ever did (addresses, ascending)."""

    used: tuple[int, ...] = ()
    ever: tuple[int, ...] = ()

    def free_page(self, size: int) -> tuple[int, bool]:
        """The first page that is free, and whether it is fresh: never used before.

        Raises:
            FtraceError: ENOMEM where none is free.
        """
        for address in range(layout.TRAMP_BASE, layout.TRAMP_BASE + layout.TRAMP_SIZE, layout.PAGE_SIZE):
            if address not in self.used and size <= layout.PAGE_SIZE:
                return address, address not in self.ever
        raise FtraceError(errno.ENOMEM, "there is no page left for a trampoline: unregister an ftrace_ops first")

    def take(self, address: int) -> TrampolinePages:
        """The pages with one more in use."""
        return TrampolinePages(
            tuple(sorted({*self.used, address})),
            self.ever if address in self.ever else tuple(sorted({*self.ever, address})),
        )

    def free(self, address: int) -> TrampolinePages:
        """The pages with one less in use."""
        return replace(self, used=tuple(page for page in self.used if page != address))
