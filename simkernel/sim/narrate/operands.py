"""The operands of an instruction with the values that they have for one CPU at one moment.

An instruction comes as text in AT&T syntax, the registers as a dictionary, memory as something that can be read:
enough to say what it reads, without running it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from simkernel.errors import GuestError
from simkernel.kernel import KernelImage, layout
from simkernel.sentence import Sentence

SIZES = {"b": 1, "w": 2, "l": 4, "q": 8}
CONDITIONS = {  # Intel SDM vol. 1, appendix B: the condition in words, when it holds and when not
    "o": ("it overflowed", "it did not overflow"),
    "no": ("it did not overflow", "it overflowed"),
    "b": ("it was below", "it was not below"),
    "ae": ("it was not below", "it was below"),
    "e": ("it was equal or zero", "it was not equal or zero"),
    "ne": ("it was not equal or zero", "it was equal or zero"),
    "be": ("it was not above", "it was above"),
    "a": ("it was above", "it was not above"),
    "s": ("it was negative", "it was not negative"),
    "ns": ("it was not negative", "it was negative"),
    "p": ("its parity was even", "its parity was odd"),
    "np": ("its parity was odd", "its parity was even"),
    "l": ("it was less", "it was not less"),
    "ge": ("it was not less", "it was less"),
    "le": ("it was not greater", "it was greater"),
    "g": ("it was greater", "it was not greater"),
}

PERCPU_WORDS = {
    layout.PCPU_SELF: "its per-CPU base",
    layout.PCPU_NUMBER: "its CPU number",
    layout.PCPU_CURRENT: "its current task",
    layout.PCPU_PREEMPT_COUNT: "its preempt count",
    layout.PCPU_NEED_RESCHED: "its need_resched flag",
    layout.PCPU_CLOCK: "its clock word",
    layout.PCPU_CSD: "its sync request",
    layout.PCPU_HLT: "its idle mark",
    layout.PCPU_ONLINE: "its online mark",
    layout.PCPU_STOP: "its state in stop_machine",
    layout.PCPU_RING_HEAD: "its count of trace records",
    layout.PCPU_RING_OVERRUN: "its count of overwritten records",
    layout.PCPU_RING_TAIL: "its count of consumed records",
    layout.PCPU_TICKS: "its jiffies",
    layout.PCPU_OOPS_REGS: "its oops registers",
    layout.PCPU_OOPS_VECTOR: "its oops vector",
    layout.PCPU_OOPS_ERROR: "its oops error code",
    layout.PCPU_IDLE_TASK: "its idle task",
}

_WIDE = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")
_MEMORY = re.compile(r"(?:%(?P<seg>\w+):)?(?P<disp>-?(?:0x)?[0-9a-fA-F]+)?(?:\((?P<inside>[^)]*)\))?$")


class Readable(Protocol):
    """What can be read at an address: guest memory."""

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at `address`; GuestError where nothing is."""
        ...


def _parts(register: str) -> tuple[str, int, int] | None:
    """(full register, size in bytes, shift in bits) of a general register's name."""
    if register in _WIDE:
        return register, 8, 0
    if (match := re.fullmatch(r"(r(?:8|9|1[0-5]))([dwb]?)", register)) is not None:
        return match[1], {"": 8, "d": 4, "w": 2, "b": 1}[match[2]], 0
    if register[0] == "e" and "r" + register[1:] in _WIDE:
        return "r" + register[1:], 4, 0
    if "r" + register in _WIDE:
        return "r" + register, 2, 0
    if register.endswith("h") and "r" + register[0] + "x" in _WIDE:
        return "r" + register[0] + "x", 1, 8
    if register.endswith("l"):
        full = "r" + (register[:-1] + "x" if len(register) == 2 else register[:-1])
        return (full, 1, 0) if full in _WIDE else None
    return None


@dataclass(frozen=True, slots=True)
class Operand:
    """One operand: an immediate, a register, a place in memory or a jump's target. `size` in bytes, 0: unknown."""

    kind: str  # "imm", "reg", "mem", "target"
    text: str
    size: int = 0
    number: int = 0
    indirect: bool = False


def split(text: str) -> list[str]:
    """The operands of AT&T operand text: commas within parentheses do not part them."""
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    return [*parts, current.strip()] if current.strip() else parts


def parse(text: str) -> Operand:
    """One operand of AT&T syntax."""
    indirect = text.startswith("*")
    text = text.removeprefix("*")
    if text.startswith("$"):
        return Operand("imm", text, number=int(text[1:], 0))
    if re.fullmatch(r"%\w+", text):
        parts = _parts(text[1:])
        return Operand("reg", text[1:], parts[1] if parts else 0, indirect=indirect)
    if not indirect and re.fullmatch(r"(0x)?[0-9a-fA-F]+", text):
        return Operand("target", text, number=int(text, 0))
    return Operand("mem", text, indirect=indirect)


