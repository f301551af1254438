"""From statements to a kernel's bytes: text, then page aligned data, symbols with sizes, the list of patch sites.

Keystone assembles one flat unit. Every address that we want to know (labels, the start of each statement of the text)
is asked for with a `.quad` after the data, and read off the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from simkernel.asm import keystone, reread, rules
from simkernel.asm.macros import Item, Mark, nearest
from simkernel.asm.source import NAME, STRING, Statement
from simkernel.errors import LearnerError, OurError
from simkernel.layout import PAGE_SIZE, TEXT_BASE, TEXT_SIZE

FENTRY_CALL = "call __fentry__"
OWN_LABELS = ("_stext", "_text", "_etext", "_sdata", "_edata", "__start_mcount_loc", "__stop_mcount_loc")
# The parts of a source, and the letter that nm has for what is local there.
PARTS = {".text": "t", ".data": "d", ".bss": "b"}


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A name in the kernel.

    Attributes:
        address: where it is. size: in bytes, 0 for a label. name: unique.
        kind: as in kallsyms, 't' text, 'd' data, 'b' data that begins as zeroes; a capital where other files know the
            name (in C: not static). '.' is a place that only the machine looks for: kallsyms has none.
        traced: begins with a patch site.
    """

    address: int
    name: str
    size: int
    kind: str
    traced: bool = False


@dataclass(frozen=True)
class Assembly:
    """An assembled kernel: bytes of the text at `base`, of the data behind it, symbols by address, sites sorted."""

    base: int
    text: bytes
    data_base: int
    data: bytes
    symbols: tuple[Symbol, ...]
    sites: tuple[int, ...]


@dataclass
class Unit:
    """The two parts being gathered, and what the macros said about objects."""

    text: list[Statement] = field(default_factory=list)
    data: list[Statement] = field(default_factory=list)
    labels: dict[str, Statement] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)  # of each label
    marks: list[tuple[Mark, str]] = field(default_factory=list)  # a start, and the label of its end
    sites: list[tuple[str, Mark]] = field(default_factory=list)  # label of the site
    last_file: str = ""
    opened: Mark | None = None
    pending: Mark | None = None  # a traced function whose call has not come yet
    with_sites: bool = True
    own_files: frozenset[str] = frozenset()  # ours, beside which a learner's file stands

    def add_file(self, index: int, file: str, items: Iterable[Item]) -> None:
        """Sort one file's statements into text and data."""
        self.last_file = file
        part, letter = self.text, "t"
        numbered: dict[str, int] = {}
        for item in items:
            if isinstance(item, Mark):
                self._mark(item, part, letter)
            elif item.head in PARTS:
                part, letter = self.text if item.head == ".text" else self.data, PARTS[item.head]
            else:
                self._statement(_localise(item, index, numbered), part, letter)
        if self.opened:
            raise self.opened.at.error(
                f"SYM_{self.opened.kind}_START {self.opened.name} has no SYM_{self.opened.kind}_END"
            )

    def _statement(self, statement: Statement, part: list[Statement], letter: str) -> None:
        if statement.text.endswith(":"):
            name = statement.text[:-1]
            first = self.labels.get(name)
            if first or name in OWN_LABELS:
                where = f", first at {first.file}:{first.line}" if first else ", first by the assembler itself"
                raise statement.error(f"label '{name}' is defined twice{where}")
            self.labels[name] = statement
            self.kinds.setdefault(name, letter)
        elif " ".join(statement.text.split()) == FENTRY_CALL and part is self.text:
            if self.pending is None:
                raise statement.error("call __fentry__ stands only in SYM_FUNC_START; use that macro")
            mark, self.pending = self.pending, None
            if not self.with_sites:
                return
            label = f".Lmcount_loc_{len(self.sites)}"
            self.sites.append((label, mark))
            part.append(Statement(statement.file, statement.line, label + ":", statement.within))
        part.append(statement)

    def _mark(self, mark: Mark, part: list[Statement], letter: str) -> None:
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
            if self.opened:
                raise mark.at.error(
                    f"{mark.name} begins inside {self.opened.name}, which has no SYM_{self.opened.kind}_END"
                )
            self.opened, self.pending = mark, mark if mark.traced else None
            return
        opened, self.opened = self.opened, None
        if not opened or (opened.name, opened.kind) != (mark.name, mark.kind):
            raise mark.at.error(f"SYM_{mark.kind}_END {mark.name} does not end {opened.name if opened else 'anything'}")
        if self.pending:
            raise opened.at.error(f"{opened.name} is traced but does not begin with call __fentry__")
        label = f".Lend_of_{len(self.marks)}"
        self.marks.append((opened, label))
        part.append(Statement(mark.at.file, mark.at.line, label + ":", mark.at.within))


