"""The statements of all files sorted into text and data, with what their labels, macros and directives say of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from simkernel.asm import words
from simkernel.asm.expression import evaluate
from simkernel.asm.faults import Faults, Unfinished
from simkernel.asm.macros import LABEL_NAME, Item, SymbolMark
from simkernel.asm.operands import split_operands
from simkernel.asm.source import STRING, Statement

FENTRY_CALL = "call __fentry__"
OWN_LABELS = ("_stext", "_text", "_etext", "_sdata", "_edata", "__start_mcount_loc", "__stop_mcount_loc")
# The parts of a source, and the letter that nm has for what is local there.
PARTS = {".text": "t", ".data": "d", ".bss": "b"}


_SWITCHES = frozenset({*PARTS, ".rodata", ".section", ".previous"})
_FOREIGN = {
    ".code16": "16-bit code",
    ".code16gcc": "16-bit code",
    ".code32": "32-bit code",
    ".intel_syntax": "Intel syntax",
}
_LABEL_NUMBER = re.compile(r"[0-9]+:")


@dataclass
class Unit:
    """The two parts being gathered, and what the macros and directives said about objects."""

    faults: Faults
    text: list[Statement] = field(default_factory=list)
    data: list[Statement] = field(default_factory=list)
    labels: dict[str, Statement] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)  # of each label
    shared: set[str] = field(default_factory=set)  # the names of .globl
    sizes: dict[str, int] = field(default_factory=dict)  # what .size says in numbers
    marks: list[tuple[SymbolMark, str]] = field(default_factory=list)  # a start, and the label of its end
    sites: list[tuple[str, SymbolMark]] = field(default_factory=list)  # label of the site
    last_file: str = ""
    opened: SymbolMark | None = None
    pending: SymbolMark | None = None  # a traced function whose call has not come yet
    begun: Statement | None = None  # the label of a function of which no instruction has come yet
    with_sites: bool = True
    own_files: frozenset[str] = frozenset()  # ours, beside which a learner's file stands
    part: str = ".text"  # "": a section whose contents are left out
    previous: str = ".text"
    foreign: bool = False  # behind .code16 and the like: nothing is judged

    def is_learners(self, statement: Statement) -> bool:
        """True unless the statement stands in a file of ours beside a learner's."""
        return statement.file not in self.own_files

    def add_file(self, index: int, file: str, items: Iterable[Item]) -> None:
        """Sort one file's statements into text and data; what is wrong is gathered, and left out."""
        self.last_file, self.part, self.previous, self.foreign = file, ".text", ".text", False
        numbered: dict[str, int] = {}
        try:
            for item in items:
                with self.faults.gathering():
                    self._item(item, index, numbered)
        except Unfinished as error:
            self.faults.add(error)
        else:
            if self.opened and not self.faults.unfinished:
                begin, self.opened = self.opened, None
                self.faults.add(begin.at.error(f"SYM_{begin.kind}_START {begin.name} has no SYM_{begin.kind}_END"))
        self.opened = self.pending = self.begun = None

    def _item(self, item: Item, index: int, numbered: dict[str, int]) -> None:
        head = "" if isinstance(item, SymbolMark) else item.head
        if head in (".code64", ".att_syntax"):
            self.foreign = False
        elif self.foreign and (head or isinstance(item, SymbolMark)):
            return
        elif not isinstance(item, SymbolMark) and head in _SWITCHES:
            self._switch(item)
        elif not isinstance(item, SymbolMark) and head in _FOREIGN:
            self.foreign, self.opened, self.pending = True, None, None
            raise item.error(
                f"{head}: this is {_FOREIGN[head]}, and this machine has 64-bit mode and AT&T syntax only. Nothing "
                "behind this line was looked at: leave it out, or write it anew"
            )
        elif not self.part:
            return
        elif isinstance(item, SymbolMark):
            self._mark(item)
        elif head in _DIRECTIVES:
            _DIRECTIVES[head](self, item)
        else:
            self._statement(_localise(item, index, numbered))

    @property
    def _here(self) -> list[Statement]:
        return self.text if self.part == ".text" else self.data

    def _switch(self, statement: Statement) -> None:
        """Go on in another section."""
        name = statement.head
        if name == ".section":
            name = statement.operands.split(",")[0].strip().strip('"')
        if name == ".previous":
            self.part, self.previous = self.previous, self.part
            return
        if statement.head != ".section" and statement.operands:
            raise statement.error(f"{name} cannot be used with a number: a part has no parts of its own")
        part = words.part_of_section(name)
        if part is None:
            self.previous, self.part, self.opened = self.part, "", None  # what stands in it is not judged
            raise statement.error(
                f"section '{name}' cannot be used: write .text, .data, or .bss for data that begins as zeroes"
            )
        self.previous, self.part = self.part, part

    def _statement(self, statement: Statement) -> None:
        part = self._here
        if statement.text.endswith(":"):
            self._label(statement)
        elif " ".join(statement.text.split()) == FENTRY_CALL and part is self.text:
            mark, self.pending = self.pending or self._begins(statement), None
            self.begun = None
            if not self.with_sites:
                return
            label = f".Lmcount_loc_{len(self.sites)}"
            self.sites.append((label, mark))
            part.append(Statement(statement.file, statement.line, label + ":", statement.within))
        elif part is self.text:
            self.begun = None
        elif statement.head == ".p2align":
            statement = _filled(statement)
        part.append(statement)

    def _label(self, statement: Statement) -> None:
        name = statement.text[:-1]
        first = self.labels.get(name)
        if first or name in OWN_LABELS:
            where = f", first at {first.file}:{first.line}" if first else ", first by the assembler itself"
            raise statement.error(f"label '{name}' is defined twice{where}")
        self.labels[name] = statement
        self.kinds.setdefault(name, PARTS[self.part])
        if self.part == ".text" and not name.startswith(".L"):
            self.begun = statement

    def _begins(self, statement: Statement) -> SymbolMark:
        """What `gcc -pg -mfentry` makes: a function's label, then the call."""
        if not self.begun:
            raise statement.error(
                "call __fentry__ stands only in SYM_FUNC_START, or right behind the label of a function; use that macro"
            )
        return SymbolMark(True, "FUNC", self.begun.text[:-1], True, False, self.begun)

    def _globl(self, statement: Statement) -> None:
        self.shared.update(name.strip() for name in statement.operands.split(","))

    def _size(self, statement: Statement) -> None:
        """`.size f, .-f` ends f here; `.size f, 8` says it in numbers."""
        name, _, size = (part.strip() for part in statement.operands.partition(","))
        if name in self.labels and "".join(size.split()) == f".-{name}":
            label = f".Lend_of_{len(self.marks)}"
            kind = "FUNC" if self.part == ".text" else "DATA"
            self.marks.append((SymbolMark(True, kind, name, False, False, self.labels[name]), label))
            self._here.append(Statement(statement.file, statement.line, label + ":", statement.within))
            return
        try:
            self.sizes[name] = evaluate(size, {})
        except (KeyError, ValueError):
            raise statement.error(
                f".size takes a function's name and .-name behind its last line: .size {name}, .-{name}"
            ) from None

    def _common(self, statement: Statement) -> None:
        """`.comm name, size, alignment`: room in .bss."""
        name, *numbers = split_operands(statement.operands) or [""]
        if not numbers or not LABEL_NAME.fullmatch(name):
            raise statement.error(
                f"{statement.head} takes a name and a size, and what to align it to: .comm name, 64, 8"
            )
        here, self.part = self.part, ".bss"
        try:
            aligned = numbers[1] if len(numbers) > 1 else "8"
            self._align(replace(statement, text=f".balign {aligned}"))
            self._label(replace(statement, text=f"{name}:"))
            self.data.append(replace(statement, text=f"{name}:"))
            self.data.append(replace(statement, text=f".zero {numbers[0]}"))
        finally:
            self.part = here

    def _align(self, statement: Statement) -> None:
        """`.align` and `.balign` count bytes here (ELF); Keystone drops both."""
        first, *rest = split_operands(statement.operands) or [""]
        try:
            power = max(evaluate(first, {}), 1).bit_length() - 1
            if evaluate(first, {}) not in (0, 1 << power):
                raise ValueError
        except (KeyError, ValueError):
            raise statement.error(f"{statement.head} takes a power of two: 8, 16, 4096 ...") from None
        self._statement(replace(statement, text=", ".join([f".p2align {power:#x}", *rest])))

    def _nothing(self, statement: Statement) -> None:
        """`.type` says what the label's part says already."""

    def _mark(self, mark: SymbolMark) -> None:
        part, letter = self._here, PARTS[self.part]
        if mark.start:
            shown = letter.upper() if mark.shared else letter
            self.kinds[mark.name] = "." if mark.kind == "HOST" else shown
        if mark.kind in ("INNER", "HOST"):
            return
        wanted = self.data if mark.kind == "DATA" else self.text
        if part is not wanted:
            here, there = (".text", ".data") if mark.kind == "DATA" else (".data", ".text")
            raise mark.at.error(
                f"SYM_{mark.kind}_* belongs in {there}, and this is {here}: write {there} on a line above"
            )
        if mark.start:
            within, self.opened, self.pending = self.opened, mark, mark if mark.traced else None
            if within:
                raise mark.at.error(f"{mark.name} begins inside {within.name}, which has no SYM_{within.kind}_END")
            return
        opened, self.opened = self.opened, None
        pending, self.pending = self.pending, None
        if not opened or (opened.name, opened.kind) != (mark.name, mark.kind):
            raise mark.at.error(f"SYM_{mark.kind}_END {mark.name} does not end {opened.name if opened else 'anything'}")
        if pending:
            raise opened.at.error(f"{opened.name} is traced but does not begin with call __fentry__")
        label = f".Lend_of_{len(self.marks)}"
        self.marks.append((opened, label))
        part.append(Statement(mark.at.file, mark.at.line, label + ":", mark.at.within))


