"""Textual's faults that ended the program: each does so no more. Storms of keys look for others (tests/hostile)."""

from __future__ import annotations

import asyncio

import pytest
from textual.command import CommandPalette

from tests.tui.app.screens import Hand, drive
from tui.app.screens.activity import ActivityScreen
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page


@pytest.mark.parametrize("key", ["colon", "f1", "t", "slash", "question_mark"])
def test_a_screen_that_is_left_twice_takes_no_other_with_it(key: str) -> None:
    async def check(hand: Hand) -> None:
        below = list(hand.app.screen_stack)
        await hand.press(key)
        screen = hand.app.screen
        assert screen not in below
        screen.dismiss(None)
        screen.dismiss(None)
        await hand.read()
        assert hand.app.screen_stack == below

    drive(check)


def test_a_screen_that_ends_under_another_takes_that_with_it() -> None:
    """A prompt is answered from elsewhere; meanwhile one reads a page."""

    async def check(hand: Hand) -> None:
        await hand.press("t")
        prompt = hand.app.screen
        hand.app.push_screen(Page([]))
        await hand.read()
        assert isinstance(hand.app.screen, Page) and isinstance(prompt, Prompt)
        prompt.dismiss(None)
        await hand.read()
        assert isinstance(hand.app.screen, ActivityScreen)

    drive(check)


def test_a_palette_that_is_closed_before_it_searches_ends_nothing() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("ctrl+p")
        palette = hand.app.screen
        assert isinstance(palette, CommandPalette)
        palette.call_next(search_and_close, palette)
        await hand.read()
        await asyncio.sleep(0.1)
        assert isinstance(hand.app.screen, ActivityScreen) and hand.app.crash is None and hand.app.is_running

    drive(check)


def search_and_close(palette: CommandPalette) -> None:
    palette.dismiss()
    palette._nodes._clear()
    palette._gather_commands("x")


def test_a_page_that_is_closed_before_it_is_mounted_ends_nothing() -> None:
    async def check(hand: Hand) -> None:
        for _ in range(20):
            hand.app.push_screen(Page([]))
            hand.app.screen.dismiss(None)
        await hand.read()
        assert isinstance(hand.app.screen, ActivityScreen) and hand.app.crash is None and hand.app.is_running

    drive(check)


def test_a_palette_opens_while_the_last_one_is_being_closed() -> None:
    async def check(hand: Hand) -> None:
        hand.app.action_command_palette()
        hand.app.screen.dismiss(None)
        hand.app.action_command_palette()
        await hand.read()
        assert isinstance(hand.app.screen, CommandPalette) and hand.app.crash is None

    drive(check)
