"""The frame of every activity: a title line, the body, what has just been said, and a line of keys that always fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lessons.activity import CHOOSE, HINT, KEYS, Action, named_by
from lessons.machine import Bytes
from lessons.picture import Picture, Question
from tui.view.arrange import Arrangement, arrange, flat
from tui.view.boxes import framed
from tui.view.machine import cut_rows
from tui.view.marks import Marks
from tui.view.parts import RENDERERS
from tui.view.room import Drawings
from tui.view.text import Line, Piece, cut, length, line, spread, wrap

KEY_NAMES = {
    "right": "→", "left": "←", "up": "↑", "down": "↓", "question_mark": "?", "pagedown": "PgDn", "pageup": "PgUp",
    "enter": "Enter", "backspace": "Bksp", "space": "Space", "escape": "Esc", "home": "Home", "end": "End",
    "slash": "/", "f1": "F1", "colon": ":", "ctrl+p": "^p",
}  # fmt: skip
Keys = Sequence[tuple[str, str]]
FIRST = 5  # keys of the picture that are more than the one that leads back
MESSAGE = 3  # rows that what was said takes at most
OTHERS, *OTHERS_OF_CUT = (
    (("colon", "all keys"), ("question_mark", one)) for one in ("words", "words, in full", "whole")
)
"""Keys of every screen, at the end of the key line; where something is cut `?` has it in full, in two lengths."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole screen.

    Attributes:
        title: its first line.
        body: where the parts stand, from the second line on.
        below: what was said last, and the keys: the last lines.
        marks: the glyphs.
        others: the keys of every screen, and their words.
    """

    title: Line
    body: Arrangement
    below: tuple[Line, ...]
    marks: Marks
    others: Keys = OTHERS

    @property
    def cut(self) -> list[str]:
        """What is said in part only, in full: `?` has it."""
        return cut_of(self.body, self.marks)

    def lines(self, width: int, height: int, focus: str = "") -> list[Line]:
        """All of it as lines; the frame around the part with the focus is bright."""
        return [self.title, *flat(self.body, height - 1 - len(self.below), self.marks, 1, focus), *self.below]


def frame(
    picture: Picture,
    crumbs: Sequence[str],
    offered: Sequence[Action],
    size: tuple[int, int],
    marks: Marks,
    said: str = "",
    look: str = "",
    scrolled: Mapping[str, int] | None = None,
    drawings: Drawings | None = None,
) -> Frame:
    """A picture in its frame.

    Args:
        picture: what there is to see.
        crumbs: the titles of the activities that led here.
        offered: the actions that lead anywhere from here.
        size: columns and rows of the screen.
        marks: the glyphs.
        said: what was said last, "" for nothing.
        look: of that.
        scrolled: by part, how many lines a person has scrolled.
        drawings: of this picture with these glyphs, from other sizes.
    """
    width, height = size
    inner = width - 2
    below = [line(" ", *one) for one in wrap(marks.plain(said), inner, look)[:MESSAGE]] if said else []
    room = height - 2
    boxed = framed(picture, size)
    drawings = Drawings() if drawings is None else drawings
    place = partial(arrange, picture, inner, marks=marks, scrolled=scrolled or {}, drawings=drawings, boxed=boxed)
    body = place(room)
    if body.gone:  # one row says what, and with that row less it is no less that has gone
        body = place(room - 1)
    if below:  # which takes rows that are free or covers the last ones: no part goes for it
        fewer = place(room - len(below))
        body = fewer if fewer.gone == body.gone and _as_whole(fewer, body) else body
    elif body.gone:
        below = [line(" ", *one) for one in _named(body, inner, room, marks)]
    others: Keys = OTHERS
    if cut_of(body, marks):
        counts = [len(_keys(picture, offered, bool(crumbs), inner, marks, one)) for one in OTHERS_OF_CUT]
        others = OTHERS_OF_CUT[counts.index(max(counts))]
    keys = key_line(picture, offered, bool(crumbs), inner, marks, others)
    return Frame(title_line(picture, crumbs, width, marks), body, (*below, line(" ", *keys)), marks, others)


def _as_whole(fewer: Arrangement, body: Arrangement) -> bool:
    """Whether each part but those that scroll has as many lines in one arrangement as in another."""
    lines = {block.part.name: len(block.lines) for block in fewer.blocks}
    kept = (one for one in body.blocks if not RENDERERS[type(one.part)].elastic)
    return all(lines[block.part.name] >= len(block.lines) for block in kept)


def cut_of(body: Arrangement, marks: Marks) -> list[str]:
    """What is said in part only, in full."""
    return [
        one
        for block in body.blocks
        if isinstance(block.part, Bytes)
        for one in cut_rows(block.part, block.width, marks)
    ]


def _named(body: Arrangement, width: int, height: int, marks: Marks) -> list[Line]:
    """The parts for which there is no room, in the rows that nothing takes; where that is too long, how many.

    Args:
        body: without them.
        width: columns.
        height: rows, those of the body among them.
        marks: the glyphs.
    """
    free = height - max((block.y + len(block.lines) for block in body.blocks), default=0)
    named = wrap(marks.plain(f"no room for (Tab leads there): {', '.join(body.gone)}"), width, "dim")
    if len(named) > max(1, free):
        parts = f"{len(body.gone)} part{'s' * (len(body.gone) > 1)}"
        named = [cut(line((f"no room for {parts}: Tab leads there", "dim")), width, marks)]
    return named


def title_line(picture: Picture, crumbs: Sequence[str], width: int, marks: Marks) -> Line:
    """Where one is: the way here, and the place in it at the right.

    Where there is no room for all, the beginning of the way goes first, then the place is said in fewer words, then
    what is different from what the title names goes: at its first comma, then all but the first of it, then that.
    """
    here = (picture.title, *picture.path)
    ways = [(*crumbs, *here), *(("…", *crumbs[at:], *here) for at in range(1, len(crumbs) + 1)), here]
    short = (picture.title, *(one.partition(",")[0] for one in picture.path))
    first = short[:2]
    tries = [(way, picture.place) for way in ways]
    brief = picture.brief or picture.place
    places = [picture.place, brief]
    if any(one.startswith("without ") for one in picture.path):  # that it is another run is more than how CPUs read
        places.append(brief.partition(" · ")[0])
    tries += [(way, place) for place in places
              for way in (here, short, first, (picture.title,))]  # fmt: skip
    order = [here, short, first, (picture.title,)]
    tries.sort(key=lambda one: order.index(one[0]) if one[0] in order else 0)
    for way, place in tries:
        left, right = line(" ", *_way(way, marks)), line((f"{marks.plain(place)} ", "dim"))
        if length(left) + length(right) + 2 <= width:
            return spread(left, right, width, marks)
    return cut(line(" ", *_way((picture.title,), marks)), width, marks)


def _way(names: Sequence[str], marks: Marks) -> list[Piece]:
    pieces: list[Piece] = []
    for name in names[:-1]:
        pieces += [(marks.plain(name), "dim"), (f" {marks.crumb} ", "dim")]
    return [*pieces, (marks.plain(names[-1]), "title")]


def key_line(
    picture: Picture, offered: Sequence[Action], nested: bool, width: int, marks: Marks, others: Keys = OTHERS
) -> Line:
    """The keys that lead anywhere from here, as many as fit, those that the picture names last going first."""
    pieces: list[Piece] = []
    for key, word in _keys(picture, offered, nested, width, marks, others):
        pieces += [(marks.plain(key_text((key,))), "title"), (f" {word}  ", "")]
    last, look = pieces[-1]
    return cut((*pieces[:-1], (last.rstrip(), look)), max(width, 1), marks)


def key_at(
    picture: Picture, offered: Sequence[Action], nested: bool, width: int, marks: Marks, x: int, others: Keys = OTHERS
) -> str:
    """The key of which the key line tells in a column, in Textual's names; "" for none."""
    for key, word in _keys(picture, offered, nested, width, marks, others):
        x -= len(marks.plain(key_text((key,)))) + len(word) + 3
        if x < 0:
            return key
    return ""


