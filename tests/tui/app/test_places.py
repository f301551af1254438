"""What one looks at stays in its place from step to step of a story: the strip, the bytes, what happened, the keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lessons.activities.story import Story
from lessons.machine import Bytes
from lessons.picture import Lanes, Picture
from lessons.session.content import SCENARIOS
from simkernel.report import Report
from tui.view.arrange import WIDE, Block
from tui.view.frame import frame
from tui.view.marks import UNICODE
from tui.view.text import plain

SIZES = ((80, 24), (120, 36))
LEFT_OUT = "one, without sync 1"


def steps_of(name: str) -> Iterator[tuple[Story, Picture]]:
    """A story at each of its steps, with what there is to see."""
    story = Story.of(name.partition(",")[0])
    story.start(Report())
    if name == LEFT_OUT:
        for word, argument in (("search", "sync 1"), ("without", "")):
            assert not story.apply(word, argument).refused
    yield story, story.picture()
    while not story.apply("next").refused:
        yield story, story.picture()


def labels(block: Block) -> dict[str, int]:
    """The row of the screen at which each row of the bytes stands."""
    return {plain(one)[:12].strip(): block.y + at for at, one in enumerate(block.lines) if at and plain(one).strip()}


@pytest.mark.parametrize("name", [*SCENARIOS, LEFT_OUT])
def test_what_one_looks_at_stays_in_its_place(name: str) -> None:
    """At each step; the sentence is not there before the first one.

    Where a CPU runs what was neither instruction, and there is no room to keep a row for that, what stands below it
    stands a row lower from then on. At 120x36 the whole map may leave no row to keep.
    """
    found: dict[tuple[int, int], list[dict[str, object]]] = {size: [] for size in SIZES}
    for story, picture in steps_of(name):
        for width, height in SIZES:
            drawn = frame(picture, ("Scenarios",), story.offered(), (width, height), UNICODE)
            blocks = {one.part.name: one for one in drawn.body.blocks}
            table, time = blocks["bytes"].part, blocks.get("time")
            assert isinstance(table, Bytes)
            moved = len(table.table.ran) if width < WIDE else 0
            rows = labels(blocks["bytes"])
            assert [*rows][:2] == ["was", "in memory"] and [*rows][-1] == "becomes"
            places: dict[str, object] = {one: y for one, y in rows.items() if one != "becomes" and "ran" not in one}
            places |= {part: (one.y, len(one.lines)) for part, one in blocks.items() if part == "phases"}
            if blocks["now"].lines:  # not before the first step
                whole_map = width >= WIDE and "map" in blocks and len(blocks["map"].lines) > 1
                places["now"] = blocks["bytes"].y + table.keeps if whole_map else blocks["now"].y - moved
            places["frames"] = bool(drawn.body.boxes)
            places["keys"] = "q quit" in plain(drawn.lines(width, height)[height - 1])
            if time is not None and isinstance(time.part, Lanes):  # lanes at the foot, or at the right from the top
                room = height - 1 - len(drawn.below)
                assert time.y == blocks["bytes"].y if width >= WIDE else time.y + len(time.lines) == room
            found[width, height].append(places)
    for size, (_, first, *others) in found.items():
        assert others and "now" in first, size
        for step, one in enumerate(others, 2):
            assert one == first, (size, step)
