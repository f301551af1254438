"""The operands of a statement, read here and written anew for Keystone.

It misreads decimals, has another idea of operators than GNU as, takes some names for 0, and never comes back from some
wrong operands. So it only gets registers, hexadecimal numbers, and labels plus or minus a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from simkernel.asm.expression import character, parse

_CLOSED_CHARACTER = re.compile(r"'(?:\\.|[^\\'])'")
_REGISTER = re.compile(r"%[a-z][a-z0-9]*(\([0-7]\))?$")
_GROUPS = re.compile(r"[\"'(\\]")
_STRING = re.compile(r'"((?:\\.|[^"\\])*)"')
# what stands before and behind the expression of a memory operand
_BEFORE = re.compile(r"(\*?)\s*(%[c-gs]s\s*:)?\s*(\$?)")
_BASED = re.compile(
    r"\(\s*(%[a-z][a-z0-9]*)?\s*(?:,\s*(%[a-z][a-z0-9]*)?\s*(?:,\s*([^()%,]*?))?\s*)?\)$",
)
_REGISTERS = frozenset(
    "al ah bl bh cl ch dl dh spl bpl sil dil ax bx cx dx sp bp si di eax ebx ecx edx esp ebp esi edi "
    "rax rbx rcx rdx rsp rbp rsi rdi rip eip riz eiz cs ds es fs gs ss st "
    "cr0 cr2 cr3 cr4 cr8 db0 db1 db2 db3 db6 db7".split()
    + [f"r{n}{size}" for n in range(8, 16) for size in ("", "d", "w", "b")]
    + [
        f"{bank}{n}"
        for bank, many in (("xmm", 32), ("ymm", 32), ("zmm", 32), ("mm", 8), ("dr", 8))
        for n in range(many)
    ]
)


def split_operands(text: str) -> list[str]:
    """Cut at commas outside of parentheses, strings and characters."""
    if not _GROUPS.search(text):
        return [part.strip() for part in text.split(",")] if text.strip() else []
    parts, depth, quoted, current, i = [], 0, False, "", 0
    while i < len(text):
        letter = text[i]
        if letter == "\\" and quoted:
            current, i = current + text[i : i + 2], i + 2
            continue
        closed = None if quoted or letter != "'" else _CLOSED_CHARACTER.match(text, i)
        if closed:
            current, i = current + closed.group(), closed.end()
            continue
        quoted ^= letter == '"'
        if not quoted:
            depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0 and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += letter
        i += 1
    return [*parts, current.strip()] if text.strip() else []


@lru_cache(maxsize=1 << 14)
def is_register(word: str) -> bool:
    """True for the name of a register, without its %."""
    return word in _REGISTERS


@lru_cache(maxsize=1 << 14)
def spelled(operand: str, label: Callable[[str], str] = str) -> str:
    """One operand of an instruction as Keystone reads it.

    Raises:
        ValueError: it is none; the message says what is wrong with it.
    """
    if not operand:
        raise ValueError("an operand is missing: there is nothing before or behind a comma")
    if re.fullmatch(r"\*?\s*%[\w()]+", operand):
        register = operand.lstrip("* ")
        _known_register(register)
        return ("*" if operand[0] == "*" else "") + register
    before = _BEFORE.match(operand)
    star, segment, dollar = before.groups() if before else ("", "", "")
    rest = operand[before.end() if before else 0 :].strip()
    based = _BASED.search(rest)
    if dollar:
        return f"{star}${_expression(rest, label)}"
    ends = ""
    if based and (based.group(1) or based.group(2)):
        base, index, scale = based.groups()
        for register in (base, index):
            _known_register(register or "%rax")
        ends = f"({base or ''}" + (f",{index}" if index else "") + (f",{_scale(scale)}" if scale else "") + ")"
        rest = rest[: based.start()].strip()
    shown = _expression(rest, label) if rest or not ends else ""
    return star + re.sub(r"\s", "", segment or "") + shown + ends


def _known_register(register: str) -> None:
    if not _REGISTER.match(register) or not is_register(register[1:].partition("(")[0]):
        raise ValueError(f"there is no register {register}")


def _scale(text: str) -> str:
    value = parse(text)
    if not value.constant or value.number not in (1, 2, 4, 8):
        raise ValueError(f"an index can be scaled by 1, 2, 4 or 8, and not by {text}")
    return value.spelled()


def _expression(text: str, label: Callable[[str], str]) -> str:
    bare = text.strip()
    if re.search(r"\[|(?i:\bptr\b)", bare):
        raise ValueError(
            f"'{bare}': this is Intel syntax; AT&T's is 0x8(%rdi), and movb, movw, movl, movq say the size"
        )
    if "%" in bare and re.search(r"%[a-z]", bare):
        raise ValueError(f"'{bare}' is not an operand: one is %reg, $number, name, or offset(%base,%index,scale)")
    return parse(bare).spelled(label)


def data_value(operand: str, size: int, label: Callable[[str], str] = str) -> str:
    """One value of a data directive of `size` bytes as Keystone reads it.

    Raises:
        ValueError: it is not a value, or too large.
    """
    if not operand:
        raise ValueError("a value is missing: there is nothing before or behind a comma")
    value = parse(operand)
    if value.constant and not -(1 << 8 * size - 1) <= value.number < 1 << 8 * size:
        raise ValueError(f"{value.number:#x} does not fit in {size} byte{'s' * (size > 1)}")
    if size < 8 and len(value.plus) != len(value.minus):
        raise ValueError(
            f"an address has 64 bits, which {size} byte{'s' * (size > 1)} cannot hold: write .quad {operand}"
        )
    return value.spelled(label)


def string(text: str) -> bytes:
    """The bytes of the strings "a" or "a" "b"; what is not ASCII is UTF-8.

    Raises:
        ValueError: it is not made of strings only, or has an escape that there is not.
    """
    parts = _STRING.findall(text)
    if not parts or _STRING.sub("", text).strip():
        raise ValueError('a string stands in "double quotes"')
    return b"".join(_bytes_of(part) for part in parts)


def _bytes_of(text: str) -> bytes:
    return b"".join(_piece(match.group()) for match in re.finditer(r"\\[0-9]{1,3}|\\[xX][0-9a-fA-F]+|\\.|[^\\]", text))


def _piece(piece: str) -> bytes:
    """A character of a string, or an escape; to GNU as 8 and 9 are octal digits, and only the last byte is kept."""
    if piece[0] != "\\":
        return piece.encode()
    if piece[1].isdigit():
        return bytes([sum(int(digit) << 3 * i for i, digit in enumerate(reversed(piece[1:]))) & 0xFF])
    if piece[1] in "xX" and len(piece) > 2:
        return bytes([int(piece[2:], 16) & 0xFF])
    return bytes([character(piece)])