def _keys(
    picture: Picture, offered: Sequence[Action], nested: bool, width: int, marks: Marks, others: Keys
) -> list[tuple[str, str]]:
    """Each key with its word, as many as fit."""
    pairs = _own_keys(picture, offered)
    ends = [*([("escape", "back")] if nested else []), *others, ("q", "quit")]
    if nested and _taken([*pairs[:FIRST], *ends], marks) > width:
        ends = ends[1:]
    while pairs and _taken([*pairs, *ends], marks) > width:
        pairs.pop()
    while len(ends) > 1 and _taken([*pairs, *ends], marks) > width:
        ends.pop()
    return [*pairs, *ends]


def _digits(picture: Picture, hints: Mapping[str, str]) -> list[tuple[str, str]]:
    """The digits that answer the picture's question: the first and the last of them together."""
    keys = sorted(one.key for part in picture.parts if isinstance(part, Question) for one in part.choices)
    digits = [key for key in keys if key.isdigit()]
    answers = [key for key in digits if key != HINT]
    pairs = [(f"{answers[0]} to {answers[-1]}", hints.get(CHOOSE, "answer"))] if answers else []
    return [*pairs, (HINT, hints.get(HINT, "hint"))] if HINT in digits else pairs


def _own_keys(picture: Picture, offered: Sequence[Action]) -> list[tuple[str, str]]:
    """Each key of the activity with its word, that which goes last first."""
    by_name = {action.name: action for action in offered}
    hints = dict(picture.hints)
    shown = [by_name[name] for name in picture.keys if name in by_name and by_name[name].keys]
    pairs = [(one.keys[0], hints.get(one.name) or one.hint or one.title.lower()) for one in shown]
    return [*(_digits(picture, hints) if CHOOSE in picture.keys and CHOOSE in by_name else ()), *pairs]


def dead_key(key: str, picture: Picture, offered: Sequence[Action]) -> str:
    """What there is to say of a key that means nothing: that, and one that does something.

    Args:
        key: as a person reads it.
        picture: what there is to see.
        offered: the actions that lead anywhere from here.
    """
    does = "".join(f" {key_text((one,))} does ({word})." for one, word in _own_keys(picture, offered)[:1])
    return f"{key} does nothing here.{does} F1 has every key, : all that can be done"


def _taken(pairs: Sequence[tuple[str, str]], marks: Marks) -> int:
    return sum(len(marks.plain(key_text((key,)))) + len(word) + 3 for key, word in pairs) - 2


def with_keys(text: str) -> str:
    """A sentence with the key of each action that it names."""
    return named_by(text, lambda name: key_text(KEYS[name][0][:1]))


def key_text(keys: Sequence[str]) -> str:
    """Keys as a person reads them."""
    return " ".join(KEY_NAMES.get(key, key) for key in keys)
