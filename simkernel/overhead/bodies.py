"""The variants as native code: functions of a kernel's sizes, each behind another beginning.

The bodies and who calls whom are those of a synthetic kernel (`image/synthetic.py`): pure, so that they run here as
they do there. `Simplified:` the tracer is a stand-in of 32 instructions, which stamps by RDTSC and has one buffer.
"""

from __future__ import annotations

import ctypes
import random
import struct
from dataclasses import dataclass

import numpy as np

from simkernel.image.synthetic import CELL, call_graph, shapes
from simkernel.insn import CALL, INT3, NOP5, NOPS, SITE_SIZE
from simkernel.overhead import code, native

CODE_AT, RING_AT, FLAG_AT, TABLE_AT = 0, 4 * native.PAGE, 7 * native.PAGE, 8 * native.PAGE
RET_AT, TRACER_AT, DRIVER_AT = 0x0, 0x100, 0x200
TEXT_AT = 16 * native.PAGE


@dataclass(frozen=True, slots=True)
class Beginning:
    """Bytes before a body; `links`: where a displacement goes, where it counts from, and what it leads to."""

    code: bytes
    links: tuple[tuple[int, int, int], ...] = ()


_CALL = bytes((CALL, 0, 0, 0, 0))
BEGINNINGS = {
    "none": Beginning(b""),
    "nop": Beginning(NOP5),
    "call": Beginning(_CALL, ((1, 5, RET_AT),)),
    "mcount": Beginning(b"\x55\x48\x89\xe5" + _CALL + b"\x5d", ((5, 9, RET_AT),)),
    "flag": Beginning(b"\x80\x3d" + bytes(4) + b"\x00\x0f\x85" + bytes(4), ((2, 7, FLAG_AT), (9, 13, RET_AT))),
    "nops": Beginning(NOPS[1] * SITE_SIZE),
    "function": Beginning(_CALL, ((1, 5, TRACER_AT),)),
}
"""By the names of `variants.VARIANTS`; the others have no native code."""


class Bodies:
    """So many functions of a kernel's sizes, with their call graph; `place` puts them down with a beginning."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self._shapes = shapes(seed)
        draw = random.Random(seed)
        chosen = [0, *(draw.randrange(len(self._shapes)) for _ in range(count - 1))]
        self._bodies = [self._shapes[k] for k in chosen]
        slots = np.array([len(body.calls) for body in self._bodies], dtype=np.int64)
        self._callees, roots = call_graph(slots, seed)
        self.roots = np.flatnonzero(roots).tolist()
        self.space = TEXT_AT + 2 * native.PAGE + sum(len(body.code) + 48 for body in self._bodies)

    def calls(self) -> int:
        """Functions called when each root is called once."""
        totals = [1] * len(self._bodies)
        for at in reversed(range(len(self._bodies))):
            body = self._bodies[at]
            callees = self._callees[at, : len(body.calls)].tolist()
            totals[at] = 1 + sum(totals[callee] if callee > at else 1 for callee in callees)
        return sum(totals[root] for root in self.roots)

    def place(self, beginning: Beginning, base: int) -> tuple[bytes, list[int]]:
        """The text from address offset `base` on, and each function's offset; int3 between functions."""
        ahead, offsets, at = len(beginning.code), [], base
        for body in self._bodies:
            offsets.append(at)
            at += -(-(ahead + len(body.code) - SITE_SIZE) // CELL) * CELL
        text = bytearray((INT3,)) * (at - base)
        for function, (body, offset) in enumerate(zip(self._bodies, offsets, strict=True)):
            start = offset - base
            whole = beginning.code + body.code[SITE_SIZE:]
            text[start : start + len(whole)] = whole
            for where, end, target in beginning.links:
                struct.pack_into("<i", text, start + where, target - (offset + end))
            inner = start + ahead - SITE_SIZE
            struct.pack_into("<i", text, inner + body.number, function)
            for place, callee in zip(body.calls, self._callees[function].tolist(), strict=False):
                struct.pack_into("<i", text, inner + place, offsets[callee] - (base + inner + place + 4))
        return bytes(text), offsets


class Placed:
    """Executable memory that holds one variant at a time."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self._space = native.Executable(bodies.space + TEXT_AT, code.HLT)
        self._space.put(RING_AT, bytes(3 * native.PAGE))
        self._space.put(FLAG_AT, bytes(native.PAGE))
        self._space.put(RET_AT, b"\xc3")
        self._space.put(TRACER_AT, code.bytes_of(code.tracer(self._space.address + RING_AT)))
        driver = self._space.put(DRIVER_AT, code.bytes_of(code.DRIVER))
        self._driver = native.function(driver, None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)

    def put(self, name: str, shift: int) -> None:
        """Put a variant down, `shift` cells of 16 bytes from the text's beginning."""
        text, offsets = self.bodies.place(BEGINNINGS[name], TEXT_AT + CELL * shift)
        self._space.put(TEXT_AT + CELL * shift, text)
        roots = [self._space.address + offsets[root] for root in self.bodies.roots]
        self._space.put(TABLE_AT, struct.pack(f"<{len(roots)}Q", *roots))

    @property
    def recorded(self) -> int:
        """Records that the tracer has written."""
        return ctypes.c_uint64.from_address(self._space.address + RING_AT).value

    def run(self, rounds: int) -> None:
        """Call every root so many times."""
        self._driver(self._space.address + TABLE_AT, len(self.bodies.roots), rounds)
