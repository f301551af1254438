"""The only door to Unicorn: one CPU.

A CPU runs instructions from its own view of the code and reads and writes memory that all CPUs share. It does not
know what an interrupt is: it stops at an exception and says which, and `exceptions.py` delivers it through the guest's
IDT.

What Unicorn does differently from a CPU, and where it is put right:

* kernel addresses need the virtual TLB mode, set right after creation (`_new_engine`);
* its TLB notes a page for the one kind of access that missed there, so that code which pushes and pops misses at each
  change from one to the other, a third of its time: `_on_tlb_miss` notes it for all that the page is for;
* changed code keeps running in its old translation: `drop` before the next run (unicorn #1148, #2258);
* while a page has a hook for faults, stores to it take a slow way, twice as long: data has none, and a fetch from there
  is known by its error (`_but_data`, `_data_ahead`);
* it translates ahead, and reports a page that cannot be run before the instructions in front of it have run: `run` runs
  those one by one, then (how many had run before is lost, so the rest of a `count` is too);
* a page of a mapping cannot be left out cheaply: `_on_tlb_miss` lets a guard page lie where nothing is (`_GUARD`);
* it reports non-canonical addresses as unmapped: `_memory_fault` tells #GP from #PF;
* an exception raised in a callback is lost: the callbacks here only note what they saw;
* RDTSC, RDTSCP, RDRAND, RDSEED give the host's values, IN gives 0, SYSCALL is skipped: `nondeterministic`.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import unicorn
from unicorn import x86_const as x86
from unicorn.unicorn_py3.unicorn import uclib

from simkernel import disasm, room
from simkernel.errors import LearnerError, OurError
from simkernel.hw.x86 import PAGE_SIZE, VECTOR_GP, VECTOR_PF, VECTOR_UD

GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)))
REGISTERS = (*GENERAL, "rip", "eflags", "cs", "ss", "cr2", "gs_base")
_TRANSFER = ("rip", "rsp", "eflags")

# What every step needs is called past Unicorn's wrappers, with arguments that are ctypes already: half the time.
_emu_start = uclib["uc_emu_start"]
_read_registers, _write_registers = uclib["uc_reg_read_batch"], uclib["uc_reg_write_batch"]
_REMOVE_CACHE = unicorn.UC_CTL_TB_REMOVE_CACHE | 2 << 26 | unicorn.UC_CTL_IO_WRITE << 30  # what its wrapper encodes
_NO_TIMEOUT = ctypes.c_uint64(0)

RFLAGS_IF = 0x200
RFLAGS_TF = 0x100
RFLAGS_RF = 0x10000
RFLAGS_NT = 0x4000

_ACCESS = {  # what a page must allow for each kind of access
    unicorn.UC_MEM_READ: unicorn.UC_PROT_READ,
    unicorn.UC_MEM_WRITE: unicorn.UC_PROT_WRITE,
    unicorn.UC_MEM_FETCH: unicorn.UC_PROT_EXEC,
}

_GUARD = 1 << 62  # flipped in the address of a guard page: where Unicorn looks for it, and finds nothing
_PF_PRESENT, _PF_WRITE, _PF_INSTRUCTION = 1, 2, 16  # page fault error code bits, SDM vol. 3, figure 4-12


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception that stopped a run: vector, error code (None where the vector has none), CR2 of a page fault.

    RIP is where the frame shall point: behind the instruction for int3 and INT n, at it otherwise.
    """

    vector: int
    error: int | None = None
    cr2: int = 0


class _Batch:
    """A set of registers, read or written by one call with buffers made once."""

    def __init__(self, engine: Any, names: Iterable[str], slots: int = 1) -> None:
        """Args: slots: the words of eight bytes that each register takes."""
        ids = [getattr(x86, f"UC_X86_REG_{name.upper()}") for name in names]
        count = len(ids)
        self.values = (ctypes.c_uint64 * (slots * count))()  # zeroes: 16-bit registers fill two bytes only
        base = ctypes.addressof(self.values)
        self._ids = (ctypes.c_int * count)(*ids)
        self._pointers = (ctypes.c_void_p * count)(*(base + 8 * slots * i for i in range(count)))
        places = (ctypes.c_void_p(ctypes.addressof(array)) for array in (self._ids, self._pointers))
        self._arguments = (engine._uch, *places, ctypes.c_int(count))

    def read(self) -> list[int]:
        _read_registers(*self._arguments)
        return self.values[:]

    def write(self, *values: int) -> None:
        self.values[:] = list(values)
        _write_registers(*self._arguments)


