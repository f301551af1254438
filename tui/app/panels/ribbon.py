"""Who moved when: a row a CPU and one for the patching task, a column a move, the latest at the right end."""

from __future__ import annotations

from simkernel.sim.snapshot import Move
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, line

PATCHING_TASK = -1  # as `Move.cpu` has it


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    task = picture.snapshot.patching.task
    lanes = [(f"CPU{cpu.number}", cpu.number) for cpu in picture.snapshot.cpus] + [(task, PATCHING_TASK)]
    label = max(len(name) for name, _ in lanes) + 1
    moves = picture.snapshot.moves[-max(1, width - label) :]
    return [
        line((name.ljust(label), "dim"), ("".join(mark(picture, move, cpu) for move in moves), "new"))
        for name, cpu in lanes
    ]


def mark(picture: Picture, move: Move, cpu: int) -> str:
    """What a lane did in a move: ran, read a part of an instruction, resolved a byte, or nothing."""
    marks = picture.marks
    if move.cpu != cpu:
        return marks.idle
    return {"read": marks.read, "resolve": marks.resolved}.get(move.kind, marks.ran)


class Ribbon(Panel):
    NAME = "ribbon"
    HELP = (
        "Who moved when, the latest at the right end: a row a CPU, and one for the patching task. A full mark is "
        "instructions (or an action), a half one a read of some bytes, a grey one a byte that became certain."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
