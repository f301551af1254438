"""The variants as native code: functions of a kernel's sizes and instructions, each behind another beginning.

Who calls whom is as in a synthetic kernel (`image/synthetic.py`), the bodies are those of `mix.py`, and what a traced
function calls is the guest's own code (`tracing.py`).
"""

from __future__ import annotations

import ctypes
import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.insn import CALL, INT3, NOP5, NOPS
from simkernel.kernel.synthetic import CELL, call_graph
from simkernel.overhead import code, mix, native, tracing
from simkernel.overhead.exact import exact

FLAG_AT, TABLE_AT, OBJECTS_AT, DRIVER_AT, TEXT_AT = (tracing.SIZE + page * native.PAGE for page in (0, 1, 16, 18, 19))
SHIFTS = 256  # places, CELL bytes apart, that a text may begin at
FLAG = "trace_flag"  # a word of data; all other targets are symbols of the guest


@dataclass(frozen=True, slots=True)
class BeginningBytes:
    """Bytes before a body.

    Attributes:
        links: where a displacement goes, where it counts from, and what it leads to.
        callback: what the guest's trampolines call meanwhile; "" where nothing is traced.
    """

    code: bytes
    links: tuple[tuple[int, int, str], ...] = ()
    callback: str = ""


def _called(target: str, callback: str = "") -> BeginningBytes:
    return BeginningBytes(bytes((CALL, 0, 0, 0, 0)), ((1, 5, target),), callback)


_RECORD = "function_trace_call"
BEGINNINGS = {
    "none": BeginningBytes(b""),
    "nop": BeginningBytes(NOP5),
    "call": _called("__fentry__"),
    "mcount": BeginningBytes(b"\x55\x48\x89\xe5" + bytes((CALL, 0, 0, 0, 0)) + b"\x5d", ((5, 9, "__fentry__"),)),
    "flag": BeginningBytes(b"\x80\x3d" + bytes(4) + b"\x00\x0f\x85" + bytes(4), ((2, 7, FLAG), (9, 13, "__fentry__"))),
    "nops": BeginningBytes(NOPS[1] * MCOUNT_INSN_SIZE),
    "function": _called("ftrace_caller", _RECORD),
    "two-ops": _called("ftrace_caller", "arch_ftrace_ops_list_func"),
    "regs": _called("ftrace_regs_caller", _RECORD),
    "int3": BeginningBytes(bytes((INT3,)) + NOP5[1:], (), _RECORD),
}
"""By the names of `variants.VARIANTS`."""


class Bodies:
    """So many functions of a kernel's sizes, with their call graph; `place` puts them down with a beginning."""

    def __init__(self, count: int, seed: int = 0) -> None:
        shapes = mix.bodies(exact("nop").forms, seed)
        draw = random.Random(seed)
        chosen = [0, *(draw.randrange(len(shapes)) for _ in range(count - 1))]
        self._bodies = [shapes[k] for k in chosen]
        slots = np.array([len(body.calls) for body in self._bodies], dtype=np.int64)
        self._callees, roots = call_graph(slots, seed)
        self.roots = np.flatnonzero(roots).tolist()
        self.space = 2 * native.PAGE + sum(len(body.code) + 48 for body in self._bodies)

    def calls(self) -> int:
        """Functions called when each root is called once."""
        totals = [1] * len(self._bodies)
        for at in reversed(range(len(self._bodies))):
            body = self._bodies[at]
            callees = self._callees[at, : len(body.calls)].tolist()
            totals[at] = 1 + sum(totals[callee] if callee > at else 1 for callee in callees)
        return sum(totals[root] for root in self.roots)

    def place(self, beginning: BeginningBytes, base: int, targets: Mapping[str, int]) -> tuple[bytes, list[int]]:
        """The text from offset `base` on, and each function's offset; int3 between functions.

        `targets`: the offsets of what the beginning's links lead to.
        """
        ahead, offsets, at = len(beginning.code), [], base
        for body in self._bodies:
            offsets.append(at)
            at += -(-(ahead + len(body.code)) // CELL) * CELL
        text = bytearray((INT3,)) * (at - base)
        for function, (body, offset) in enumerate(zip(self._bodies, offsets, strict=True)):
            start = offset - base
            whole = beginning.code + body.code
            text[start : start + len(whole)] = whole
            for where, end, target in beginning.links:
                struct.pack_into("<i", text, start + where, targets[target] - (offset + end))
            for place, callee in zip(body.calls, self._callees[function].tolist(), strict=False):
                inner = start + ahead + place
                struct.pack_into("<i", text, inner, offsets[callee] - (base + inner + 4))
        return bytes(text), offsets


class Placed:
    """Executable memory that holds one variant at a time."""

    def __init__(self, bodies: Bodies, seed: int = 0) -> None:
        self.bodies = bodies
        self._space = native.Executable(TEXT_AT + bodies.space + CELL * SHIFTS, code.HLT)
        self.tracer = tracing.NativeFtrace(self._space)
        self._space.put(FLAG_AT, bytes(native.PAGE))
        self._space.put(OBJECTS_AT, mix.objects(self._space.address + OBJECTS_AT, seed))
        driver = self._space.put(DRIVER_AT, code.bytes_of(code.DRIVER))
        self._driver = native.function(driver, None, *(ctypes.c_uint64,) * 4)
        symbols = {target for beginning in BEGINNINGS.values() for _at, _end, target in beginning.links} - {FLAG}
        self._targets = {symbol: self.tracer.address(symbol) - self._space.address for symbol in symbols}
        self._targets[FLAG] = FLAG_AT

    def put(self, name: str, shift: int) -> None:
        """Put a variant down, `shift` cells of 16 bytes from the text's beginning; below SHIFTS."""
        beginning = BEGINNINGS[name]
        text, offsets = self.bodies.place(beginning, TEXT_AT + CELL * shift, self._targets)
        self._space.put(TEXT_AT + CELL * shift, text)
        addresses = [self._space.address + offset for offset in offsets]
        roots = [addresses[root] for root in self.bodies.roots]
        self._space.put(TABLE_AT, struct.pack(f"<{len(roots)}Q", *roots))
        if beginning.callback:
            self.tracer.attach(beginning.callback, addresses)
            native.set_gs(self.tracer.gs)
            native.handle_sigtrap(self.tracer.handler)

    def run(self, rounds: int) -> None:
        """Call every root so many times; `native.kept` around it gives back what a traced variant needs."""
        self._driver(self._space.address + TABLE_AT, len(self.bodies.roots), rounds, self._space.address + OBJECTS_AT)
