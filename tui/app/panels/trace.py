"""The trace, as ftrace prints it."""

from __future__ import annotations

from simkernel.sim.snapshot.changes import Aspect, Thing
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, line


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    trace, marks = picture.snapshot.trace, picture.marks
    if not trace:
        return [line(("trace  ", "title"), (picture.story.trace[-1], "dim"))]
    shown = list(trace[-max(1, height) :])
    out = []
    for at, record in enumerate(shown):
        changed = at == len(shown) - 1 and picture.changed(Thing(Aspect.TRACE))
        left, right = marks.changed if changed else (" ", " ")
        text = picture.story.trace[-1] if picture.look.depth == "story" else record.line
        head = ("trace" if at == 0 else "     ", "title")
        out.append(line(head, (" " + left, "here"), (text, "changed" if changed else ""), (right, "here")))
    return out


class Trace(Panel):
    NAME = "trace"
    HELP = (
        "The trace. Deeper (m) its lines are those of ftrace's file: task and pid, CPU, flags, time, the function "
        "called, and after <- where from. In the story a line is shortened to CPU, task, and the two functions."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
