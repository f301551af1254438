"""Modelled: the exact counts priced by a table of cycles, after the fact.

`Simplified:` a sum over instructions. A CPU runs several at a time, waits for memory and guesses branches; no sum knows
of that. What the table has no price for (no source tells what cli, sti and hlt cost) is named, not guessed.
"""

from __future__ import annotations

import reprlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from simkernel.errors import LearnerError
from simkernel.files import read_text
from simkernel.overhead.exact import Exact

OWN = "costs.toml"  # the packaged table
LIMIT = 1 << 20  # bytes of a table
LEAST, MOST = 0.001, 1_000_000  # cycles of one instruction, if any: far from what the fastest and the slowest take


@dataclass(frozen=True, slots=True)
class CostTable:
    """A cost table: `cycles` and `source` of each form of instruction."""

    name: str
    cycles: Mapping[str, float]
    source: Mapping[str, str]

    def unknown(self, counted: Iterable[Exact]) -> list[str]:
        """Forms that it prices and that none of these variants ran: written wrongly, perhaps."""
        return sorted(self.cycles.keys() - {form for one in counted for form in one.forms})


@dataclass(frozen=True, slots=True)
class Modelled:
    """A variant's price.

    Attributes:
        cycles: of the whole workload, without what has no price.
        unpriced: form -> how many of them ran.
    """

    name: str
    cycles: float
    unpriced: Mapping[str, int]


def costs(path: Path | None = None) -> CostTable:
    """The packaged cost table, or one of the user's; LearnerError where it is none."""
    name = OWN if path is None else str(path)
    if path is None:
        text = (resources.files("simkernel") / "overhead" / OWN).read_text(encoding="utf-8")
    else:
        text = read_text(path, "a cost table", LIMIT)
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML; a number of thousands of digits; arrays within arrays
        why = "it nests values too deep" if isinstance(error, RecursionError) else str(error)
        raise LearnerError(f"{name} cannot be read as a cost table: {why}") from error
    sources, lines = table.get("sources"), table.get("cost")
    if not isinstance(sources, dict) or not isinstance(lines, list) or not lines:
        raise LearnerError(f"{name}: a cost table has [sources] and one [[cost]] or more")
    cycles: dict[str, float] = {}
    source: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        forms, price, where = _line(f"{name}: [[cost]] number {number}", line, sources)
        for form in forms:
            if form in cycles:
                raise LearnerError(f"{name}: {reprlib.repr(form)} has two prices; leave one of them out")
            cycles[form], source[form] = price, where
    return CostTable(name, cycles, source)


def _line(place: str, line: Any, sources: dict[str, Any]) -> tuple[list[str], float, str]:
    """One [[cost]]: forms, cycles and the text of its source."""
    if not isinstance(line, dict):
        raise LearnerError(f"{place} is no table: it needs forms, cycles and source")
    forms, price, source = line.get("forms"), line.get("cycles"), line.get("source")
    if not isinstance(forms, list) or not forms or not all(isinstance(form, str) for form in forms):
        raise LearnerError(f'{place} has no list of forms, as in forms = ["mov", "mov load"]')
    if not isinstance(price, int | float) or isinstance(price, bool) or not (price == 0 or LEAST <= price <= MOST):
        huge = isinstance(price, int) and abs(price) > 10**20  # Python prints no number of thousands of digits
        shown = "a number of more than 20 digits" if huge else reprlib.repr(price)
        raise LearnerError(f"{place} has cycles = {shown}; a number from {LEAST} to {MOST:,} is needed, or 0")
    if not isinstance(source, str) or not isinstance(sources.get(source), str):
        named = ", ".join([*sources][:6]) + (", ..." if len(sources) > 6 else "")
        raise LearnerError(f"{place} has source = {reprlib.repr(source)}; name one of [sources]: {named}")
    return forms, float(price), str(sources[source])


def modelled(counted: Exact, table: CostTable) -> Modelled:
    """The price of a variant's exact counts."""
    priced = sum(times * table.cycles[form] for form, times in counted.forms.items() if form in table.cycles)
    unpriced = {form: times for form, times in sorted(counted.forms.items()) if form not in table.cycles}
    return Modelled(counted.name, priced, unpriced)
