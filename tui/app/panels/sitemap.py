"""Every function at once: a cell a site, by address; above 2,000 a cell a batch, which shows its worst state."""

from __future__ import annotations

from simkernel.snapshot import SiteMap
from simkernel.snapshot.site import CALL, CHANGING, INT3, NOTHING, SITE_STATES, WRONG
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, Piece, line

A_CELL_EACH, BATCH = 2_000, 256
LOOKS = ("dim", "new", "int3", "here", "bad")
WORST_FIRST = (WRONG, INT3, CHANGING, CALL, NOTHING)


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    sites, marks = picture.snapshot.map, picture.marks
    if not sites.states:
        return []
    out = [counts(picture, sites)]
    states = cells(sites)
    for start in range(0, len(states), width):
        row: list[Piece] = []
        for state in states[start : start + width]:
            glyph = marks.sites[state]
            if row and row[-1][1] == LOOKS[state]:
                row[-1] = (row[-1][0] + glyph, LOOKS[state])
            else:
                row.append((glyph, LOOKS[state]))
        out.append(tuple(row))
    return out


def counts(picture: Picture, sites: SiteMap) -> Line:
    """How many are in each state; brackets around a number that has just changed."""
    marks = picture.marks
    before = next((change.before for change in picture.snapshot.changes if change.what == "site map"), sites.states)
    parts: list[Piece] = []
    for state in (NOTHING, CALL, INT3, CHANGING, WRONG):
        number, look = sites.count(state), LOOKS[state]
        changed = number != before.count(state)
        if number or changed or state in (NOTHING, CALL):
            left, right = marks.changed if changed else (" ", " ")
            parts += [
                (f"  {marks.sites[state]}", look),
                (left, "here"),
                (f"{number:,}", f"{look} changed" if changed else look),
            ]
            parts += [(right, "here"), (SITE_STATES[state], look)]
    return line((f"{len(sites.states):,} functions", "title"), *parts)


def cells(sites: SiteMap) -> list[int]:
    """The state of each cell."""
    if len(sites.states) <= A_CELL_EACH:
        return list(sites.states)
    batches = (sites.states[at : at + BATCH] for at in range(0, len(sites.states), BATCH))
    return [next(state for state in WORST_FIRST if state in batch) for batch in batches]


class Map(Panel):
    NAME = "map"
    HELP = (
        "Every function that can be traced, a cell each, in the order of their addresses: what its first five bytes "
        "are now. Click one to look at its bytes."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        at = (y - 1) * (self.size.width - 1) + x
        return ("look-at-site", str(at)) if y >= 1 and x >= 0 else None
