"""Bodies of native functions: a kernel's sizes, and instructions in the mix that the default kernel executes.

The sizes, and how often each body calls another, are those of a synthetic kernel (`image/synthetic.py`). Between its
calls a body does what the exact count of the default kernel says that kernel code does: loads, stores, locked
instructions, compares and jumps in the same shares, on an object whose address it was given. Bodies of arithmetic alone
keep a CPU at its widest, and there each further instruction takes its time; loads, stores and locks leave room for it.

`Simplified:` registers and fields are drawn at random, every jump always goes the same way, and what only a kernel may
run (cli, sti) is left out. All objects together fit a first cache of data.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.insn import CALL, INT3
from simkernel.kernel.synthetic import HOT, shapes

OBJECT, OBJECTS = 128, 64  # bytes of an object, and how many there are
POINTERS, FIELDS = range(0x0, 0x20, 8), range(0x20, 0x80, 8)  # of an object: addresses of others; words to work on
RAX, RCX, RDX, RBX, RBP, RSI, RDI = 0, 1, 2, 3, 5, 6, 7  # numbers of registers in an encoding
SCRATCH = (RAX, RCX, RDX, RSI)
Draw = random.Random
Encode = Callable[[Draw], bytes]


@dataclass(frozen=True, slots=True)
class Body:
    """A function's code behind its beginning; `calls` are the places of its calls' displacements."""

    code: bytes
    calls: tuple[int, ...]


def _registers(opcode: str) -> Encode:
    code = bytes.fromhex(opcode)
    return lambda draw: code + bytes((0xC0 | draw.choice(SCRATCH) << 3 | draw.choice(SCRATCH),))


def _register(opcode: str, digit: int, count: bool = False) -> Encode:
    """One register, and for a shift by how much."""
    code = bytes.fromhex(opcode)

    def encode(draw: Draw) -> bytes:
        modrm = bytes((0xC0 | digit << 3 | draw.choice(SCRATCH),))
        return code + modrm + (bytes((draw.randrange(1, 32),)) if count else b"")

    return encode


def _field(opcode: str, digit: int | None = None) -> Encode:
    """A field of the object that RBX points to, and a register or, in its place, a digit of the opcode."""
    code = bytes.fromhex(opcode)

    def encode(draw: Draw) -> bytes:
        register = draw.choice(SCRATCH) if digit is None else digit
        return code + bytes((0x43 | register << 3, draw.choice(FIELDS)))

    return encode


def _lea(draw: Draw) -> bytes:
    return bytes((0x48, 0x8D, 0x40 | draw.choice(SCRATCH) << 3 | draw.choice(SCRATCH), draw.randrange(1, 100)))


_TEST = bytes.fromhex("4885db")  # test %rbx,%rbx: an address, so neither 0 nor negative


def _jump(opcode: int, taken: bool) -> Encode:
    """A compare and a jump that always, or never, leaves out the four bytes behind it."""
    skipped = bytes((INT3,)) * 4 if taken else b""
    return lambda draw: _TEST + bytes((opcode, len(skipped))) + skipped


WORK: Mapping[str, Encode] = {
    "mov": _registers("4889"), "xor": _registers("4831"), "add": _registers("4801"), "sub": _registers("4829"),
    "and": _registers("4821"), "or": _registers("4809"), "imul": _registers("480faf"), "lea": _lea,
    "inc": _register("48ff", 0), "dec": _register("48ff", 1), "not": _register("48f7", 2), "neg": _register("48f7", 3),
    "mul": _register("48f7", 4), "shl": _register("48c1", 4, True), "shr": _register("48c1", 5, True),
    "mov load": _field("488b"), "cmp load": _field("483b"), "test load": _field("4885"), "sub load": _field("482b"),
    "add load": _field("4803"), "xor load": _field("4833"), "imul load": _field("480faf"),
    "mov store": _field("4889"), "add store": _field("4801"), "sub store": _field("4829"), "or store": _field("4809"),
    "inc store": _field("48ff", 0), "dec store": _field("48ff", 1), "xadd store": _field("480fc1"),
    "xchg store": _field("4887"), "lock cmpxchg store": _field("f0480fb1"), "lock inc store": _field("f048ff", 0),
    "lock dec store": _field("f048ff", 1), "lock add store": _field("f04801"),
    "jmp": lambda draw: bytes((0xEB, 4)) + bytes((INT3,)) * 4,
    "je": _jump(0x74, False), "jb": _jump(0x72, False), "jbe": _jump(0x76, False), "js": _jump(0x78, False),
    "jle": _jump(0x7E, False), "jne": _jump(0x75, True), "jae": _jump(0x73, True), "ja": _jump(0x77, True),
    "jns": _jump(0x79, True),
    "pushf": lambda draw: b"\x9c\x9d",
}  # fmt: skip
"""Form of instruction (`forms.py`) -> its encoding; a conditional jump with its compare, PUSHF with its POPF."""

FRAME = frozenset(("push", "pop", "call", "ret", "nop", "cmp", "test", "popf"))
"""Forms that come with the others, or with a function's frame and calls."""


