"""Which part of a picture stands where, in which form: a pure function, so that a test can ask it for every size.

Parts stand below one another in the picture's order; from WIDE columns on, those that may stand beside the others do.
Where there are too few rows, the parts that survive least go first (`tui.view.room`); what has gone is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from lessons.picture import Bars, Moves, Part, Picture, Rows
from tui.view.marks import Marks
from tui.view.parts import RENDERERS, fit
from tui.view.room import Cell, Drawings, share
from tui.view.text import Line, heading, line

WIDE = 110  # columns, from which on there is room at the right
LEFT = 62  # columns of the left side then, at least
RIGHT = 38  # columns of the right side, at least
GAP = 1


@dataclass(frozen=True, slots=True)
class Block:
    """A part with its place.

    Attributes:
        part: what is drawn there.
        x, y: its first column and row, of the body.
        width: columns.
        lines: what stands there, its rule first where it has one.
        first: which line of its form is the first of these, behind the rule.
        scrolls: how many lines more than these it has.
    """

    part: Part
    x: int
    y: int
    width: int
    lines: tuple[Line, ...]
    first: int = 0
    scrolls: int = 0


@dataclass(frozen=True, slots=True)
class Body:
    """Where everything stands.

    Attributes:
        blocks: from the top, those at the right last.
        gone: the titles of parts for which there is no room.
    """

    blocks: tuple[Block, ...]
    gone: tuple[str, ...] = ()


def arrange(
    picture: Picture,
    width: int,
    height: int,
    marks: Marks,
    scrolled: Mapping[str, int],
    drawings: Drawings | None = None,
) -> Body:
    """Give each part of a picture its place.

    Args:
        picture: what there is to see.
        width: columns of the body.
        height: rows of the body.
        marks: the glyphs.
        scrolled: by part, how many lines a person has scrolled.
        drawings: of this picture, from other rows.
    """
    drawings = Drawings() if drawings is None else drawings
    wide = width >= WIDE
    right = [replace(part, low=False) for part in picture.parts if part.beside and wide]
    left = [replace(part, beside=False) for part in picture.parts if not part.beside or not wide]
    if not right:
        blocks, gone = _column(picture, left, Room(0, 0, width, height), marks, scrolled, drawings)
        return Body(tuple(blocks), tuple(gone))
    top = [part for part in left if part.across]
    below = [part for part in left if not part.across]
    blocks, _ = _column(picture, top, Room(0, 0, width, height), marks, scrolled, drawings)
    y = sum(len(block.lines) for block in blocks)
    natural = max((RENDERERS[type(part)].natural(part) for part in left), default=0)
    first = max(LEFT, (width - GAP) // 2, min(natural, width - GAP - RIGHT))
    rooms = (Room(0, y, first, height - y), Room(first + GAP, y, width - first - GAP, height - y))
    gone = []
    for parts, room in zip((below, right), rooms, strict=True):
        more, lost = _column(picture, parts, room, marks, scrolled, drawings)
        blocks, gone = [*blocks, *more], [*gone, *lost]
    return Body(tuple(blocks), tuple(gone))


class Room(NamedTuple):
    """Columns and rows for some parts."""

    x: int
    y: int
    width: int
    height: int


def _column(
    picture: Picture,
    parts: Sequence[Part],
    room: Room,
    marks: Marks,
    scrolled: Mapping[str, int],
    drawings: Drawings,
) -> tuple[list[Block], list[str]]:
    """The parts of one column, and the titles of those that have gone."""
    x, top, width, height = room
    cells = [Cell(part, drawings.of(part, width, marks)) for part in parts]
    spare = share(_by_survival(picture, cells), sum(part.apart for part in parts[1:]), height) if cells else 0
    there = [cell for cell in cells if cell.there]
    blocks, y = [], top
    loose = not any(part.apart or part.low or part.keeps for part in parts)
    for cell, blank in zip(there, _blanks(there, spare, loose), strict=True):
        y += blank
        rule = [heading(cell.part.title, width, marks.rule)] if cell.rule else []
        body, first = fit(cell.part, cell.form, width, cell.rows - len(rule), scrolled.get(cell.part.name, 0), marks)
        scrolls = cell.want - cell.rows + 1 if cell.want > cell.rows else 0  # one row says how many lines are not seen
        blocks.append(Block(cell.part, x, y, width, (*rule, *body), first, scrolls))
        y += cell.rows
    return blocks, [cell.part.title or cell.part.name for cell in cells if not cell.there]


def _by_survival(picture: Picture, cells: Sequence[Cell]) -> list[Cell]:
    """The cells, the one that survives most first; those that the picture does not name last."""
    order = {name: at for at, name in reversed([*enumerate(picture.survival)])}
    return sorted(cells, key=lambda cell: order.get(cell.part.name, len(order)))


def _blanks(cells: Sequence[Cell], spare: int, loose: bool) -> list[int]:
    """The blank rows before each cell.

    A row where a part stands apart, and all that is left above what stands low; where no part says where it stands
    (`loose`), a row between any two, if there is room for all of them.
    """
    blanks: list[int] = []
    for at, cell in enumerate(cells):
        apart = loose and len(cells) - 1 <= spare or cell.part.apart
        blanks.append(int(at > 0 and apart and sum(blanks) < spare))
    low = next((at for at, cell in enumerate(cells) if cell.part.low), None)
    if low is not None:
        blanks[low] += spare - sum(blanks)
    return blanks


def target(block: Block, x: int, y: int) -> tuple[str, str] | None:
    """The action that a place in a block leads to, and its argument; None where it leads nowhere."""
    line_number = y - bool(block.part.title)
    if line_number < 0 or y >= len(block.lines):
        return None
    renderer = RENDERERS[type(block.part)]
    scrolled = block.first if line_number >= renderer.head(block.part) else 0
    return renderer.target(block.part, block.width, x, line_number + scrolled)


def rolled(part: Part, by: int) -> bool | None:
    """Whether something can be chosen so many places on in a part; None where nothing is chosen in it.

    Args:
        part: a list, a table, bars.
        by: how many places, less than none for those before.
    """
    match part:
        case Rows(cursor=int(cursor), rows=items) | Moves(cursor=int(cursor), moves=items):
            return 0 <= cursor + by < len(items)
        case Bars(cursor=int(cursor), chart=chart):
            return 0 <= cursor + by < len(chart.bars)
    return None


def spot(block: Block, marks: Marks) -> tuple[int, int]:
    """Column and row of what is marked as chosen in a block; (0, -1) where nothing is."""
    for y, one in enumerate(block.lines):
        x = 0
        for text, look in one:
            if look == "here" and marks.here in text:
                return x + text.index(marks.here), y
            x += len(text)
    return 0, -1


def flat(body: Body, width: int, height: int) -> list[Line]:
    """The body as one list of lines: what a picture as text, or an SVG, has."""
    out: list[Line] = [line() for _ in range(height)]
    for block in sorted(body.blocks, key=lambda one: one.x):
        for at, one in enumerate(block.lines):
            if block.y + at < height:
                pad = block.x - sum(len(text) for text, _ in out[block.y + at])
                out[block.y + at] = (*out[block.y + at], *([(" " * pad, "")] if pad > 0 else []), *one)
    return [one[: width + 1] for one in out]
