"""Why: what is true now and whether it holds, why the step is there, what came of leaving it out, who does it."""

from __future__ import annotations

from lessons.story.why import why_label
from simkernel.sentence import cpu, offset, sentences, spans_of
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, wrap

INDENT = " " * 8


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    why, marks = picture.story.why, picture.marks
    out: list[Line] = []
    if why.holds:
        out += wrap(marks.plain(why.true_now), width, "", f"{marks.holds} Holds ", INDENT)
    else:
        said = {(span.role, span.value) for span in spans_of(why.broken)}
        theirs = (cpu(why.cpu) if why.cpu is not None else None, offset(why.byte) if why.byte is not None else None)
        who = ", ".join(span.text for span in theirs if span is not None and (span.role, span.value) not in said)
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
