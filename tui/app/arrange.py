"""Which panel stands where, at any size; a pure function, so that a test can ask it for every size.

Panels stand below one another in the order of ORDER. Where there are too few rows they give way in the order of
GIVE_WAY: first down to their least height, then altogether. From WIDE columns on, the CPU in focus and the time
picture stand beside the story, which therefore does not move when one looks deeper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

WIDE = 110  # columns, from which on there is room beside the story
STORY = 74  # columns of the story then; the rest is enough for the time picture as a graph
ORDER = (
    "title",
    "phases",
    "site",
    "now",
    "why",
    "oops",
    "cpus",
    "focus",
    "map",
    "trace",
    "events",
    "time",
    "scrub",
    "keys",
)
GIVE_WAY = (
    "events",
    "time",
    "scrub",
    "trace",
    "map",
    "focus",
    "oops",
    "cpus",
    "why",
    "now",
    "phases",
    "title",
    "site",
    "keys",
)
GROW = ("why", "map", "oops", "focus", "trace", "events")  # who takes what is left: the story first, so it stays put
BOTTOM = ("time", "scrub", "keys")  # these stand at the bottom
ACROSS = ("title", "phases", "scrub", "keys")  # as wide as the screen, always
BESIDE = ("focus", "time")  # from WIDE columns on
LEAST_WIDTH, LEAST_HEIGHT = 40, 10  # below that there is no screen


class Box(NamedTuple):
    """Columns and rows of a panel."""

    x: int
    y: int
    width: int
    height: int


class Need(NamedTuple):
    """Rows that a panel should have, the least it makes sense with, and those beyond which it gains nothing."""

    want: int
    least: int = 1
    most: int = 0


def arrange(width: int, height: int, needs: Mapping[str, Need]) -> dict[str, Box]:
    """A box for each panel that has a place; `needs` names the panels that are wanted."""
    wide = width >= WIDE
    beside = wide and ("focus" in needs or "time" in needs)
    stacked = {name: needs[name] for name in ORDER if name in needs and not (beside and name in BESIDE)}
    rows = _rows(height, stacked)
    boxes: dict[str, Box] = {}
    y = 0
    for name in ORDER:
        if rows.get(name):
            if name in BOTTOM:
                y = height - sum(rows.get(one, 0) for one in BOTTOM[BOTTOM.index(name) :])
            full = not wide or name in ACROSS
            boxes[name] = Box(0, y, width if full else STORY, rows[name])
            y += rows[name]
    if beside:
        top = rows.get("title", 0) + rows.get("phases", 0)
        x, rest = STORY + 1, height - top - sum(rows.get(one, 0) for one in BOTTOM)
        score = needs["time"].want if "time" in needs and rest >= 2 * needs["time"].want else 0
        score = rest if "focus" not in needs else score
        if "focus" in needs:
            boxes["focus"] = Box(x, top, width - x, rest - score)
        if score:
            boxes["time"] = Box(x, top + rest - score, width - x, score)
    return boxes


def _rows(height: int, needs: Mapping[str, Need]) -> dict[str, int]:
    rows = {name: need.want for name, need in needs.items()}
    for name in GIVE_WAY:
        if name in rows and (over := sum(rows.values()) - height) > 0:
            rows[name] = max(needs[name].least, rows[name] - over)
    for name in GIVE_WAY:
        if name in rows and sum(rows.values()) > height:
            rows[name] = 0
    for name in reversed(GIVE_WAY):  # what those that are gone have left is for those that became lower
        spare = height - sum(rows.values())
        if rows.get(name) and spare > 0:
            rows[name] = max(rows[name], min(needs[name].want, rows[name] + spare))
    for name in GROW:
        spare = height - sum(rows.values())
        if rows.get(name) and spare > 0:
            rows[name] = max(rows[name], min(needs[name].most, rows[name] + spare))
    return rows
