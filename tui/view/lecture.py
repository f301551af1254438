"""The lecture view of a picture, for the last row of a room: what is to be looked at, spaced, and nothing else.

Keys and who waits are left out, and what did not change is dim. A row of the bytes can be put into the spotlight: then
all others are dim. Of what is told there is the prose that survives longest in the picture and, of any other, what is
strong; where there is room for more, one part of it is told whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lessons.machine import Bytes, Strip
from lessons.picture import Bars, Lanes, Listing, Map, Moves, Part, Picture, Prose, Question, Rows, Tabs, Tone
from tui.view.arrange import Arrangement, Block, arrange, flat
from tui.view.frame import MESSAGE, title_line
from tui.view.marks import Marks
from tui.view.text import Line, line, plain, wrap

SEEN = (Strip, Bytes, Question, Lanes, Moves, Map, Listing, Rows, Bars, Tabs)
STRONG = (Tone.STRONG, Tone.BROKEN, Tone.GOOD)
SENTENCE = 2  # rows that are kept for what is told, so that what follows stays in its place
COUNTS = 2  # rows of a map besides its cells
AROUND = 2  # rows of a score besides those of its lanes: the names of phases, and where one stands


def lecture(
    picture: Picture,
    crumbs: Sequence[str],
    size: tuple[int, int],
    marks: Marks,
    spot: int = 0,
    said: str = "",
    look: str = "",
) -> list[Line]:
    """A picture as lines.

    Args:
        picture: what there is to see.
        crumbs: the titles of the activities that led here.
        size: columns and rows of the screen.
        marks: the glyphs.
        spot: the number of the row of bytes in the spotlight, from 1; 0 for none.
        said: what was said last; "" for nothing. The last row is kept for it, so that nothing
            else moves, where all has room above.
        look: of that.
    """
    width, height = size
    below = [line(" ", *one) for one in wrap(marks.plain(said), width - 2, look)[:MESSAGE]] if said else []
    room = height - 2 - len(below)
    body = _body(picture, width - 2, (height - 2 - max(1, len(below)), room), marks, spot)
    return [title_line(picture, crumbs, width, marks), line(), *flat(body, room, marks, 1), *below]


def rows(picture: Picture) -> int:
    """How many rows of bytes there are to put into the spotlight."""
    return next((len(part.table.rows) for part in picture.parts if isinstance(part, Bytes)), 0)


def _body(picture: Picture, width: int, heights: tuple[int, int], marks: Marks, spot: int) -> Arrangement:
    """What is seen where: with more told where all has room, the bytes apart; with rows kept where all has room.

    Args:
        picture: all there is.
        width: columns.
        heights: rows; and where not all has room in them, so many.
        marks: the glyphs.
        spot: the number of the row of bytes in the spotlight, from 1; 0 for none.
    """
    height, most = heights
    for one in _more(picture):
        body = arrange(one, width, height, marks, {})
        spaced = _spaced(_drawn(body, spot), height)
        if spaced is not None and _is_whole(body):
            return spaced
    seen = _seen(picture)
    body = arrange(seen, width, height, marks, {})
    if not _is_whole(body):
        seen = replace(seen, parts=tuple(replace(part, keeps=0) for part in seen.parts))
        height, body = most, arrange(seen, width, most, marks, {})
    body = _drawn(body, spot)
    return _spaced(body, height) or body


def _is_whole(body: Arrangement) -> bool:
    return not body.gone and not any(block.scrolls for block in body.blocks)


def _drawn(body: Arrangement, spot: int) -> Arrangement:
    """The body with its time picture in its place, and dim where nothing is to be looked at."""
    return Arrangement(tuple(_dimmed(_settled(block), spot) for block in body.blocks))


# --- what is seen --------------------------------------------------------------------------------------------------


def _seen(picture: Picture, whole: str = "") -> Picture:
    """A picture with what is seen of it; a question that is open survives longest, then what is told and an oops.

    Args:
        picture: all there is.
        whole: the name of a part that is told whole besides.
    """
    chief = _by_survival(picture)[:1]
    names = [*(one.name for one in chief), whole]
    parts = tuple(part for one in picture.parts if (part := _part(one, names)) is not None)
    first = [one.name for one in parts if isinstance(one, Question) and not one.why]
    strong = [one.name for one in parts if isinstance(one, Prose) and _is_strong(one)]
    broken = [one.name for one in parts if isinstance(one, Listing) and one.broken]
    survival = (*first, *(one.name for one in chief), *strong, *broken, *picture.survival)
    return replace(picture, parts=parts, survival=survival)


def _is_strong(part: Prose) -> bool:
    """Whether a sentence of it is what the picture says first: at an end, how it ends."""
    return any(one.tone is Tone.STRONG for one in part.paragraphs)


def _more(picture: Picture) -> Iterator[Picture]:
    """The same with one paragraph more: of the part that survives longest of those that are not told."""
    for one in _by_survival(picture)[1:2]:
        if [paragraph.tone for paragraph in one.paragraphs] == [Tone.PLAIN]:
            yield _seen(picture, one.name)


def _by_survival(picture: Picture) -> list[Prose]:
    """What is told, what survives longest first; what stands in a pane of its own is beside the matter."""
    prose = {part.name: part for part in picture.parts if isinstance(part, Prose) and not part.title}
    return [prose[name] for name in picture.survival if name in prose and prose[name].paragraphs]


def _part(part: Part, whole: Sequence[str]) -> Part | None:
    """What is seen of a part; None for nothing."""
    match part:
        case Prose(title=""):
            every = part.name in whole
            paragraphs = tuple(one for one in part.paragraphs if every or one.tone in STRONG)
            return replace(part, paragraphs=paragraphs, keeps=SENTENCE * every) if paragraphs else None
        case Map():  # where it only counts, it is not what is to be looked at
            return replace(part, low=False, keeps=COUNTS) if part.cells else None
        case Lanes():
            return replace(part, low=False, keeps=len(part.time.lanes) + AROUND)
    return replace(part, low=False, keeps=0) if isinstance(part, SEEN) else None


# --- how it is drawn -----------------------------------------------------------------------------------------------


def _settled(block: Block) -> Block:
    """A score whose lanes stand where they stand once a phase has a name above them."""
    lanes, head = _lanes(block), bool(block.part.title)
    if lanes is None or lanes[0] > head:
        return block
    return replace(block, lines=(*block.lines[:head], line(), *block.lines[head:]))


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
    keep = not all_of_it and any(one in ("box", "here", "now", "bad") for one in look.split())
    return look if keep else "dim"


def _spaced(body: Arrangement, height: int) -> Arrangement | None:
    """A blank row behind each row of the bytes; None where there is no room for all of them.

    Where there is still room then, also behind each lane of a score.
    """
    table = next((block for block in body.blocks if isinstance(block.part, Bytes)), None)
    if table is not None:
        apart = _apart(body, table, range(len(table.lines) - 1), height)
        if apart is None:
            return None
        body = apart
    for block in body.blocks:
        if (lanes := _lanes(block)) is not None:
            body = _apart(body, block, lanes[:-1], height) or body
    return body


def _apart(body: Arrangement, block: Block, behind: Sequence[int], height: int) -> Arrangement | None:
    """A body with a blank row behind these lines of a block; None where there is no room for all of them."""
    column = [one for one in body.blocks if one.x == block.x]
    if max(one.y + len(one.lines) for one in column) + len(behind) > height:
        return None
    lines = tuple(row for at, one in enumerate(block.lines) for row in ([one, line()] if at in behind else [one]))
    return Arrangement(
        tuple(
            replace(one, lines=lines) if one is block
            else replace(one, y=one.y + len(behind)) if one.x == block.x and one.y > block.y
            else one
            for one in body.blocks
        )
    )  # fmt: skip


def _lanes(block: Block) -> range | None:
    """The lines of the lanes of a score of which all is seen; None for anything else."""
    if not isinstance(block.part, Lanes) or block.scrolls:
        return None
    names = block.part.time.lanes
    first = next((at for at, one in enumerate(block.lines) if plain(one).startswith(names[0])), None)
    return None if first is None else range(first, first + len(names))
