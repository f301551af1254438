"""The first line: what is being changed into what, how far one has come, by which protocol."""

from __future__ import annotations

from simkernel.sim.travel import GOING
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, length, line, spread


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    if not picture.ready and picture.busy.startswith(GOING):
        return [line((picture.busy[0].upper() + picture.busy[1:], "strong"))]
    if not picture.ready:
        so_far = picture.busy.partition(": ")[2].partition(";")[0]
        said = line(("Getting ready: the machine runs to where the story starts.", "strong"))
        return [line(*said, f" {so_far}") if length(said) + 1 + len(so_far) <= width else said]
    story = picture.story
    name, colon, change = story.heading.partition(":")
    left = line((name, "title"), picture.marks.plain(colon + change.replace("->", picture.marks.arrow)))
    sites = len(picture.snapshot.patching.sites)
    if sites > 1:
        left = line(*left, (f"  and {sites - 1} more at once", "dim"))
    if picture.look.depth != "story":
        left = line(*left, (f"   view: {picture.look.depth}", "dim"))
    steps = f" of {story.steps}" if story.steps >= story.step > 0 else ""
    state = picture.busy or f"step {story.step}{steps}"
    step = line((state, "strong"), " ")
    full = line((state, "strong"), (f"   {story.protocol}, {story.era.short} ", "dim"))
    return [spread(left, full if length(left) + length(full) + 2 <= width else step, width)]


class Title(Panel, can_focus=False):
    NAME = "title"
    HELP = "What is being changed, the number of steps behind you, and the protocol with the time it was used in."

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
