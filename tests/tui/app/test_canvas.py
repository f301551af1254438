"""The canvas draws a line as Textual would draw it with the whole, in each theme, and while text is selected."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip
from textual.visual import Visual

from tests.tui.app.screens import Hand, drive
from tui.app.canvas import Canvas
from tui.app.theme import THEMES

Cell = tuple[str, Style | None, tuple[int, int]]


def cells(strip: Strip) -> list[Cell]:
    """Each character of a line, its style, and the place that a mouse finds it at."""
    found: list[Cell] = []
    for text, style, _ in strip:
        x, y = style.meta["offset"] if style is not None else (0, 0)
        plain = None if style is None else style.clear_meta_and_links()
        found += [(character, plain, (x + at, y)) for at, character in enumerate(text)]
    return found


def by_textual(canvas: Canvas) -> list[list[Cell]]:
    """Every line as Textual wraps and draws all of them."""
    strips = Visual.to_strips(canvas, canvas.render(), *canvas.size, canvas.visual_style)
    return [cells(strip) for strip in strips]


def by_itself(canvas: Canvas) -> list[list[Cell]]:
    return [cells(canvas.render_line(y)) for y in range(canvas.size.height)]


@pytest.mark.parametrize("size", [(60, 20), (120, 36)])
def test_a_line_is_drawn_as_textual_draws_the_whole(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        canvas = hand.app.screen.query_one(Canvas)
        looks = set()
        for theme in THEMES:
            hand.app.theme = theme
            await hand.press("right", "m")
            assert by_itself(canvas) == by_textual(canvas)
            looks.add(str(by_itself(canvas)[0]))
        assert len(looks) == len(THEMES)
        canvas.screen.selections = {canvas: Selection(Offset(3, 2), Offset(9, 4))}
        canvas.refresh()
        selected = by_itself(canvas)
        assert selected == by_textual(canvas)
        canvas.screen.selections = {}
        plain = by_itself(canvas)
        assert [at for at, (one, other) in enumerate(zip(selected, plain, strict=True)) if one != other] == [2, 3, 4]

    drive(check, size=size)
