"""Textual's faults that ended the program: each does so no more, and nobody else opens what Textual keeps private.

Storms of keys look for other faults (tests/hostile).
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import textwrap
from functools import cache

import pytest
from textual import events
from textual.command import CommandPalette
from textual.widgets import Input

import tui.app
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
        hand.app.push_screen(Page(lambda width: []))
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
            hand.app.push_screen(Page(lambda width: []))
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


# --- the door -------------------------------------------------------------------------------------------------------

DOOR = "tui.app.textual_door"


def private(name: str) -> bool:
    """True for the name of what a class keeps to itself."""
    return name.startswith("_") and not name.startswith("__")


@cache
def named(one: type) -> tuple[frozenset[str], frozenset[str]]:
    """The private names that a class defines, and all that its source uses, of itself or of anything else."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    made = {node.attr for node in names if isinstance(node.ctx, ast.Store)} | functions | set(vars(one))
    used = functions | {node.attr for node in names}
    return frozenset(filter(private, made)), frozenset(filter(private, used))


def opened(one: type) -> set[str]:
    """What a class uses or overrides of that which its bases in Textual keep private."""
    theirs = [base for base in one.__mro__[1:] if base.__module__.startswith("textual.")]
    return {name for base in theirs for name in named(base)[0]} & named(one)[1]


def test_nobody_else_opens_what_textual_keeps_private() -> None:
    """No class opens a private name of its bases in Textual; no module touches one that nothing of ours makes."""
    found: dict[str, set[str]] = {}
    made: set[str] = set()
    touched: set[str] = set()
    for module in pkgutil.walk_packages(tui.app.__path__, "tui.app."):
        tree = ast.parse(inspect.getsource(importlib.import_module(module.name)))
        attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and private(node.attr)]
        made |= {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
        made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        made |= {ast.unparse(node.target) for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)}
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and one.__module__ == module.name != DOOR and opened(one):
                found[one.__qualname__] = opened(one)
        if module.name != DOOR:
            touched |= {f"{module.name}: {ast.unparse(node)}" for node in attributes}
    assert found == {}
    foreign = {text for text in touched if text.rpartition(".")[2] not in made}
    assert foreign == {"tui.app.start: os._exit"}


class Curious(Input):
    """Opens what it should not."""

    def _on_paste(self, event: events.Paste) -> None:
        """Override it."""


def test_what_is_opened_is_found() -> None:
    assert opened(Curious) == {"_on_paste"}
