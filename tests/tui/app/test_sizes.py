"""Every size: parts never overlap or leave the screen, and give way in the order that is stated."""

from __future__ import annotations

import pytest

from lessons.kept import DEPTHS
from lessons.story.look import STORY
from lessons.story.parts import SURVIVAL
from simkernel.schedule import Read
from tests.tui.app.screens import Hand, drive
from tui.app.screens.activity import LEAST_HEIGHT, LEAST_WIDTH
from tui.view.arrange import WIDE, arrange
from tui.view.frame import frame
from tui.view.marks import UNICODE
from tui.view.room import Drawings
from tui.view.text import length


@pytest.mark.parametrize("depth", DEPTHS)
def test_at_every_size_the_parts_fit_beside_one_another(depth: str) -> None:
    """None overlaps another or leaves the screen, and those that have gone survive less than all that are there."""

    async def check(hand: Hand) -> None:
        await hand.press("right", "right", "right")
        picture, drawings, offered = hand.app.playing.picture, Drawings(), hand.app.visit.front.offered()
        for width in (LEAST_WIDTH, 60, 79, 80, WIDE + 1, WIDE + 2, 120, 200):
            for height in range(LEAST_HEIGHT, 61):
                drawn = frame(picture, (), offered, (width, height), UNICODE, drawings=drawings)
                cells: set[tuple[int, int]] = set()
                room = height - 1 - len(drawn.below)
                for block in drawn.body.blocks:
                    assert all(length(one) <= block.width for one in block.lines), (block.part.name, width, height)
                    columns, rows = range(block.x, block.x + block.width), range(block.y, block.y + len(block.lines))
                    own = {(x, y) for x in columns for y in rows}
                    assert not own & cells, (block.part.name, width, height)
                    assert columns.stop <= width - 2 and rows.stop <= room, (block.part.name, width, height)
                    cells |= own
                lines = drawn.lines(width, height)
                assert len(lines) == height and all(length(one) <= width for one in lines)

    drive(check, depth=depth)


def test_what_survives_most_is_there_as_long_as_anything_is() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right", "right")
        picture = hand.app.playing.picture
        order = [name for name in SURVIVAL[STORY] if any(part.name == name for part in picture.parts)]
        for height in range(LEAST_HEIGHT, 40):
            there = {block.part.name for block in arrange(picture, 78, height, UNICODE, {}).blocks}
            most = [name for name in order if name in there][:3]
            assert most[: len(order)] == order[: len(most)], height

    drive(check)


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 36), (44, 12)])
@pytest.mark.parametrize("depth", DEPTHS)
def test_what_matters_most_is_there(size: tuple[int, int], depth: str) -> None:
    async def check(hand: Hand) -> None:
        text = await hand.press("right", "right")
        assert "INT3" in text or "SYNC 1" in text or size[1] < 24
        keys = text.splitlines()[-1]
        assert "in memory" in text and "CPU1 may run" in text and "→ next" in keys
        assert size[0] < 60 or all(one in keys for one in ("Enter phase", ": all keys", "q quit"))
        assert size[0] < 60 or ("? words" if size[0] > 60 else "? whole") in keys
        assert all(len(line) <= size[0] for line in text.splitlines())
        if size == (120, 36) and depth == "all":
            for words in ("Why", "registers", "stack", "what happened", "sites", "Trace", " of "):
                assert words in text

    drive(check, size=size, depth=depth)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_where_the_rest_of_a_half_read_instruction_comes_from_is_said_in_full(
    size: tuple[int, int], count: int
) -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right")
        hand.stepper.step(Read(0, count))
        hand.stepper.looked()
        for _ in DEPTHS:
            row = next(row for row in (await hand.press("m")).splitlines() if "CPU0 may run" in row)
            assert ("rest from memory" if size[0] < WIDE or count == 1 else "has read +0 to +") in row
            assert row.count("(") == row.count(")") == 5 - count

    drive(check, size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_no_depth_takes_a_row_of_the_five_bytes_away(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        rows = []
        for _ in DEPTHS:
            text = await hand.press("right", "m")
            rows.append([row.lstrip("│ ")[:12].strip() for row in text.splitlines()[3:8]])
        assert rows == [["was", "in memory", "CPU0 may run", "CPU1 may run", "becomes"]] * len(DEPTHS)

    drive(check, size=size)


def test_everything_at_120x36_leaves_room_for_what_happened() -> None:
    async def check(hand: Hand) -> None:
        for _ in range(12):
            text = await hand.press("right")
        lines = text.splitlines()
        first = next(at for at, row in enumerate(lines) if "what happened" in row)
        events = [row for row in lines[first + 1 :] if row[:9].strip().isdigit()]
        assert len(events) >= 2

    drive(check, size=(120, 36), depth="all")


def test_a_terminal_may_change_its_size_at_any_time() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right", "m")
        first = hand.text()
        for width, height in ((120, 36), (60, 20), (30, 5), (100, 30), (80, 24)):
            await hand.pilot.resize_terminal(width, height)
            text = await hand.read()
            assert ("in memory" in text) == (width >= LEAST_WIDTH)
        assert text == first

    drive(check)


def test_eight_cpus_have_their_rows() -> None:
    async def check(hand: Hand) -> None:
        await hand.do("cpus", "8")
        text = await hand.press("right", "right")
        assert all(f"CPU{cpu} may run" in text for cpu in range(8))

    drive(check)


@pytest.mark.parametrize("size", [(120, 36), (160, 45)])
def test_a_cpu_in_full_has_its_stack(size: tuple[int, int]) -> None:
    """Also where its registers stand beside its code: a larger window shows no less."""

    async def check(hand: Hand) -> None:
        assert "─ stack ─" in await hand.press("right", "right")

    drive(check, size=size, depth="code")
