"""The kernel's last words, as the kernel prints them; one key leads back."""

from __future__ import annotations

import textwrap

from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, heading, line


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    oops = picture.snapshot.oops
    if oops is None:
        return []
    out: list[Line] = []
    for at, text in enumerate(oops.lines):
        rows = textwrap.wrap(text, width, subsequent_indent="      ")
        out += [line((row, "bad" if at == 0 or "<" in row else "")) for row in rows]
    whole = len(out) < height
    more = "F1 explains these lines" if whole else "F1, PgDn the call trace"
    title = f"CPU{oops.cpu} died: {more}; Bksp the move before"
    return [heading(title, width, picture.marks.rule), *out]


class OopsPanel(Panel):
    NAME = "oops"
    HELP = (
        "What the kernel prints when it meets such a fault, and of the panic that follows here. "
        "Backspace goes to the move before the failure, Left a step back. All its lines:"
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
