"""What a kernel source may not say, each with its reason. Looked at after macros, before Keystone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from simkernel import disasm
from simkernel.asm.expression import evaluate
from simkernel.asm.macros import split_operands
from simkernel.asm.source import NAME, PREFIXES, Statement

DATA_DIRECTIVES = {".byte": 1, ".2byte": 2, ".short": 2, ".4byte": 4, ".long": 4, ".int": 4, ".8byte": 8, ".quad": 8}
STRING_DIRECTIVES = frozenset({".ascii", ".asciz", ".string"})
SPACE_DIRECTIVES = frozenset({".zero", ".skip", ".space", ".fill"})
ALIGN_DIRECTIVE = ".p2align"
ALLOWED = frozenset(DATA_DIRECTIVES) | STRING_DIRECTIVES | SPACE_DIRECTIVES | {ALIGN_DIRECTIVE}

MAX_ALIGN = 12  # 2**12: a page
MAX_SPACE = 0x10_0000  # bytes in one directive

INSTEAD = {
    ".incbin": "a kernel source reads no other file",
    ".include": "a kernel source reads no other file",
    ".globl": "every name is global here; Keystone would make a later .quad of it 0",
    ".global": "every name is global here; Keystone would make a later .quad of it 0",
    ".align": "Keystone drops it; write .p2align with the power of two",
    ".balign": "Keystone drops it; write .p2align with the power of two",
    ".section": "write .text, .data, or .bss for data that begins as zeroes",
    ".org": "Keystone cannot do it; write .fill",
}

NOT_DETERMINISTIC = frozenset(
    "rdtsc rdtscp rdpmc rdrand rdrandw rdrandl rdrandq rdseed rdseedw rdseedl rdseedq".split()
)
PORTS = frozenset("in inb inw inl ins insb insw insl insd out outb outw outl outs outsb outsw outsl outsd".split())
NO_SYSCALLS = frozenset("syscall sysenter sysexit sysexitq sysret sysretq sysretl".split())
BY_BYTES = {"endbr64": ".byte 0xf3,0x0f,0x1e,0xfa"}


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


def check(statement: Statement, constants: Mapping[str, int]) -> int:
    """Refuse what is not allowed; returns the most bytes that the statement can take.

    Raises:
        KernelSourceError: at the statement, with the reason and what to write instead.
    """
    head = statement.head
    if not head:
        return 0
    if head.startswith("."):
        return _check_directive(statement, constants)
    mnemonic = mnemonic_of(statement)
    reason = refused_mnemonic(mnemonic)
    if reason:
        raise statement.error(reason)
    if re.fullmatch(r"nop[wlq]", mnemonic):
        raise statement.error(
            f"Keystone encodes {mnemonic} wrongly; write its bytes, as .byte 0x0f,0x1f,0x44,0x00,0x00"
        )
    if mnemonic in BY_BYTES:
        raise statement.error(f"Keystone does not know {mnemonic}; write {BY_BYTES[mnemonic]}")
    for operand in split_operands(statement.arguments):
        if operand.endswith("(%rip)") and not NAME.search(operand.removesuffix("(%rip)")):
            raise statement.error(
                "a constant with (%rip) is taken for a displacement, not for an address; write it alone, or a label"
            )
    return disasm.LONGEST


def mnemonic_of(statement: Statement) -> str:
    """The mnemonic without `lock` or `rep` before it."""
    words = statement.text.split()
    if words[0] in PREFIXES:
        if len(words) == 1:
            raise statement.error(f"write {words[0]} on the line of its instruction")
        return words[1]
    return words[0]


def _check_directive(statement: Statement, constants: Mapping[str, int]) -> int:
    """The most bytes that a directive can make, if it is allowed."""
    head = statement.head
    if head not in ALLOWED:
        reason = INSTEAD.get(head, "it is not one of those that are understood here: " + " ".join(sorted(ALLOWED)))
        raise statement.error(f"{head} cannot be used: {reason}")
    if not statement.operands:
        raise statement.error(f"{head} needs a value")
    if head == ALIGN_DIRECTIVE:
        power, *rest = split_operands(statement.operands)
        value = constant(statement, power, constants)
        if not 0 <= value <= MAX_ALIGN:
            raise statement.error(f".p2align goes up to {MAX_ALIGN:#x} (a page)")
        if len(rest) > 1:
            raise statement.error(".p2align takes a power of two and a byte to fill with")
        return (1 << value) - 1
    if head in SPACE_DIRECTIVES:
        count, *rest = split_operands(statement.operands)
        times = constant(statement, count, constants)
        size = constant(statement, rest[0], constants) if head == ".fill" and rest else 1
        if times < 0 or not 1 <= size <= 8 or times * size > MAX_SPACE:
            raise statement.error(f"{head} may make {MAX_SPACE:#x} bytes at most")
        return times * size
    if head in STRING_DIRECTIVES:
        return len(statement.operands)
    return len(split_operands(statement.operands)) * DATA_DIRECTIVES[head]


def constant(statement: Statement, text: str, constants: Mapping[str, int]) -> int:
    """The value of an operand that must be constant."""
    try:
        return evaluate(text, constants)
    except (ValueError, KeyError) as error:
        raise statement.error(f"'{text}' must be a constant") from error
