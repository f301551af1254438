"""How a CPU enters a handler: the guest's gate, the frame on the stack (Intel SDM vol. 3, chapter 6).

Every exception and interrupt goes through the gate that the guest has put into its IDT: handler, type, IST. An
interrupt gate clears IF, a trap gate does not.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from simkernel import layout
from simkernel.cpu import RFLAGS_IF, RFLAGS_NT, RFLAGS_RF, RFLAGS_TF, Cpu
from simkernel.errors import GuestError
from simkernel.memory import GuestMemory

ERROR_CODE_VECTORS = frozenset((8, 10, 11, 12, 13, 14, 17))
INTERRUPT_GATE, TRAP_GATE = 0xE, 0xF


class Gate(NamedTuple):
    """A present gate of the IDT (figure 6-8): where the handler is, the gate's type, IST (0: none), DPL."""

    handler: int
    type: int
    ist: int
    dpl: int


def read_gate(memory: GuestMemory, cpu: Cpu, vector: int) -> Gate | None:
    """The guest's gate for a vector; None where there is none."""
    base, limit = cpu.idt()
    if vector * 16 + 15 > limit:
        return None
    low, high = memory.read_u64(base + vector * 16), memory.read_u64(base + vector * 16 + 8)
    if not low >> 47 & 1:
        return None
    handler = low & 0xFFFF | low >> 32 & 0xFFFF0000 | (high & 0xFFFF_FFFF) << 32
    return Gate(handler, low >> 40 & 0xF, low >> 32 & 7, low >> 45 & 3)


def deliver(memory: GuestMemory, cpu: Cpu, vector: int, error: int | None) -> bool:
    """Push the frame and enter the handler; RIP is what the frame shall hold.

    No gate is #GP; a frame that cannot be pushed is #DF. Returns: False for a triple fault.
    """
    gate = read_gate(memory, cpu, vector)
    if gate is None:
        if vector in (layout.VECTOR_GP, layout.VECTOR_DF):
            return False
        return deliver(memory, cpu, layout.VECTOR_GP, vector * 8 + 2)
    stack = cpu.rsp
    if gate.ist:
        stack = memory.read_u64(cpu.task_register() + 0x24 + 8 * (gate.ist - 1))
    frame = [cpu.rip, layout.KERNEL_CS, cpu.flags, cpu.rsp, layout.KERNEL_DS]
    if vector in ERROR_CODE_VECTORS:
        frame.insert(0, error or 0)
    stack = (stack & ~0xF) - 8 * len(frame)
    try:
        memory.write(stack, struct.pack(f"<{len(frame)}Q", *frame))
    except GuestError:
        return vector != layout.VECTOR_DF and deliver(memory, cpu, layout.VECTOR_DF, 0)
    flags = cpu.flags & ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF)
    if gate.type == INTERRUPT_GATE:
        flags &= ~RFLAGS_IF
    cpu.transfer(gate.handler, stack, flags)
    return True
