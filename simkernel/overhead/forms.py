"""Instructions by form: what a cost table tells apart. `mov`, `mov load` and `mov store` are three."""

from __future__ import annotations

from simkernel.disasm import Instruction

_READS_ONLY = frozenset("cmp test bt call jmp push mul div imul".split())  # a memory operand at the end is read
_WRITES_ANY = frozenset(("xadd", "xchg"))  # a memory operand is written wherever it stands
_SUFFIXES = "bwlq"
_SUFFIXED = frozenset("mov cmp test add sub and or xor inc dec call push bt bts btr imul".split())
_ONE_FORM = frozenset(("nop", "lea", "ret"))


def form_of(instruction: Instruction) -> str:
    """The form of an instruction as Capstone spells it: its name without a size, then ` load` or ` store`.

    An instruction that reads and writes its operand is a store; PUSH, POP, CALL and RET are named without their stack.
    """
    prefix, _, name = instruction.mnemonic.rpartition(" ")
    if name[-1] in _SUFFIXES and name[:-1] in _SUFFIXED | _ONE_FORM:
        name = name[:-1]
    form = f"{prefix} {name}".strip()
    operands = instruction.op_str
    if name in _ONE_FORM or not ("(" in operands or "s:" in operands):
        return form
    in_last = operands.endswith(")") or "s:" in operands.rpartition(",")[2]
    written = name in _WRITES_ANY or (in_last and name not in _READS_ONLY)
    return f"{form} store" if written else f"{form} load"
