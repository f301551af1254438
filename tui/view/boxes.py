"""Rounded frames around panes: a part with a title begins a pane, and those that follow it without one stand in it."""

from __future__ import annotations

from dataclasses import dataclass

from lessons.machine import Bytes, Core
from lessons.picture import Moves, Part, Picture
from tui.view.marks import Marks
from tui.view.text import Line, line

SIDES = 3  # columns that a frame takes: its two sides, and a blank behind the left one
WIDTH, HEIGHT = 120, 36  # of a window, from which on its panes stand in frames


@dataclass(frozen=True, slots=True)
class Box:
    """A frame.

    Attributes:
        x, y: its upper left corner, as the places of blocks are counted: -1 is the edge of the window.
        width, height: columns and rows, the sides with them.
        parts: the names of the parts in it.
        titled: the rule of its first part is its upper side.
    """

    x: int
    y: int
    width: int
    height: int
    parts: tuple[str, ...]
    titled: bool


def framed(picture: Picture, size: tuple[int, int]) -> bool:
    """Whether the panes of a picture stand in frames: never one by one, so that they stay from step to step.

    Args:
        picture: what there is to see; a CPU in full, or a schedule, needs all rows that there are.
        size: columns and rows of the window.
    """
    return size[0] >= WIDTH and size[1] >= HEIGHT and not any(isinstance(part, (Core, Moves)) for part in picture.parts)


def has_rule(part: Part) -> bool:
    """Whether a part begins with a rule: a title's, or that of the bytes of a site."""
    return bool(part.title) or isinstance(part, Bytes)


def sides(box: Box, marks: Marks, look: str) -> list[tuple[int, int, list[Line]]]:
    """Column, row and lines of what is drawn of a frame."""
    top_left, top_right, bottom_left, bottom_right, side = tuple(marks.frame)
    inner, rule = box.height - 2, marks.rule
    top = f"{top_left}{rule}" if box.titled else f"{top_left}{rule * (box.width - 2)}"
    bottom = f"{bottom_left}{rule * (box.width - 2)}{bottom_right}"
    left = [top, *[side] * inner, bottom]
    right = [top_right, *[side] * inner]
    return [
        (box.x, box.y, [line((one, look)) for one in left]),
        (box.x + box.width - 1, box.y, [line((one, look)) for one in right]),
    ]


def brighter(rule: Line, marks: Marks, look: str) -> Line:
    """The rule of a part as a side of a frame with this look."""
    return tuple((text, look if was == "dim" and not text.strip(f" {marks.rule}") else was) for text, was in rule)