def _localise(statement: Statement, index: int, numbered: dict[str, int]) -> Statement:
    """Make `.Lname` and `1:` private to their file, as they are to an object file."""
    text = statement.text
    if not (re.search(r"\.L|[0-9][bf:]", text)):
        return statement
    strings = STRING.findall(text)
    text = STRING.sub('""', text)
    text = re.sub(r"(?<![\w.])\.L(\w+)", rf".L{index}_\1", text)
    if re.fullmatch(r"[0-9]:", text):
        numbered[text[0]] = numbered.get(text[0], 0) + 1
        text = f".L{index}n{text[0]}_{numbered[text[0]]}:"

    def near(match: re.Match[str]) -> str:
        digit, way = match.groups()
        return f".L{index}n{digit}_{numbered.get(digit, 0) + (way == 'f')}"

    text = re.sub(r"(?<![\w.$%])([0-9])([bf])(?![\w])", near, text)
    for string in strings:
        text = text.replace('""', string, 1)
    return Statement(statement.file, statement.line, text, statement.within)


def link(unit: Unit, constants: dict[str, int]) -> Assembly:
    """Assemble the gathered unit and read everything back.

    Raises:
        KernelSourceError: a statement is refused or wrong. LearnerError: no site, or too large for the map.
    """
    _check_size([*unit.text, *unit.data], constants)
    _check_names(unit)
    if unit.with_sites and all(mark.at.file in unit.own_files for _, mark in unit.sites):
        raise LearnerError(f"{unit.last_file}: no function to trace: begin at least one with SYM_FUNC_START name")
    for mark, _end in unit.marks:
        if mark.name not in unit.labels:
            raise mark.at.error(f"SYM_{mark.kind}_START {mark.name} defines no label {mark.name}")
    names = [name for name in unit.labels if not name.startswith(".L")]
    wanted = [*OWN_LABELS, *names, *(end for _, end in unit.marks), *(label for label, _ in unit.sites)]
    starts = [f".Lstatement_{i}" for i in range(len(unit.text))]
    binary = keystone.assemble_unit(_lines(unit, [*wanted, *starts]), TEXT_BASE)
    if binary is None:
        raise keystone.place_of_error([*unit.text, *unit.data], TEXT_BASE)
    table = np.frombuffer(binary[-8 * (len(wanted) + len(starts)) :], dtype="<u8")
    values = [int(value) for value in table]
    address = dict(zip(wanted, values, strict=False))
    places = values[len(wanted) :]
    if address["_edata"] - TEXT_BASE + 8 * len(values) != len(binary) or address["_edata"] - TEXT_BASE > TEXT_SIZE:
        raise LearnerError(f"the kernel takes {len(binary):#x} bytes; the map has room for {TEXT_SIZE:#x}")
    text = binary[: address["_etext"] - TEXT_BASE]
    data = binary[address["_sdata"] - TEXT_BASE : address["_edata"] - TEXT_BASE]
    _check_zeroes(unit, data, address)
    reread.check_text(text, TEXT_BASE, unit.text, [*places, address["_etext"]], _all_labels(unit, address, places))
    sites = tuple(address[label] for label, _ in unit.sites)
    if list(sites) != sorted(set(sites)):
        raise OurError("the sites are not in the order of their addresses")
    return Assembly(TEXT_BASE, text, address["_sdata"], data, _symbols(unit, names, address), sites)


