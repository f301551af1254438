"""The scrub bar: all of the story's history on a line, its phases as marks; click or drag to go there."""

from __future__ import annotations

from textual import events

from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, Piece


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    marks, snapshot = picture.marks, picture.snapshot
    label = f" move {snapshot.position} of {snapshot.length}"
    cells = max(4, width - len(label))
    bar: list[Piece] = [(marks.bar, "dim")] * cells
    first = picture.begin
    for at in range(cells):
        last = first_position(picture, at + 1, cells)
        if found := picture.stops.within(first, last):
            bar[at] = (marks.up, "new") if found == "phase" else (marks.tick, "dim")
        first = last
    if picture.dies:
        bar[-1] = (marks.broken, "bad")
    bar[column(picture, snapshot.position, cells)] = (marks.knob, "here")
    return [(*bar, (label, "dim"))]


def column(picture: Picture, position: int, cells: int) -> int:
    span = max(1, picture.snapshot.length - picture.begin)
    return min(cells - 1, max(0, (position - picture.begin) * (cells - 1) // span))


def first_position(picture: Picture, at: int, cells: int) -> int:
    """The first position in history that a column shows."""
    span = max(1, picture.snapshot.length - picture.begin)
    return picture.begin + (span + 1 if at >= cells else -(-at * span // (cells - 1)))


class Scrub(Panel):
    NAME = "scrub"
    HELP = (
        "The story from its start to the last place reached; beside it the number of moves so far, of all CPUs and the "
        "patching task. An arrow marks where a phase began, a stroke a step. Click or drag on it; g takes a step by "
        "its number."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        if self.picture is None:
            return None
        snapshot = self.picture.snapshot
        cells = max(4, self.size.width - 1 - len(f" move {snapshot.position} of {snapshot.length}"))
        span = snapshot.length - self.picture.begin
        at = min(1.0, max(0.0, x / max(1, cells - 1)))
        return "place", str(self.picture.begin + round(at * span))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if event.button and (found := self.target(event.x - 1, event.y)) is not None:
            self.post_message(self.Chosen(*found))
