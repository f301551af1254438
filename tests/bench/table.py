"""The table that `make bench` prints: each budget, what was measured, and whether it is met.

Any test here may add rows: ask for the fixture `table`, measure, `table.budget(...)`. What has no budget but is good
to know stands beside it by `table.note(...)`. A missed budget fails its test, once the row is in the table.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One line: `sign` says how measured and budget are to compare; "" where there is no budget."""

    what: str
    measured: float
    unit: str
    sign: str = ""
    budget: float = 0.0

    @property
    def met(self) -> bool:
        """True where there is no budget, or it is kept."""
        match self.sign:
            case "<=":
                return self.measured <= self.budget
            case ">=":
                return self.measured >= self.budget
            case "==":
                return self.measured == self.budget
        return True

    def cells(self) -> tuple[str, ...]:
        """what, measured, budget, measured to budget, met or missed."""
        measured = f"{self.measured:,.3g} {self.unit}" if self.measured < 1000 else f"{self.measured:,.0f} {self.unit}"
        if not self.sign:
            return self.what, measured, "", "", ""
        ratio = f"{self.measured / self.budget:.2f}"
        return self.what, measured, f"{self.sign} {self.budget:g} {self.unit}", ratio, "met" if self.met else "MISSED"


@dataclass(slots=True)
class Table:
    """The rows in the order in which they were measured."""

    rows: list[Row] = field(default_factory=list)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def budget(self, what: str, measured: float, sign: str, budget: float, unit: str = "") -> None:
        """Add a line with a budget; AssertionError where it is missed."""
        row = Row(what, measured, unit, sign, budget)
        self.rows.append(row)
        assert row.met, f"{what}: {row.cells()[1]}, and the budget is {row.cells()[2]}"

    def note(self, what: str, measured: float, unit: str = "") -> None:
        """Add a line without a budget."""
        self.rows.append(Row(f"  {what}", measured, unit))

    def text(self) -> str:
        """The table, and how busy this computer was."""
        lines = [("what", "measured", "budget", "ratio", ""), *(row.cells() for row in self.rows)]
        widths = [max(len(line[at]) for line in lines) for at in range(5)]
        out = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        busy = f"load average {self.load_before:.2f} before, {os.getloadavg()[0]:.2f} after, on {os.cpu_count()} CPUs"
        return "\n".join([out[0], "-" * sum(widths, 8), *out[1:], busy])


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """How long `work` takes, by this process's own time: what else runs on this computer does not count as long."""
    begin = clock()
    work()
    return clock() - begin


class _Sum:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, number: int) -> int:
        """Mix a number in."""
        self.value = (self.value * 5 + number) & 0xFFFF_FFFF
        return self.value


def python_loop() -> None:
    """A million calls in plain Python: a measure of this computer, as fast and as busy as it is just now."""
    total, seen = _Sum(), []
    for number in range(1_000_000):
        if total.add(number) & 7 == 0:
            seen.append((number, total.value))


def shortest(repeats: int, work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """The least of several times: what the work takes where nobody else is in the way."""
    return min(seconds(work, clock) for _ in range(repeats))
