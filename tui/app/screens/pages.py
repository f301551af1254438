"""The two pages of a screen: what its words and marks mean, and every key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lessons.activity import Action
from lessons.machine import Track
from lessons.picture import Lanes, Picture
from tui.app.screens.reading import Page, WordPage
from tui.view.frame import Frame, key_text
from tui.view.marks import Marks, lane_legend, legend
from tui.view.paragraphs import narration
from tui.view.text import Line, line, plain, wrap

IN_FULL = "In full, what is cut"
MARKS = "The marks on this screen"
LANE_MARKS = "The marks of who does what; written: CC one byte, +4 four, ×5 all"
PANES = "Tab goes from pane to pane, F1 tells of the one in focus"
KEY = 16  # columns before what a key does
MARK = 4  # columns before what a mark means
EVERYWHERE = (
    ("Tab", "The next part of the screen, also one for which there was no room."),
    ("↑ ↓ PgUp PgDn", "Scroll, or choose, in the pane with the focus; Home, End: to its ends."),
    ("Esc", "Cancel what is under way; else back to where you came from."),
    ("?", "What the words on this screen mean, and in full what is cut there; again: this list."),
    (":  ^p", "All that can be done here."),
    ("z", "The lecture view, on or off; there, Tab puts a row of bytes into the spotlight."),
    ("T", "The next theme."),
    ("q", "Quit."),
)


def words_page(picture: Picture, drawn: Frame, size: tuple[int, int], marks: Marks) -> WordPage:
    """What the words and the marks that stand on a screen mean.

    Args:
        picture: what there is to see.
        drawn: what is seen of it.
        size: columns and rows of the screen.
        marks: the glyphs.
    """
    shown = replace(drawn, body=replace(drawn.body, boxes=()))  # a frame is no mark
    text = "\n".join([*narration(picture), *(plain(one) for one in shown.lines(*size))])
    track = any(isinstance(block.part, Track) for block in drawn.body.blocks)
    found = legend(marks, text, track)
    blocks = [(block.part, block.lines) for block in drawn.body.blocks if isinstance(block.part, Lanes)]
    lanes = ["\n".join(plain(one) for one in lines) for _, lines in blocks]
    did = {mark.did for part, _ in blocks if isinstance(part, Lanes) for one in part.time.moments for mark in one.marks}
    of_lanes = lane_legend(marks, did, "\n".join(lanes)) if lanes else ()

    def below(width: int) -> list[Line]:
        out: list[Line] = []
        for title, meanings in ((MARKS, found), (LANE_MARKS, of_lanes)):
            out += [line(), *wrap(marks.plain(title), width, "title"), line()] if meanings else []
            for glyph, meaning in meanings:
                out += wrap(marks.plain(meaning), width, "", glyph.ljust(MARK), " " * MARK)
        for note in picture.notes:
            out += [line(), *wrap(marks.plain(note), width)]
        return out

    def above(width: int) -> list[Line]:
        rows = [row for one in drawn.cut for row in wrap(marks.plain(one), width, indent="    ")]
        return [line((IN_FULL, "title")), line(), *rows, line()] if rows else []

    return WordPage(text, marks, above, below)


def keys_page(shown: str, actions: Sequence[Action], beyond: Iterable[tuple[str, str]], marks: Marks) -> Page:
    """Every key, and what can be done without one.

    Args:
        shown: what the part with the focus shows, "" for none.
        actions: of the activity in front.
        beyond: titles and helps of what the screen does without a key.
        marks: the glyphs.
    """
    own = [(key_text(one.keys) or ":", f"{one.title}. {one.help}") for one in actions]
    without = [(":", f"{title}. {text}") for title, text in beyond]

    def lines(width: int) -> list[Line]:
        page: list[Line] = [*wrap(marks.plain(shown), width), line()] if shown else []
        page += [*wrap(PANES, width, "dim", "Keys   ", " " * 7), line()]
        for key, text in (*own, *EVERYWHERE, *without):
            page += wrap(marks.plain(text), width, "", marks.plain(key).ljust(KEY), " " * KEY)
        return page

    return Page(lines)
