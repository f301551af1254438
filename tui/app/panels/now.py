"""What has just happened, and whom the patching task waits for."""

from __future__ import annotations

from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, wrap


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    """What the last action said, else the event; then the patching task; then, where there is room, the reasons."""
    story, marks = picture.story, picture.marks
    said = [one for one in story.said if one not in (story.why.why, story.why.true_now, story.why.verdict)]
    out: list[Line] = []
    if picture.message:
        out += wrap(marks.plain(picture.message), width, "bad" if picture.failed else "strong")
    elif said:
        out += wrap(marks.plain(said[0]), width, "strong")
    ends = bool(story.ending) and not picture.message
    last = wrap(marks.plain(story.ending if ends else story.patcher), width, "here" if ends else "")
    again = bool(picture.message) and not (
        story.missing is not None and story.missing.position == story.snapshot.position
    )
    for one in said[0 if again else 1 :]:
        more = wrap(marks.plain(one), width)
        if len(out) + len(more) + len(last) <= height:
            out += more
    return [*out, *last]


class Now(Panel, can_focus=False):
    NAME = "now"
    HELP = "What has just happened, and whom the patching task waits for."

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
