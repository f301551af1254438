"""A guest source as statements: comments gone, `;` and labels split off, every statement knowing where it stands.

Nothing here knows x86. A statement is one label (`name:`), one directive or one instruction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from simkernel.asm.faults import Faults, Unfinished
from simkernel.errors import KernelSourceError

LABEL = re.compile(r"\s*([A-Za-z_.$][\w.$\\@()]*|\\\w+|[0-9]+)\s*:")
STRING = re.compile(r'"(?:\\.|[^"\\])*"')
CHARACTER = re.compile(r"'(?:\\.|[^\\])'")
NAME = re.compile(r"(?<![\w.%\\$@'])\$?([A-Za-z_.][\w.]*)")
# `SYM_FUNC_START(name)`, as Linux's files write a macro of the C preprocessor
_CALLED = re.compile(r"([A-Z][A-Z0-9_]+)\s*\((.*)\)$")
_PREPROCESSOR = re.compile(r"#\s*include\s*[<\"]|#(include|define|undef|ifn?def|if|elif|else|endif|error|pragma)\b")
_PLAIN = re.compile(r"[ !$%&(-.0-~]+")  # what cannot begin a comment, a string or a character
_WHITE = "\t\f\v"  # white space to GNU as, beside the blank

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


def statements(file: str, text: str, faults: Faults | None = None) -> list[Statement]:
    """Cut a source file into statements. `#`, `//` and `/* */` are comments, `;` ends a statement.

    Args:
        file: its name, for messages.
        text: what it holds.
        faults: gathers what is wrong; without it the first error is raised.

    Raises:
        KernelSourceError: a comment or a string is left open, a line is too long, or a character cannot stand there.
    """
    found: list[Statement] = []
    gathered = faults or Faults((file,))
    for number, code in _lines(file, text.removeprefix("\ufeff"), gathered):
        pieces = [piece for part in _split_semicolons(code) for piece in _split_labels(part)]
        for i, piece in enumerate(pieces):
            if i and pieces[i - 1] in PREFIXES and not piece.endswith(":"):
                found[-1] = Statement(file, number, f"{pieces[i - 1]} {piece}")  # rep; movsb
            else:
                found.append(Statement(file, number, piece))
    if faults is None:
        gathered.report()
    return found


def _lines(file: str, text: str, faults: Faults) -> Iterator[tuple[int, str]]:
    """Yield (line number, code) for each line that has code and whose characters are right."""
    opened = 0  # the line of the `/*` that is open
    continued = False  # a line of the preprocessor's goes on behind its backslash
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r").translate(_BLANKS)
        if continued:
            continued = line.rstrip().endswith("\\")
            continue
        try:
            code, opened = _code_of(file, number, line, opened)
            if code.strip():
                yield number, code.strip()
        except KernelSourceError as error:
            faults.add(error)
            continued = bool(_PREPROCESSOR.match(line.lstrip())) and line.rstrip().endswith("\\")
    if opened:
        faults.add(Unfinished(file, opened, "this /* comment is never closed"))


_BLANKS = dict.fromkeys(map(ord, _WHITE), " ")


def _code_of(file: str, number: int, line: str, opened: int) -> tuple[str, int]:
    """A line without its comments, and the line of the comment that is open behind it, or 0."""
    code, i = "", 0
    if not opened and _PREPROCESSOR.match(line.lstrip()):
        word = line.lstrip()[1:].split()[0]
        raise KernelSourceError(file, number, _NO_PREPROCESSOR.format(word=re.split(r"[<\"]", word)[0]))
    while i < len(line):
        if opened:
            end = line.find("*/", i)
            if end < 0:
                break
            opened, i = 0, end + 2
            continue
        plain = _PLAIN.match(line, i)
        if plain:
            code, i = code + plain.group(), plain.end()
            continue
        match = STRING.match(line, i) or CHARACTER.match(line, i)
        if match:
            _check_string(file, number, match.group())
            code, i = code + match.group(), match.end()
        elif line.startswith("/*", i):
            opened, i = number, i + 2
            code += " "
        elif line[i] == "#" or line.startswith("//", i):
            break
        elif line[i] == '"':
            raise KernelSourceError(file, number, 'a string has no closing "')
        elif not " " <= line[i] <= "~":
            raise KernelSourceError(file, number, f"{_character(line[i])} cannot stand here: {_instead(line[i])}")
        else:
            code, i = code + line[i], i + 1
    if len(code) > MAX_LINE:
        raise KernelSourceError(file, number, f"a line may have {MAX_LINE} characters at most")
    return code, opened


_NO_PREPROCESSOR = (
    "#{word} is not carried out (no C preprocessor runs here): write .set NAME, value, or .macro, or the lines "
    "themselves into this file"
)


def _check_string(file: str, number: int, text: str) -> None:
    for letter in text:
        if not letter.isprintable():
            code = "".join(f"\\{byte:03o}" for byte in letter.encode(errors="replace"))
            raise KernelSourceError(file, number, f"{_character(letter)} cannot stand in a string: write {code}")


def _character(letter: str) -> str:
    name = unicodedata.name(letter, "a control character" if ord(letter) < 0xA0 else "").lower()
    return f"the character U+{ord(letter):04X}" + (f" ({name})" if name else "")


def _instead(letter: str) -> str:
    """What to write for a character that is not ASCII."""
    plain = unicodedata.normalize("NFKC", letter).strip()
    category = unicodedata.category(letter)
    if category == "Zs":
        return "write a plain blank"
    if category == "Pd" or letter == "\u2212":
        return "write -"
    if category in ("Pi", "Pf"):
        return "write \" or '"
    if category[0] == "C":
        return "take it out"
    if len(plain) == 1 and " " < plain <= "~":
        return f"write {plain}"
    return "names and instructions are ASCII; other characters can stand in comments and strings"


def _split_semicolons(code: str) -> list[str]:
    parts = [""]
    for piece in re.findall(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^\\])'|[^"';]+|[;"'])""", code):
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
        called = _CALLED.match(code)
        yield f"{called.group(1)} {called.group(2)}".strip() if called else " ".join(code.split(None, 1))
