"""Ctrl-C and ctrl-Q end the app wherever one is, also on what stands over the screen, and keep the place."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.screen import Screen

from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.session.content import STORIES
from simkernel.sim.moment import moment_string
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.tui.app.screens import Hand, drive, front_of, press
from tui.app import kept, screens
from tui.app.app import PATIENCE
from tui.app.screens.activity import ActivityScreen
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page, WordPage

WAYS: list[tuple[type[Screen[Any]], tuple[str, ...]]] = [  # keys that lead to a screen
    (ActivityScreen, ()),
    (ActivityScreen, ("escape",)),
    (Prompt, ("t",)),
    (Prompt, ("t", "v", "f")),  # in its field
    (Prompt, ("escape", "slash")),
    (WordPage, ("question_mark",)),
    (WordPage, ("question_mark", "n", "m")),  # in a search
    (Page, ("f1",)),
    (Page, ("question_mark", "question_mark")),
    (CommandPalette, ("colon",)),
    (CommandPalette, ("escape", "colon")),
    (CommandPalette, ("ctrl+p",)),
    (CommandPalette, ("ctrl+p", "x", "down")),
]
ELSEWHERE = [one.name for one in Start().entries if one.name not in STORIES]  # what has no place of its own
QUITS = ["ctrl+c", pytest.param("ctrl+q", marks=pytest.mark.stress)]


@pytest.fixture(autouse=True)
def _file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")


async def ends(hand: Hand, key: str, step: int = 2) -> None:
    """A key ends the app, at that step of the story."""
    await hand.pilot.press(key)
    last = kept.load()
    assert hand.app.return_value == 0 and last is not None and last.moment and last.step == step
    assert (last.scenario, last.title) == ("one", "Trace one function")


@pytest.mark.parametrize("key", QUITS)
@pytest.mark.parametrize(
    ("screen", "way"), WAYS, ids=lambda one: one.__name__ if isinstance(one, type) else "-".join(one)
)
def test_every_screen_quits(screen: type[Screen[Any]], way: tuple[str, ...], key: str) -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        await press(hand, *way)
        assert type(hand.app.screen) is screen
        await ends(hand, key)

    drive(check)


@pytest.mark.parametrize("key", QUITS)
@pytest.mark.parametrize("name", ELSEWHERE)
def test_every_activity_quits_and_the_place_of_the_story_before_it_is_kept(name: str, key: str) -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right", "escape")
        await hand.do("search", name)
        await hand.press("enter")
        assert not isinstance(hand.app.visit.front, Start | Story)
        await ends(hand, key)

    drive(check)


def test_what_the_story_opens_quits_with_its_place() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        await hand.do("boot")
        assert not isinstance(hand.app.visit.front, Start | Story)
        await ends(hand, "ctrl+c")

    drive(check)


def test_q_quits_a_story_and_what_stands_over_it_goes_first() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right", "f1", "q")
        assert hand.app.return_value is None and isinstance(hand.app.screen, ActivityScreen)
        await ends(hand, "q")

    drive(check)


def test_it_quits_while_it_goes_on_by_itself() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        hand.app.playing.work.play()
        await hand.until("any key pauses it")
        await ends(hand, "ctrl+c")

    drive(check)


def test_q_pauses_what_goes_on_by_itself_and_the_second_one_quits() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        hand.app.playing.work.play()
        assert "Paused." in await hand.press("q") and hand.app.return_value is None
        await ends(hand, "q")

    drive(check)


def far() -> str:
    """A moment some seconds from power-on: the way there takes long."""
    simulation = Simulation.boot(Options(seed=2))
    simulation.run(12_000_000)
    return moment_string(simulation)


def test_ctrl_c_first_stops_what_is_under_way_and_the_second_one_quits() -> None:
    moment = far()

    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        place = hand.stepper.moment
        hand.app.playing.ask("open-moment", moment)
        await hand.until("going there ")
        assert "cancelled: going there" in await hand.press("ctrl+c") and hand.app.return_value is None
        assert hand.stepper.moment == place
        await ends(hand, "ctrl+c")

    drive(check)


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
def test_quitting_stops_what_is_under_way_and_keeps_the_place_before_it(key: str) -> None:
    moment = far()

    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        hand.app.playing.ask("open-moment", moment)
        hand.app.playing.ask("next")  # what waits behind it is not done any more
        await hand.until("going there ")  # its machine is there, and goes
        begin, ended, end = time.monotonic(), [], hand.app._end_now

        def ending(code: int) -> None:
            ended.append(time.monotonic())
            end(code)

        hand.app._end_now = ending  # type: ignore[method-assign]
        await hand.pilot.press(key)
        await hand.until(lambda: hand.app.return_value is not None)
        assert ended[0] - begin < PATIENCE
        await ends(hand, key)

    drive(check)


def test_going_back_loses_no_place_and_the_list_offers_to_go_on_there() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        story = front_of(hand, Story)
        before = front_of(hand, Story).stepper.moment
        await hand.press("escape")
        (chosen,) = (row for row in hand.text().split("\n") if "▶" in row)
        assert "Go on where you left" in hand.text() and "Two mysteries" in chosen  # as before
        assert "Trace one function, step 2" in await hand.press("home")
        await hand.press("enter")
        assert hand.stepper.moment == before
        assert front_of(hand, Story) is story and "step 2 of" in hand.text()
        await hand.press("right", "escape", "home", "down", "down", "enter")  # another story, in which nobody has moved
        assert front_of(hand, Story) is not story and len(hand.stepper.stops()) == 0
        await ends(hand, "ctrl+c", 3)

    drive(check)


def ours(base: type[Any]) -> Iterator[type[Any]]:
    """The kinds of screen that are ours."""
    for one in base.__subclasses__():
        if one.__module__.startswith(screens.__name__):
            yield one
        yield from ours(one)


def test_no_screen_is_left_out() -> None:
    for module in pkgutil.iter_modules(screens.__path__):
        importlib.import_module(f"{screens.__name__}.{module.name}")
    assert {screen for screen, _ in WAYS} == {*ours(Screen), CommandPalette}
