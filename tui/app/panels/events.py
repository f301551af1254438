"""What happened, newest first; each line leads to its moment."""

from __future__ import annotations

from tui.app.panel import Pointed
from tui.app.picture import Picture
from tui.view.text import Line, cut, heading, line, styled


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    out = [heading("what happened, newest first", width, picture.marks.rule)]
    for one in reversed(picture.snapshot.events):
        look = "" if one.stop else "dim"
        said = styled(picture.marks.plain(one.sentence), look)
        out.append(cut(line((f"{one.event.entry:>7} ", "dim"), *said), width))
    return out


class Events(Pointed):
    NAME = "events"
    HELP = (
        "What happened, newest first, with its place in history. Click a line to go there, or choose it with Up and "
        "Down and press Enter."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        if self.picture is None or y < 1:
            return None
        events = tuple(reversed(self.picture.snapshot.events))
        return ("place", str(events[y - 1].event.entry)) if y <= len(events) else None
