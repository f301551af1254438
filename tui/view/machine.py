"""Parts that show a machine, as lines: the strip of phases, the bytes of a site, who does what, a CPU, the track."""

from __future__ import annotations

from collections.abc import Sequence

from lessons.machine import Bytes, Core, Doer, Doers, Instruction, Phase, PhaseState, Strip, Track, Word
from lessons.picture import Tone
from lessons.table import ByteRow, Mark, Marked
from tui.view.marks import Marks
from tui.view.text import Form, Line, Piece, cut, heading, length, line, wrap

LABEL = 12  # columns before the bytes
NATURAL = 73  # columns with which most of what is to be said beside the bytes has room
WRITE = "write "  # what most phases do, which their names need not say where there is little room
PITCH = 6  # columns of a byte, where there is room
LEAST = 4  # columns of what an instruction leads to, where it is cut
LOOKS = {Mark.OLD: "old", Mark.NEW: "new", Mark.INT3: "int3", Mark.PENDING: "open", Mark.UNREAD: "open"}
TONES = {Tone.PLAIN: "", Tone.STRONG: "strong", Tone.DIM: "dim", Tone.GOOD: "good", Tone.BROKEN: "bad"}
STAGES = {PhaseState.DONE: "good", PhaseState.NOW: "now", PhaseState.TO_COME: "dim", PhaseState.LEFT_OUT: "dim"}


# --- the phases ----------------------------------------------------------------------------------------------------


def strip(part: Strip, width: int, marks: Marks) -> list[Form]:
    """The phases on a line: closer together where there is less room, then without "write"; on several as a last."""
    for gap, short in ((" ", False), ("", False), ("", True)):
        row = tuple(piece for one in part.phases for piece in _phase(part, one, gap, short, marks))
        if length(row) <= width + 1:
            return [[_stripped(row)]]
    rows: list[list[Piece]] = [[]]
    for one in part.phases:
        pieces = _phase(part, one, "", True, marks)
        if rows[-1] and length((*rows[-1], *pieces)) > width + 1:
            rows.append([])
        rows[-1] += pieces
    return [[_stripped(tuple(row)) for row in rows]]


def _phase(part: Strip, one: Phase, gap: str, short: bool, marks: Marks) -> list[Piece]:
    """A phase's mark and name; the one that is under way or next in capitals, in brackets where it was not before."""
    now = one.stage is PhaseState.NOW
    glyphs = {
        PhaseState.DONE: marks.done,
        PhaseState.NOW: marks.now if part.under_way else marks.next,
        PhaseState.LEFT_OUT: marks.dash,
    }
    left, right = marks.changed if now and part.changed else (" ", " ")
    look = STAGES[one.stage]
    name = one.name.removeprefix(WRITE) if short else one.name
    name = name.upper() if now else name
    glyph = glyphs.get(one.stage, marks.todo), "here" if now else look
    return [glyph, (left, "box"), (name, look), (right + gap, "box")]


def _stripped(row: Line) -> Line:
    last, look = row[-1] if row else ("", "")
    return (*row[:-1], (last.rstrip(), look)) if last.strip() else row[:-1]


# --- the bytes -----------------------------------------------------------------------------------------------------


def bytes_of_a_site(part: Bytes, width: int, marks: Marks) -> list[Form]:
    """A row for memory, for each CPU, for what a CPU ran; before and after those what was and what is to come."""
    table = part.table
    grid = _Grid(part, width, marks)
    cpus = [grid.row(row, "here" if row.cells and row.cells[0].has(Mark.EXECUTING) else "") for row in table.cpus]
    ran = [grid.ran(row) for row in table.ran]
    middle = [grid.row(table.memory, "strong"), *cpus, *ran]
    was = [] if table.was is None else [grid.row(table.was, "dim")]
    becomes = [] if table.becomes is None else [grid.row(table.becomes, "dim")]
    header = grid.header()
    return [[header, *was, *middle, *becomes], [header, *middle, *becomes], [header, *middle]]


