"""What a kernel source may not say, each with its reason. Looked at after macros, before Keystone."""

from __future__ import annotations

import re

from simkernel import disasm
from simkernel.asm import operands, words
from simkernel.asm.expression import NotConstant, evaluate, parse
from simkernel.asm.operands import split_operands
from simkernel.asm.source import NAME, PREFIXES, Statement

DATA_DIRECTIVES = {".byte": 1, ".2byte": 2, ".short": 2, ".4byte": 4, ".long": 4, ".int": 4, ".8byte": 8, ".quad": 8}
DATA_DIRECTIVES |= {".word": 2, ".hword": 2, ".value": 2}
STRING_DIRECTIVES = {".ascii": b"", ".asciz": b"\0", ".string": b"\0"}  # and what ends each
SPACE_DIRECTIVES = frozenset({".zero", ".skip", ".space", ".fill"})
ALIGN_DIRECTIVE = ".p2align"
ALLOWED = frozenset(DATA_DIRECTIVES) | frozenset(STRING_DIRECTIVES) | SPACE_DIRECTIVES | {ALIGN_DIRECTIVE}

MAX_ALIGN = 12  # 2**12: a page
MAX_SPACE = 0x10_0000  # bytes in one directive

INSTEAD = {
    ".incbin": "a kernel source reads no other file",
    ".include": "a kernel source reads no other file",
    ".org": "Keystone cannot do it; write .fill",
    ".pushsection": "write .section name, and .previous behind it",
    ".popsection": "write .section name, and .previous behind it",
    ".octa": "write two .quad, the low one first",
    ".float": "the kernel computes with integers",
    ".double": "the kernel computes with integers",
    ".end": "leave the line out",
}

NOT_DETERMINISTIC = frozenset(
    "rdtsc rdtscp rdpmc rdrand rdrandw rdrandl rdrandq rdseed rdseedw rdseedl rdseedq".split()
)
PORTS = frozenset("in inb inw inl ins insb insw insl insd out outb outw outl outs outsb outsw outsl outsd".split())
NO_SYSCALLS = frozenset("syscall sysenter sysexit sysexitq sysret sysretq sysretl".split())


def refused_mnemonic(mnemonic: str) -> str | None:
    """Why an instruction may not be in a kernel at all, or None."""
    if mnemonic in NOT_DETERMINISTIC:
        return f"{mnemonic} gives a value of the machine below: the same run would not give the same bytes twice"
    if mnemonic in PORTS:
        return f"{mnemonic} talks to a port, and this machine has none"
    if mnemonic in NO_SYSCALLS:
        return f"{mnemonic} is not simulated: user parts run in ring 0 and enter the kernel by a call"
    if mnemonic == "serialize":
        return "this machine has no serialize; write an iretq to the next instruction, or cpuid"
    return None


def check(statement: Statement) -> int:
    """Refuse what is not allowed; returns the most bytes that the statement can take.

    Raises:
        KernelSourceError: at the statement, with the reason and what to write instead.
        ValueError: an operand is wrong.
    """
    head = statement.head
    if not head:
        return 0
    return _check_directive(statement) if head.startswith(".") else _check_instruction(statement)


def _check_instruction(statement: Statement) -> int:
    mnemonic = mnemonic_of(statement)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*", mnemonic):
        raise statement.error(f"'{shown(mnemonic)}' is not an instruction{_of_symbols(statement)}")
    parts = split_operands(statement.arguments)
    reason = refused_mnemonic(mnemonic) or words.of_other_mode(mnemonic, parts) or _system_call(mnemonic, parts)
    if reason:
        raise statement.error(reason)
    if re.fullmatch(r"nop[wlq]", mnemonic):
        raise statement.error(
            f"Keystone encodes {mnemonic} wrongly; write its bytes, as .byte 0x0f,0x1f,0x44,0x00,0x00"
        )
    for operand in parts:
        operands.spelled(operand)
        if operand.endswith("(%rip)") and not NAME.search(operand.removesuffix("(%rip)")):
            raise statement.error(
                "a constant with (%rip) is taken for a displacement, not for an address; write it alone, or a label"
            )
    return disasm.LONGEST


