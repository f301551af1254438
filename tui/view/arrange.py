"""Which part of a picture stands where, in which form: a pure function, so that a test can ask it for every size.

Parts stand below one another in the picture's order; from WIDE columns on, those that may stand beside the others do.
Where there are too few rows, the parts that survive least go first (`tui.view.room`); what has gone is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from lessons.picture import Bars, Lanes, Map, Moves, Part, Picture, Prose, Question, Rows
from tui.view.boxes import SIDES, Box, brighter, has_rule, sides
from tui.view.marks import Marks
from tui.view.parts import RENDERERS, fit
from tui.view.room import Drawings, Placing, share
from tui.view.text import Line, heading, length, line

WIDE = 110  # columns, from which on there is room at the right
LEFT = 62  # columns of the left side then, at least
RIGHT = 38  # columns of the right side, at least
GAP = 1
CARD = (Prose, Question, Map)  # a picture of these alone stands in the middle where it takes half of the rows at most
LIT, UNLIT = "title", "dim"  # looks of the frame around the part with the focus, and of the others


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
class Arrangement:
    """Where everything stands.

    Attributes:
        blocks: from the top, those at the right last.
        boxes: the frames around them; () where none have any.
        gone: the titles of parts for which there is no room.
    """

    blocks: tuple[Block, ...]
    gone: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()


def arrange(
    picture: Picture,
    width: int,
    height: int,
    marks: Marks,
    scrolled: Mapping[str, int],
    drawings: Drawings | None = None,
    boxed: bool = False,
) -> Arrangement:
    """Give each part of a picture its place.

    Args:
        picture: what there is to see.
        width: columns of the body.
        height: rows of the body.
        marks: the glyphs.
        scrolled: by part, how many lines a person has scrolled.
        drawings: of this picture, from other rows.
        boxed: panes stand in frames.
    """
    drawings = Drawings() if drawings is None else drawings
    room = Room(-1, 0, width + 2, height) if boxed else Room(0, 0, width, height)
    return _arranged(picture, room, marks, scrolled, drawings, boxed)


def _arranged(
    picture: Picture, room: Room, marks: Marks, scrolled: Mapping[str, int], drawings: Drawings, boxed: bool
) -> Arrangement:
    """The parts of a picture in a room, in one column or two."""
    wide = room.width >= WIDE
    right = [replace(part, low=False) for part in picture.parts if part.beside and wide]
    left = [replace(part, beside=False) for part in picture.parts if not part.beside or not wide]
    column = partial(_column, picture, marks=marks, scrolled=scrolled, drawings=drawings)
    blocks: list[Block] = []
    boxes: list[Box] = []
    gone: list[str] = []
    if right or boxed:  # what stands above both sides stands in no frame
        top = Room(0, 0, room.width - 2 * boxed, room.height)
        blocks, *_ = column([part for part in left if part.across], top, boxed=False)
        left = [part for part in left if not part.across]
    y = sum(len(block.lines) for block in blocks)
    rooms = [Room(room.x, y, room.width, room.height - y)]
    if right:
        sides = SIDES if boxed else 0
        gap, columns = (0 if boxed else GAP), room.width - 2 * sides - (0 if boxed else GAP)
        natural = max((RENDERERS[type(part)].natural(part) for part in left), default=0)
        least = max(RIGHT, *(RENDERERS[type(part)].natural(part) for part in right if isinstance(part, Lanes)), 0)
        first = max(LEFT, columns // 2, min(natural, columns - least)) + sides
        rooms = [Room(room.x, y, first, room.height - y),
                 Room(room.x + first + gap, y, room.width - first - gap, room.height - y)]  # fmt: skip
    for parts, place in zip((left, right), rooms, strict=False):
        more, around, lost = column(parts, place, boxed=boxed)
        blocks, boxes, gone = [*blocks, *more], [*boxes, *around], [*gone, *lost]
    return Arrangement(tuple(blocks), tuple(gone), tuple(boxes))


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
    boxed: bool,
) -> tuple[list[Block], list[Box], list[str]]:
    """The parts of one column, the frames around them, and the titles of those that have gone."""
    x, y, width, height = room
    x, width = (x + SIDES - 1, width - SIDES) if boxed else (x, width)
    begins = [boxed and (at == 0 or has_rule(part)) for at, part in enumerate(parts)]
    cells = [
        Placing(part, drawings.of(part, width, marks), begin * (1 + (not has_rule(part))))
        for part, begin in zip(parts, begins, strict=True)
    ]
    aparts = sum(part.apart and not begin for part, begin in zip(parts[1:], begins[1:], strict=True))
    spare = share(_by_survival(picture, cells), aparts, height) if cells else 0
    card = all(isinstance(part, CARD) for part in picture.parts) and spare >= height // 2
    if card:
        y, spare = y + spare // 3, spare - spare // 3
    there = [(cell, begin) for cell, begin in zip(cells, begins, strict=True) if cell.there]
    loose = not any(part.apart or part.low or part.keeps for part in parts)
    blocks: list[Block] = []
    panes: list[tuple[int, list[Part]]] = []
    for (cell, begin), blank in zip(there, _blanks(there, spare, loose), strict=True):
        y += blank
        if begin or (boxed and not panes):
            y += bool(panes)  # the lower side of the pane above
            panes.append((y, []))
            y += not has_rule(cell.part)
        if panes:
            panes[-1][1].append(cell.part)
        rule = [heading(cell.part.title, width, marks)] if cell.part.title else []
        body, first = fit(cell.part, cell.form, width, cell.rows - cell.rule, scrolled.get(cell.part.name, 0), marks)
        scrolls = cell.want - cell.rows + 1 if cell.want > cell.rows else 0  # one row says how many lines are not seen
        blocks.append(Block(cell.part, x, y, width, (*rule, *body), first, scrolls))
        y += cell.rows - cell.rule + len(rule)
    ends = [*(y for y, _ in panes[1:]), y + 1 if card else room.y + height]
    boxes = [
        Box(room.x, y, room.width, end - y, tuple(one.name for one in inside), has_rule(inside[0]))
        for (y, inside), end in zip(panes, ends, strict=False)
    ]
    return blocks, boxes, [cell.part.title or cell.part.called or cell.part.name for cell in cells if not cell.there]


def _by_survival(picture: Picture, cells: Sequence[Placing]) -> list[Placing]:
    """The cells, the one that survives most first; those that the picture does not name last."""
    order = {name: at for at, name in reversed([*enumerate(picture.survival)])}
    return sorted(cells, key=lambda cell: order.get(cell.part.name, len(order)))


def _blanks(cells: Sequence[tuple[Placing, bool]], spare: int, loose: bool) -> list[int]:
    """The blank rows before each cell.

    A row where a part stands apart, and all that is left above what stands low; where no part says where it stands
    (`loose`), a row between any two, if there is room for all of them; none before a part that begins a frame.
    """
    blanks: list[int] = []
    for at, (cell, begins) in enumerate(cells):
        apart = loose and len(cells) - 1 <= spare or cell.part.apart
        blanks.append(int(at > 0 and apart and not begins and sum(blanks) < spare))
    low = next((at for at, (cell, _) in enumerate(cells) if cell.part.low), None)
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


def flat(body: Arrangement, height: int, marks: Marks, right: int = 0, focus: str = "") -> list[Line]:
    """The body as one list of lines: what a picture as text, or an SVG, has.

    Args:
        body: where everything stands.
        height: rows.
        marks: the glyphs of frames.
        right: how many columns to the right of where they are counted all of it stands.
        focus: the part whose frame is bright.
    """
    lit = {one.parts: LIT if focus in one.parts else UNLIT for one in body.boxes}
    of_part = {name: look for parts, look in lit.items() for name in parts}
    drawn = [piece for box in body.boxes for piece in sides(box, marks, lit[box.parts])]
    for block in body.blocks:
        rows = list(block.lines)
        if rows and of_part.get(block.part.name) == LIT and has_rule(block.part):
            rows[0] = brighter(rows[0], marks, LIT)
        drawn.append((block.x, block.y, rows))
    out: list[Line] = [line() for _ in range(height)]
    for x, y, rows in sorted(drawn, key=lambda one: one[0]):
        for at, one in enumerate(rows):
            if y + at < height:
                pad = x + right - length(out[y + at])
                out[y + at] = (*out[y + at], *([(" " * pad, "")] if pad > 0 else []), *one)
    return out
