"""Ctrl-C and ctrl-Q end the app on every screen, also on those that stand over another, and keep the place."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.screen import ModalScreen, Screen

from tests.tui.app.screens import Hand, drive, press
from tui.app import kept, screens
from tui.app.screens.activity import ActivityScreen
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page, Words
from tui.app.screens.scenarios import Scenarios
from tui.app.screens.stepper import StepperScreen
from tui.app.screens.working import WorkingScreen

WAYS: list[tuple[type[Screen[Any]], tuple[str, ...]]] = [  # keys that lead to a screen
    (StepperScreen, ()),
    (StepperScreen, ("A",)),  # while it goes on by itself
    (Scenarios, ("S",)),
    (ActivityScreen, ("L",)),
    (ActivityScreen, ("L", "0")),
    (ActivityScreen, ("C",)),
    (ActivityScreen, ("S", "up", "enter")),
    (ActivityScreen, ("B",)),
    (ActivityScreen, ("F",)),
    (Prompt, ("F", "slash", "v")),  # in its field
    (Prompt, ("t",)),
    (CommandPalette, ("C", "colon")),
    (Words, ("question_mark",)),
    (Page, ("L", "f1")),
    (CommandPalette, ("ctrl+p",)),
    (CommandPalette, ("ctrl+p", "x", "down")),
]


@pytest.mark.parametrize("key", ["ctrl+c", pytest.param("ctrl+q", marks=pytest.mark.stress)])
@pytest.mark.parametrize(
    ("screen", "way"), WAYS, ids=lambda one: one.__name__ if isinstance(one, type) else "-".join(one)
)
def test_every_screen_quits(
    screen: type[Screen[Any]], way: tuple[str, ...], key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")

    async def check(hand: Hand) -> None:
        await hand.press("n", "n")
        await press(hand, *way)  # a screen that counts takes some keys only once it has counted
        assert type(hand.app.screen) is screen
        await hand.pilot.press(key)
        last = kept.load()
        assert hand.app.return_value == 0 and last is not None and last.step == 2

    drive(check)


def test_no_screen_is_left_out() -> None:
    for module in pkgutil.iter_modules(screens.__path__):
        importlib.import_module(f"{screens.__name__}.{module.name}")
    ours = {one for base in (Screen, ModalScreen, WorkingScreen, Page) for one in base.__subclasses__()}
    ours = {one for one in ours if one.__module__.startswith(screens.__name__)} - {WorkingScreen}
    assert {screen for screen, _ in WAYS} == ours | {CommandPalette}
