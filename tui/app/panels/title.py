"""The first line: what is being changed into what, how far one has come, by which protocol."""

from __future__ import annotations

from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, line, spread


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    patch, site = picture.snapshot.patch, picture.snapshot.site
    marks = picture.marks
    name = site.name if site is not None else picture.title
    left = line((name, "title"))
    if site is not None and site.old is not None and site.new is not None:
        left = line((name, "title"), f": {kind(site.old.text)} {marks.arrow} {kind(site.new.text)}")
    if len(patch.sites) > 1:
        left = line(*left, (f"  and {len(patch.sites) - 1} more in this batch", "dim"))
    state = "running; any key stops it" if picture.running else f"step {picture.step}"
    right = line((state, "strong"), f"    {patch.protocol.name}, {era(patch.protocol.era)} ")
    return [spread(left, right, width)]


def kind(text: str) -> str:
    """An instruction in a word or two."""
    return "nothing" if text == "nop" else text.split()[0] if text else "?"


def era(text: str) -> str:
    """Who uses a protocol, without the remark in brackets."""
    return text.partition(" (")[0]


class Title(Panel, can_focus=False):
    NAME = "title"
    HELP = "What is being changed, the number of steps behind you, and the protocol with the time it was used in."

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
