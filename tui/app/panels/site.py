"""The five bytes: in memory, and what each CPU may run here; old and new; each row decoded beside it."""

from __future__ import annotations

from simkernel.insn import INT3, SITE_SIZE
from simkernel.snapshot import MayRun, SiteView
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.app.text import Line, Piece, line

LABEL = 16  # columns


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    site = picture.snapshot.site
    if site is None:
        return [
            line(("No function is looked at yet.", "dim")),
            line(("Press v to look at one, or t to trace some.", "dim")),
        ]
    grid = Grid(picture, site)
    out = [grid.header(width)]
    out.append(grid.row("was", "", site.old.data, site.old.text) if site.old else line())
    changed = [picture.changed(f"memory +{at}") for at in range(SITE_SIZE)]
    out.append(grid.row("in memory", "strong", site.memory.data, site.memory.text, changed))
    out += [grid.cpu(one) for one in site.cpus]
    out.append(grid.row("becomes", "", site.new.data, site.new.text) if site.new else line())
    return out


def short(text: str) -> str:
    """An instruction without the address of its target, where that has a name."""
    return text.partition(" at 0x")[0]


class Grid:
    """The columns of the five bytes; each as wide as its widest cell may become in this fetch model."""

    def __init__(self, picture: Picture, site: SiteView) -> None:
        self.picture, self.site, self.marks = picture, site, picture.marks
        uncertain = picture.snapshot.options.model.value in ("line", "byte")
        widest = [max(len(self.options(one, at)) for one in site.cpus) for at in range(SITE_SIZE)]
        self.widths = [max(8 if uncertain else 2, most) for most in widest]

    def header(self, width: int) -> Line:
        rule = self.marks.rule
        text = rule * LABEL
        for at, column in enumerate(self.widths):
            text += f"{rule} +{at} {rule * (column - 2)}"
        return line((text + rule * max(0, width - len(text)), "dim"))

    def row(self, label: str, look: str, data: bytes, text: str, changed: list[bool] | None = None) -> Line:
        cells = [self.cell(at, f"{byte:02X}", byte, bool(changed and changed[at])) for at, byte in enumerate(data)]
        return line(
            (label.ljust(LABEL), look or "dim"), *(p for cell in cells for p in cell), (short(text), look or "dim")
        )

    def cpu(self, one: MayRun) -> Line:
        name = f"CPU{one.cpu} may run"
        cells: list[Piece] = []
        for at in range(SITE_SIZE):
            changed = self.picture.changed(f"{name} +{at}")
            values = one.options[at]
            if one.read and at >= one.read:
                cells += self.cell(at, self.marks.unread, None, False)
            else:
                cells += self.cell(at, self.options(one, at), values[0] if len(values) == 1 else None, changed)
        text, look = self.remark(one)
        return line((name.ljust(LABEL), "strong" if one.here else ""), *cells, (text, look))

    def options(self, one: MayRun, at: int) -> str:
        return " or ".join(f"{value:02X}" for value in sorted(set(one.options[at])))

    def cell(self, at: int, text: str, byte: int | None, changed: bool) -> list[Piece]:
        """One byte, or what may be one: brackets where it has just changed, a mark for int3 and for new ones."""
        left, right = self.marks.changed if changed else (" ", " ")
        kind, look = self.kind(at, byte)
        pad = " " * (self.widths[at] - len(text))
        behind = self.marks.line if self.site.line_break == at + 1 else " "
        return [
            (left, "here"),
            (text + kind, f"{look} changed" if changed else look),
            (right + pad, "here"),
            (behind, "open"),
        ]

    def kind(self, at: int, byte: int | None) -> tuple[str, str]:
        if byte is None:
            return " ", "open"
        if at == 0 and byte == INT3:
            return self.marks.int3, "int3"
        old, new = self.site.old, self.site.new
        if old is not None and new is not None and old.data[at] != new.data[at] and byte == new.data[at]:
            return self.marks.new, "new"
        return " ", "old"

    def remark(self, one: MayRun) -> tuple[str, str]:
        """What stands behind a CPU's bytes."""
        if one.read:
            which = "+0" if one.read == 1 else f"+0 to +{one.read - 1}"
            return f"has read {which}; the rest from memory", "open"
        if not one.certain:
            return "one or the other, each byte", "open"
        return short(one.text) + (f"  {self.marks.back} it is here" if one.here else ""), "here" if one.here else ""


class Site(Panel):
    NAME = "site"
    HELP = (
        "The first five bytes of a function. `in memory` is what all share. Each CPU may run what its row says: "
        "bytes that it has read already stay as read, the others (two dots) it still takes from memory. Brackets stand "
        "around what has just changed; ! marks a breakpoint, a stroke marks a new byte; a bar is where a cache line "
        "ends.\n\nReal CPUs do not work like this. The manual promises nothing until a CPU serializes; this model is "
        "one way to use that freedom, so that you can see what the protocol must survive."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
