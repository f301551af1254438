"""The last line: the keys that matter now; each can be clicked."""

from __future__ import annotations

from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, Piece

HINTS = (
    ("→", "next", "next"),
    ("←", "back", "back"),
    ("Enter", "phase", "next-phase"),
    ("Bksp", "phase back", "back-phase"),
    ("x", "leave out", "without"),
    ("r", "failure", "run"),
    ("m", "", "deeper"),
    ("?", "words", "words"),
    ("F1", "keys", "help"),
    ("q", "quit", "quit"),
    ("S", "scenarios", "scenarios"),
    ("i", "instruction", "instruction"),
    ("^p", "all keys", "palette"),
)
ARROWS = "arrows"  # these do not go, but share a word
GIVE_WAY = ("palette", "instruction", "scenarios", "quit", ARROWS, "deeper", "without")  # the first ones to go
AHEAD = ("next", "next-phase", "instruction", "without", "run")  # of no use at an end


MORE = {"story": "code", "code": "all", "all": "story"}  # what `m` leads to, by depth


def hints(picture: Picture, width: int) -> list[tuple[str, str, str]]:
    """Key, word, action: as many as have room, those of the moment first."""
    words = {"deeper": MORE[picture.look.depth]}
    shown = [(picture.marks.plain(key), words.get(action, word), action) for key, word, action in HINTS]
    unfit = set(unfit_for(picture))
    out = [one for one in shown if one[2] not in unfit]
    if picture.from_lab:
        out.insert(2, ("Esc", "lab", "leave"))
    if picture.snapshot.halt_reason:
        out = [(key, "the move before" if action == "back-phase" else word, action) for key, word, action in out]
        out.sort(key=lambda one: one[2] != "back-phase")
    elif picture.story.ending:
        out.sort(key=lambda one: one[2] != "scenarios")
    for name in GIVE_WAY:
        if taken(out) > width and name == ARROWS:
            words = {"next": "", "back": "step"}
            out = [(key, words.get(action, word), action) for key, word, action in out]
        elif taken(out) > width:
            out = [one for one in out if one[2] != name]
    while taken(out) > width and len(out) > 1:
        out.pop()
    return out


def unfit_for(picture: Picture) -> tuple[str, ...]:
    """The actions of HINTS that there is no use for where one stands."""
    if picture.snapshot.halt_reason or picture.story.ending:
        return AHEAD
    failing = picture.story.missing is not None and picture.dies
    phase = picture.snapshot.patching.phase is not None and not picture.from_lab and not failing
    return (*(() if phase else ("without",)), *(() if failing else ("run",)))


def text_of(key: str, word: str) -> str:
    return f"{key} {word}  " if word else f"{key} "


def taken(row: list[tuple[str, str, str]]) -> int:
    """Columns that keys and their words take."""
    return len("".join(text_of(key, word) for key, word, _ in row).rstrip())


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    row: list[Piece] = []
    for key, word, _ in hints(picture, width):
        row += [(key, "title"), (text_of(key, word)[len(key) :], "")]
    return [(*row[:-1], (row[-1][0].rstrip(), ""))]


class Keys(Panel, can_focus=False):
    NAME = "keys"
    HELP = "The keys that matter now."

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        at = 0
        for key, word, action in hints(self.picture, self.size.width - 1) if self.picture is not None else ():
            at += len(text_of(key, word))
            if x < at:
                return action, ""
        return None
