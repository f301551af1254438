"""The phase bar: the protocol's phases, from its table: done, now, to come."""

from __future__ import annotations

from lessons.story import LEFT_OUT
from simkernel.sim.snapshot import DONE, NOW
from simkernel.sim.snapshot.changes import Aspect, Thing
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, Piece, length, line, plain


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    """Each phase with its mark, all done once the batch of the story is over; in few rows, those around the one now."""
    marks = picture.marks
    lines: list[Line] = []
    row: list[Piece] = []
    looks = {DONE: (marks.done, "good"), NOW: (marks.now, "here"), LEFT_OUT: (marks.broken, "bad")}
    over = picture.snapshot.patching.phase is None and picture.stops.phases > 0
    for phase in picture.story.phases:
        state = DONE if over and phase.state != LEFT_OUT else phase.state
        glyph, look = looks.get(state, (marks.todo, "dim"))
        name = phase.name.upper() if phase.state == NOW else phase.name
        changed = phase.state == NOW and picture.changed(Thing(Aspect.PHASE))
        left, right = marks.changed if changed else (" ", " ")
        pieces = [(glyph + left, look), (name, f"{look} changed" if changed else look), (right, look)]
        if length(line(*row)) + length(tuple(pieces)) > width + 1:
            lines.append(tuple(row))
            row = []
        row += pieces
    lines.append(tuple(row))
    now = next((at for at, one in enumerate(lines) if marks.now in plain(one)), len(lines) - 1 if over else 0)
    first = max(0, min(now, len(lines) - height))
    return lines[first : first + height]


class Phases(Panel):
    NAME = "phases"
    HELP = (
        "The steps in which the instruction changes. A mark says which are done, which one is next or under way (in "
        "capitals), which come later and which is left out. Enter goes to the next one, Backspace to the one before."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
