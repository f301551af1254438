"""Why: what is true now and whether it holds, why the step is there, who does it in Linux, and what else."""

from __future__ import annotations

from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, wrap

INDENT = "       "


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    patch = picture.snapshot.patch
    phase, marks = patch.phase, picture.marks
    broken = next((one for one in picture.snapshot.verdicts if not one.holds), None)
    out: list[Line] = []
    if broken is not None:
        cpu = "" if broken.cpu is None else f"CPU{broken.cpu}: "
        out += wrap(f"{broken.name}: {cpu}{broken.detail}", width, "bad", f"{marks.broken} Broken ", INDENT)
    if phase is None:
        return out or wrap(patch.protocol.prose, width, "", "Why    ", INDENT)
    out += wrap(marks.plain(phase.why), width, "", "Why    ", INDENT)
    out += wrap(marks.plain(phase.without), width, "", "Else   ", INDENT)
    if phase.linux:
        out += wrap(marks.plain(phase.linux), width, "dim", "Linux  ", INDENT)
    return out


class Why(Panel):
    NAME = "why"
    HELP = "Why this step is there, what would go wrong without it, and which function of Linux does it."

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
