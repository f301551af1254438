"""From statements to a kernel's bytes: text, then page aligned data, symbols with sizes, the list of patch sites.

Keystone assembles one flat unit. Every address that we want to know (labels, the start of each statement of the text)
is asked for with a `.quad` after the data, and read off the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simkernel.asm import keystone, reread, rules, words
from simkernel.asm.expression import NotConstant
from simkernel.asm.faults import Unfinished
from simkernel.asm.macros import nearest
from simkernel.asm.source import CHARACTER, NAME, STRING, Statement
from simkernel.asm.unit import OWN_LABELS, Unit
from simkernel.errors import KernelSourceError, LearnerError, OurError
from simkernel.hw.x86 import PAGE_SIZE

# what stands behind the name of a C macro: of `f(%rip)` it is a register
_CALLED = re.compile(r"\s*\(\s*[^%,\s]")


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A name in the kernel.

    Attributes:
        address: where it is.
        size: in bytes, 0 for a label.
        name: unique.
        kind: as in kallsyms, 't' text, 'd' data, 'b' data that begins as zeroes; a capital where other files know the
            name (in C: not static). '.' is a place that only the machine looks for: kallsyms has none.
        traced: begins with a patch site.
    """

    address: int
    name: str
    size: int
    kind: str
    traced: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a kernel is assembled for.

    Attributes:
        constants: numbers by name, which its sources may use.
        base: the address of its text; the data lies behind it.
        size: bytes that there is room for.
    """

    constants: Mapping[str, int]
    base: int
    size: int


@dataclass(frozen=True)
class Assembly:
    """An assembled kernel: bytes of the text at `base`, of the data behind it, symbols by address, sites sorted."""

    base: int
    text: bytes
    data_base: int
    data: bytes
    symbols: tuple[Symbol, ...]
    sites: tuple[int, ...]


def link(unit: Unit, target: Target, watch: keystone.Watch | None = None) -> Assembly:
    """Assemble the gathered unit and read everything back.

    Args:
        unit: the statements of all files.
        target: where the kernel lies.
        watch: is called with each statement of a learner's before Keystone gets it alone; without it Keystone gets the
            whole at once, and statements alone when something is wrong.

    Raises:
        KernelSourceError: statements are refused or wrong.
        LearnerError: no site, or too large for the map.
    """
    faults, base = unit.faults, target.base
    _leave_out_refused(unit, target.size, _check_names(unit))
    _check_marks(unit)
    if watch or faults.lines:
        _ask_for_each(unit, base, watch)
    faults.report()
    names = [name for name in unit.labels if not name.startswith(".L")]
    wanted = [*OWN_LABELS, *names, *(end for _, end in unit.marks), *(label for label, _ in unit.sites)]
    starts = [f".Lstatement_{i}" for i in range(len(unit.text))]
    binary = keystone.assemble_unit(_lines(unit, [*wanted, *starts]), base)
    if binary is None:
        raise _refused(unit, base)
    table = np.frombuffer(binary[-8 * (len(wanted) + len(starts)) :], dtype="<u8")
    values = [int(value) for value in table]
    address = dict(zip(wanted, values, strict=False))
    places = values[len(wanted) :]
    if address["_edata"] - base + 8 * len(values) != len(binary) or address["_edata"] - base > target.size:
        raise LearnerError(f"the kernel takes {len(binary):#x} bytes; the map has room for {target.size:#x}")
    text = binary[: address["_etext"] - base]
    data = binary[address["_sdata"] - base : address["_edata"] - base]
    _check_zeroes(unit, data, address)
    ends = [*places, address["_etext"]]
    reread.check_text(text, base, unit.text, ends, _all_labels(unit, address, places), faults)
    faults.report()
    sites = tuple(address[label] for label, _ in unit.sites)
    if list(sites) != sorted(set(sites)):
        raise OurError("the sites are not in the order of their addresses")
    return Assembly(base, text, address["_sdata"], data, _symbols(unit, names, address), sites)


def _leave_out_refused(unit: Unit, room: int, unknown: set[Statement]) -> None:
    """Refuse what `rules` refuses, and a kernel that could outgrow the map, before Keystone begins to make it.

    Args:
        unit: the statements of all files.
        room: bytes that the map has for text and data.
        unknown: statements with a name that nothing defines; that it is no constant either is not said of it.
    """
    most = 0
    for part in (unit.text, unit.data):
        kept = []
        for statement in part:
            with unit.faults.gathering():
                try:
                    most += rules.check(statement)
                except ValueError as error:
                    if statement not in unknown or not isinstance(error, NotConstant):
                        raise statement.error(str(error)) from error
                else:
                    kept.append(statement)
            if most > room:
                unit.faults.add(
                    Unfinished(
                        statement.file,
                        statement.line,
                        f"up to here the kernel may take {most:#x} bytes; the map has room for {room:#x}",
                    )
                )
                unit.faults.report()
        part[:] = kept


def _learners(unit: Unit) -> list[Statement]:
    return [statement for statement in (*unit.text, *unit.data) if unit.is_learners(statement)]


def _ask_for_each(unit: Unit, base: int, watch: keystone.Watch | None) -> None:
    known = unit.faults.places()
    for error in keystone.refused(_learners(unit), base, watch):
        if (error.file, error.line) not in known or error.message.endswith("invalid mnemonic"):
            unit.faults.add(error)


def _refused(unit: Unit, base: int) -> LearnerError | OurError:
    """Why Keystone does not assemble the whole."""
    _ask_for_each(unit, base, None)
    unit.faults.report()
    found = keystone.refused_together([*unit.text, *unit.data], base)
    if found:
        return found.error(f"Keystone cannot assemble '{rules.shown(found.text)}' here: its label is too far away")
    if unit.last_file in unit.own_files:
        return OurError("Keystone refuses the kernel but accepts each of its statements")
    return LearnerError(
        f"{unit.last_file}: Keystone refuses the kernel but accepts each of its statements; cut it in two"
    )


def _check_marks(unit: Unit) -> None:
    faults, places = unit.faults, unit.faults.places()
    for mark, _end in unit.marks:
        if mark.name not in unit.labels and (mark.at.file, mark.at.line) not in places:
            faults.add(mark.at.error(f"SYM_{mark.kind}_START {mark.name} defines no label {mark.name}"))
    sized = {mark.name for mark, _end in unit.marks}
    for _label, mark in unit.sites:
        if mark.name not in sized and mark.at.text.endswith(":"):
            faults.add(
                mark.at.error(f"{mark.name} calls __fentry__ but has no end: write .size {mark.name}, .-{mark.name}")
            )
    if unit.with_sites and not faults.unfinished and all(mark.at.file in unit.own_files for _, mark in unit.sites):
        faults.whole.append(f"{unit.last_file}: no function to trace: begin at least one with SYM_FUNC_START name")


def _check_zeroes(unit: Unit, data: bytes, address: dict[str, int]) -> None:
    """What stands in .bss is 0: no file holds it."""
    for mark, end in unit.marks:
        start = address[mark.name] - address["_sdata"]
        if unit.kinds[mark.name] in "bB" and any(data[start : address[end] - address["_sdata"]]):
            unit.faults.add(
                mark.at.error(f"{mark.name} is not all 0, so it cannot be in .bss: write .data on a line above")
            )


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


def _check_names(unit: Unit) -> set[Statement]:
    """Every name in an operand must be a label (constants have been replaced, registers have a %).

    Returns the statements with one that is none.
    """
    missing: dict[str, Statement] = {}
    unknown = set()
    for statement in (*unit.text, *unit.data):
        if not statement.operands:
            continue
        operands = STRING.sub('""', CHARACTER.sub("0", statement.arguments))
        for match in NAME.finditer(operands):
            name = match.group(1)
            if name == "." or name in unit.labels or name in OWN_LABELS or _CALLED.match(operands, match.end()):
                continue
            unknown.add(statement)
            if unit.is_learners(statement) or unit.last_file in unit.own_files:
                unit.faults.add(_unknown(statement, name, unit))
            else:
                missing.setdefault(name, statement)
    if not unit.faults.unfinished and not unit.foreign:
        for name, statement in missing.items():
            unit.faults.whole.append(
                f"{unit.last_file}: '{name}' is missing: the kernel's core uses it ({statement.file}:"
                f"{statement.line}). simkernel/guest/examples/hello.S shows all that a kernel file needs"
            )
    return unknown


def _unknown(statement: Statement, name: str, unit: Unit) -> KernelSourceError:
    known = [] if unit.faults.full else [label for label in unit.labels if not label.startswith(".L")]
    numbered = re.fullmatch(r"\.L\d+n(\d+)_(\d+)", name)
    if numbered:
        number, before = numbered.group(1), numbered.group(2) == "0"
        return statement.error(
            f"unknown symbol '{number}{'b' if before else 'f'}': no label {number}: stands "
            f"{'before' if before else 'behind'} this line"
        )
    plain = re.sub(r"^\.L\d+_", r".L", name)
    return statement.error(f"unknown symbol '{plain}'{words.other_syntax(name) or nearest(name, known)}")


def _symbols(unit: Unit, names: list[str], address: dict[str, int]) -> tuple[Symbol, ...]:
    sized = {mark.name: (mark, address[end]) for mark, end in unit.marks}
    traced = {mark.name for _, mark in unit.sites}
    symbols = [
        Symbol(address[name], name, 0, "D" if address[name] >= address["_sdata"] else "T") for name in OWN_LABELS
    ]
    for name in names:
        start = address[name]
        end = sized[name][1] if name in sized else start + unit.sizes.get(name, 0)
        kind = unit.kinds[name].upper() if name in unit.shared else unit.kinds[name]
        symbols.append(Symbol(start, name, end - start, kind, name in traced))
    return tuple(sorted(symbols, key=lambda s: (s.address, s.size == 0, s.name)))
