"""What a string of fetched bytes does: found out by decoding and running it, never looked up.

The bytes stand at the site's own address, with the function's bytes behind them, on a CPU that has nothing else in its
memory but two stacks' worth of data. One instruction runs twice, with different registers, flags and data. Where both
runs agree and change nothing but RIP (and push a return address), that is what the bytes do everywhere; else it depends
on registers that the explorer does not know, and is `OTHER`.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np

from simkernel import disasm, insn
from simkernel.explore.case import Case
from simkernel.hw.cpu import GENERAL, Cpu, Mapping
from simkernel.insn import nondeterministic
from simkernel.kernel import layout

DATA = 0xFFFF_FFFF_9000_0000
DATA_SIZE = 2 * layout.PAGE_SIZE
STACK = DATA + layout.PAGE_SIZE
RUNS = (  # (value of the general registers, RFLAGS, what the data is filled with)
    (DATA + 0x700, 0x202, 0x11),
    (0x0000_8000_0000_0040, 0xAD7, 0xEE),
)


class Flow(Enum):
    """What an instruction did to the flow of control."""

    NEXT = "goes on"  # to the byte behind it, or where it jumped to, and changed nothing
    CALL = "calls"  # pushed a return address and went away
    TRAP = "traps"  # int3
    FAULT = "faults"  # #UD: an invalid instruction, whatever the registers are
    OTHER = "depends"  # changed registers, data or the stack, or faulted on them: what it does depends on them


class Effect(NamedTuple):
    """What one instruction does, wherever the registers point.

    `to`: RIP after it. `back`: the return address that it pushed (CALL). `vector`: of its exception. `stack`: by how
    many bytes RSP has moved, None where that differs from run to run. `size`, `text`: as decoded.
    """

    kind: Flow
    size: int
    text: str
    to: int = 0
    back: int = 0
    vector: int = 0
    stack: int | None = 0


class Bench:
    """A CPU on which single instructions are tried out, at the site of one case."""

    def __init__(self, case: Case) -> None:
        self._base = (case.site - layout.PAGE_SIZE) // layout.PAGE_SIZE * layout.PAGE_SIZE
        self._code = np.full(4 * layout.PAGE_SIZE, insn.INT3, dtype=np.uint8)
        self._data = np.zeros(DATA_SIZE, dtype=np.uint8)
        self._page = np.full(layout.PAGE_SIZE, insn.INT3, dtype=np.uint8)
        self._mappings = (Mapping(self._base, self._code, True), Mapping(DATA, self._data, False))
        self._cpu = Cpu(0, self._mappings)
        self._known: dict[tuple[int, bytes], Effect] = {}

    def effect(self, address: int, data: bytes) -> Effect:
        """What the instruction does whose bytes at `address` are `data`."""
        key = (address, data)
        if key not in self._known:
            self._known[key] = self._try(address, data)
        return self._known[key]

    def _try(self, address: int, data: bytes) -> Effect:
        decoded = next(disasm.decode(data, address))
        size, text = decoded.size, decoded.text
        if nondeterministic(data):
            return Effect(Flow.FAULT, size, text, address, vector=layout.VECTOR_UD)
        offset = address - self._base
        self._code[offset : offset + len(data)] = np.frombuffer(data, dtype=np.uint8)
        engine = self._cpu
        if decoded.target is not None and not 0 <= decoded.target - self._base < len(self._code):
            # Unicorn looks at the target of a branch before it says that the branch is done: something has to be there.
            page = decoded.target & -layout.PAGE_SIZE
            engine = Cpu(0, (*self._mappings, Mapping(page, self._page, True)))
        engine.drop(address, address + len(data))
        first, second = (self._run(engine, address, size, text, *run) for run in RUNS)
        if first == second:
            return first
        stack = first.stack if first.stack == second.stack else None
        return Effect(Flow.OTHER, size, text, first.to, stack=stack)

    def _run(self, cpu: Cpu, address: int, size: int, text: str, value: int, flags: int, fill: int) -> Effect:
        self._data[:] = fill
        registers = dict.fromkeys(GENERAL, value) | {"rsp": STACK}
        cpu.reset(**registers, rip=address, eflags=flags)
        fault = cpu.run(1)
        if fault is not None and fault.vector == layout.VECTOR_BP:
            return Effect(Flow.TRAP, size, text, cpu.rip)
        if fault is not None and fault.vector == layout.VECTOR_UD:
            return Effect(Flow.FAULT, size, text, address, vector=fault.vector)
        if fault is not None:  # where the stack or the registers point decides
            return Effect(Flow.OTHER, size, text, address, vector=fault.vector, stack=None)
        after = cpu.registers()
        moved = after["rsp"] - STACK
        back = int.from_bytes(self._data[layout.PAGE_SIZE - 8 : layout.PAGE_SIZE].tobytes(), "little")
        called = moved == -8 and back == address + size
        if called:
            self._data[layout.PAGE_SIZE - 8 : layout.PAGE_SIZE] = fill
        untouched = all(after[name] == registers[name] for name in GENERAL if name != "rsp")
        if not untouched or (after["eflags"] ^ flags) & 0xFD5 or (self._data != fill).any():
            return Effect(Flow.OTHER, size, text, cpu.rip, stack=moved)
        if called:
            return Effect(Flow.CALL, size, text, cpu.rip, back, stack=moved)
        return Effect(Flow.NEXT if not moved else Flow.OTHER, size, text, cpu.rip, stack=moved)
