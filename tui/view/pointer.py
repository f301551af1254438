"""Which part of a picture has the focus, and at which place of it one points: where the arrow keys and Enter lead."""

from __future__ import annotations

from collections.abc import Sequence

from lessons.picture import Part
from tui.view.arrange import Block, target
from tui.view.marks import Marks
from tui.view.parts import RENDERERS
from tui.view.text import Line, line, pointed_at

ARROWS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}


class Pointer:
    """The focus of a screen; it is on no part at first.

    Attributes:
        part: the name of the part with the focus, "" for none.
        place: the column and line of its block at which one points; None for none.
    """

    def __init__(self) -> None:
        self.part = ""
        self.place: tuple[int, int] | None = None

    def block(self, blocks: Sequence[Block]) -> Block | None:
        """The block with the focus; None where none has it."""
        return next((one for one in blocks if one.part.name == self.part), None)

    def of(self, parts: Sequence[Part]) -> Part | None:
        """The part with the focus."""
        return next((one for one in parts if one.name == self.part), None)

    def step(self, parts: Sequence[Part], by: int) -> None:
        """Give the focus to the next part, or to the one before; behind the last one nothing has it."""
        names = ["", *(one.name for one in parts)]
        at = names.index(self.part) if self.part in names else 0
        self.part, self.place = names[(at + by) % len(names)], None

    def move(self, blocks: Sequence[Block], key: str) -> bool:
        """Point at the next place in the direction of an arrow key; False where that key does not point here."""
        block = self.block(blocks)
        if block is None or key not in ARROWS or not RENDERERS[type(block.part)].points:
            return False
        if self.place is None:
            places = ((0, y) for y in range(len(block.lines)))
            self.place = next((one for one in places if target(block, *one) is not None), None)
            return self.place is not None
        x, y = (sum(one) for one in zip(self.place, ARROWS[key], strict=True))
        if 0 <= x < block.width and 0 <= y < len(block.lines) and target(block, x, y) is not None:
            self.place = (x, y)
            return True
        return key in ("up", "down")

    def chosen(self, blocks: Sequence[Block]) -> tuple[str, str] | None:
        """The action, and its argument, that the place at which one points leads to; None for none."""
        block = self.block(blocks)
        return None if block is None or self.place is None else target(block, *self.place)

    def marked(self, lines: list[Line], blocks: Sequence[Block], marks: Marks) -> list[Line]:
        """The lines of a whole frame, with a mark before those of the block with the focus, and at the place."""
        block = self.block(blocks)
        if block is None:
            return lines
        out = list(lines)
        for y in range(block.y + 1, block.y + 1 + len(block.lines)):
            out[y] = _with(out[y], block.x, line((marks.focus, "here")))
        if self.place is not None and self.place[1] < len(block.lines):
            y = block.y + 1 + self.place[1]
            out[y] = pointed_at(out[y], block.x + 1 + self.place[0])
        return out


def _with(row: Line, column: int, put: Line) -> Line:
    """A line with another one in place of what stands at a column."""
    out: list[tuple[str, str]] = []
    x = 0
    for text, look in row:
        before, after = text[: max(0, column - x)], text[max(0, column + 1 - x) :]
        if x <= column < x + len(text):
            out += [(before, look), *put, (after, look)]
        else:
            out.append((text, look))
        x += len(text)
    if x <= column:
        out += [(" " * (column - x), ""), *put]
    return tuple(piece for piece in out if piece[0])
