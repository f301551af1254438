"""The time picture as SVG, for slides and pages: time downwards, a line a lane, each step with its sentence."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from lessons.lanes import Did, LaneMark, TimePicture, TimeStep
from tui.view.marks import UNICODE

ROW, LANE, LEFT, TOP = 24, 76, 56, 48
SENTENCES = 330  # of the picture's width
COLOURS = {
    Did.WRITES: "#0072b2",
    Did.CALLS: "#0072b2",
    Did.INT3: "#d55e00",
    Did.TORN: "#b00020",
    Did.DIES: "#b00020",
    Did.ANSWERS: "#007a4d",
    Did.READS: "#7b3fa0",
    Did.INSIDE: "#7b3fa0",
    Did.RESOLVES: "#7b3fa0",
}
INK, PALE = "#1b1e2b", "#8a90a6"


def lanes_svg(picture: TimePicture) -> str:
    """The steps up to the one at which one stands, as a picture."""
    moments = [one for one in picture.moments if one.step <= picture.at]
    width = LEFT + LANE * len(picture.lanes) + SENTENCES
    height = TOP + ROW * max(1, len(moments)) + 20
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for lane, name in enumerate(picture.lanes):
        out.append(_text(_across(lane), 28, name, INK, "middle", "bold"))
        out += _lane(moments, lane)
    for at, moment in enumerate(moments):
        out += _row(moment, at, len(picture.lanes))
    return "\n".join([*out, "</svg>"]) + "\n"


def _across(lane: int) -> int:
    return LEFT + LANE // 2 + LANE * lane


def _down(at: int) -> int:
    return TOP + ROW * at + ROW // 2


def _lane(moments: list[TimeStep], lane: int) -> Iterator[str]:
    """A lane's line: dotted while it waits, thick while it is in the middle of an instruction."""
    for at, moment in enumerate(moments):
        mark = moment.marks[lane]
        dotted = ' stroke-dasharray="2 4"' if mark.did in (Did.WAITS, Did.SENDS) else ""
        inside = mark.did in (Did.READS, Did.INSIDE) or (mark.inside and mark.did is Did.ASKED)
        colour, thick = (COLOURS[Did.INSIDE], 4) if inside else (PALE, 1)
        y = _down(at)
        yield f'<path d="M{_across(lane)} {y}v{ROW}" stroke="{colour}" stroke-width="{thick}"{dotted}/>'


def _row(moment: TimeStep, at: int, lanes: int) -> Iterator[str]:
    """A step: IPIs as arrows, a mark where a lane did something, the sentence."""
    y = _down(at)
    asked = [lane for lane, mark in enumerate(moment.marks) if mark.did is Did.ASKED]
    if asked:
        yield f'<path d="M{_across(0)} {y}H{_across(asked[-1])}" stroke="{INK}"/>'
    for lane, mark in enumerate(moment.marks):
        if mark.did not in (Did.NOTHING, Did.WAITS, Did.INSIDE):
            yield from _mark(mark, _across(lane), y)
    yield _text(LEFT - 12, y + 5, str(moment.step), PALE, "end")
    yield _text(LEFT + LANE * lanes + 8, y + 5, moment.sentence, INK)


def _mark(mark: LaneMark, x: int, y: int) -> Iterator[str]:
    """What a lane did, on a ground that covers its line."""
    if mark.did is Did.READS or (mark.did is Did.RUNS and mark.inside):
        yield f'<path d="M{x - 8} {y}h16" stroke="{COLOURS[Did.INSIDE]}" stroke-width="4"/>'
        return
    whole = mark.did is Did.RUNS and not mark.inside
    text = mark.text or (UNICODE.ran_whole if whole else UNICODE.did[mark.did])
    text = UNICODE.did[Did.INT3] + text if mark.trapped else text
    yield f'<rect x="{x - 9}" y="{y - 9}" width="18" height="18" fill="#ffffff"/>'
    yield _text(x, y + 5, text, COLOURS.get(mark.did, INK), "middle", "bold")


def _text(x: int, y: int, text: str, colour: str, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
