"""The oops on a screen: where its call trace does not fit, its title names the keys that lead there."""

from __future__ import annotations

import pytest

from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from lessons.story import story_of
from lessons.story.time import time_picture
from tui.app.panels import oops
from tui.app.picture import Look, Picture
from tui.view.text import plain


@pytest.fixture(scope="module")
def picture() -> Picture:
    stepper = Stepper.start("recursion")
    apply(stepper, "run")
    return Picture(story_of(stepper), Look(), time_picture(stepper), stops=stepper.stops())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_title_names_the_keys_of_a_call_trace_that_does_not_fit(picture: Picture, width: int) -> None:
    whole = len(oops.draw(picture, width, 1))
    for height in (5, 16, whole - 1, whole):
        rows = [plain(row) for row in oops.draw(picture, width, height)]
        assert ("F1, PgDn the call trace;" in rows[0]) == (height < whole) != ("F1 explains these lines;" in rows[0])
        assert "Bksp the move before" in rows[0] and len(rows[0]) <= width
        assert any("Call Trace:" in row for row in rows[1:])
