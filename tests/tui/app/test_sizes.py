"""Every size: panels never overlap or leave the screen, and give way in the order that is stated."""

from __future__ import annotations

import pytest

from lessons.session.stepper import Outcome
from simkernel.schedule import Read
from tests.tui.app.screens import Hand, drive
from tui.app.arrange import BESIDE, GIVE_WAY, LEAST_HEIGHT, LEAST_WIDTH, STORY, WIDE, arrange
from tui.app.picture import DEPTHS
from tui.app.screens.stepper import needs
from tui.view.marks import UNICODE


def test_at_every_size_the_panels_fit_beside_one_another() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right", "right")
        for depth in DEPTHS:
            hand.app.change(depth=depth)
            picture = hand.app.picture
            assert picture is not None
            for width in (LEAST_WIDTH, 60, 79, 80, WIDE - 1, WIDE, 120, 200):
                for height in range(LEAST_HEIGHT, 61):
                    wanted = needs(picture, width)
                    boxes = arrange(width, height, wanted)
                    cells: set[tuple[int, int]] = set()
                    for box in boxes.values():
                        own = {
                            (x, y) for x in range(box.x, box.x + box.width) for y in range(box.y, box.y + box.height)
                        }
                        assert not own & cells, (depth, width, height)
                        assert box.x + box.width <= width and box.y + box.height <= height, (depth, width, height)
                        cells |= own
                    beside = width >= WIDE and ("focus" in wanted or "time" in wanted)
                    order = [name for name in GIVE_WAY if name in wanted and not (beside and name in BESIDE)]
                    gone = [name for name in order if name not in boxes]
                    assert gone == order[: len(gone)], (depth, width, height)

    drive(check)


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 36), (44, 12)])
@pytest.mark.parametrize("depth", DEPTHS)
def test_what_matters_most_is_there(size: tuple[int, int], depth: str) -> None:
    async def check(hand: Hand) -> None:
        text = await hand.press("right", "right")
        assert "WRITE INT3" in text or "SYNC 1" in text or size[1] < 24
        assert (
            "in memory" in text
            and "CPU1 may run" in text
            and any(one in text.splitlines()[-1] for one in ("→ next", "→ ← step"))
        )
        assert size[0] < 60 or all(one in text.splitlines()[-1] for one in ("Bksp phase back", "? words", "F1 keys"))
        assert all(len(line) <= size[0] for line in text.splitlines())
        if size == (120, 36) and depth == "all":
            for words in ("Why", "registers", "stack", "what happened", "functions", "trace", " of "):
                assert words in text

    drive(check, size=size, depth=depth)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_where_the_rest_of_a_half_read_instruction_comes_from_is_said_in_full(
    size: tuple[int, int], count: int
) -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right")
        hand.app.stepper.step(Read(0, count))
        hand.app.stepper.looked()
        hand.app.ask(Outcome)
        for depth in DEPTHS:
            hand.app.change(depth=depth)
            row = next(row for row in (await hand.read()).splitlines() if "CPU0 may run" in row)
            assert ("rest from memory" if size[0] < WIDE else "has read +0") in row
            assert size[0] < WIDE or "·· ▌" in row

    drive(check, size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_no_depth_takes_a_row_of_the_five_bytes_away(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        rows = []
        for _ in DEPTHS:
            text = await hand.press("right", "m")
            rows.append([row.split("  ")[0].strip() for row in text.splitlines()[3:8]])
        assert rows == [["was", "in memory", "CPU0 may run", "CPU1 may run", "becomes"]] * len(DEPTHS)

    drive(check, size=size)


def test_everything_at_120x36_leaves_room_for_what_happened() -> None:
    async def check(hand: Hand) -> None:
        for _ in range(12):
            text = await hand.press("right")
        lines = text.splitlines()
        first = next(at for at, row in enumerate(lines) if "what happened" in row)
        events = [row for row in lines[first + 1 :] if row[:9].strip().isdigit()]
        assert len(events) >= 5
        sites = sum(
            row[1:STORY].count(UNICODE.sites[0]) for row in lines if set(row[1:STORY]) <= set(UNICODE.sites + " ")
        )
        assert sites >= len(hand.app.stepper.snapshot.map.states) - 1  # each has its cell

    drive(check, size=(120, 36), depth="all")


def test_a_terminal_may_change_its_size_at_any_time() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right", "m")
        first = hand.text()
        for width, height in ((120, 36), (60, 20), (30, 5), (100, 30), (80, 24)):
            await hand.pilot.resize_terminal(width, height)
            text = await hand.read()
            assert ("in memory" in text) == (width >= LEAST_WIDTH)
        assert text.replace(UNICODE.focus, " ") == first.replace(UNICODE.focus, " ")

    drive(check)


def test_eight_cpus_have_their_rows() -> None:
    async def check(hand: Hand) -> None:
        await hand.do("cpus", "8")
        text = await hand.press("right", "right")
        assert all(f"CPU{cpu} may run" in text for cpu in range(8))

    drive(check)