def bodies(mix: Mapping[str, int], seed: int) -> list[Body]:
    """The bodies, smallest first; `mix`: form -> how often the default kernel runs it. The first one calls nothing."""
    draw = random.Random(seed)
    forms = sorted(WORK.keys() & mix.keys())
    weights = [mix[form] for form in forms]
    saves = mix["push"] / mix["ret"] - 1  # registers that a function saves, besides one
    made = []
    for shape in shapes(seed):
        body = _Body(draw, forms, weights)
        made.append(body.made(len(shape.code) - MCOUNT_INSN_SIZE, len(shape.calls), draw.random() < saves))
    return made


class _Body:
    """A body under way."""

    def __init__(self, draw: Draw, forms: list[str], weights: list[int]) -> None:
        self._draw, self._forms, self._weights = draw, forms, weights
        self._code = bytearray()

    def made(self, size: int, calls: int, saves: bool) -> Body:
        """A body of `size` bytes with so many calls; with `saves` RBP is saved and restored too."""
        code = self._code
        code += bytes((0x50 | RBX,)) + (bytes((0x50 | RBP,)) if saves else b"")
        code += bytes.fromhex("4889fb")  # mov %rdi,%rbx: the object
        end = (bytes((0x58 | RBP,)) if saves else b"") + bytes((0x58 | RBX, 0xC3))
        hot, places = min(size - len(end), HOT), []
        for number in range(calls):
            self._work(len(code) + max(0, hot - len(code)) // (calls - number + 1))
            code += bytes((0x48, 0x8B, 0x7B, self._draw.choice(POINTERS)))  # mov (%rbx),%rdi: another object
            places.append(len(code) + 1)
            code += bytes((CALL, 0, 0, 0, 0)) + bytes.fromhex("4801c1")  # add %rax,%rcx
        self._work(hot)
        cold = size - len(code) - len(end) - len(_TEST) - 6
        if cold > 0:
            code += _TEST + b"\x0f\x85" + struct.pack("<i", cold) + bytes((INT3,)) * cold
        return Body(bytes(code + end), tuple(places))

    def _work(self, end: int) -> None:
        """Append instructions drawn from the mix until the code is at least so long."""
        while len(self._code) < end:
            (form,) = self._draw.choices(self._forms, self._weights)
            self._code += WORK[form](self._draw)


def objects(address: int, seed: int) -> bytes:
    """The objects that bodies work on, for that address: each points to others."""
    draw = random.Random(seed)
    out = bytearray(OBJECT * OBJECTS)
    for at in range(0, len(out), OBJECT):
        for pointer in POINTERS:
            struct.pack_into("<Q", out, at + pointer, address + OBJECT * draw.randrange(OBJECTS))
    return bytes(out)
