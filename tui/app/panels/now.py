"""What has just happened, and whom the patching task waits for."""

from __future__ import annotations

from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, wrap


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    if picture.message:
        return wrap(picture.message, width, "bad" if picture.failed else "strong")
    beat = next((one for one in reversed(picture.snapshot.events) if one.is_beat), None)
    return wrap(picture.marks.plain(beat.sentence), width, "strong") if beat else []


class Now(Panel, can_focus=False):
    NAME = "now"
    HELP = "What has just happened, in a sentence."

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