def _system_call(mnemonic: str, parts: list[str]) -> str:
    """Linux's int $0x80 and xv6's int $64 are system calls elsewhere."""
    if mnemonic == "int" and len(parts) == 1 and parts[0].startswith("$"):
        value = parse(parts[0][1:])
        if value.constant and value.number in (0x40, 0x80):
            return f"int {parts[0]} is a system call elsewhere; a user part makes one here by call entry_SYSCALL_64"
    return ""


def _of_symbols(statement: Statement) -> str:
    if "=" in statement.text:
        return "; a constant is NAME = value, or .set NAME, value"
    return ""


def shown(text: str) -> str:
    """A piece of a source as a message holds it."""
    return text if len(text) <= 80 else text[:77] + "..."


def mnemonic_of(statement: Statement) -> str:
    """The mnemonic without `lock` or `rep` before it."""
    words = statement.text.split()
    if words[0] in PREFIXES:
        if len(words) == 1:
            raise statement.error(f"write {words[0]} on the line of its instruction")
        return words[1]
    return words[0]


def _check_directive(statement: Statement) -> int:
    """The most bytes that a directive can make, if it is allowed; ValueError for a wrong value."""
    head = statement.head
    if head not in ALLOWED:
        reason = INSTEAD.get(head, "it is not one of those that are understood here: " + " ".join(sorted(ALLOWED)))
        raise statement.error(f"{shown(head)} cannot be used: {reason}")
    if not statement.operands:
        raise statement.error(f"{head} needs a value")
    parts = split_operands(statement.operands)
    if head == ALIGN_DIRECTIVE:
        return _check_alignment(statement, parts)
    if head in SPACE_DIRECTIVES:
        return _check_space(statement, parts)
    if head in STRING_DIRECTIVES:
        return len(string_bytes(statement))
    for part in parts:
        operands.data_value(part, DATA_DIRECTIVES[head])
    return len(parts) * DATA_DIRECTIVES[head]


def _check_alignment(statement: Statement, parts: list[str]) -> int:
    power, *rest = parts
    value = constant(power)
    if not 0 <= value <= MAX_ALIGN:
        raise statement.error(f".p2align goes up to {MAX_ALIGN:#x} (a page)")
    if len(rest) > 2:
        raise statement.error(".p2align takes a power of two, a byte to fill with, and the most bytes to fill")
    if rest and rest[0] and not 0 <= constant(rest[0]) <= 0xFF:
        raise statement.error(".p2align fills with a byte")
    if rest[1:] and constant(rest[1]) < 0:
        raise statement.error(".p2align cannot fill with less than no byte")
    return (1 << value) - 1


def _check_space(statement: Statement, parts: list[str]) -> int:
    numbers = [constant(part) for part in parts]
    if len(numbers) > (3 if statement.head == ".fill" else 2):
        raise statement.error(f"{statement.head} has too many values")
    size = numbers[1] if statement.head == ".fill" and len(numbers) > 1 else 1
    if numbers[0] < 0 or not 1 <= size <= 8 or numbers[0] * size > MAX_SPACE:
        raise statement.error(f"{statement.head} may make {MAX_SPACE:#x} bytes at most")
    value = numbers[-1] if len(numbers) > (2 if statement.head == ".fill" else 1) else 0
    if not -(1 << 8 * min(size, 4) - 1) <= value < 1 << 8 * min(size, 4):
        wide = ": .fill has 32 bits for a value; repeat .quad with .rept" if size > 4 else f" in {size:#x} bytes"
        raise statement.error(f"{value:#x} does not fit{wide}")
    return numbers[0] * size


def string_bytes(statement: Statement) -> bytes:
    """What a string directive makes; ValueError if it is wrong."""
    end = STRING_DIRECTIVES[statement.head]
    return b"".join(operands.string(part) + end for part in split_operands(statement.operands))


def constant(text: str) -> int:
    """The value of an operand that must be constant; ValueError where it is none."""
    try:
        return evaluate(text, {})
    except (KeyError, NotConstant):
        raise NotConstant(f"'{shown(text)}' must be a constant") from None
