"""The lecture view: no keys, no waits, the bytes apart, and bright is what has changed or stands in the spotlight."""

from __future__ import annotations

import pytest

from tests.tui.app.screens import Hand, drive
from tui.view.lecture import lecture
from tui.view.marks import UNICODE
from tui.view.text import Line, plain

SIZES = ((60, 20), (80, 24), (120, 36), (160, 45))


def bright(lines: list[Line]) -> list[str]:
    """The labels of the rows of bytes that are not dim."""
    labels = ("was", "in memory", "CPU0 may run", "CPU1 may run", "becomes")
    rows = [one for one in lines if plain(one)[1:13].strip() in labels]
    assert len(rows) == len(labels)
    return [plain(one)[1:13].strip() for one in rows if {look for text, look in one if text.strip()} != {"dim"}]


@pytest.mark.parametrize("size", SIZES)
def test_it_shows_what_is_to_be_looked_at_and_comes_and_goes_with_a_key(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        before = await hand.press(*["right"] * 5)
        text = await hand.press("z")
        assert len(text.split("\n")) == size[1]
        assert "q quit" not in text and "Waits" not in text and "Why" not in text
        assert "CPU0 runs 0F 1F 44 00 00" in " ".join(text.split()) and "SYNC 1" in text and "CPU1 may run" in text
        rows = [row for row in text.split("\n") if "may run" in row or "in memory" in row]
        apart = text.split("\n").index(rows[1]) - text.split("\n").index(rows[0])
        assert apart == (2 if size[1] > 20 else 1)
        assert await hand.press("z") == before
        point = hand.stepper.simulation.point
        await hand.press("z", "left", "right")
        assert hand.stepper.simulation.point == point, "the keys that move are those of the usual view"

    drive(check, size=size)


def test_what_did_not_change_is_dim_and_a_row_can_be_put_into_the_spotlight() -> None:
    async def check(hand: Hand) -> None:
        await hand.press(*["right"] * 5)
        picture = hand.app.playing.picture
        assert bright(lecture(picture, (), (80, 24), UNICODE)) == ["CPU0 may run"]  # which has just run it
        for spot, label in enumerate(("was", "in memory", "CPU0 may run", "CPU1 may run", "becomes"), 1):
            assert bright(lecture(picture, (), (80, 24), UNICODE, spot)) == [label]
        await hand.press("z")
        spots = []
        for _ in range(6):
            await hand.press("tab")
            spots.append(hand.app.playing.lecture)
        assert spots == [1, 2, 3, 4, 5, 0]

    drive(check)
