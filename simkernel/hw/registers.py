"""A CPU's registers as Unicorn has them: those with names, read and written together, and what no name shows."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable
from typing import Any

from unicorn import x86_const as x86
from unicorn.unicorn_py3.unicorn import uclib

GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)))
REGISTERS = (*GENERAL, "rip", "eflags", "cs", "ss", "cr2", "gs_base")
TRANSFER = ("rip", "rsp", "eflags")
ENTRY = (*TRANSFER, "cs", "ss", "idtr")  # what a CPU's way into a handler depends on
RFLAGS_STATUS = 0x8D5  # CF, PF, AF, ZF, SF, OF
HFLAGS_INHIBIT_IRQ = 1 << 3  # HF_INHIBIT_IRQ_MASK (qemu/target/i386/cpu.h)

# What every step needs is called past Unicorn's wrappers, with arguments that are ctypes already: half the time.
_read_batch, _write_batch = uclib["uc_reg_read_batch"], uclib["uc_reg_write_batch"]
_save, _restore = uclib["uc_context_save"], uclib["uc_context_restore"]
_STATE_ORDER = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))  # CPUX86State


def register_id(name: str) -> int:
    """Unicorn's number of a register."""
    return int(getattr(x86, f"UC_X86_REG_{name.upper()}"))


class RegisterBatch:
    """A set of registers, read or written by one call with buffers made once."""

    def __init__(self, engine: Any, names: Iterable[str], slots: int = 1) -> None:
        """Make the buffers.

        Args:
            engine: Unicorn's engine.
            names: the registers.
            slots: the words of eight bytes that each register takes.
        """
        ids = [register_id(name) for name in names]
        count = len(ids)
        self.values = (ctypes.c_uint64 * (slots * count))()  # zeroes: 16-bit registers fill two bytes only
        self._words = memoryview(self.values).cast("B").cast("Q")
        base = ctypes.addressof(self.values)
        self._ids = (ctypes.c_int * count)(*ids)
        self._pointers = (ctypes.c_void_p * count)(*(base + 8 * slots * i for i in range(count)))
        places = (ctypes.c_void_p(ctypes.addressof(array)) for array in (self._ids, self._pointers))
        self._arguments = (engine._uch, *places, ctypes.c_int(count))

    def read(self) -> list[int]:
        """Their values, in the order in which they were named."""
        return self.take().tolist()

    def take(self) -> memoryview:
        """The same in the buffer, where the next call changes it."""
        _read_batch(*self._arguments)
        return self._words

    def write(self, *values: int) -> None:
        """Set them, a word each, in the same order."""
        self.values[:] = list(values)
        _write_batch(*self._arguments)


class HiddenState(ctypes.Structure):
    """What lies behind the general registers in the CPU's state (qemu/target/i386/cpu.h, `CPUX86State`)."""

    _fields_ = (
        ("eip", ctypes.c_uint64),
        ("eflags", ctypes.c_uint64),
        ("cc_dst", ctypes.c_uint64),
        ("cc_src", ctypes.c_uint64),
        ("cc_src2", ctypes.c_uint64),
        ("cc_op", ctypes.c_uint32),
        ("df", ctypes.c_int32),
        ("hflags", ctypes.c_uint32),
    )


class WholeState:
    """Room for all that an engine's CPU holds: `take` it, look at what no register shows, `put` it into another."""

    def __init__(self, engine: Any) -> None:
        """Make the room; what is hidden in it is found by what lies before it, which nothing else looks like.

        Args:
            engine: Unicorn's engine; its state is what it was.
        """
        self._engine = engine
        kept = engine.context_save()
        values = [0xF00D_0000 + number for number in range(len(_STATE_ORDER))]
        RegisterBatch(engine, _STATE_ORDER).write(*values)
        self._context = engine.context_save()
        at = bytes(self._context).index(struct.pack("<16Q", *values)) + 8 * len(values)
        self._hidden = HiddenState.from_address(self._context.context.value + at)
        engine.context_restore(kept)

    def take(self) -> HiddenState:
        """Copy the engine's state here; returns a part of it, which the next call changes."""
        _save(self._engine._uch, self._context.context)
        return self._hidden

    def put(self, engine: Any) -> None:
        """Copy what was taken into another of Unicorn's engines."""
        _restore(engine._uch, self._context.context)
