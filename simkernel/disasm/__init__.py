"""The only door to Capstone: bytes in, instructions out, in AT&T or Intel syntax and in gdb's layout.

A byte that begins no instruction is `(bad)`, one byte long, and decoding goes on behind it, as GNU objdump does.
Spelling is GNU's where Capstone's differs; the tests hold every line of the kernel against objdump.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import capstone

from simkernel.disasm import gnu

Syntax = Literal["att", "intel"]
LONGEST = 15  # bytes of an x86 instruction (SDM vol. 2A, 2.3.11)

_CONDITIONAL = frozenset(
    "ja jae jb jbe je jg jge jl jle jne jno jnp jns jo jp js jcxz jecxz jrcxz loop loope loopne".split()
)
_DIRECT = _CONDITIONAL | {"jmp", "call"}
_BARE = re.compile(
    r"(^|[ :*])\(|\[(?:[^\]]*[-+] )?[a-z]\w*(?:\*[0-9])?\]"
)  # a memory operand that shows no displacement
_RELATIVE = re.compile(r"(?P<att>-?0x[0-9a-f]+)?\(%rip\)|\[rip(?P<intel>[-+]0x[0-9a-f]+)?\]")
_MASK = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Instruction:
    """One decoded instruction.

    Attributes:
        address, size, bytes: where it is and what it is made of.
        mnemonic, op_str: its text; mnemonic is "(bad)" for a byte that begins no instruction.
        target: where a direct branch goes, else None.
        reference: the address that a RIP-relative operand names, else None.
    """

    address: int
    size: int
    bytes: bytes
    mnemonic: str
    op_str: str
    target: int | None
    reference: int | None = None

    @property
    def text(self) -> str:
        """Mnemonic and operands."""
        return f"{self.mnemonic} {self.op_str}".strip()

    @property
    def _name(self) -> str:
        return self.mnemonic.split()[-1]

    @property
    def is_bad(self) -> bool:
        """A byte that begins no instruction."""
        return self.mnemonic == "(bad)"

    @property
    def is_call(self) -> bool:
        """A call, near or far."""
        return self._name in ("call", "lcall")

    @property
    def is_ret(self) -> bool:
        """A return, near or far, but not from an interrupt."""
        return self._name in ("ret", "lret", "lretq", "retf", "retfq")

    @property
    def is_cond(self) -> bool:
        """A conditional branch."""
        return self._name in _CONDITIONAL

    @property
    def is_branch(self) -> bool:
        """A jump, conditional or not; calls and returns are none."""
        return self.is_cond or self._name in ("jmp", "ljmp")

    @property
    def is_iret(self) -> bool:
        """A return from an interrupt: it serializes."""
        return self._name in ("iret", "iretd", "iretq")


@functools.cache
def _engine(syntax: Syntax, detail: bool = False) -> Any:
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.syntax = capstone.CS_OPT_SYNTAX_ATT if syntax == "att" else capstone.CS_OPT_SYNTAX_INTEL
    engine.detail = detail
    return engine


def decode(code: bytes, address: int, syntax: Syntax = "att") -> Iterator[Instruction]:
    """Decode all of `code`, which stands at `address`."""
    engine = _engine(syntax)
    at = 0
    while at < len(code):
        for start, size, mnemonic, op_str in engine.disasm_lite(code[at:], address + at):
            raw, at = code[at : at + size], at + size
            yield _instruction(start, raw, mnemonic, op_str, syntax)
        if at < len(code):
            yield Instruction(address + at, 1, code[at : at + 1], "(bad)", "", None, None)
            at += 1


def _instruction(address: int, raw: bytes, mnemonic: str, op_str: str, syntax: Syntax) -> Instruction:
    bare = _BARE.search(op_str) is not None
    mnemonic, op_str = (gnu.att if syntax == "att" else gnu.intel)(mnemonic, op_str, bare and _has_displacement(raw))
    target = reference = None
    if "rip" in op_str and (match := _RELATIVE.search(op_str)) is not None:
        displacement = int((match["att"] or match["intel"] or "0"), 16)
        reference = (address + len(raw) + displacement) & _MASK
    elif op_str.startswith("0x") and mnemonic.split()[-1] in _DIRECT and "," not in op_str:
        target = int(op_str, 16)
    return Instruction(address, len(raw), raw, mnemonic, op_str, target, reference)


def _has_displacement(raw: bytes) -> bool:
    """True if an instruction has a displacement in its bytes."""
    for instruction in _engine("att", detail=True).disasm(raw, 0, 1):
        return int(instruction.disp_size) > 0
    return False


def length(code: bytes, address: int = 0) -> int:
    """The length of the first instruction of `code`: 1 if no instruction begins so."""
    for _start, size, _mnemonic, _op_str in _engine("att").disasm_lite(code[:LONGEST], address, 1):
        return int(size)
    return 1


def whole(code: bytes, address: int) -> Iterator[tuple[int, int]]:
    """(address, length) of each instruction of `code`, up to the first byte that begins none."""
    for start, size, _mnemonic, _op_str in _engine("att").disasm_lite(code, address):
        yield start, size


def lengths(code: bytes, address: int) -> Iterator[tuple[int, int]]:
    """(address, length) of each instruction of `code`: `decode` without the text, for large texts."""
    at = 0
    while at < len(code):
        for start, size in whole(code[at:], address + at):
            at = start - address + size
            yield start, size
        if at < len(code):
            yield address + at, 1
            at += 1


def listing(
    instructions: Iterable[Instruction],
    start: int,
    symbolize: Callable[[int], str] | None = None,
    with_bytes: bool = False,
) -> Iterator[str]:
    """Lines as gdb's `disassemble` prints them (with `/r` if `with_bytes`); `start` is the function's address.

    `symbolize` gives `name` or `name+0x5` for an address, or a number where there is no name.
    """
    for instruction in instructions:
        yield listing_line(instruction, start, symbolize, with_bytes)


def listing_line(
    instruction: Instruction, start: int, symbolize: Callable[[int], str] | None = None, with_bytes: bool = False
) -> str:
    """One line of `listing`."""
    raw = f"{instruction.bytes.hex(' '):<19}\t" if with_bytes else ""
    text = f"{instruction.mnemonic:<6} {instruction.op_str}".rstrip()
    if instruction.target is not None:
        text += _name(instruction.target, symbolize)
    if instruction.reference is not None:
        text += f"        # {instruction.reference:#x}{_name(instruction.reference, symbolize)}"
    return f"   {instruction.address:#018x} <+{instruction.address - start}>:\t{raw}{text}"


def _name(address: int, symbolize: Callable[[int], str] | None) -> str:
    """` <name+5>`, the offset in decimal as gdb prints it; "" where there is no name."""
    name = symbolize(address) if symbolize else ""
    if not name or name.startswith("0x"):
        return ""
    return f" <{re.sub(r'[+]0x([0-9a-f]+)$', lambda m: f'+{int(m[1], 16)}', name)}>"
