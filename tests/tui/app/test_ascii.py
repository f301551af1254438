"""With --ascii nothing else reaches the terminal: every screen, every widget, Textual's own too."""

from __future__ import annotations

import pytest
from textual.command import CommandList, CommandPalette

from tests.tui.app.screens import Hand, drive
from tui.app.ascii import in_ascii
from tui.view.marks import ASCII, UNICODE

SCREENS = (
    "palette",
    "help",
    "words",
    "goto",
    "functions",
    "boot",
    "scenarios",
    "mysteries",
    "lab",
    "overhead",
    "look-at",
)


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_ascii_from_edge_to_edge(name: str) -> None:
    async def check(hand: Hand) -> None:
        text = await hand.do(name)
        if isinstance(palette := hand.app.screen, CommandPalette):  # it draws its list a moment later
            await hand.until(lambda: palette.query_one(CommandList).option_count)
        text += await hand.press("down")
        assert text.isascii(), {one for one in text if not one.isascii()}

    drive(check, marks=ASCII)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_the_stepper_is_ascii_in_every_depth_and_over_an_oops(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        for _ in range(3):
            text = await hand.press("m", "right", "right", "right")
            assert text.isascii(), {one for one in text if not one.isascii()}

    drive(check, scenario="naive", marks=ASCII, size=size)


def test_the_palette_shows_its_actions() -> None:
    async def check(hand: Hand) -> None:
        await hand.do("palette")
        await hand.type("next phase")
        assert "Enter" in await hand.until("Next phase")

    for marks in (ASCII, UNICODE):
        drive(check, marks=marks)


def test_a_twin_is_as_wide_as_its_glyph() -> None:
    assert in_ascii("a→b…─🔎.") == "a>b.-??."
