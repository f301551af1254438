"""One CPU in full: its next instruction in a sentence, the code around it, registers, stack; changes marked."""

from __future__ import annotations

from simkernel.sentence import without_addresses
from simkernel.sim.snapshot import CodeLine, CpuSnapshot
from simkernel.sim.snapshot.changes import Aspect, Thing
from tui.app.panel import Panel
from tui.app.picture import Picture
from tui.view.text import Line, Piece, cut, heading, line, wrap

ITS_END = "The kernel has died: no CPU goes on."
REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp") + tuple(f"r{n}" for n in range(8, 16))


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    cpu = picture.snapshot.cpus[min(picture.look.cpu, len(picture.snapshot.cpus) - 1)]
    marks = picture.marks
    out = [heading(f"CPU{cpu.number} next: {cpu.place}", width, marks.rule)]
    sentence = cpu.sentence if picture.snapshot.oops is None else ITS_END
    out += wrap(marks.plain(sentence), width, "strong")[:2]
    if width >= 70:
        left, right = code(picture, cpu, 42, height - len(out)), registers(picture, cpu, width - 44)
        rows = max(len(left), len(right))
        for at in range(min(rows, height - len(out))):
            one = left[at] if at < len(left) else line()
            gap = " " * (44 - sum(len(text) for text, _ in one))
            out.append(line(*one, gap, *(right[at] if at < len(right) else ())))
        return out
    regs = registers(picture, cpu, width)
    stack = stack_lines(picture, cpu, width)
    room = height - len(out) - len(regs) - 2
    out += code(picture, cpu, width, max(5, room - min(6, len(stack))))
    out += [heading("registers", width, marks.rule), *regs]
    return out + ([heading("stack", width, marks.rule), *stack] if stack else [])


def code(picture: Picture, cpu: CpuSnapshot, width: int, rows: int) -> list[Line]:
    """So many lines of disassembly, RIP's about a third down; above a site that changes, what stood there before."""
    before = {one.address: one for one in cpu.before}
    lines: list[Line] = []
    at = 0
    for one in cpu.code:
        if one.address in before and one.data != before[one.address].data:
            lines.append(line(("was ", "dim"), *code_line(picture, before[one.address])[2:]))
        if one.now:
            at = len(lines)
        lines.append(code_line(picture, one))
    first = max(0, min(at - max(2, rows // 3), len(lines) - rows))
    return [cut(one, width) for one in lines[first : first + rows]]


def code_line(picture: Picture, one: CodeLine) -> Line:
    marks = picture.marks
    stop = marks.stop if one.address in picture.breakpoints else " "
    here = (marks.here, "here") if one.now else (" ", "")
    text = one.att if picture.look.syntax == "att" else one.intel
    if one.target:
        text = f"{text.split()[0]} {without_addresses(one.target)}"
    return line((stop, "bad"), here, ("  ", ""), (f"+{one.offset:<4x}", "dim"), (text, "here" if one.now else ""))


def registers(picture: Picture, cpu: CpuSnapshot, width: int) -> list[Line]:
    """Two in a line where they fit; brackets around those that have just changed."""
    values = {one.name: one for one in cpu.registers}
    out: list[list[Piece]] = []
    for name in (*REGISTERS, "rflags"):
        if name in values:
            changed = values[name].changed and picture.changed(Thing(Aspect.CPU, cpu.number, name=name))
            left, right = picture.marks.changed if changed else (" ", " ")
            value = f"{values[name].value:x}"
            if width < 42:  # two in 20 columns each: the upper half of a kernel address is the same for all
                value = value if len(value) <= 11 else f"..{value[-8:]}"
            room = 16 if width >= 42 else 11
            out.append([(f"{name:<6}"[:6] if width >= 46 else f"{name:<4.4}", "dim"), (left, "here")])
            out[-1] += [(value.rjust(room), "changed" if changed else ""), (right + " ", "here")]
    if width < 36:
        return [line(*one) for one in out]
    return [line(*(piece for one in out[at : at + 2] for piece in one)) for at in range(0, len(out), 2)]


def stack_lines(picture: Picture, cpu: CpuSnapshot, width: int) -> list[Line]:
    left, right = picture.marks.changed
    out = []
    for word in cpu.stack[:6]:
        mark = (left, right) if picture.changed(Thing(Aspect.STACK, cpu.number, word.address)) else (" ", " ")
        text = without_addresses(word.text)
        shown = (mark[0], "here"), (f"{word.value:x}".rjust(16), "changed" if mark[0] != " " else ""), (mark[1], "here")
        out.append(cut(line((f"..{word.address & 0xFFFF:04x}", "dim"), *shown, (text, "dim")), width))
    return out


class Focus(Panel):
    NAME = "focus"
    HELP = (
        "One CPU in full: what its next instruction does, the code around it as this CPU would run it (`was`: what "
        "stood there before the change under way), its registers and the top of its stack. Brackets stand around what "
        "the last move changed. f looks at the next CPU, "
        "y changes the syntax."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)
