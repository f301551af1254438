"""Every function at once: a cell a site, by address; above 2,000 a cell a batch, which shows its worst state."""

from __future__ import annotations

from textual.binding import Binding

from simkernel.sim.snapshot import SiteMap
from simkernel.sim.snapshot.changes import Aspect
from simkernel.sim.snapshot.site import CALL, NOP, SITE_STATES
from tui.app.panel import Pointed
from tui.app.picture import Picture
from tui.view.parts import A_CELL_EACH, BATCH, LEGEND, STATES, cells, map_rows
from tui.view.text import Line, Piece, length, line

LISTED = line(("   F", "title"), (" list", ""))


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    sites, marks = picture.snapshot.map, picture.marks
    if not sites.states:
        return []
    out = [counts(picture, sites)]
    if length(out[0]) + length(LISTED) <= width:
        out[0] = line(*out[0], *LISTED)
    return [*out, *map_rows(cells(sites), width, marks)]


def counts(picture: Picture, sites: SiteMap) -> Line:
    """How many are in each state; brackets around a number that has just changed."""
    marks = picture.marks
    before = next(
        (change.before for change in picture.snapshot.changes if change.what.aspect is Aspect.MAP), sites.states
    )
    parts: list[Piece] = []
    for state in LEGEND:
        number, look = sites.count(state), STATES[state]
        changed = number != before.count(state)
        if number or changed or state in (NOP, CALL):
            left, right = marks.changed if changed else (" ", " ")
            parts += [
                (f"  {marks.sites[state]}", look),
                (left, "here"),
                (f"{number:,}", f"{look} changed" if changed else look),
            ]
            parts += [(right, "here"), (SITE_STATES[state], look)]
    return line((f"{len(sites.states):,} functions", "title"), *parts)


class Map(Pointed):
    NAME = "map"
    HELP = (
        "Every function that can be traced, a cell each, in the order of their addresses: what its first five bytes "
        "are now. Click one to look at its bytes, or choose it with the arrow keys and press Enter."
    )

    BINDINGS = [
        Binding("left", "point(-1, 0)", show=False),
        Binding("right", "point(1, 0)", show=False),
    ]

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        lines = draw(picture, width, height)
        x, y = self.point
        if self.has_focus and self.target(x, y) is not None and y < len(lines):
            lines[y] = pointed_at(lines[y], x)
        return lines

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        """The site of a cell; the first one where a cell is a batch."""
        if self.picture is None or y < 1 or not 0 <= x < self.size.width - 1:
            return None
        sites = self.picture.snapshot.map
        at = (y - 1) * (self.size.width - 1) + x
        each = 1 if len(sites.states) <= A_CELL_EACH else BATCH
        return ("look-at-site", str(at * each)) if at * each < len(sites.states) else None


def pointed_at(row: Line, x: int) -> Line:
    """A row of cells with one of them marked."""
    out: list[Piece] = []
    for text, look in row:
        if 0 <= x < len(text):
            out += [(text[:x], look), (text[x], f"{look} cursor"), (text[x + 1 :], look)]
        else:
            out.append((text, look))
        x -= len(text)
    return tuple(piece for piece in out if piece[0])
