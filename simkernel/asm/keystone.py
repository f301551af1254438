"""The only door to Keystone 0.9.2, with the ways around its faults.

* One statement of ours is one line for it, macros are expanded before (`macros.py`), operands are written anew
  (`operands.py`), and what it does not know (endbr64, the escapes of a string) is given as bytes.
* `%gs:0x10` without a base register becomes `%gs:0x10(,%riz)`: Keystone encodes loads of it relative to RIP, wrongly.
* It reports no place. `refused` assembles statement by statement and so finds all of them.
* `(None, 0)` from it is an error too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from simkernel.asm import operands, rules
from simkernel.asm.expression import parse
from simkernel.asm.operands import split_operands
from simkernel.asm.source import NAME, PREFIXES, Statement
from simkernel.errors import KernelSourceError, LearnerError

_SEGMENT_ABSOLUTE = re.compile(r"(%[fg]s:[^,%()]+|%[fg]s:\([^()%]*\))(?=\s*(,|$))")
_DATA = {1: ".byte", 2: ".short", 4: ".long", 8: ".quad"}
_INSTEAD = {"endbr64": ".byte 0xf3,0xf,0x1e,0xfa"}

Watch = Callable[[Statement | None], None]


def available() -> bool:
    """True if Keystone can be imported here."""
    try:
        import keystone  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def _open() -> Any:
    try:
        import keystone
    except (ImportError, OSError) as error:
        raise LearnerError(
            "--kernel FILE.S and the variants none, mcount and flag of overhead need the Keystone assembler "
            f"(keystone-engine 0.9.2), and it cannot be imported here: {error}. It has ready-made packages for x86-64 "
            "Linux (glibc), macOS and Windows only, and its sources do not build with today's CMake. All else works "
            "without it: the default kernel comes assembled and --functions N is encoded in Python."
        ) from error
    engine = keystone.Ks(keystone.KS_ARCH_X86, keystone.KS_MODE_64)
    engine.syntax = keystone.KS_OPT_SYNTAX_ATT
    return engine


def spelled(statement: Statement, label: Callable[[str], str] = str) -> str:
    """The statement as Keystone gets it, for one that `rules.check` lets pass.

    Args:
        statement: of the source.
        label: gives the name to write for each label.
    """
    head = statement.head
    if not head or not statement.operands:
        return _INSTEAD.get(head, statement.text)
    if head in PREFIXES:
        return f"{head} {spelled(replace(statement, text=statement.operands), label)}"
    parts = split_operands(statement.operands)
    if head in rules.STRING_DIRECTIVES:
        return ".byte " + ",".join(f"{byte:#x}" for byte in made) if (made := rules.string_bytes(statement)) else ""
    if head in rules.DATA_DIRECTIVES:
        size = rules.DATA_DIRECTIVES[head]
        return f"{_DATA[size]} " + ",".join(operands.data_value(part, size, label) for part in parts)
    if head.startswith("."):
        return f"{head} " + ",".join(parse(part).spelled() if part else "" for part in parts)
    text = f"{head} " + ", ".join(operands.spelled(part, label) for part in parts)
    return _SEGMENT_ABSOLUTE.sub(r"\1(,%riz)", text) if "%gs:" in text or "%fs:" in text else text


def assemble_unit(lines: Sequence[str], base: int) -> bytes | None:
    """The bytes of a unit at address `base`, or None if Keystone refuses it. LearnerError without Keystone."""
    engine = _open()
    import keystone

    try:
        code, _count = engine.asm("\n".join(lines), base, as_bytes=True)
    except keystone.KsError:
        return None
    return bytes(code) if code is not None else None


def refused(statements: Iterable[Statement], base: int, watch: Watch | None = None) -> Iterator[KernelSourceError]:
    """An error for each statement that Keystone does not assemble when it stands alone.

    Args:
        statements: of one part, in order.
        base: the address of the first.
        watch: is called with each statement before Keystone gets it, and with None behind the last: Keystone does not
            come back from some wrong lines.
    """
    engine = _open()
    known: dict[str, str | None] = {}
    for statement in statements:
        if not statement.head or statement.head == rules.ALIGN_DIRECTIVE:
            continue
        line = spelled(statement, _stand_in)
        if line not in known:
            if watch:
                watch(statement)
            known[line] = _fault(engine, statement, line, base)
        message = known[line]
        if message:
            yield statement.error(f"Keystone cannot assemble '{rules.shown(statement.text)}': {message}")
    if watch:
        watch(None)


def _stand_in(name: str) -> str:
    return name if name == "." else "stand_in"


def _fault(engine: Any, statement: Statement, line: str, base: int) -> str | None:
    """What Keystone has against a line whose labels are all `stand_in`, an address a little further on."""
    import keystone

    try:
        code, _count = engine.asm(f"{line}\nstand_in:", base, as_bytes=True)
    except keystone.KsError as error:
        return str(error).split(" (")[0].lower()
    if not code and not statement.head.startswith("."):
        return "no such form of this instruction"
    return None


def refused_together(statements: Sequence[Statement], base: int) -> Statement | None:
    """The statement that stands alone but not with the others: a jump that is too far, say."""
    lines = [spelled(statement) for statement in statements]

    def accepted(begin: int, end: int) -> bool:
        """Whether the labels, and of the rest the lines begin to end - 1, assemble together."""
        kept = [line for i, line in enumerate(lines) if begin <= i < end or not statements[i].head]
        return assemble_unit(kept, base) is not None

    if not accepted(0, 0) or accepted(0, len(lines)):
        return None
    # The shortest beginning that is refused; of that, the shortest end that still is. Both its edges are needed.
    low, end = 0, len(lines)
    while end - low > 1:
        middle = (low + end) // 2
        low, end = (middle, end) if accepted(0, middle) else (low, middle)
    begin, high = 0, end
    while high - begin > 1:
        middle = (begin + high) // 2
        begin, high = (begin, middle) if accepted(middle, end) else (middle, high)
    edges = statements[begin], statements[end - 1]
    return next((edge for edge in edges if edge.operands and NAME.search(edge.operands)), edges[1])
