"""Every function that can be traced, as a table: its five bytes, its record's flags, its calls so far.

The calls are those that the tracer has written down up to the place where one stands, so they follow one back, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lessons.session.stepper import Stepper
from simkernel import disasm
from simkernel.ftrace import records as rec
from simkernel.ftrace.filters import FunctionNames, traced_by
from simkernel.ftrace.now import FtraceNow


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One function as it is in memory: `site` is where ftrace patches it, `wanted` how many ops want it."""

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


ORDERS: dict[str, Callable[[FunctionRow], Any]] = {
    "address": lambda row: row.site,
    "name": lambda row: row.name,
    "calls": lambda row: (-row.calls, row.name),
}


def by_part(text: str) -> str:
    """The pattern for names that have a text in them, word by word; a word that is a pattern already stays as it is."""
    return " ".join(word if set(word) & set("*?[!:") else f"*{word}*" for word in text.split())


def function_rows(stepper: Stepper, pattern: str = "", order: str = "address") -> list[FunctionRow]:
    """The functions that a pattern names (all without one, and where it names none in the end), in an order of ORDERS.

    Raises: LearnerError for a pattern that names none.
    """
    simulation, image = stepper.simulation, stepper.image
    sites = np.asarray(image.mcount_loc, dtype=np.uint64)
    flags = simulation.subsystem(FtraceNow).flags
    calls = stepper.calls.by_site()
    symbols = list(image.functions())
    names = [symbol.name for symbol in symbols]
    chosen: Sequence[int] = range(len(sites))
    if pattern:
        found, _empty = traced_by(FunctionNames(names, image.mcount_loc), pattern)
        chosen = np.flatnonzero(np.isin(sites, found)).tolist()
    rows = [
        FunctionRow(
            name=names[at],
            address=symbols[at].address,
            site=int(sites[at]),
            code=simulation.read(symbols[at].address, symbols[at].size),
            wanted=int(flags[at]) & rec.FTRACE_REF_MAX,
            enabled=bool(int(flags[at]) & rec.FTRACE_FL_ENABLED),
            tramp=bool(int(flags[at]) & rec.FTRACE_FL_TRAMP_EN),
            calls=calls[int(sites[at])],
        )
        for at in chosen
    ]
    return sorted(rows, key=ORDERS[order])


def disassembly(row: FunctionRow, symbolize: Callable[[int], str], intel: bool = False) -> tuple[str, ...]:
    """A function as it was in memory, in gdb's layout."""
    decoded = list(disasm.decode(row.code, row.address, "intel" if intel else "att"))
    return tuple(disasm.listing(decoded, row.address, symbolize))
