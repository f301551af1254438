"""The bytes of a site: in memory, and what each CPU may run here; old and new; each row decoded beside it."""

from __future__ import annotations

from lessons.story import Mark, Marked, Row, Table
from simkernel.sentence import without_addresses
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, Piece, line

LABEL = 14  # columns
LOOKS = {Mark.OLD: "old", Mark.NEW: "new", Mark.INT3: "int3", Mark.UNCERTAIN: "open", Mark.UNREAD: "open"}


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    table, site = picture.story.table, picture.snapshot.site
    if table is None or site is None:
        return [
            line(("No function is looked at yet.", "dim")),
            line(("Press v to look at one, or t to trace some.", "dim")),
        ]
    grid = Grid(picture, table, width)
    rows = [grid.row(table.memory, "strong")]
    rows += [grid.row(row, "here" if row.cells[0].has(Mark.EXECUTING) else "") for row in table.cpus]
    if height >= len(rows) + 2:  # the last ones to go are memory and the CPUs
        becomes = table.becomes
        rows.append(line() if becomes is None else grid.row(unmarked("becomes", becomes.cells, becomes.text), "dim"))
    if height >= len(rows) + 2:
        old = site.old
        was = () if old is None else tuple(Marked(f"{byte:02X}") for byte in old.data)
        rows.insert(0, line() if old is None else grid.row(unmarked("was", was, without_addresses(old.text)), "dim"))
    return [grid.header(), *rows]


def unmarked(label: str, cells: tuple[Marked, ...], text: str) -> Row:
    """A row of plain bytes."""
    return Row(label, tuple(Marked(cell.text) for cell in cells), text)


class Grid:
    """The columns of the bytes; each as wide as its widest cell may become in this fetch model."""

    def __init__(self, picture: Picture, table: Table, width: int) -> None:
        self.table, self.marks, self.width = table, picture.marks, width
        uncertain = picture.snapshot.options.model.value in ("line", "byte")
        widest = [max(len(row.cells[at].text) for row in table.rows) for at in range(len(table.memory.cells))]
        self.widths = [max(8 if uncertain else 3, most + 1) for most in widest]

    def header(self) -> Line:
        rule = self.marks.rule
        text = rule * LABEL
        for at, column in enumerate(self.widths):
            text += f" +{at} {rule * (column - 1)}"
        note = f" {self.marks.line} a cache line ends "
        if self.table.line_break and len(text) + len(note) <= self.width:
            text += note
        return line((text + rule * max(0, self.width - len(text)), "dim"))

    def row(self, row: Row, look: str) -> Line:
        """Label, cells, the instruction, and what is to be said of the CPU: as much of it as there is room for."""
        cells = [piece for at, cell in enumerate(row.cells) for piece in self.cell(at, cell)]
        here = row.cells[0].has(Mark.EXECUTING)
        reads = any(cell.has(Mark.UNREAD) for cell in row.cells)
        remark = f"{self.marks.back} {row.remark or 'is about to run it'}" if here and not reads else row.remark
        room = self.width - LABEL - sum(len(text) for text, _ in cells)
        return line(
            (row.label.ljust(LABEL), look), *cells, (self.words(row.text, remark, here and not reads, room), look)
        )

    def words(self, text: str, remark: str, here: bool, room: int) -> str:
        """As much of what stands behind the bytes as there is room for: never a piece of a word."""
        mark = f"{self.marks.back} " if here else ""
        first = text.partition(" ")[0]
        whole = "  ".join(one for one in (text, remark) if one)
        short = remark.partition(";")[0]
        tries = (whole, mark + text if text else remark, mark + first if text else short)
        return next((one for one in tries if len(one) <= room), "")

    def cell(self, at: int, cell: Marked) -> list[Piece]:
        """One byte, or what may be one: brackets where it has just changed, a mark for int3 and for new ones."""
        changed = cell.has(Mark.CHANGED)
        left, right = self.marks.changed if changed else (" ", " ")
        kind = self.marks.int3 if cell.has(Mark.INT3) else self.marks.new if cell.has(Mark.NEW) else " "
        look = next((LOOKS[mark] for mark in LOOKS if cell.has(mark)), "")
        text = self.marks.unread if cell.has(Mark.UNREAD) else cell.text
        pad = " " * (self.widths[at] - len(text) - 1)
        behind = self.marks.line if self.table.line_break == at + 1 else " "
        return [
            (left, "here"),
            (text + kind, f"{look} changed" if changed else look),
            (right + pad, "here"),
            (behind, "dim"),
        ]


class Site(Panel):
    NAME = "site"
    HELP = (
        "The first five bytes of a function. `in memory` is what all share. Each CPU may run what its row says: "
        "bytes that it has read already stay as read, the others (two dots) it still takes from memory. Brackets stand "
        "around what has just changed; ! marks a breakpoint, a stroke marks a new byte; a bar is where a cache line "
        "ends."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
