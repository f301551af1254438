"""The assembled text, read back: each instruction must be the one that its line asked for.

Keystone drops or mistakes some lines without a word. So every statement's bytes are decoded again, and mnemonic,
length, branch target and RIP-relative operand are held against the source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from simkernel import disasm
from simkernel.asm import rules
from simkernel.asm.expression import evaluate
from simkernel.asm.faults import Faults
from simkernel.asm.operands import split_operands
from simkernel.asm.source import Statement

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_REGISTER = re.compile(r"%\w+")
_CONDITIONS = {"z": "e", "nz": "ne", "c": "b", "nae": "b", "nc": "ae", "nb": "ae", "na": "be", "nbe": "a"} | {
    "nge": "l",
    "nl": "ge",
    "ng": "le",
    "nle": "g",
    "pe": "p",
    "po": "np",
}
_SAME = {"sal": "shl", "movabs": "mov", "retq": "ret", "lret": "lretq", "xlatb": "xlat", "cdqe": "cltq", "cqo": "cqto"}


def check_text(
    text: bytes,
    base: int,
    statements: Sequence[Statement],
    places: Sequence[int],
    labels: Mapping[str, int],
    faults: Faults,
) -> None:
    """Hold the bytes of each statement (places[i] up to places[i + 1]) against its source.

    Args:
        text: what Keystone made.
        base: its address.
        statements: in order.
        places: where each begins, and the end of the last.
        labels: address of each, by name.
        faults: gathers the statements whose bytes are not what they say.
    """
    for statement, start, end in zip(statements, places, places[1:], strict=False):
        if not statement.text.endswith(":"):
            with faults.gathering():
                _check_statement(statement, text[start - base : end - base], start, labels)


def _check_statement(statement: Statement, code: bytes, start: int, labels: Mapping[str, int]) -> None:
    found = list(disasm.decode(code, start))
    bad = next((i for i in found if i.mnemonic == "(bad)"), None)
    if bad:
        raise statement.error(f"the bytes {code[:16].hex(' ')} are no instructions; data belongs after .data")
    for instruction in found:
        reason = rules.refused_mnemonic(instruction.mnemonic)
        if reason:
            raise statement.error(reason)
    if not statement.head.startswith("."):
        if len(found) != 1:
            raise statement.error(f"Keystone made {len(found)} instructions of '{statement.text}': {code.hex(' ')}")
        _same_instruction(statement, found[0], labels)


def _same_instruction(statement: Statement, found: disasm.Instruction, labels: Mapping[str, int]) -> None:
    wanted, got = rules.mnemonic_of(statement), found.mnemonic.split()[-1]
    if not _alike(wanted, got):
        raise statement.error(f"Keystone encodes '{statement.text}' as {found.bytes.hex(' ')}, which is {found.text}")
    relative = "(%rip)" in found.op_str
    if relative != ("(%rip)" in statement.operands):
        raise statement.error(f"Keystone encodes '{statement.text}' as {found.text}")
    target, got_to = _wanted_target(statement, labels), found.reference if relative else found.target
    if target is not None and got_to != target:
        where = "nowhere" if got_to is None else f"{got_to:#x}"
        raise statement.error(f"'{statement.text}' was encoded as going to {where} and not to {target:#x}")
    if found.target is None and "(" not in found.mnemonic:
        _check_operands(statement, found, labels)


def _wanted_target(statement: Statement, labels: Mapping[str, int]) -> int | None:
    """The address that a direct branch or a RIP-relative operand names, or None."""
    relative = [part for part in split_operands(statement.arguments) if part.endswith("(%rip)")]
    if relative:
        text = relative[0].removesuffix("(%rip)").lstrip("*")
    elif re.match(r"(j|call|loop)", statement.head) and not re.search(r"[%*]", statement.operands):
        text = statement.operands
    else:
        return None
    value = _value(text, labels)
    return None if value is None else value & _MASK


def _check_operands(statement: Statement, found: disasm.Instruction, labels: Mapping[str, int]) -> None:
    """Registers, immediates and displacements must be those of the source; their number may differ (`shl $1`)."""
    wanted, got = split_operands(statement.arguments), split_operands(found.op_str)
    if len(wanted) != len(got):
        return
    for want, have in zip(wanted, got, strict=True):
        registers = [r for r in _REGISTER.findall(want) if r not in ("%riz", "%eiz")]
        if registers != _REGISTER.findall(have):
            raise statement.error(f"Keystone encodes '{statement.text}' as {found.text}")
        asked, made = _value(_number_of(want), labels), _value(_number_of(have), labels)
        if "(%rip)" in have or asked is None or made is None or asked & _MASK == made & _MASK:
            continue
        negative = (asked & _MASK) - (1 << 64)
        if asked & _MASK < 1 << 63 or negative not in (made - (1 << bits) for bits in (8, 16, 32)):
            raise statement.error(f"{asked:#x} does not fit: Keystone encodes '{statement.text}' as {found.text}")


def _number_of(operand: str) -> str:
    """The constant part of an operand: of `$5`, `%gs:5`, `5(%rax)`, `*5`; "0" if it has none."""
    text = re.sub(r"^\*?(%\w+(:|$))?|^\$", "", operand)
    return re.sub(r"\(([^()]*%[^()]*|,[^()]*)\)$", "", text).strip() or "0"


def _value(text: str, labels: Mapping[str, int]) -> int | None:
    try:
        return evaluate(text, labels)
    except (KeyError, ValueError):
        return None


def _alike(wanted: str, got: str) -> bool:
    """True if two spellings mean one instruction: suffixes and names of conditions may differ."""
    return bool(_spellings(wanted) & _spellings(got))


def _spellings(mnemonic: str) -> set[str]:
    out = {mnemonic}
    if len(mnemonic) > 2 and mnemonic[-1] in "bwlq":
        out.add(mnemonic[:-1])
    for word in list(out):
        match = re.fullmatch(r"(j|set|cmov)(\w+)", word)
        if match and match.group(2) in _CONDITIONS:
            out.add(match.group(1) + _CONDITIONS[match.group(2)])
        if word in _SAME:
            out.add(_SAME[word])
    return out
