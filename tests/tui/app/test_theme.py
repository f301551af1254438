"""Every text can be read: its contrast on each ground it may stand on (WCAG 2.2, AA: 4.5)."""

from __future__ import annotations

import pytest

from tui.app.theme import GROUNDS, MARKS, THEMES, contrast
from tui.options import THEMES as NAMES


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