class _Grid:
    """The columns of the bytes: PITCH wide, or as wide as the widest cell; narrower where there is no room."""

    def __init__(self, part: Bytes, width: int, marks: Marks) -> None:
        self.table, self.marks, self.width = part.table, marks, width
        rows = self.table.rows
        count = len(self.table.memory.cells)
        cells = [[row.cells[at] for row in rows if at < len(row.cells)] for at in range(count)]
        least = [1 + max(len(self.text(one)) for one in column) for column in cells]
        self.widths = [max(PITCH, one) for one in least]
        if LABEL + sum(self.widths) + 1 > width:
            self.widths = least

    def header(self) -> Line:
        """The function, the number of each byte, and where a cache line ends."""
        rule, name = self.marks.rule, self.table.name
        text = f"{rule} {name} " if len(name) + 3 <= LABEL else ""
        text = text.ljust(LABEL + 1, rule)
        for at, column in enumerate(self.widths):
            text += f"+{at} ".ljust(column, rule)
        if len(name) + 3 > LABEL:
            text = text[: self.width - len(name) - 1] + f" {name} "
        text = text[: max(self.width, len(text.rstrip()))]
        note = f"{rule} {self.marks.line} a cache line ends "
        if self.table.line_break and len(text) + len(note) <= self.width:
            text += note
        text += rule * max(0, self.width - len(text))
        before, _, after = text.partition(name)
        return cut(line((before, "dim"), (name, "title"), (after, "dim")), self.width, self.marks)

    def row(self, row: ByteRow, look: str) -> Line:
        """Label, bytes, the instruction, and what is to be said of the CPU: as much of it as there is room for."""
        return line((row.label.ljust(LABEL), look), *self.cells(row.cells), (f" {self.behind(row)}".rstrip(), look))

    def behind(self, row: ByteRow, whole: bool = False) -> str:
        """What stands behind the bytes of a row: as much as there is room for, or the whole of it."""
        here = bool(row.cells) and row.cells[0].has(Mark.EXECUTING)
        at_it = here and not any(cell.has(Mark.UNREAD) for cell in row.cells)
        remark = f"{self.marks.back} {row.remark or 'is about to run it'}" if at_it else row.remark
        room = self.width - LABEL - length(self.cells(row.cells)) - 1
        text = row.text, self.marks.plain(remark)
        return "  ".join(filter(None, text)) if whole else self.words(*text, at_it, room)

    def cut(self) -> list[str]:
        """The rows behind whose bytes not all is said, each with all of it; an arrow alone says it all."""
        table = self.table
        rows = (table.was, table.memory, *table.cpus, *table.ran, table.becomes)
        return [
            f"{row.label}: {self.behind(row, whole=True)}"
            for row in rows
            if row is not None
            and self.behind(row) not in (self.behind(row, whole=True), f"{self.marks.back} {row.text}")
        ]

    def ran(self, row: ByteRow) -> Line:
        """What a CPU ran, which was neither instruction."""
        label = f"{self.marks.broken} {row.label}".ljust(LABEL)
        return line((label, "bad"), *self.cells(row.cells), (f" {self.behind(row)}".rstrip(), "bad"))

    def words(self, text: str, remark: str, here: bool, room: int) -> str:
        """As much of what stands behind the bytes as there is room for; a mark says that there is more.

        A remark is said as a whole, or to its first semicolon. Of an instruction alone, what it leads to is cut and
        not left out, for calls would look the same else; or as many words as fit are said.
        """
        whole = "  ".join(one for one in (text, remark) if one)
        if len(whole) <= room:
            return whole
        clause, more, _ = remark.partition(";")
        shorter = f"{text}  {clause}".strip() if more and not here else text
        for tried in (shorter, text):
            if remark and not here and tried and len(tried) + 2 <= room:
                return f"{tried} {self.marks.more}"
        if here and text:  # the arrow alone says it
            whole = f"{self.marks.back} {text}"
            if len(whole) <= room:
                return whole
        first = f"{self.marks.back} " if here else ""
        if len(first + text) > room and (cut_off := self.shorter(text, room - len(first))):
            return first + cut_off
        while whole and len(whole) + 2 > room:
            whole = whole.rpartition(" ")[0].rstrip(" ;")
        return f"{whole} {self.marks.more}" if whole else self.marks.more

    def shorter(self, text: str, room: int) -> str:
        """An instruction with the end of an address, or the beginning of a name; "" where there is no room for that."""
        verb, _, to = text.partition(" ")
        left = room - len(verb) - 1
        if not to or " " in to or left < LEAST + 2:
            return ""
        return f"{verb} ..{to[2 - left :]}" if to.startswith("0x") else f"{verb} {to[: left - 1]}{self.marks.more}"

    def text(self, cell: Marked) -> str:
        """A byte with its mark; what is not read yet in brackets."""
        kind = self.marks.int3 if cell.has(Mark.INT3) else self.marks.new if cell.has(Mark.NEW) else ""
        return f"({cell.text}{kind})" if cell.has(Mark.UNREAD) else cell.text + kind

    def cells(self, cells: Sequence[Marked]) -> Line:
        """The bytes of a row; brackets, in the gaps, around what has just changed."""
        left, right = self.marks.changed
        out: list[Piece] = []
        for at, cell in enumerate(cells):
            text, changed = self.text(cell), cell.has(Mark.CHANGED)
            gap = left if changed else self.gap(at, cells)
            out.append((gap, "box" if gap in self.marks.changed else "dim"))
            out.append((text, next((LOOKS[mark] for mark in LOOKS if cell.has(mark)), "") + " changed" * changed))
            rest = self.widths[at] - 1 - len(text)
            if rest > 0:
                hidden = at + 1 == self.table.line_break and rest > 1 and cells[at + 1].has(Mark.CHANGED)
                bar = self.marks.line if hidden else " " * (rest > 1)
                out += [((right if changed else " ") + " " * (rest - 2), "box"), (bar, "dim")]
        behind = " " * sum(self.widths[len(cells) :])
        last = bool(cells) and cells[-1].has(Mark.CHANGED) and len(self.text(cells[-1])) + 1 == self.widths[-1]
        return (*out, (behind, ""), *([(right, "box")] if last else []))

    def gap(self, at: int, cells: Sequence[Marked]) -> str:
        """What stands before a byte: the end of a cache line, or of what has changed."""
        full = at > 0 and len(self.text(cells[at - 1])) + 1 == self.widths[at - 1]
        if self.table.line_break == at and at:
            return self.marks.line
        return self.marks.changed[1] if full and cells[at - 1].has(Mark.CHANGED) else " "