@dataclass(frozen=True)
class Instant:
    """An instruction about to run on one CPU: operands, their values, and words for them.

    `mnemonic` and `operands` are AT&T text; `prefix` is "lock", "rep", ... or "".
    """

    address: int
    length: int
    prefix: str
    mnemonic: str
    text: str
    registers: Mapping[str, int]
    memory: Readable
    image: KernelImage

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        """Its operands, in AT&T's order."""
        return tuple(parse(part) for part in split(self.text))

    @property
    def next(self) -> int:
        """The address behind it."""
        return self.address + self.length

    @cached_property
    def size(self) -> int:
        """The operation's size in bytes: that of its registers, else of the mnemonic's suffix."""
        for operand in reversed(self.operands):
            if operand.kind == "reg" and operand.size:
                return operand.size
        return SIZES.get(self.mnemonic[-1], 8)

    def register(self, name: str) -> int:
        """What a register holds, of any size."""
        parts = _parts(name)
        if parts is None:
            return self.registers.get(name, 0)
        full, size, shift = parts
        return self.registers.get(full, 0) >> shift & mask(size)

    def where(self, operand: Operand) -> int:
        """The address of an operand in memory."""
        match = _MEMORY.fullmatch(operand.text)
        if match is None:
            raise ValueError(f"not an operand in memory: {operand.text}")
        address = int(match["disp"] or "0", 0)
        if match["seg"] == "gs":
            address += self.registers.get("gs_base", 0)
        inside = [part.strip() for part in (match["inside"] or "").split(",")]
        for at, part in enumerate(inside[:2]):
            name = part.removeprefix("%")
            if name in ("", "riz", "eiz"):
                continue
            value = self.next if name == "rip" else self.register(name)
            address += value * (int(inside[2], 0) if at == 1 and len(inside) == 3 else 1)
        return address & mask(8)

    def load(self, address: int, size: int) -> int | None:
        """The value in memory; None where it cannot be read."""
        try:
            return int.from_bytes(self.memory.read(address, size), "little")
        except GuestError:
            return None

    def value(self, operand: Operand, size: int = 0) -> int | None:
        """What the operand holds now; None where memory cannot be read."""
        size = size or operand.size or self.size
        if operand.kind in ("imm", "target"):
            return operand.number & mask(size)
        if operand.kind == "reg":
            return self.register(operand.text) & mask(size)
        return self.load(self.where(operand), size)

    def name(self, operand: Operand) -> str:
        """Words for the operand's place: "RAX", "its preempt count at 0x...", "jiffies at 0x..."."""
        if operand.kind == "reg":
            return operand.text.upper()
        if operand.kind != "mem":
            return number(operand.number)
        return self.place(self.where(operand), operand.text)

    def place(self, address: int, text: str = "") -> str:
        """Words for a place in memory."""
        own = address - self.registers.get("gs_base", 0)
        if own in PERCPU_WORDS and 0 <= own < layout.PERCPU_SIZE:
            return f"{PERCPU_WORDS[own]} at {number(address)}"
        if "rsp" in text:
            return f"the stack at {number(address)}"
        symbol = self.image.owner(address)
        return f"{self.image.symbolize(address)} at {number(address)}" if symbol else number(address)

    def holds(self, operand: Operand, size: int = 0) -> str:
        """Words for the operand's value: "RAX's 0x5", "0x5", "0x5 from ..."."""
        value = self.value(operand, size)
        if operand.kind == "imm":
            return number(value)
        if operand.kind == "reg":
            return f"{self.name(operand)}'s {number(value)}"
        return f"{number(value)} from {self.name(operand)}"

    def code(self, address: int) -> Sentence:
        """Words for a place in the code."""
        return self.image.code_name(address)


def mask(size: int) -> int:
    """All ones in so many bytes."""
    return (1 << 8 * size) - 1


def signed(value: int, size: int) -> int:
    """The value as a two's complement number of `size` bytes."""
    return value - (1 << 8 * size) if value >> (8 * size - 1) & 1 else value


def number(value: int | None) -> str:
    """A value as the sentences print it; what cannot be read is said to be so."""
    return "an unreadable value" if value is None else f"{value:#x}"


def condition_holds(code: str, eflags: int) -> bool:
    """Whether a condition (`e`, `ne`, `b`, ...) holds under these flags (Intel SDM vol. 1, appendix B)."""
    carry, parity, zero = eflags & 1, eflags >> 2 & 1, eflags >> 6 & 1
    sign, overflow = eflags >> 7 & 1, eflags >> 11 & 1
    positive = {
        "o": overflow,
        "b": carry,
        "e": zero,
        "be": carry | zero,
        "s": sign,
        "p": parity,
        "l": sign ^ overflow,
        "le": zero | (sign ^ overflow),
    }
    if code in positive:
        return bool(positive[code])
    opposite = {"no": "o", "ae": "b", "ne": "e", "a": "be", "ns": "s", "np": "p", "ge": "l", "g": "le"}
    return not positive[opposite[code]]