def _check_size(statements: list[Statement], constants: dict[str, int]) -> None:
    """Refuse what `rules` refuses, and a kernel that could outgrow the map, before Keystone begins to make it."""
    most = 0
    for statement in statements:
        most += rules.check(statement, constants)
        if most > TEXT_SIZE:
            raise statement.error(
                f"up to here the kernel may take {most:#x} bytes; the map has room for {TEXT_SIZE:#x}"
            )


def _check_zeroes(unit: Unit, data: bytes, address: dict[str, int]) -> None:
    """What stands in .bss is 0: no file holds it."""
    for mark, end in unit.marks:
        start = address[mark.name] - address["_sdata"]
        if unit.kinds[mark.name] in "bB" and any(data[start : address[end] - address["_sdata"]]):
            raise mark.at.error(f"{mark.name} is not all 0, so it cannot be in .bss: write .data on a line above")


def _lines(unit: Unit, wanted: list[str]) -> list[str]:
    lines = ["_stext:", "_text:"]
    for i, statement in enumerate(unit.text):
        lines += [f".Lstatement_{i}:", keystone.spelled(statement)]
    lines += ["_etext:", f".p2align {PAGE_SIZE.bit_length() - 1:#x}, 0x0", "_sdata:"]
    lines += [keystone.spelled(statement) for statement in unit.data]
    lines += [".p2align 0x3, 0x0", "__start_mcount_loc:"]
    lines += [f".quad {label}" for label, _ in unit.sites]
    lines += ["__stop_mcount_loc:", "_edata:"]
    return [*lines, *(f".quad {label}" for label in wanted)]


def _all_labels(unit: Unit, address: dict[str, int], places: list[int]) -> dict[str, int]:
    """Addresses of the text's local labels too: each is the place of its own statement."""
    local = {s.text[:-1]: place for s, place in zip(unit.text, places, strict=True) if s.text.endswith(":")}
    return local | address


def _check_names(unit: Unit) -> None:
    """Every name in an operand must be a label (constants have been replaced, registers have a %)."""
    learners_first = sorted((*unit.text, *unit.data), key=lambda s: s.file in unit.own_files)
    for statement in learners_first:
        if not statement.operands:
            continue
        operands = STRING.sub('""', re.sub(r"'(\\.|[^\\])'?", "0", statement.arguments))
        for match in NAME.finditer(operands):
            name = match.group(1)
            if name == "." or name in unit.labels or name in OWN_LABELS:
                continue
            raise _unknown(statement, name, unit)


def _unknown(statement: Statement, name: str, unit: Unit) -> LearnerError:
    if statement.file in unit.own_files and unit.last_file not in unit.own_files:
        learners = [s for s in (*unit.text, *unit.data) if s.file not in unit.own_files]
        fault = keystone.place_of_error(learners, TEXT_BASE)
        if isinstance(fault, LearnerError):
            return fault
        return LearnerError(
            f"{unit.last_file}: '{name}' is missing: the kernel's core uses it ({statement.file}:{statement.line}). "
            "simkernel/guest/examples/hello.S shows all that a kernel file needs"
        )
    known = [label for label in unit.labels if not label.startswith(".L")]
    plain = re.sub(r"^\.L\d+(_|n\d_\d+)", r".L", name)
    return statement.error(f"unknown symbol '{plain}'{nearest(name, known)}")


def _symbols(unit: Unit, names: list[str], address: dict[str, int]) -> tuple[Symbol, ...]:
    sized = {mark.name: (mark, address[end]) for mark, end in unit.marks}
    traced = {mark.name for _, mark in unit.sites}
    symbols = [
        Symbol(address[name], name, 0, "D" if address[name] >= address["_sdata"] else "T") for name in OWN_LABELS
    ]
    for name in names:
        start = address[name]
        end = sized[name][1] if name in sized else start
        symbols.append(Symbol(start, name, end - start, unit.kinds[name], name in traced))
    return tuple(sorted(symbols, key=lambda s: (s.address, s.size == 0, s.name)))