def cut_rows(part: Bytes, width: int, marks: Marks) -> list[str]:
    """The rows of bytes of which not all is said in so many columns, each as a whole sentence."""
    return _Grid(part, width, marks).cut()


# --- CPUs ----------------------------------------------------------------------------------------------------------


def doers(part: Doers, width: int, marks: Marks) -> list[Form]:
    """A line each, on as many rows as it needs; where there is no room for all, those that matter."""
    every = [row for _, row in _doer_rows(part.doers, width, marks)]
    few = [one for one in part.doers if one.matters]
    if not few or len(few) == len(part.doers):
        return [every]
    others = line((f"  and {len(part.doers) - len(few)} others", "dim"))
    return [every, [*(row for _, row in _doer_rows(few, width, marks)), others]]


def _doer_rows(doers: Sequence[Doer], width: int, marks: Marks) -> list[tuple[Doer, Line]]:
    """Each row with whom it is of."""
    out: list[tuple[Doer, Line]] = []
    for one in doers:
        left, right = marks.changed if one.changed else (" ", " ")
        first = f"{left}{one.who}{right} "
        head, *more = wrap(marks.plain(one.what), width, TONES[one.tone], first, " " * len(first))
        look = f"{TONES[one.tone] or 'strong'}{' changed' * one.changed}"
        out.append((one, line((left, "box"), (one.who, look), (f"{right} ", "box"), *head[1:])))
        out += [(one, row) for row in more]
    return out


def doer_at(part: Doers, width: int, x: int, y: int) -> tuple[str, str] | None:
    """The doer at a line of the fullest form."""
    rows = _doer_rows(part.doers, width, Marks())
    return (part.choose, rows[y][0].argument) if part.choose and y < len(rows) else None


def doer_ends(part: Doers, width: int, marks: Marks) -> Sequence[int]:
    """The lines behind which a doer ends."""
    rows = [one for one, _ in _doer_rows(part.doers, width, marks)]
    return tuple(at + 1 for at in range(len(rows)) if at + 1 == len(rows) or rows[at + 1] is not rows[at])


CODE = 42  # columns of the code where the registers stand beside it
BESIDE = 70  # columns from which on they do
TWO_WORDS = 46  # columns in which two registers fit whole
FEW = 7  # lines of code where there is little room


def core(part: Core, width: int, marks: Marks) -> list[Form]:
    """The sentence, the code, registers and stack; less of them, then without the stack, in the shorter forms."""
    said = wrap(marks.plain(part.sentence), width, "strong")
    stack = [heading("stack", width, marks), *stack_lines(part, width, marks)] if part.stack else []
    if width >= BESIDE:
        right = registers(part.registers, width - CODE - 2, marks)
        whole = [*said, *_beside(code(part, CODE, len(part.code), marks), right)]
        return [[*whole, *stack], whole, [*said, *_beside(code(part, CODE, len(right), marks), right)]]
    words = [heading("registers", width, marks), *registers(part.registers, width, marks)]
    few = [*said, *code(part, width, FEW, marks)]
    return [[*said, *code(part, width, len(part.code), marks), *words, *stack], [*few, *words, *stack], [*few, *words]]


