"""With --ascii nothing else reaches the terminal: every screen, every widget, Textual's own too."""

from __future__ import annotations

import pytest
from textual.command import CommandList, CommandPalette

from lessons.activities.start import Start
from tests.tui.app.screens import Hand, drive
from tui.app.ascii import in_ascii
from tui.app.screens.activity import ActivityScreen
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page, WordPage
from tui.view.marks import ASCII, UNICODE

OVER = {  # keys, and the screen to which they lead
    "colon": CommandPalette,
    "f1": Page,
    "question_mark": WordPage,
    "t": Prompt,
    "slash": Prompt,
    "escape": ActivityScreen,
}


def is_ascii(text: str) -> None:
    assert text.isascii(), {one for one in text if not one.isascii()}


async def listed(hand: Hand) -> None:
    """Wait for the palette's list, which it draws a moment later than itself."""
    palette = hand.app.screen
    assert isinstance(palette, CommandPalette)
    await hand.until(lambda: palette.query_one(CommandList).option_count)


@pytest.mark.parametrize("key", OVER)
def test_a_screen_is_ascii_from_edge_to_edge(key: str) -> None:
    async def check(hand: Hand) -> None:
        text = await hand.press(key)
        assert isinstance(hand.app.screen, OVER[key])
        if isinstance(hand.app.screen, CommandPalette):
            await listed(hand)
        is_ascii(text + await hand.press("down"))

    drive(check, marks=ASCII)


@pytest.mark.parametrize("name", [one.name for one in Start().entries])
def test_an_activity_is_ascii_from_edge_to_edge(name: str) -> None:
    async def check(hand: Hand) -> None:
        is_ascii(await hand.press("escape"))
        await hand.do("search", name)
        for key in ("enter", "down", "right", "question_mark", "escape", "f1"):
            is_ascii(await hand.press(key))

    drive(check, marks=ASCII)


@pytest.mark.parametrize("action", ["boot"])
def test_what_a_story_opens_is_ascii_from_edge_to_edge(action: str) -> None:
    async def check(hand: Hand) -> None:
        is_ascii(await hand.do(action))
        assert not hand.refused
        is_ascii(await hand.press("down"))

    drive(check, marks=ASCII)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_a_story_is_ascii_in_every_depth_and_over_an_oops(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        for _ in range(3):
            is_ascii(await hand.press("m", "right", "right", "right"))
        assert "BUG: unable to handle page fault" in hand.text()

    drive(check, scenario="naive", marks=ASCII, size=size)


@pytest.mark.parametrize("marks", [ASCII, UNICODE])
def test_the_key_line_is_whole_at_each_step(marks: object) -> None:
    """Twins of arrows are wider than the arrows."""

    async def check(hand: Hand) -> None:
        for _ in range(8):
            last = hand.text().split("\n")[-1].rstrip()
            assert last.endswith("q quit") and ".." not in last and ": all keys" in last
            await hand.press("right")

    for size in ((60, 20), (80, 24), (120, 36)):
        drive(check, marks=marks, size=size)  # type: ignore[arg-type]


def test_the_palette_shows_its_actions() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("colon")
        await hand.type("next phase")
        assert "Enter" in await hand.until("Next phase")

    for marks in (ASCII, UNICODE):
        drive(check, marks=marks)


def test_a_twin_is_as_wide_as_its_glyph() -> None:
    assert in_ascii("a→b…─🔎.") == "a>b.-??."
