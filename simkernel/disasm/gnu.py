"""Capstone's AT&T and Intel text respelled as GNU objdump and gdb spell it.

Capstone writes `movq %rsp, %rbp`, `addq $-8, %rsp`, `callq 0x..`; GNU `mov %rsp,%rbp`, `add $0xfffffffffffffff8,%rsp`,
`call 0x..`. The tables below are the differences. Each row is needed by a line of the kernel, or of the table in
`tests/test_disasm.py` where the bytes may come from a learner's kernel or be torn: `tests/test_objdump.py` checks both.
"""

from __future__ import annotations

import re

# Mnemonics whose size suffix GNU leaves out where a register operand shows the size.
_SIZED = frozenset(
    "mov movabs lea xchg push pop add adc sub sbb and or xor not neg inc dec cmp test mul imul div idiv shl shr sar "
    "rol ror shrd bt btr bts bsf bsr bswap popcnt tzcnt nop xadd cmpxchg ltr".split()
)
_SHIFTS = frozenset("shl shr sar rol ror".split())
# Mnemonics that GNU writes without a suffix in 64-bit code, whatever their operands.
_NEVER = {
    "callq": "call",
    "jmpq": "jmp",
    "pushq": "push",
    "popq": "pop",
    "retq": "ret",
    "pushfq": "pushf",
    "popfq": "popf",
    "lgdtq": "lgdt",
    "lidtq": "lidt",
}
_POINTERS = {"BYTE PTR": 8, "WORD PTR": 16, "DWORD PTR": 32, "QWORD PTR": 64}
_POINTER = re.compile(r"\b(byte|word|dword|qword|xmmword|fword) ptr\b")
_STRINGS = {
    "movs": "%ds:(%rsi),%es:(%rdi)",
    "cmps": "%es:(%rdi),%ds:(%rsi)",
    "stos": "{a},%es:(%rdi)",
    "lods": "%ds:(%rsi),{a}",
    "scas": "%es:(%rdi),{a}",
}
_ACCUMULATOR = {"b": "%al", "w": "%ax", "l": "%eax", "q": "%rax"}
_BITS = {"b": 8, "w": 16, "l": 32, "q": 64}

_IMMEDIATE = re.compile(r"\$(-?)(0x[0-9a-f]+|[0-9]+)")
_DISPLACEMENT = re.compile(r"(?<![\w$,])(-?)([0-9]+)(?=\()")
_ABSOLUTE = re.compile(r"(?<=:)([0-9]+)$|^(\*?)([0-9]+)$")
_ATT_MEMORY = re.compile(r"\((%\w+)?,(%\w+)\)")


def att(mnemonic: str, op_str: str, zero_displacement: bool) -> tuple[str, str]:
    """GNU's mnemonic and operands for Capstone's AT&T ones.

    Args:
        mnemonic: Capstone's.
        op_str: its operands.
        zero_displacement: the encoding has a displacement of 0, which GNU prints and Capstone does not.
    """
    *prefix, name = mnemonic.split()
    size = name[-1] if name[-1] in _BITS and (name[:-1] in _SIZED or name in _NEVER or name[:4] == "cmov") else ""
    bits = _BITS.get(size or name[-1], 64)
    operands = [_operand(part, bits, zero_displacement) for part in _split(op_str)]
    stem = name[:-1]
    if stem in _STRINGS and size == "" and name[-1] in _BITS and op_str:
        return " ".join([*_prefixes(prefix), _string_name(name)]), _STRINGS[stem].format(a=_ACCUMULATOR[name[-1]])
    if name in _NEVER:
        name = _NEVER[name]
    elif size and (stem in _SIZED or _conditional_move(stem)) and _shows_size(stem, operands):
        name = stem
    if name in _SHIFTS and len(operands) == 2 and operands[0] == "$0x1":
        operands = operands[1:]
    return " ".join([*_prefixes(prefix), name]), ",".join(operands)


def _prefixes(words: list[str]) -> list[str]:
    return ["repnz" if word == "repne" else word for word in words]


