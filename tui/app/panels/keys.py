"""The last line: the keys that matter now; each can be clicked."""

from __future__ import annotations

from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, Piece

HINTS = (
    ("→", "next", "next"),
    ("←", "back", "back"),
    ("Enter", "phase", "next-phase"),
    ("Bksp", "phase back", "back-phase"),
    ("m", "more", "deeper"),
    ("?", "words", "words"),
    ("F1", "help", "help"),
    ("q", "quit", "quit"),
    ("S", "scenarios", "scenarios"),
    ("i", "instruction", "instruction"),
    ("^p", "all keys", "palette"),
)


MORE = {"story": "more", "code": "all", "all": "less"}  # what `m` leads to, by depth


def hints(picture: Picture) -> list[tuple[str, str, str]]:
    """Key, word, action: those of the moment first."""
    words = {"deeper": MORE[picture.look.depth]}
    plain = [(picture.marks.plain(key), words.get(action, word), action) for key, word, action in HINTS]
    if picture.from_lab:
        plain.insert(2, ("Esc", "lab", "leave"))
    if picture.snapshot.outcome:
        return [one for one in plain if one[2] not in ("next", "next-phase", "instruction")]
    if picture.story.ending:
        ahead = ("next", "next-phase", "instruction")
        rest = [one for one in plain if one[2] not in ahead]
        return sorted(rest, key=lambda one: one[2] != "scenarios")
    if picture.snapshot.patch.phase is not None and not picture.from_lab:
        plain.insert(4, ("x", "leave out", "without"))
    return plain


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    row: list[Piece] = []
    used = 0
    for key, word, _ in hints(picture):
        if used + len(key) + len(word) + 3 > width:
            break
        row += [(key, "title"), (f" {word}  ", "")]
        used += len(key) + len(word) + 3
    return [tuple(row)]


class Keys(Panel, can_focus=False):
    NAME = "keys"
    HELP = "The keys that matter now."

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        at = 0
        for key, word, action in hints(self.picture) if self.picture is not None else ():
            at += len(key) + len(word) + 3
            if x < at:
                return action, ""
        return None
