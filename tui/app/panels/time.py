"""The time picture: which lane did what at each step; as a graph where there is room for it, else as a score."""

from __future__ import annotations

from lessons.picture import Lanes
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.lanes import GRAPH
from tui.view.parts import fit, forms
from tui.view.text import Line, heading

TALL = 10  # rows from which on a graph has room


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    graph = width >= GRAPH and height >= TALL
    part = Lanes(name="time", time=picture.time, graph=graph)
    form = forms(part, width, picture.marks)[0]
    title = "who does what, a step a line" if graph else "time, a step a column"
    return [heading(title, width, picture.marks.rule), *fit(part, form, width, height - 1, 0, picture.marks)[0]]


class Time(Panel):
    NAME = "time"
    HELP = (
        "Who did what, a lane for the patching task and one for each CPU. A dotted lane waits: that is only ever the "
        "patching task's. IPIs go from a full circle to arrow heads; a tick is an answer, ! an int3, a hook the new "
        "instruction by the handler, three strokes a trace line, × a CPU whose interrupts are off. "
        "What lies ahead of you is dim, and only what you have seen is there."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
