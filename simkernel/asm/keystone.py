"""The only door to Keystone 0.9.2, with the ways around its faults.

* One statement of ours is one line for it, numbers are hexadecimal, macros are expanded before (`macros.py`).
* `%gs:0x10` without a base register becomes `%gs:0x10(,%riz)`: Keystone encodes loads of it relative to RIP, wrongly.
* It reports no place. `place_of_error` assembles statement by statement and so finds it.
* `(None, 0)` from it is an error too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from simkernel.asm.source import Statement
from simkernel.errors import KernelSourceError, LearnerError, OurError

_SEGMENT_ABSOLUTE = re.compile(r"(%[fg]s:[^,%()]+|%[fg]s:\([^()%]*\))(?=\s*(,|$))")


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


def spelled(statement: Statement) -> str:
    """The statement as Keystone gets it."""
    text = statement.text
    if ("%gs:" in text or "%fs:" in text) and not text.startswith("."):
        text = _SEGMENT_ABSOLUTE.sub(r"\1(,%riz)", text)
    return text


def assemble_unit(lines: Sequence[str], base: int) -> bytes | None:
    """The bytes of a unit at address `base`, or None if Keystone refuses it. LearnerError without Keystone."""
    engine = _open()
    import keystone

    try:
        code, _count = engine.asm("\n".join(lines), base, as_bytes=True)
    except keystone.KsError:
        return None
    return bytes(code) if code is not None else None


def place_of_error(statements: Sequence[Statement], base: int) -> KernelSourceError | OurError:
    """What is wrong with a unit that `assemble_unit` refused: the first statement that fails alone."""
    for statement in statements:
        if statement.text.endswith(":") or statement.head == ".p2align":
            continue
        message = _fault(statement, base)
        if message:
            return statement.error(message)
    return OurError("Keystone refuses the kernel but accepts each of its statements")


def _fault(statement: Statement, base: int) -> str | None:
    engine = _open()
    import keystone

    # Alone, a statement's labels are unknown: each stands for an address a little further on.
    text = re.sub(r"(?<![\w%.])(\.L|[A-Za-z_])[\w.]*(?=[^:\w.(]|\(%rip|$)", _stand_in(base), statement.operands)
    line = f"{statement.head} {text}" if statement.operands else statement.head
    line = spelled(Statement("", 0, line))
    if '"' in line:
        line = spelled(statement)
    try:
        code, _count = engine.asm(f"{line}\nstand_in:", base, as_bytes=True)
    except keystone.KsError as error:
        return f"Keystone cannot assemble '{statement.text}': {str(error).split(' (')[0].lower()}"
    if not code and not statement.head.startswith("."):
        return f"Keystone cannot assemble '{statement.text}': no such form of this instruction"
    return None


def _stand_in(base: int) -> Any:
    def put(match: re.Match[str]) -> str:
        return match.group() if re.fullmatch(r"0x[0-9a-fA-F]+", match.group()) else "stand_in"

    return put
