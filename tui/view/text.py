"""Lines: pieces of text, each with the name of a look, which a front end turns into a colour or into nothing."""

from __future__ import annotations

import textwrap

from simkernel.sentence import Role, spans_of
from tui.view.marks import Marks

Piece = tuple[str, str]  # text, names of looks ("int3 changed"), "" for plain
Line = tuple[Piece, ...]
Form = list[Line]  # what a part looks like

ROLES = {Role.CPU: "strong", Role.ADDRESS: "dim"}  # looks of parts of a sentence that has none of its own


def line(*pieces: Piece | str) -> Line:
    """A line of pieces; a bare text looks plain."""
    return tuple((piece, "") if isinstance(piece, str) else piece for piece in pieces)


def length(one: Line) -> int:
    """How many characters a line has; each takes one column."""
    return sum(len(text) for text, _ in one)


def plain(one: Line) -> str:
    """The text of a line."""
    return "".join(text for text, _ in one)


def cut(one: Line, width: int, marks: Marks) -> Line:
    """The line within `width` columns: what is too long ends in the mark of a text that goes on."""
    if length(one) <= width:
        return one
    out: list[Piece] = []
    left = max(0, width - len(marks.more))
    for text, look in one:
        out.append((text[:left], look))
        left -= len(text[:left])
    return (*out, (marks.more, "dim"))[-len(out) - 1 :]


def spread(left: Line, right: Line, width: int, marks: Marks) -> Line:
    """One line with `right` at its right end; where both do not fit, only the left one."""
    gap = width - length(left) - length(right)
    return cut((*left, (" " * gap, ""), *right) if gap >= 2 else left, width, marks)


def styled(text: str, look: str = "", begin: int = 0, end: int | None = None) -> list[Piece]:
    """A sentence from one character to another, each part with the looks of what it is; of any other text one piece."""
    out: list[Piece] = []
    at, end = 0, len(text) if end is None else end
    for span in spans_of(text):
        part = span.text[max(0, begin - at) : max(0, end - at)]
        at += len(span.text)
        mark = ROLES.get(span.role) if span.role is not None and not look else None
        if part and out and out[-1][1] == (mark or look):
            out[-1] = (out[-1][0] + part, out[-1][1])
        elif part:
            out.append((part, mark or look))
    return out or [("", look)]


def wrap(text: str, width: int, look: str = "", first: str = "", indent: str = "") -> list[Line]:
    """A paragraph within `width` columns; `first` stands before it, `indent` before its other lines."""
    room = max(10 + max(len(first), len(indent)), width)
    shape = textwrap.TextWrapper(room, "_" * len(first), " " * len(indent), break_on_hyphens=False)
    rows = shape.wrap(text) or [first]
    cut_off = (len(first), *[len(indent)] * (len(rows) - 1))
    out, end = [], 0
    for at, (row, start) in enumerate(zip(rows, cut_off, strict=True)):
        words = row[start:]
        begin = text.find(words, end)
        end = max(end, begin + len(words))
        pieces = styled(text, look, begin, end) if begin >= 0 else [(words, look)]
        out.append(line((first if at == 0 else indent, "title"), *pieces))
    return out


def heading(title: str, width: int, marks: Marks) -> Line:
    """A rule with a title in it."""
    rule = marks.rule
    if not title:
        return line((rule * width, "dim"))
    rest = rule * max(0, width - len(title) - 3)
    return cut(line((rule + " ", "dim"), (title, "title"), (" " + rest, "dim")), width, marks)


def pointed_at(row: Line, x: int) -> Line:
    """A row with the character in one of its columns marked."""
    out: list[Piece] = []
    for text, look in row:
        if 0 <= x < len(text):
            out += [(text[:x], look), (text[x], f"{look} cursor".strip()), (text[x + 1 :], look)]
        else:
            out.append((text, look))
        x -= len(text)
    return tuple(piece for piece in out if piece[0])
