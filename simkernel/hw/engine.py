"""The only door to Unicorn: one engine over the memory of one CPU, which starts, stops and says why it stopped.

An engine knows no count of its own: `cpu.py` says how far it runs, and moves the registers from one to another.

What Unicorn does differently from a CPU, and where it is put right:

* kernel addresses need the virtual TLB mode, set right after creation (`_new`);
* its TLB notes a page for the one kind of access that missed there, so that code which pushes and pops misses at each
  change from one to the other, a third of its time: `_on_tlb_miss` notes it for all that the page is for;
* changed code keeps running in its old translation: `drop` before the next run (unicorn #1148, #2258);
* while a page has a hook for faults, stores to it take a slow way, twice as long: data has none, and a fetch from there
  is known by its error (`_but_data`, `_data_ahead`);
* a page of a mapping cannot be left out cheaply: `_on_tlb_miss` lets a guard page lie where nothing is (`_GUARD`);
* it reports non-canonical addresses as unmapped: `access_fault` tells #GP from #PF;
* the hook for a new translation is not called for the very first one: `_new` makes one that nobody needs;
* with a hook for code (`count=` is one) a fault in mid-block leaves other status flags than the instructions before it
  made: `mend_flags` takes them from where the hook has put them;
* an exception raised in a callback is lost: the callbacks here only note what they saw, and `start` raises what else
  came up in them.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import struct
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import unicorn
from unicorn.unicorn_py3.unicorn import uclib

from simkernel import disasm, room
from simkernel.errors import LearnerError, OurError
from simkernel.hw.code_map import PIECE
from simkernel.hw.fault import Fault, access_fault
from simkernel.hw.registers import (
    ENTRY,
    HFLAGS_INHIBIT_IRQ,
    REGISTERS,
    RFLAGS_STATUS,
    TRANSFER,
    RegisterBatch,
    WholeState,
    register_id,
)
from simkernel.hw.x86 import PAGE_SIZE, VECTOR_BP, VECTOR_GP, VECTOR_UD

# What every step needs is called past Unicorn's wrappers, with arguments that are ctypes already: half the time.
_emu_start = uclib["uc_emu_start"]
_hook_add = uclib["uc_hook_add"]
_REMOVE_CACHE = unicorn.UC_CTL_TB_REMOVE_CACHE | 2 << 26 | unicorn.UC_CTL_IO_WRITE << 30  # what its wrapper encodes
DROPS = 512  # ranges; Unicorn uses the room of dropped translations again (30 KB each) only where all are forgotten
_NO_TIMEOUT = ctypes.c_uint64(0)

_ACCESS = {  # what a page must allow for each kind of access
    unicorn.UC_MEM_READ: unicorn.UC_PROT_READ,
    unicorn.UC_MEM_WRITE: unicorn.UC_PROT_WRITE,
    unicorn.UC_MEM_FETCH: unicorn.UC_PROT_EXEC,
}

EVERYWHERE = (1, 0)  # a hook's range: all addresses
_GUARD = 1 << 62  # flipped in the address of a guard page: where Unicorn looks for it, and finds nothing
_UNLIKELY = 0x5EED_0000_0001  # a count that no other word of an engine is
_STRUCT = 0x1000  # bytes of an engine in which its count lies (include/uc_priv.h, `uc_struct`)
_MEMORY_ERRORS = {
    *(unicorn.UC_ERR_READ_UNMAPPED, unicorn.UC_ERR_WRITE_UNMAPPED, unicorn.UC_ERR_READ_PROT, unicorn.UC_ERR_WRITE_PROT)
}
_WRITES = (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT)
_FETCHES = (unicorn.UC_MEM_FETCH_UNMAPPED, unicorn.UC_MEM_FETCH_PROT)
_MAPPED = (unicorn.UC_MEM_WRITE_PROT, unicorn.UC_MEM_FETCH_PROT, unicorn.UC_MEM_READ_PROT)


@dataclass(frozen=True, slots=True)
class Mapping:
    """`buffer` of bytes is seen at `base`; code is run and never written, data is written and never run.

    Attributes:
        touched: the numbers of the pages that somebody has accessed.
        translated: of code, for each piece of `PIECE` bytes: whether there may be a translation of some of it; None:
            nobody wants to know.
    """

    base: int
    buffer: npt.NDArray[np.uint8]
    code: bool
    touched: set[int] = field(default_factory=set)
    translated: npt.NDArray[np.bool_] | None = None

    @property
    def access(self) -> int:
        """UC_PROT_*: what its pages are for."""
        return int(unicorn.UC_PROT_READ | (unicorn.UC_PROT_EXEC if self.code else unicorn.UC_PROT_WRITE))


@functools.cache
def _check_memory() -> None:
    """LearnerError where Linux gives no memory that can be written and run; Unicorn would end the process by itself."""
    if sys.platform != "linux":
        return
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError as error:
        raise LearnerError(
            f"this system gives no memory that can be written and run ({error.strerror}): a hardened kernel, SELinux "
            "or seccomp forbids it. The simulated CPUs (Unicorn) cannot do without it."
        ) from error


def _new() -> Any:
    _check_memory()
    room.check(room.ENGINE, "each simulated CPU takes")
    engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    engine.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
    engine.mem_map(0, PAGE_SIZE)
    engine.mem_write(0, b"\xeb\x00\xf4")  # jmp 2; hlt
    engine.emu_start(0, 2)
    engine.mem_unmap(0, PAGE_SIZE)
    return engine


@functools.cache
def _counter() -> int:
    """Where an engine counts, from its address on (`emu_counter`, which `emu_count` follows): found by a run."""
    engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    engine.mem_map(0, PAGE_SIZE)
    engine.mem_write(0, b"\xeb\x00\xf4")  # jmp 2; hlt
    engine.emu_start(0, 2, count=_UNLIKELY)
    at = ctypes.string_at(engine._uch, _STRUCT).find(struct.pack("<QQ", 1, _UNLIKELY))
    if at < 0:
        raise OurError(f"Unicorn {unicorn.__version__} does not count as 2.1 does")
    return at


def _pieces(low: int, high: int) -> range:
    """The numbers of the pieces of code that [low, high) lies in."""
    return range(low // PIECE, (high - 1) // PIECE + 1)


def emu_stop() -> int:
    """The address of `uc_emu_stop`, for machine code."""
    return ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value or 0


class Engine:
    """A Unicorn engine: `start` it, ask `fault` what stopped it, `drop` what it has translated."""

    def __init__(self, number: int, mappings: Iterable[Mapping], guards: Collection[int] = ()) -> None:
        """Make the engine and map the memory.

        Args:
            number: the CPU's number, for messages.
            mappings: the memory that the CPU has.
            guards: addresses of pages in the mappings that are not mapped: an access there is a page fault.
        """
        self.number, self._guards = number, frozenset(guards)
        self.uc = _new()
        self._mappings = tuple(mappings)  # keeps the buffers alive that Unicorn points into
        for mapping in self._mappings:
            self.uc.mem_map_ptr(
                mapping.base, mapping.buffer.nbytes, mapping.access, ctypes.c_void_p(mapping.buffer.ctypes.data)
            )
        self._interrupt: int | None = None
        self._invalid: tuple[int, int] | None = None
        self._dropped = 0  # ranges, since all translations were forgotten together
        self._has: set[int] = set()  # the pieces of which there may be a translation, by number
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)
        self._data = sorted((m.base, m.base + m.buffer.nbytes) for m in self._mappings if not m.code)
        for low, high in self._but_data():
            self.uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_invalid_memory, None, low, high)
        self.uc.hook_add(unicorn.UC_HOOK_TLB_FILL, self._on_tlb_miss)
        noted = [(m.base, m.base + m.buffer.nbytes, m.translated) for m in self._mappings]
        self._noted = [(base, end, pieces) for base, end, pieces in noted if pieces is not None]
        self._callbacks: list[Callable[[int, int, int], None]] = []  # of each translation
        self.uc.hook_add(unicorn.UC_HOOK_EDGE_GENERATED, self._on_translation)
        self.all = RegisterBatch(self.uc, REGISTERS)
        self.core = RegisterBatch(self.uc, TRANSFER)
        self.entry = RegisterBatch(self.uc, ENTRY, slots=3)
        self._rip, self._until, self._count = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_size_t()
        self._run = (self.uc._uch, self._rip, self._until, _NO_TIMEOUT, self._count)

    def _but_data(self) -> list[tuple[int, int]]:
        """The ranges, ends included, of all addresses that are not data."""
        ends = [0, *(end for _, end in self._data)], [*(base - 1 for base, _ in self._data), 0xFFFF_FFFF_FFFF_FFFF]
        return [(low, high) for low, high in zip(*ends, strict=True) if low <= high]

    def start(self, rip: int, until: int, count: int) -> int:
        """Run from `rip` until RIP is `until`, or `count` instructions have run (0: no matter how many).

        Returns:
            Unicorn's error, UC_ERR_OK also where an exception or HLT stopped it.
        """
        uc = self.uc
        self._interrupt = self._invalid = uc._hook_exception = None
        self._rip.value, self._until.value, self._count.value = rip, until, count
        error: int = _emu_start(*self._run)
        if uc._hook_exception is not None:  # what a callback raised, as Unicorn's wrapper keeps it
            self.flush()  # there may be a translation that `_on_translation` has not noted
            raise uc._hook_exception
        return error

    def counted(self) -> int:
        """How many instructions have run since `start`, which had a count."""
        return ctypes.c_uint64.from_address(self.uc._uch.value + _counter()).value

    def fault(self, error: int, rip: int) -> Fault | None:
        """The exception that stopped the engine at `rip`, None where none did.

        Args:
            error: what `start` returned.
            rip: RIP since then.
        """
        if error == unicorn.UC_ERR_OK:
            if self._interrupt is None:
                return None
            return Fault(self._interrupt, 0 if self._interrupt == VECTOR_GP else None)
        if error == unicorn.UC_ERR_INSN_INVALID:
            return Fault(VECTOR_UD)
        if error == unicorn.UC_ERR_FETCH_PROT:
            return self._memory_fault(unicorn.UC_MEM_FETCH_PROT, self._data_ahead(rip))
        if self._invalid is None:
            raise OurError(f"CPU{self.number} stopped at {rip:#x}: {unicorn.UcError(error)}")
        return self._memory_fault(*self._invalid)

    def code_at(self, address: int, size: int = disasm.LONGEST) -> bytes:
        """`size` bytes from an address, or as many of them as lie in code."""
        for mapping in self._mappings:
            at = address - mapping.base
            if mapping.code and 0 <= at < mapping.buffer.nbytes:
                return mapping.buffer[at : at + size].tobytes()
        return b""

    def close(self) -> None:
        """Give its memory back now; nothing may be asked of it afterwards."""
        self.uc._Uc__finalizer()  # what Unicorn's wrapper calls once nobody refers to it, cycles included
        self._mappings = ()  # the hooks refer to the engine, so the collector alone would find it

    def drop(self, low: int, high: int) -> None:
        """Code in [low, high) has changed: forget the translations made of it, and of the pieces that it lies in."""
        pieces = _pieces(low, high)
        if self._has.isdisjoint(pieces):
            return
        self._has.difference_update(pieces)
        self._forget(pieces.start * PIECE, pieces.stop * PIECE)

    def _forget(self, low: int, high: int) -> None:
        self._dropped += 1
        if self._dropped < DROPS:
            uclib.uc_ctl(self.uc._uch, _REMOVE_CACHE, ctypes.c_uint64(low), ctypes.c_uint64(high))
        else:
            self.flush()

    def flush(self) -> None:
        """Forget all translations."""
        self.uc.ctl_flush_tb()
        self._has.clear()
        self._dropped = 0

    def stop(self) -> None:
        """Stop before the next instruction; for callbacks."""
        self.uc.emu_stop()

    def register(self, name: str) -> Any:
        """A register's value, as Unicorn gives it."""
        return self.uc.reg_read(register_id(name))

    def set_register(self, name: str, value: int) -> None:
        """Set a register."""
        self.uc.reg_write(register_id(name), value)

    def save(self) -> Any:
        """An opaque copy of all registers."""
        return self.uc.context_save()

    def restore(self, context: Any) -> None:
        """Put a copy of `save` back, also one that another engine made."""
        self.uc.context_restore(context)

    def mend_flags(self, error: int) -> None:
        """After a fault of an instruction that a hook for code saw: the status flags are what they were before it.

        The hook makes Unicorn compute them into `cc_src`; the fault then takes back `cc_op`, which says how they are to
        be read, to what it was before the hook, and nothing else (qemu/target/i386/translate.c, `disas_insn`). No
        register shows `cc_src` (`HiddenState`).

        Args:
            error: what `start` returned.
        """
        if error not in _MEMORY_ERRORS and self._interrupt in (None, VECTOR_BP, VECTOR_UD):
            return
        hidden = self._whole.take()
        flags = self.register("eflags")
        self.set_register("eflags", flags & ~RFLAGS_STATUS | hidden.cc_src & RFLAGS_STATUS)

    def inhibits_interrupts(self) -> bool:
        """True where the last instruction inhibits interrupts until the next one has run; no register shows that."""
        return bool(self._whole.take().hflags & HFLAGS_INHIBIT_IRQ)

    @functools.cached_property
    def _whole(self) -> WholeState:
        return WholeState(self.uc)

    def hand_over(self, other: Engine) -> None:
        """Copy all registers to another engine."""
        self._whole.take()
        self._whole.put(other.uc)

    def hook_code(self, callback: Callable[[int], None], low: int = EVERYWHERE[0], high: int = EVERYWHERE[1]) -> int:
        """Call `callback(rip)` before each instruction at `low` to `high`, this included; returns the hook's handle.

        Only code that is translated from now on calls it.
        """

        def look(_uc: Any, rip: int, _size: int, _data: object) -> None:
            callback(rip)

        return int(self.uc.hook_add(unicorn.UC_HOOK_CODE, look, None, low, high))

    def hook_data(self, callback: Callable[[bool], None]) -> int:
        """Call `callback(write)` at each access of an instruction to data; returns the hook's handle."""
        kinds = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE

        def look(_uc: Any, access: int, _address: int, _size: int, _value: int, _data: object) -> None:
            callback(access == unicorn.UC_MEM_WRITE)

        return int(self.uc.hook_add(kinds, look))

    def hook_translations(self, callback: Callable[[int, int, int], None]) -> None:
        """Call `callback(pc, size, instructions)` for each block that is translated, before it runs first."""
        self._callbacks.append(callback)

    def hook_blocks(self, code: int, argument: ctypes.Structure) -> None:
        """Call machine code before each block runs.

        Args:
            code: its address; a `uc_cb_hookcode_t`.
            argument: what it gets as `user_data`; the caller keeps it alive.
        """
        handle, everywhere = ctypes.c_size_t(), (ctypes.c_uint64(at) for at in EVERYWHERE)
        places = (ctypes.c_void_p(at) for at in (code, ctypes.addressof(argument)))
        kind = ctypes.c_int(unicorn.UC_HOOK_BLOCK)
        error = _hook_add(self.uc._uch, ctypes.byref(handle), kind, *places, *everywhere)
        if error != unicorn.UC_ERR_OK:
            raise OurError(f"CPU{self.number}: no hook for blocks: {unicorn.UcError(error)}")

    def translate_again(self, pc: int, size: int) -> None:
        """For `hook_translations`' callback: the block just translated is translated anew before it runs."""
        self._forget(pc, pc + size)
        self.set_register("rip", pc)  # makes Unicorn look for the block at RIP once more

    def unhook(self, handle: int) -> None:
        """End a hook."""
        self.uc.hook_del(handle)

    def interrupt(self, vector: int) -> None:
        """Stop before the next instruction, and let it be an exception; for callbacks."""
        self._interrupt = vector
        self.uc.emu_stop()

    def _on_interrupt(self, _uc: Any, number: int, _data: object) -> None:
        self.interrupt(number)

    def _on_translation(self, _uc: Any, block: Any, _before: Any, _data: object) -> None:
        pc, size, instructions = block.pc, block.size, block.icount
        self._has.update(_pieces(pc, pc + size))
        for base, end, translated in self._noted:
            if pc < end and base < pc + size:
                translated[max(0, pc - base) // PIECE : (pc + size - 1 - base) // PIECE + 1] = True
        for callback in self._callbacks:
            callback(pc, size, instructions)

    def _on_tlb_miss(self, _uc: Any, address: int, access: int, entry: Any, _data: object) -> bool:
        """An access that may not be is allowed here too: it comes to `_on_invalid_memory` next."""
        entry.paddr, entry.perms = address, _ACCESS[access]
        if address in self._guards:
            entry.paddr ^= _GUARD
            return True
        for mapping in self._mappings:
            if 0 <= address - mapping.base < mapping.buffer.nbytes:
                entry.perms |= mapping.access
                mapping.touched.add(address // PAGE_SIZE)
        return True

    def _on_invalid_memory(self, _uc: Any, access: int, address: int, _size: int, _value: int, _data: object) -> bool:
        address &= 0xFFFF_FFFF_FFFF_FFFF
        guard = (address ^ _GUARD) & -PAGE_SIZE in self._guards
        self._invalid = access, address ^ _GUARD if guard else address
        return False

    def _data_ahead(self, rip: int) -> int:
        """The first address at or behind RIP that is data."""
        return next(max(base, rip) for base, end in self._data if rip < end)

    def _memory_fault(self, access: int, address: int) -> Fault:
        return access_fault(address, access in _WRITES, access in _FETCHES, access in _MAPPED)
