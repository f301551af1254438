"""The functions of a kernel as a sequence of rows, each of which is read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from lessons.session.stepper import Stepper
from simkernel import disasm
from simkernel.ftrace import records as rec
from simkernel.ftrace.filters import FunctionNames, traced_by
from simkernel.ftrace.now import FtraceNow


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One function as it is in memory.

    Attributes:
        name: of the function.
        address: of its first byte.
        site: where ftrace patches it.
        code: its bytes.
        wanted: how many ops want it.
        enabled: its record has FTRACE_FL_ENABLED: the site holds a call, or a change to one is queued or under way.
        tramp: its record has FTRACE_FL_TRAMP_EN: the call leads to the trampoline of one ops.
        calls: that were traced.
    """

    name: str
    address: int
    site: int
    code: bytes
    wanted: int
    enabled: bool
    tramp: bool
    calls: int

    @property
    def data(self) -> bytes:
        """The five bytes of its site."""
        at = self.site - self.address
        return self.code[at : at + rec.MCOUNT_INSN_SIZE]

    @property
    def flags(self) -> str:
        """The record's flags by name, as they are in the kernel without FTRACE_FL_."""
        return " ".join(name for name, on in (("ENABLED", self.enabled), ("TRAMP", self.tramp)) if on)


ORDERS = ("address", "name", "calls")  # by which the rows are sorted


def by_part(text: str) -> str:
    """The pattern for names that have a text in them, word by word; a word that is a pattern already stays as it is."""
    return " ".join(word if set(word) & set("*?[!:") else f"*{word}*" for word in text.split())


class FunctionTable(Sequence[FunctionRow]):
    """The functions that a pattern names, in an order, as they were when the table was made.

    Only what sorts them is read at once: a table of many functions costs no more than their names.

    Attributes:
        variant: of the protocol by which the kernel patches, where a phase is missing; else "".
        calls: traced calls of all of them.
        most_calls: of one of them.
        symbolize: an address as text.
    """

    def __init__(self, stepper: Stepper, pattern: str = "", order: str = "address") -> None:
        """Find and sort the functions.

        Args:
            stepper: whose kernel it is.
            pattern: all without one, and where it names none in the end.
            order: of ORDERS.

        Raises:
            LearnerError: the pattern names no function.
        """
        simulation, image = stepper.simulation, stepper.image
        self.symbolize = image.symbolize
        self.variant = stepper.variant.name if stepper.variant.missing else ""
        self._simulation = simulation
        self._symbols = list(image.functions())
        self._sites = np.asarray(image.mcount_loc, dtype=np.uint64)
        self._flags = simulation.subsystem(FtraceNow).flags.copy()
        self._calls = stepper.calls.by_site()
        names = [symbol.name for symbol in self._symbols]
        chosen: Sequence[int] = range(len(self._sites))
        if pattern:
            found, _empty = traced_by(FunctionNames(names, image.mcount_loc), pattern)
            chosen = np.flatnonzero(np.isin(self._sites, found)).tolist()
        sites = self._sites.tolist()
        keys: dict[str, Callable[[int], tuple[int, str]]] = {
            "address": lambda at: (sites[at], ""),
            "name": lambda at: (0, names[at]),
            "calls": lambda at: (-self._calls[sites[at]], names[at]),
        }
        self._numbers = sorted(chosen, key=keys[order])
        counts = [self._calls[sites[at]] for at in self._numbers]
        self.calls, self.most_calls = sum(counts), max(counts, default=0)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> FunctionRow: ...
    @overload
    def __getitem__(self, at: slice) -> list[FunctionRow]: ...
    def __getitem__(self, at: int | slice) -> FunctionRow | list[FunctionRow]:
        if isinstance(at, slice):
            return [self._row(one) for one in self._numbers[at]]
        return self._row(self._numbers[at])

    def __iter__(self) -> Iterator[FunctionRow]:
        return map(self._row, self._numbers)

    def _row(self, at: int) -> FunctionRow:
        symbol, site, flags = self._symbols[at], int(self._sites[at]), int(self._flags[at])
        return FunctionRow(
            name=symbol.name,
            address=symbol.address,
            site=site,
            code=self._simulation.read(symbol.address, symbol.size),
            wanted=flags & rec.FTRACE_REF_MAX,
            enabled=bool(flags & rec.FTRACE_FL_ENABLED),
            tramp=bool(flags & rec.FTRACE_FL_TRAMP_EN),
            calls=self._calls[site],
        )


def disassembly(row: FunctionRow, symbolize: Callable[[int], str], intel: bool = False) -> tuple[str, ...]:
    """A function as it was in memory, in gdb's layout.

    Args:
        row: the function.
        symbolize: an address as text.
        intel: the syntax.
    """
    decoded = list(disasm.decode(row.code, row.address, "intel" if intel else "att"))
    return tuple(disasm.listing(decoded, row.address, symbolize))


def squeezed(text: str, width: int) -> str:
    """A name within `width` columns, padded to them: of one that is too long the middle is two dots."""
    if len(text) <= width:
        return text.ljust(width)
    tail = (width - 2) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"
