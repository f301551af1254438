"""The map of sites as lines: how many are in each state, and a cell for each, or for a batch of them."""

from __future__ import annotations

from collections.abc import Sequence

from lessons.picture import Map
from simkernel.sim.snapshot import SiteMap
from simkernel.sim.snapshot.site import CALL, CHANGING, INT3, NOP, SITE_STATES, WRONG
from tui.view.marks import Marks
from tui.view.text import Form, Piece, length, line

STATES = ("dim", "new", "int3", "open", "bad")  # looks of a map's states
TAKEN = "strong int3"  # the look of a cell at which a CPU has just taken an int3
A_CELL_EACH, BATCH = 2_000, 256  # sites up to which each has a cell; sites of a cell beyond that
WORST_FIRST = (WRONG, INT3, CHANGING, CALL, NOP)
LEGEND = (NOP, CALL, INT3, CHANGING, WRONG)  # the order in which a map counts its states


def site_map(part: Map, width: int, marks: Marks) -> list[Form]:
    """A cell a site, or a batch where there are many; then only how many are in each state."""
    counted = counts(part, width, marks)
    states = cells(part.sites)
    if not part.cells:
        return [counted]
    return [[*counted, *map_rows(states, row_length(len(states), width), marks, _taken(part))], counted]


def are_alike(part: Map) -> bool:
    """Whether the cells say no more than how many sites are in each state."""
    return len(set(part.sites.states)) == 1 and not part.taken


def _taken(part: Map) -> frozenset[int]:
    """The cells of the sites whose int3 has been taken."""
    each = sites_of_a_cell(part.sites)
    return frozenset(site // each for site in part.taken)


def sites_of_a_cell(sites: SiteMap) -> int:
    """How many sites share a cell."""
    return 1 if len(sites.states) <= A_CELL_EACH else BATCH


def site_at(part: Map, width: int, x: int, y: int) -> tuple[str, str] | None:
    """The site of a cell; the first one where several share it."""
    states, across = cells(part.sites), 0
    rows = len(counts(part, width, Marks()))
    if not part.choose or y < rows or not part.cells:
        return None
    across = row_length(len(states), width)
    at = (y - rows) * across + x
    return (part.choose, str(at * sites_of_a_cell(part.sites))) if x < across and at < len(states) else None


def counts(part: Map, width: int, marks: Marks) -> Form:
    """How many sites are in each state; brackets around a number that has just changed."""
    sites, before = part.sites, part.before or part.sites
    out: Form = [line((f"{len(sites.states):,} sites", "title"))]
    for state in LEGEND:
        number, look = sites.count(state), STATES[state]
        changed = number != before.count(state)
        if number or changed or state in (NOP, CALL):
            left, right = marks.changed if changed else (" ", " ")
            word = (part.words or SITE_STATES)[state]
            one = line(
                (f"  {marks.sites[state]}", look), (left, "box"), (f"{number:,}", look), (right, "box"), (word, look)
            )
            if length(out[-1]) + length(one) > width:
                out.append(line(" "))
            out[-1] = (*out[-1], *one)
    if part.taken:
        taken = f"  {marks.taken} {len(part.taken):,} {'site' if len(part.taken) == 1 else 'sites'} just taken"
        if length(out[-1]) + len(taken) > width:
            out.append(line())
        out[-1] = (*out[-1], (taken, STATES[INT3]))
    return out


def cells(sites: SiteMap) -> list[int]:
    """The state of each cell of a map."""
    states = sites.states
    if sites_of_a_cell(sites) == 1:
        return list(states)
    batches = (states[at : at + BATCH] for at in range(0, len(states), BATCH))
    return [next(state for state in WORST_FIRST if state in batch) for batch in batches]


def row_length(count: int, width: int) -> int:
    """Cells in a row: the most that fit and divide them all, so that no row is ragged; else as many as fit."""
    return next((across for across in range(width, width // 2, -1) if count % across == 0), width)


def map_rows(states: Sequence[int], across: int, marks: Marks, taken: frozenset[int] = frozenset()) -> Form:
    """The cells in rows; those of a state beside each other are one piece."""
    out: Form = []
    for start in range(0, len(states), across):
        row: list[Piece] = []
        for at, state in enumerate(states[start : start + across], start):
            glyph, look = (marks.taken, TAKEN) if at in taken else (marks.sites[state], STATES[state])
            if row and row[-1][1] == look:
                row[-1] = (row[-1][0] + glyph, look)
            else:
                row.append((glyph, look))
        out.append(tuple(row))
    return out
