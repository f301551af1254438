"""A schedule drawn: a line a move, and as many columns of bytes as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from lessons.picture import Byte, ByteKind, Move, Moves, Tone
from tui.view.marks import Marks
from tui.view.text import Line, Piece, line, wrap

LOOKS = {
    ByteKind.SAME: "",
    ByteKind.OLD: "old",
    ByteKind.NEW: "new",
    ByteKind.INT3: "int3",
}
WHO = 8  # columns of what moves, at least: "bash-201"
MOVER = "moved by"  # over a column of whatever the move is about
A_BYTE = 3  # columns of a byte: two digits, and a mark behind them


def move_lines(part: Moves, width: int, marks: Marks) -> list[list[Line]]:
    """A header that explains the marks, then a line a move; with all columns, memory's and the mover's, or one."""
    shown = next((columns for columns in _ways(part) if needed(part, len(columns)) <= width), None)
    if shown is None:
        return [_without_bytes(part, width, marks)]
    room, each = _text_room(part), _bytes_room(part)
    left = 4 + _who_room(part) + 1 + room + 1
    head = "".join(f"{name or MOVER:<{each + 1}}" for name in shown)
    out = [line((f"{_legend(part, left - 1, marks):<{left}}{head}".rstrip(), "dim"))]
    for at, move in enumerate(part.moves):
        columns = dict.fromkeys(part.columns.index(name) if name else move.column for name in shown)
        bytes_of = [piece for column in columns for piece in (*_row(move, column, marks), (" ", ""))]
        out.append(line(*_start(part, at, marks, room), *bytes_of[:-1]))
    return [out]


def _ways(part: Moves) -> Sequence[tuple[str, ...]]:
    """The columns that may stand there, the most first; "" is that of whoever moves."""
    return part.columns, (part.columns[0], ""), ("",)


def needed(part: Moves, columns: int) -> int:
    """The columns of a screen that a table with so many columns of bytes takes."""
    return 4 + _who_room(part) + 1 + _text_room(part) + 1 + columns * (_bytes_room(part) + 1) - 1


def all_columns(part: Moves) -> int:
    """The columns of a screen with which nothing of the table is missing."""
    return needed(part, len(part.columns))


def _text_room(part: Moves) -> int:
    return max((len(move.text) for move in part.moves), default=0)


def _who_room(part: Moves) -> int:
    return max(WHO, *(len(move.who) for move in part.moves)) if part.moves else WHO


def _bytes_room(part: Moves) -> int:
    return A_BYTE * max((len(row) for move in part.moves for row in move.rows), default=0)


def _start(part: Moves, at: int, marks: Marks, room: int) -> list[Piece]:
    """The number, what moves, and what it does."""
    move, here = part.moves[at], at == part.cursor
    look = "bad" if move.tone is Tone.BROKEN else "strong" if here else ""
    who = f"{move.who:<{_who_room(part)}}"
    return [(f"{marks.here if here else ' '}{at + 1:>2} ", "here" if here else "dim"),
            (f"{who} {marks.plain(move.text):<{room}} ", look)]  # fmt: skip


def _row(move: Move, column: int, marks: Marks) -> list[Piece]:
    """The bytes of a column; where the move is not about them, those with nothing pending are dim."""
    out: list[Piece] = []
    about = column == move.column
    for one in move.rows[column]:
        text, look = _byte(one, marks)
        out.append((text, look if about or one.pending else f"{look} dim".strip()))
    return out


def _byte(one: Byte, marks: Marks) -> Piece:
    """Two digits and a mark."""
    if one.value is None:
        return " " * A_BYTE, ""
    return f"{one.value:02X}{_mark(one, marks)}", "open" if one.pending else LOOKS[one.kind]


def _mark(one: Byte, marks: Marks) -> str:
    if one.pending:
        return marks.pending
    return {ByteKind.NEW: marks.new, ByteKind.INT3: marks.int3}.get(one.kind, " ")


def _legend(part: Moves, width: int, marks: Marks) -> str:
    """What the marks mean that stand in the table, as many as there is room for."""
    seen = {_mark(one, marks) for move in part.moves for row in move.rows for one in row if one.value is not None}
    meanings = {marks.pending: "may be newer", marks.new: "new", marks.int3: "int3"}
    words = [f"{mark} {meaning}" for mark, meaning in meanings.items() if mark in seen]
    while len("  ".join(words)) > width:
        words.pop()
    return "  ".join(words)


def _without_bytes(part: Moves, width: int, marks: Marks) -> list[Line]:
    """Without bytes, where there is no room for any."""
    out: list[Line] = []
    for at, move in enumerate(part.moves):
        here = marks.here if at == part.cursor else " "
        out += wrap(f"{move.who} {marks.plain(move.text)}", width, "", f"{here}{at + 1:>2} ", " " * 4)
    return out


def move_here(part: Moves) -> int:
    """The line of the move that is explained."""
    return part.cursor + 1


def in_words(row: Sequence[Byte]) -> str:
    """Bytes of a column as text: "0F/CC 1F 44 00 00"; ".." for none."""
    return " ".join(
        ".." if one.value is None else "/".join(f"{value:02X}" for value in (one.value, *one.pending)) for one in row
    )
