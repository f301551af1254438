"""The lecture view of a picture, for the last row of a room: what is to be looked at, spaced, and nothing else.

Keys and who waits are left out, and what did not change is dim. A row of the bytes can be put into the spotlight: then
all others are dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lessons.machine import Bytes, Strip
from lessons.picture import Lanes, Listing, Map, Moves, Part, Picture, Prose, Question, Tone
from tui.view.arrange import Arrangement, Block, arrange, flat
from tui.view.frame import title_line
from tui.view.marks import Marks
from tui.view.text import Line, line

SEEN = (Strip, Bytes, Question, Lanes, Moves, Map, Listing)


def lecture(picture: Picture, crumbs: Sequence[str], size: tuple[int, int], marks: Marks, spot: int = 0) -> list[Line]:
    """A picture as lines.

    Args:
        picture: what there is to see.
        crumbs: the titles of the activities that led here.
        size: columns and rows of the screen.
        marks: the glyphs.
        spot: the number of the row of bytes in the spotlight, from 1; 0 for none.
    """
    width, height = size
    parts = tuple(part for one in picture.parts if (part := _seen(one)) is not None)
    body = arrange(replace(picture, parts=parts), width - 2, height - 2, marks, {})
    body = Arrangement(tuple(_dimmed(block, spot) for block in body.blocks))
    body = _spaced(body, height - 2)
    return [
        title_line(picture, crumbs, width, marks),
        line(),
        *flat(body, height - 2, marks, 1),
    ]


def rows(picture: Picture) -> int:
    """How many rows of bytes there are to put into the spotlight."""
    return next((len(part.table.rows) for part in picture.parts if isinstance(part, Bytes)), 0)


def _seen(part: Part) -> Part | None:
    """What is seen of a part; None for nothing."""
    if isinstance(part, Prose):
        strong = tuple(one for one in part.paragraphs if one.tone in (Tone.STRONG, Tone.BROKEN, Tone.GOOD))
        return replace(part, paragraphs=strong, keeps=0) if strong else None
    return replace(part, low=False, keeps=0) if isinstance(part, SEEN) else None


def _dimmed(block: Block, spot: int) -> Block:
    """A block in which what did not change is dim; of the bytes all but the row in the spotlight."""
    table = isinstance(block.part, Bytes)
    if not (table or isinstance(block.part, Strip)):
        return block
    out = []
    for at, one in enumerate(block.lines):
        lit = table and (at == spot if spot else at == 0 or _has_changed(one))
        out.append(one if lit else tuple((text, _dim(look, table and spot > 0)) for text, look in one))
    return replace(block, lines=tuple(out))


def _has_changed(row: Line) -> bool:
    return any("changed" in look.split() for _, look in row)


def _dim(look: str, all_of_it: bool) -> str:
    """The look of what is not to be looked at."""
    keep = not all_of_it and any(one in ("here", "bad") for one in look.split())
    return look if keep else "dim"


def _spaced(body: Arrangement, height: int) -> Arrangement:
    """A blank row behind each row of the bytes, where there is room for all of them."""
    table = next((block for block in body.blocks if isinstance(block.part, Bytes)), None)
    if table is None:
        return body
    column = [block for block in body.blocks if block.x == table.x]
    extra = len(table.lines) - 1
    if max(block.y + len(block.lines) for block in column) + extra > height:
        return body
    spaced = tuple(one for row in table.lines for one in (row, line()))[:-1]
    out = []
    for block in body.blocks:
        if block is table:
            out.append(replace(block, lines=spaced))
        elif block.x == table.x and block.y > table.y:
            out.append(replace(block, y=block.y + extra))
        else:
            out.append(block)
    return Arrangement(tuple(out))
