"""The trace, as ftrace prints it."""

from __future__ import annotations

from simkernel.snapshot import TraceRecord
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, line


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    trace = picture.snapshot.trace
    changed = picture.changed("trace")
    if not trace:
        return [line(("trace  ", "title"), ("nothing yet: no traced function was called", "dim"))]
    shown = trace[-max(1, height) :]
    out = []
    for at, record in enumerate(shown):
        newest = at == len(shown) - 1
        out.append(
            line(
                ("trace  " if at == 0 else "       ", "title"),
                (record_text(record), "strong" if newest and changed else ""),
            )
        )
    return out


def record_text(record: TraceRecord) -> str:
    return f"{record.pid:>6} [{record.cpu:03}] {record.stamp / 1e9:.9f}: {record.function} <-{record.parent}"


class Trace(Panel):
    NAME = "trace"
    HELP = "The trace, as ftrace prints it: task, CPU, time, the function called, and after <- where from."

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