def _filled(statement: Statement) -> Statement:
    """`.p2align` in data: the bytes between are 0 where it names none. Keystone would write NOPs."""
    power, *rest = split_operands(statement.operands) or [""]
    fill = [rest[0] or "0"] if rest else ["0"]
    return replace(statement, text=", ".join([f".p2align {power}", *fill, *rest[1:]]))


def _localise(statement: Statement, index: int, numbered: dict[str, int]) -> Statement:
    """Make `.Lname` and `1:` private to their file, as they are to an object file."""
    text = statement.text
    if not re.search(r"\.L|[0-9][bf:]", text):
        return statement
    strings = iter(STRING.findall(text))
    text = STRING.sub('""', text)
    text = re.sub(r"(?<![\w.])\.L(\w+)", rf".L{index}_\1", text)
    if _LABEL_NUMBER.fullmatch(text):
        number = text[:-1]
        numbered[number] = numbered.get(number, 0) + 1
        text = f".L{index}n{number}_{numbered[number]}:"

    def near(match: re.Match[str]) -> str:
        """The unique label that a reference like `1f` or `1b` means."""
        digit, way = match.groups()
        return f".L{index}n{digit}_{numbered.get(digit, 0) + (way == 'f')}"

    text = re.sub(r"(?<![\w.%'])([0-9]+)([bf])(?!\w)", near, text)
    text = STRING.sub(lambda _: next(strings), text)
    return Statement(statement.file, statement.line, text, statement.within)


_DIRECTIVES: dict[str, Callable[[Unit, Statement], None]] = {
    ".globl": Unit._globl,
    ".global": Unit._globl,
    ".weak": Unit._globl,
    ".type": Unit._nothing,
    ".size": Unit._size,
    ".comm": Unit._common,
    ".lcomm": Unit._common,
    ".align": Unit._align,
    ".balign": Unit._align,
}
