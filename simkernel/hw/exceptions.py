"""How a CPU enters a handler: the guest's gate, the frame on the stack (Intel SDM vol. 3, chapter 6).

Every exception and interrupt goes through the gate that the guest has put into its IDT: handler, type, IST. An
interrupt gate clears IF, a trap gate does not.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from simkernel.errors import GuestError
from simkernel.hw.cpu import RFLAGS_IF, RFLAGS_NT, RFLAGS_RF, RFLAGS_TF, Cpu
from simkernel.hw.memory import GuestMemory
from simkernel.hw.x86 import VECTOR_BP, VECTOR_DF, VECTOR_GP, VECTOR_PF

ERROR_CODE_VECTORS = frozenset((8, 10, 11, 12, 13, 14, 17))
FAULT_VECTORS = frozenset((0, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19, 20, 21))  # table 6-1; #DB is not delivered here
INTERRUPT_GATE, TRAP_GATE = 0xE, 0xF
_TYPE_SHIFT = 40  # in a gate's first word
_FRAME, _FRAME_WITH_ERROR = Struct("<5Q"), Struct("<6Q")
_PUSH_FAULT, _AFTER_PF = (VECTOR_PF, 2), (VECTOR_DF, 0)  # vector, error code: a write, not present
_CLEARED = ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF)


class Gate(NamedTuple):
    """A present gate of the IDT (figure 6-8): where the handler is, the gate's type, IST (0: none), DPL."""

    handler: int
    type: int
    ist: int
    dpl: int


def read_gate(memory: GuestMemory, cpu: Cpu, vector: int) -> Gate | None:
    """The guest's gate for a vector; None where there is none."""
    return _gate_in(memory, *cpu.idt(), vector)


def set_gate_type(memory: GuestMemory, cpu: Cpu, vector: int, type_: int) -> None:
    """Give the guest's gate for a vector another type; it stays what it is else."""
    at = cpu.idt()[0] + vector * 16
    memory.write_u64(at, memory.read_u64(at) & ~(0xF << _TYPE_SHIFT) | type_ << _TYPE_SHIFT)


def _gate_in(memory: GuestMemory, base: int, limit: int, vector: int) -> Gate | None:
    """The gate for a vector in the IDT at `base`."""
    at = base + vector * 16
    return _gate(memory.read_u64(at), memory.read_u64(at + 8)) if vector * 16 + 15 <= limit else None


@lru_cache(maxsize=256)
def _gate(low: int, high: int) -> Gate | None:
    """The gate that two words of an IDT are; the same words are the same."""
    if not low >> 47 & 1:
        return None
    handler = low & 0xFFFF | low >> 32 & 0xFFFF0000 | (high & 0xFFFF_FFFF) << 32
    return Gate(handler, low >> _TYPE_SHIFT & 0xF, low >> 32 & 7, low >> 45 & 3)


def deliver(memory: GuestMemory, cpu: Cpu, vector: int, error: int | None) -> tuple[int, int] | None:
    """Push the frame and enter a handler; RIP is what the frame shall hold.

    The frame of a fault holds RF set, so that its IRET does not meet an instruction breakpoint again (18.3.1.1); that
    of a trap, an abort or an interrupt holds the flags as they are.
    No gate is #GP; a frame that cannot be pushed is a page fault, and in a page fault that is a double fault (table
    6-5). Where no stack can be at all (a non-canonical RSP), the stack fault of the push ends in a double fault too.

    Returns:
        The vector whose handler was entered, and the error code (0: none); None for a triple fault.
    """
    cs, ss, base, limit = cpu.entry()
    pushed = cpu.flags | RFLAGS_RF if vector in FAULT_VECTORS else cpu.flags
    gate = _gate_in(memory, base, limit, vector)
    if gate is None:
        if vector in (VECTOR_GP, VECTOR_DF):
            return None
        return deliver(memory, cpu, VECTOR_GP, vector * 8 + 2)
    stack = cpu.rsp
    if gate.ist:
        stack = memory.read_u64(cpu.task_register() + 0x24 + 8 * (gate.ist - 1))
    if vector in ERROR_CODE_VECTORS:
        frame = _FRAME_WITH_ERROR.pack(error or 0, cpu.rip, cs, pushed, cpu.rsp, ss)
    else:
        frame = _FRAME.pack(cpu.rip, cs, pushed, cpu.rsp, ss)
    stack = (stack & ~0xF) - len(frame)
    try:
        memory.write(stack, frame)
    except GuestError:
        if vector == VECTOR_DF:
            return None
        if vector == VECTOR_BP:  # the instruction faults in its own delivery, so it has not run
            cpu.transfer(cpu.rip - 1, cpu.rsp, cpu.flags)
        if (stack >> 47) not in (0, 0x1FFFF):
            return deliver(memory, cpu, VECTOR_DF, 0)
        cpu.set_cr2(_first_fault(memory, stack, len(frame)))
        return deliver(memory, cpu, *_AFTER_PF if vector == VECTOR_PF else _PUSH_FAULT)
    flags = cpu.flags & _CLEARED
    if gate.type == INTERRUPT_GATE:
        flags &= ~RFLAGS_IF
    cpu.transfer(gate.handler, stack, flags)
    return vector, error or 0


def _first_fault(memory: GuestMemory, stack: int, size: int) -> int:
    """CR2 after a frame of `size` bytes could not be pushed: SS goes first, to the highest word."""
    return next(at for at in range(stack + size - 8, stack - 8, -8) if not memory.holds(at, 8))
