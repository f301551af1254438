"""A guest source as statements: comments gone, `;` and labels split off, every statement knowing where it stands.

Nothing here knows x86. A statement is one label (`name:`), one directive or one instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simkernel.errors import KernelSourceError

LABEL = re.compile(r"\s*([A-Za-z_.$][\w.$\\@()]*|\\\w+|[0-9])\s*:")
STRING = re.compile(r'"(?:\\.|[^"\\])*"')
NAME = re.compile(r"(?<![\w.%\\$@])\$?([A-Za-z_.][\w.]*)")
# a number that is not part of a name, not 0x.., not a numbered label (1f, 2b) and longer than one digit
DECIMAL = re.compile(r"(?<![\w.%\\])(?!0[xX])([0-9][0-9]+)(?![\w.])")

MAX_LINE = 1000
PREFIXES = frozenset("lock rep repe repz repne repnz".split())


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a source file; `within` names the macro (and its own line) that it came out of."""

    file: str
    line: int
    text: str
    within: str = ""

    @property
    def head(self) -> str:
        """The mnemonic or directive, "" for a label."""
        return "" if self.text.endswith(":") else self.text.split(None, 1)[0]

    @property
    def operands(self) -> str:
        """What follows the mnemonic or directive."""
        parts = self.text.split(None, 1)
        return parts[1] if len(parts) > 1 else ""

    @property
    def arguments(self) -> str:
        """The operands proper: behind `lock` or `rep` the operands hold an instruction of their own."""
        return Statement(self.file, self.line, self.operands).operands if self.head in PREFIXES else self.operands

    def error(self, message: str) -> KernelSourceError:
        """An error at this statement, for the caller to raise."""
        return KernelSourceError(self.file, self.line, message + (f" (in {self.within})" if self.within else ""))


def statements(file: str, text: str) -> list[Statement]:
    """Cut a source file into statements. `#`, `//` and `/* */` are comments, `;` ends a statement.

    Raises:
        KernelSourceError: a comment or a string is left open, a line is too long, or a number is decimal.
    """
    found: list[Statement] = []
    for number, code in _without_comments(file, text):
        if len(code) > MAX_LINE:
            raise KernelSourceError(file, number, f"a line may have {MAX_LINE} characters at most")
        for part in _split_semicolons(code):
            found.extend(Statement(file, number, piece) for piece in _split_labels(part))
    for statement in found:
        _refuse_decimals(statement)
    return found


def _without_comments(file: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, code) for each line that has code."""
    opened = 0  # the line of the `/*` that is open
    for number, line in enumerate(text.splitlines(), start=1):
        code, i = "", 0
        while i < len(line):
            if opened:
                end = line.find("*/", i)
                if end < 0:
                    break
                opened, i = 0, end + 2
            elif line.startswith("/*", i):
                opened, i = number, i + 2
                code += " "
            elif line[i] == "#" or line.startswith("//", i):
                break
            elif line[i] == '"':
                match = STRING.match(line, i)
                if not match:
                    raise KernelSourceError(file, number, 'a string has no closing "')
                code, i = code + match.group(), match.end()
            else:
                code, i = code + line[i], i + 1
        if code.strip():
            yield number, code.strip()
    if opened:
        raise KernelSourceError(file, opened, "this /* comment is never closed")


def _split_semicolons(code: str) -> list[str]:
    parts = [""]
    for piece in re.findall(r'"(?:\\.|[^"\\])*"|[^";]+|;|"', code):
        if piece == ";":
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]


def _split_labels(code: str) -> Iterator[str]:
    """`a: b: insn` is three statements. A label's text is `name:`."""
    while (match := LABEL.match(code)) is not None:
        yield match.group(1) + ":"
        code = code[match.end() :].strip()
    if code:
        yield " ".join(code.split(None, 1))


def _refuse_decimals(statement: Statement) -> None:
    """Keystone reads a bare decimal as hexadecimal (its issues 436 and 571): only 0 to 9 may stand without 0x."""
    match = DECIMAL.search(STRING.sub('""', statement.text))
    if match:
        value = match.group(1)
        raise statement.error(
            f"write numbers in hexadecimal: {value} as {int(value):#x} (the assembler misreads decimals)"
        )
