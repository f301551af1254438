"""Every text can be read: its contrast on each ground it may stand on (WCAG 2.2, AA: 4.5)."""

from __future__ import annotations

from itertools import combinations
from math import dist

import pytest

from lessons.kept import DEPTHS
from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from lessons.story.look import Look
from lessons.story.parts import picture_of
from tui.app.content import LOOKS
from tui.app.theme import GROUNDS, MARKS, MEANS, THEMES, contrast
from tui.options import THEMES as NAMES
from tui.view.frame import frame
from tui.view.marks import UNICODE


def test_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # WebAIM's well-known near miss


def test_the_command_line_knows_every_theme() -> None:
    assert tuple(THEMES) == NAMES


@pytest.mark.parametrize("name", [name for name in THEMES if name != "ansi"])
def test_every_mark_can_be_read(name: str) -> None:
    theme = THEMES[name]
    texts = {mark: theme.variables[f"mark-{mark}"] for mark in MARKS} | {"foreground": str(theme.foreground)}
    for ground in GROUNDS:
        for mark, colour in texts.items():
            assert contrast(colour, getattr(theme, ground)) >= 4.5, f"{name}: {mark} on {ground}"


def test_ansi_leaves_all_colours_to_the_terminal() -> None:
    theme = THEMES["ansi"]
    assert all(value.startswith("ansi_") for value in theme.variables.values())
    assert theme.background == theme.foreground == "ansi_default"


def test_each_colour_has_one_meaning_and_each_meaning_one_colour() -> None:
    assert len(set(MEANS.values())) == len(MEANS)
    coloured = {name: {one for one in LOOKS[name].split() if one.startswith("$")} for name in LOOKS}
    used = [one for colours in coloured.values() for one in colours]
    assert sorted(used) == sorted(f"$mark-{mark}" for mark in MARKS), "a look each, and no look without a meaning"
    assert not coloured["here"] and not coloured["now"] and not coloured["cursor"], "where one stands has no colour"
    assert len(set(LOOKS.values()) - {LOOKS["here"]}) == len(LOOKS) - 2, "weight alone is shared by here and strong"


HUES = ("new", "int3", "open", "changed", "good", "bad", "title")  # the others are grey
APART = 45.0  # of 441, the way from black to white


@pytest.mark.parametrize("name", [name for name in THEMES if name != "ansi"])
def test_no_two_meanings_look_alike(name: str) -> None:
    colours = {mark: THEMES[name].variables[f"mark-{mark}"] for mark in HUES}
    for one, other in combinations(colours, 2):
        there = [bytes.fromhex(colours[mark][1:]) for mark in (one, other)]
        assert dist(*there) >= APART, f"{name}: {one} and {other}"


def test_with_sixteen_colours_none_has_two_meanings() -> None:
    colours = [THEMES["ansi"].variables[f"mark-{mark}"] for mark in MARKS]
    named = [colour for colour in colours if colour != "ansi_default"]
    assert len(set(named)) == len(named) == 5


def test_yellow_stands_only_around_what_has_changed() -> None:
    """In each story, at each step: a look of a bracket has no other text, and a bracket no other look."""
    stepper = Stepper.start("one")
    brackets = set("".join(UNICODE.changed))
    for _ in range(stepper.known_stops):
        for depth in DEPTHS:
            drawn = frame(picture_of(stepper, Look(depth=depth)), (), (), (120, 36), UNICODE).lines(120, 36)
            for text, look in (piece for row in drawn for piece in row):
                assert ("box" in look.split()) or not brackets & set(text), (text, look)
                assert ("box" not in look.split()) or set(text) <= {*brackets, " "}, (text, look)
        apply(stepper, "next")
