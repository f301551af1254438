"""A line a CPU: its task, where it is, what it waits for; from depth *code* on also who ran when."""

from __future__ import annotations

from simkernel.snapshot import Lane, Move
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, heading, line, spread

RIBBON = 24  # moves that the ribbon holds


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    snapshot, marks = picture.snapshot, picture.marks
    out = [heading("CPUs", width, marks.rule)]
    for lane in snapshot.lanes:
        deep = picture.look.depth != "story"
        left = line(
            (f"CPU{lane.cpu}", "here" if deep and lane.cpu == picture.look.cpu else "strong"),
            (f" {lane.task:<13.13}", ""),
            (f" {where(lane):<24.24}" if deep else f" {state(picture, lane)}", ""),
        )
        if deep:
            flags = f"{'if' if lane.interrupts_on else '--'} {short_state(lane):<12.12}"
            ribbon = "".join(mark(picture, move, lane.cpu) for move in snapshot.moves[-RIBBON:])
            out.append(spread(line(*left, (f" {flags}", "dim")), line((ribbon, "dim")), width))
        else:
            out.append(left)
    return out


def where(lane: Lane) -> str:
    return lane.place or f"{lane.rip:#x}"


def state(picture: Picture, lane: Lane) -> str:
    """What a CPU is about, in words."""
    site = picture.snapshot.site
    if lane.handling:
        return "took the int3; its handler does what the new instruction would do"
    if lane.reading:
        return "is in the middle of reading this instruction"
    if lane.parked:
        return "waits in a loop until the bytes are changed"
    if lane.asked:
        return "has not answered yet" + ("" if lane.interrupts_on else ": its interrupts are off")
    if lane.halted:
        return "has nothing to do"
    if site is not None and lane.rip == site.address:
        return "is about to run these bytes"
    return f"runs {lane.function}" if lane.function else "runs"


def short_state(lane: Lane) -> str:
    if lane.handling:
        return "in handler"
    if lane.asked:
        return "not answered"
    return ",".join(lane.pending) or ("halted" if lane.halted else "")


def mark(picture: Picture, move: Move, cpu: int) -> str:
    marks = picture.marks
    if move.cpu != cpu:
        return marks.idle
    return {"read": marks.read, "settle": marks.settled}.get(move.kind, marks.ran)


class Cpus(Panel):
    NAME = "cpus"
    HELP = (
        "A line a CPU: the task on it, and what it is about. Deeper (m) also the next place, whether interrupts are on "
        "(if), what is pending, and a ribbon of who moved when, the latest at its right end. Click a line to look at "
        "that CPU; f takes the next one."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        return ("focus-cpu", str(y - 1)) if y >= 1 else None