def _conditional_move(stem: str) -> bool:
    return stem.startswith("cmov") and len(stem) > 4


def _shows_size(stem: str, operands: list[str]) -> bool:
    """True if a register among the operands says how wide the operation is."""
    shown = operands[-1:] if stem in _SHIFTS else operands
    return any(operand.startswith("%") and not set(":(") & set(operand) for operand in shown)


def _string_name(name: str) -> str:
    """GNU: movsb, movsw, movsl, movsq for moves; stos, lods, scas alone (their register shows the size)."""
    return name if name[:4] in ("movs", "cmps") else name[:4]


def _split(op_str: str) -> list[str]:
    """Operands, without blanks; commas in parentheses do not part them."""
    return re.split(r",(?![^(]*\))", op_str.replace(" ", "")) if op_str else []


def _operand(text: str, bits: int, zero_displacement: bool) -> str:
    if text.startswith("$"):
        return _IMMEDIATE.sub(lambda m: _hex_immediate(m, bits), text)
    text = _DISPLACEMENT.sub(lambda m: f"{m.group(1)}{int(m.group(2)):#x}", text)
    text = _ABSOLUTE.sub(lambda m: f"{m.group(2) or ''}{int(m.group(1) or m.group(3)):#x}", text)
    text = _ATT_MEMORY.sub(lambda m: f"({m.group(1) or ''},{m.group(2)},1)", text)
    if zero_displacement and "(" in text:
        head, _, inside = text.partition("(")
        if head == "" or head.endswith((":", "*")):
            text = f"{head}0x0({inside}"
    return text


def _hex_immediate(match: re.Match[str], bits: int) -> str:
    value = int(match.group(2), 0) * (-1 if match.group(1) else 1)
    return f"${value & ((1 << bits) - 1):#x}"


def intel(mnemonic: str, op_str: str, zero_displacement: bool) -> tuple[str, str]:
    """GNU's mnemonic and operands (`-M intel`) for Capstone's Intel ones; arguments as for `att`."""
    text = _POINTER.sub(lambda m: m.group().upper(), op_str)
    text = re.sub(r" ([-+*]) ", r"\1", text).replace(", ", ",")
    text = re.sub(r"(?<!:)(?=\[0x)", "ds:", text)
    text = re.sub(r"(?<=[dgf]s:)\[(0x[0-9a-f]+|[0-9]+)\]", r"\1", text)
    text = re.sub(r"\[(\w+)\+(r\w+)(?=[-+\]])", r"[\1+\2*1", text)
    by_one = ",1" if mnemonic.split()[-1] in _SHIFTS and text.endswith(",1") else ""
    text = text.removesuffix(by_one)
    text = re.sub(r"(?<![\w.*])([0-9]+)(?![\w.])", lambda m: f"{int(m.group(1)):#x}", text)
    text = re.sub(r"(?<![\w\]])-0x[0-9a-f]+$", lambda m: _unsigned(m.group(), text), text)
    text = re.sub(r"\[rip-(0x[0-9a-f]+)\]", lambda m: f"[rip+{-int(m.group(1), 16) & (1 << 64) - 1:#x}]", text)
    if zero_displacement:
        text = re.sub(r"\[([^\]]*)\]", lambda m: m.group() if "0x" in m.group(1) else f"[{m.group(1)}+0x0]", text)
    *prefix, name = mnemonic.split()
    if name[:-1] in _STRINGS and name[-1] in "bwdq" and "[" in text:
        name, text = name[:-1], text.replace("[rdi]", "es:[rdi]").replace("[rsi]", "ds:[rsi]")
    return " ".join([*_prefixes(prefix), _NEVER.get(name, name)]), text + by_one


def _unsigned(number: str, operands: str) -> str:
    """A negative immediate as GNU prints it: at the width of the operation."""
    first = operands.partition(",")[0]
    bits = next((bits for word, bits in _POINTERS.items() if first.startswith(word)), 0)
    bits = bits or {"r": 64, "e": 32}.get(first[0], 64)
    return f"{int(number, 16) & ((1 << bits) - 1):#x}"
