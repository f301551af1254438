"""Why: what is true now and whether it holds, why the step is there, what came of leaving it out, who does it."""

from __future__ import annotations

from simkernel.sentence import sentences
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, wrap
from tui.stepper.story.why import why_label

INDENT = " " * 8


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    why, marks = picture.story.why, picture.marks
    out: list[Line] = []
    if why.holds:
        out += wrap(marks.plain(why.true_now), width, "", f"{marks.holds} True  ", INDENT)
    else:
        named = {f"CPU{why.cpu}": why.cpu, f"byte +{why.byte}": why.byte}
        who = ", ".join(name for name, value in named.items() if value is not None and name not in why.broken)
        first, *more = sentences(why.broken)
        first, end = (first, "") if not more else (first[:-1], ".")
        text = " ".join((f"{first} ({who}){end}" if who else f"{first}{end}", *more)) + "."
        out += wrap(marks.plain(text), width, "bad", f"{marks.broken} Broken ", INDENT + " ")
    if why.event:
        out += wrap(marks.plain(why.event), width, "", "Why     ", INDENT)
    elif why.why and picture.snapshot.oops is None:
        out += wrap(marks.plain(why.why), width, "", f"{why_label(why)} ", INDENT)
        if why.missing:
            out += wrap(marks.plain(why.without), width, "", f"Without {why.phase}: ", INDENT)
        else:
            without = why.without.removeprefix("Without ") or f"{why.phase}? Press x, and see."
            out += wrap(marks.plain(without), width, "" if why.without else "dim", "Without ", INDENT)
    if why.linux and picture.snapshot.oops is None:
        out += wrap(marks.plain(why.linux), width, "dim", "Linux   ", INDENT)
    return out


class Why(Panel):
    NAME = "why"
    HELP = (
        "What may be relied on now, checked at this very step: a mark says whether it holds, or which CPU and byte "
        "break it. Then why the step is there, what a run without it came to, and which function of Linux does it."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