def _beside(left: Form, right: Form) -> Form:
    out = []
    for at in range(max(len(left), len(right))):
        one = left[at] if at < len(left) else line()
        gap = " " * (CODE + 2 - length(one))
        out.append(line(*one, gap, *(right[at] if at < len(right) else ())))
    return out


def code(part: Core, width: int, rows: int, marks: Marks) -> Form:
    """So many lines of disassembly, the next instruction a third down, or below what is being changed."""
    at = next((number for number, one in enumerate(part.code) if one.now), 0)
    was = next((number for number, one in enumerate(part.code) if one.was and at - rows < number < at), at)
    first = max(0, min(at - max(2, rows // 3), was, len(part.code) - rows))
    return [cut(_code_line(one, marks), width, marks) for one in part.code[first : first + rows]]


def _code_line(one: Instruction, marks: Marks) -> Line:
    if one.was:
        return line(("was ", "dim"), (f"+{one.offset:<4x}", "dim"), (one.text, ""))
    here = (marks.here, "here") if one.now else (" ", "")
    stop = (marks.stop if one.stop else " ", "bad")
    return line(stop, here, "  ", (f"+{one.offset:<4x}", "dim"), (one.text, "here" if one.now else ""))


def registers(words: Sequence[Word], width: int, marks: Marks) -> Form:
    """Two in a line where they fit; brackets around those that have just changed."""
    out: list[list[Piece]] = []
    for one in words:
        left, right = marks.changed if one.changed else (" ", " ")
        value = f"{one.value:x}"
        if width < TWO_WORDS and len(value) > 11:  # the upper half of a kernel address is one for all
            value = f"{marks.more}{value[-8:]}"
        room = 16 if width >= TWO_WORDS else 11
        out.append([(f"{one.name:<6}"[:6] if width >= TWO_WORDS + 4 else f"{one.name:<4.4}", "dim"), (left, "box")])
        out[-1] += [(value.rjust(room), "changed" if one.changed else ""), (right + " ", "box")]
    if width < 36:
        return [line(*one) for one in out]
    return [line(*(piece for one in out[at : at + 2] for piece in one)) for at in range(0, len(out), 2)]


def stack_lines(part: Core, width: int, marks: Marks) -> Form:
    """The words of the stack from its top, each with its address."""
    out = []
    for one in part.stack:
        left, right = marks.changed if one.changed else (" ", " ")
        shown = (left, "box"), (f"{one.value:x}".rjust(16), "changed" if one.changed else ""), (right, "box")
        out.append(cut(line((marks.plain(one.name), "dim"), *shown, (one.text, "dim")), width, marks))
    return out


# --- history -------------------------------------------------------------------------------------------------------


def track(part: Track, width: int, marks: Marks) -> list[Form]:
    """All of the story's history on a line, its phases and steps as marks."""
    label = f" move {part.at} of {part.end} "
    cells = _track_cells(part, width)
    bar: list[Piece] = [(marks.bar, "dim")] * cells
    first = part.begin
    for at in range(cells):
        last = _first_position(part, at + 1, cells)
        if found := part.places.within(first, last):
            bar[at] = (marks.up, "") if found == "phase" else (marks.tick, "dim")
        first = last
    if part.dies:
        bar[-1] = (marks.broken, "bad")
    column = (part.at - part.begin) * (cells - 1) // max(1, part.end - part.begin)
    bar[min(cells - 1, max(0, column))] = (marks.knob, "here")
    return [[(*bar, (label, "dim"))]]


def _track_cells(part: Track, width: int) -> int:
    return max(4, width - len(f" move {part.at} of {part.end} "))


def _first_position(part: Track, at: int, cells: int) -> int:
    """The first position in history that a column shows."""
    span = max(1, part.end - part.begin)
    return part.begin + (span + 1 if at >= cells else -(-at * span // (cells - 1)))


def track_at(part: Track, width: int, x: int, y: int) -> tuple[str, str] | None:
    """The position that a column stands for."""
    at = min(1.0, max(0.0, x / max(1, _track_cells(part, width) - 1)))
    return part.choose, str(part.begin + round(at * (part.end - part.begin)))