@dataclass(frozen=True, slots=True)
class Mapping:
    """`buffer` of bytes is seen at `base`; code is run and never written, data is written and never run."""

    base: int
    buffer: npt.NDArray[np.uint8]
    code: bool

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


def _new_engine() -> Any:
    _check_memory()
    room.check(room.ENGINE, "each simulated CPU takes")
    engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    engine.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
    return engine


class Cpu:
    """One simulated CPU: `run` it, read its registers, save and restore it."""

    def __init__(self, number: int, mappings: Iterable[Mapping], guards: Collection[int] = ()) -> None:
        """Args: guards: addresses of pages in the mappings that are not mapped: an access there is a page fault."""
        self.number, self._guards = number, frozenset(guards)
        self._engine = _new_engine()
        self._mappings = tuple(mappings)  # keeps the buffers alive that Unicorn points into
        for mapping in self._mappings:
            self._engine.mem_map_ptr(
                mapping.base, mapping.buffer.nbytes, mapping.access, ctypes.c_void_p(mapping.buffer.ctypes.data)
            )
        self._interrupt: int | None = None
        self._counter: int | None = None
        self._seen, self._breakpoints = 0, frozenset[int]()
        self._invalid: tuple[int, int] | None = None
        self._met: set[int] = set()  # the pages of code that the CPU has looked at, by number
        self._engine.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)
        self._data = sorted((m.base, m.base + m.buffer.nbytes) for m in self._mappings if not m.code)
        for low, high in self._but_data():
            self._engine.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_invalid_memory, None, low, high)
        self._engine.hook_add(unicorn.UC_HOOK_TLB_FILL, self._on_tlb_miss)
        self._all = _Batch(self._engine, REGISTERS)
        self._segments = _Batch(self._engine, ("cs", "ss"))
        self._core = _Batch(self._engine, _TRANSFER)
        self._idtr = _Batch(self._engine, ("idtr",), slots=3)
        self.rip, self.rsp, self.flags = 0, 0, 2

    def _but_data(self) -> list[tuple[int, int]]:
        """The ranges, ends included, of all addresses that are not data."""
        ends = [0, *(end for _, end in self._data)], [*(base - 1 for base, _ in self._data), 0xFFFF_FFFF_FFFF_FFFF]
        return [(low, high) for low, high in zip(*ends, strict=True) if low <= high]

    def reset(self, **registers: int) -> None:
        """Power-on: the registers named get these values."""
        for name, value in registers.items():
            self._engine.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), value)
        self._reload()

    def _reload(self) -> None:
        self.rip, self.rsp, self.flags = self._core.read()

    def registers(self) -> dict[str, int]:
        """Every register of `REGISTERS` by name."""
        return dict(zip(REGISTERS, self._all.read(), strict=True))

    def stack_pointer(self) -> int:
        """RSP now, also from within `observe`'s callback (`rsp` is where the CPU stopped last)."""
        return self._core.read()[_TRANSFER.index("rsp")]

    def transfer(self, rip: int, rsp: int, flags: int) -> None:
        """Hardware's part in an exception: new RIP, RSP and RFLAGS. The only writer of registers after boot."""
        self._core.write(rip, rsp, flags)
        self.rip, self.rsp, self.flags = rip, rsp, flags

    def segments(self) -> tuple[int, int]:
        """The selectors in CS and SS."""
        cs, ss = self._segments.read()
        return cs, ss

    def set_cr2(self, address: int) -> None:
        """CR2: the address that a page fault is about."""
        self._engine.reg_write(x86.UC_X86_REG_CR2, address)

    def idt(self) -> tuple[int, int]:
        """Base and limit of the IDT register."""
        _, base, limit = self._idtr.read()  # uc_x86_mmr: selector, base, limit and flags
        return base, limit & 0xFFFF_FFFF

    def task_register(self) -> int:
        """The base of the TSS that LTR has loaded."""
        return int(self._engine.reg_read(x86.UC_X86_REG_TR)[1])

    def gs_base(self) -> int:
        """Where the CPU's per-CPU area is, once its boot code has said so."""
        return int(self._engine.reg_read(x86.UC_X86_REG_GS_BASE))

    def run(self, count: int) -> Fault | None:
        """Run at most `count` instructions from RIP; None where they ran out or HLT came, else the exception."""
        begin = self.rip
        fault = self._start(0, count)
        if count == 1 and fault is not None and self._is_ahead(fault) and self.rip != begin:
            return None  # it has run; the page is ahead of what it leads to
        while fault is not None and self._is_ahead(fault):
            ahead, start = fault, self.rip
            size = disasm.length(self._code_at_rip().ljust(disasm.LONGEST, b"\0"), start)
            if start + size > ahead.cr2:
                return ahead
            fault = self._start(start + size, 1)
            self.drop(start, start + size)
            if self.rip == start:
                return fault
            if count > 1 and fault is None and 0 <= ahead.cr2 - self.rip < PAGE_SIZE:
                fault = ahead
        return fault

    def _is_ahead(self, fault: Fault) -> bool:
        """A fetch fault of a page that RIP has not come to."""
        return bool((fault.error or 0) & _PF_INSTRUCTION) and self.rip != fault.cr2

    def _code_at_rip(self) -> bytes:
        """The instruction at RIP, or as much of it as lies in code."""
        for mapping in self._mappings:
            at = self.rip - mapping.base
            if mapping.code and 0 <= at < mapping.buffer.nbytes:
                return mapping.buffer[at : at + disasm.LONGEST].tobytes()
        return b""

    def _start(self, until: int, count: int) -> Fault | None:
        """`run` without that: until RIP is `until`, or `count` instructions have run."""
        engine = self._engine
        self._interrupt = self._invalid = engine._hook_exception = None
        begin, end = ctypes.c_uint64(self.rip), ctypes.c_uint64(until)
        error = _emu_start(engine._uch, begin, end, _NO_TIMEOUT, ctypes.c_size_t(count))
        self.rip, self.rsp, self.flags = self._core.read()
        if engine._hook_exception is not None:  # what a callback raised, as Unicorn's wrapper keeps it
            raise engine._hook_exception
        if error != unicorn.UC_ERR_OK:
            return self._fault(error)
        if self._interrupt is not None:
            return Fault(self._interrupt, 0 if self._interrupt == VECTOR_GP else None)
        return None

    def watch(self, on: bool) -> None:
        """Begin or end counting instructions one by one, which `run_watched` needs.

        A hook is called only from code translated while it was there, so all translations are made anew.
        """
        if on and self._counter is None:
            self._counter = self._engine.hook_add(unicorn.UC_HOOK_CODE, self._count_and_stop)
        elif not on and self._counter is not None:
            self._engine.hook_del(self._counter)
            self._counter = None
        self._engine.ctl_flush_tb()

    def _count_and_stop(self, engine: Any, rip: int, _size: int, _data: object) -> None:
        if self._seen and rip in self._breakpoints:
            engine.emu_stop()
        else:
            self._seen += 1

    def run_watched(self, count: int, breakpoints: frozenset[int]) -> tuple[Fault | None, int]:
        """`run`, but stop before an instruction at one of the breakpoints, the first one excepted. Needs `watch`.

        Returns: the exception, and how many instructions ran.
        """
        self._seen, self._breakpoints = 0, breakpoints
        fault = self.run(count)
        return fault, min(self._seen, count)  # the hook is also called where the count has run out

    def drop(self, low: int, high: int) -> None:
        """Code in [low, high) has changed: forget the translations made of it; of a page never met there are none."""
        if self._met.isdisjoint(range(low // PAGE_SIZE, (high - 1) // PAGE_SIZE + 1)):
            return
        uclib.uc_ctl(self._engine._uch, _REMOVE_CACHE, ctypes.c_uint64(low), ctypes.c_uint64(high))

    def save(self) -> Any:
        """An opaque copy of all registers."""
        return self._engine.context_save()

    def restore(self, context: Any) -> None:
        """Put a copy of `save` back."""
        self._engine.context_restore(context)
        self._reload()

    def observe(self, callback: Callable[[int], None], addresses: Iterable[int] = ()) -> Callable[[], None]:
        """Call `callback(rip)` before each instruction, or before those at the addresses, for tests and counters.

        It is called once more where the count ran out before the instruction. Returns: the way to end it.
        """

        def look(_engine: Any, rip: int, _size: int, _data: object) -> None:
            callback(rip)

        ranges = [(address, address) for address in addresses] or [(1, 0)]  # (1, 0): everywhere
        return self._hooked(
            [self._engine.hook_add(unicorn.UC_HOOK_CODE, look, None, low, high) for low, high in ranges]
        )

    def observer(self, callback: Callable[[int], None], size: int) -> Callable[[frozenset[int]], None]:
        """The same for addresses that change: the function returned says which, and `size` bytes behind each count too.

        An instruction that was translated while there were two hooks or more looks through those that there are when
        it runs (`run` counts, which is one; another is put at 0), so no translation is made anew. But each costs
        every instruction some nanoseconds: to look at all the sites there are is slow.
        """
        hooks: dict[int, int] = {}

        def look(_engine: Any, rip: int, _size: int, _data: object) -> None:
            callback(rip)

        def watch(addresses: frozenset[int]) -> None:
            for address in hooks.keys() - addresses:
                self._engine.hook_del(hooks.pop(address))
            for address in addresses - hooks.keys():
                hooks[address] = self._engine.hook_add(unicorn.UC_HOOK_CODE, look, None, address, address + size)

        self._hooked([self._engine.hook_add(unicorn.UC_HOOK_CODE, look, None, 0, 0)])
        return watch

    def observe_memory(self, callback: Callable[[bool], None]) -> Callable[[], None]:
        """Call `callback(write)` at each access of an instruction to data; returns the way to end it."""
        hook = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE

        def look(_engine: Any, access: int, _address: int, _size: int, _value: int, _data: object) -> None:
            callback(access == unicorn.UC_MEM_WRITE)

        return self._hooked([self._engine.hook_add(hook, look)])

    def _hooked(self, handles: list[int]) -> Callable[[], None]:
        """Hooks were added: translations are made anew, now and when the function returned ends them (see `watch`)."""
        self._engine.ctl_flush_tb()

        def end() -> None:
            for handle in handles:
                self._engine.hook_del(handle)
            self._engine.ctl_flush_tb()

        return end

    def _on_interrupt(self, engine: Any, number: int, _data: object) -> None:
        self._interrupt = number
        engine.emu_stop()

    def _on_tlb_miss(self, _engine: Any, address: int, access: int, entry: Any, _data: object) -> bool:
        """An access that may not be is allowed here too: it comes to `_on_invalid_memory` next."""
        entry.paddr, entry.perms = address, _ACCESS[access]
        if address in self._guards:
            entry.paddr ^= _GUARD
            return True
        for mapping in self._mappings:
            if 0 <= address - mapping.base < mapping.buffer.nbytes:
                entry.perms |= mapping.access
                if mapping.code:
                    self._met.add(address // PAGE_SIZE)
        return True

    def _on_invalid_memory(
        self, _engine: Any, access: int, address: int, _size: int, _value: int, _data: object
    ) -> bool:
        address &= 0xFFFF_FFFF_FFFF_FFFF
        guard = (address ^ _GUARD) & -PAGE_SIZE in self._guards
        self._invalid = access, address ^ _GUARD if guard else address
        return False

    def _fault(self, error: int) -> Fault:
        if error == unicorn.UC_ERR_INSN_INVALID:
            return Fault(VECTOR_UD)
        if error == unicorn.UC_ERR_FETCH_PROT:
            return self._memory_fault(unicorn.UC_MEM_FETCH_PROT, self._data_ahead())
        if self._invalid is None:
            raise OurError(f"CPU{self.number} stopped at {self.rip:#x}: {unicorn.UcError(error)}")
        return self._memory_fault(*self._invalid)

    def _data_ahead(self) -> int:
        """The first address at or behind RIP that is data."""
        return next(max(base, self.rip) for base, end in self._data if self.rip < end)

    def _memory_fault(self, access: int, address: int) -> Fault:
        if (address >> 47) not in (0, 0x1FFFF):
            return Fault(VECTOR_GP, 0)
        code = 0
        if access in (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT):
            code |= _PF_WRITE
        if access in (unicorn.UC_MEM_FETCH_UNMAPPED, unicorn.UC_MEM_FETCH_PROT):
            code |= _PF_INSTRUCTION
        if access in (unicorn.UC_MEM_WRITE_PROT, unicorn.UC_MEM_FETCH_PROT, unicorn.UC_MEM_READ_PROT):
            code |= _PF_PRESENT
        return Fault(VECTOR_PF, code, address)
