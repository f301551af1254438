"""A line a CPU: its task and what it is about; from depth *code* on its next instruction."""

from __future__ import annotations

from lessons.story import Mark
from lessons.story.lines import who_does_what
from simkernel.sentence import without_addresses
from simkernel.sim.snapshot import CpuSnapshot
from tui.app.panel import Pointed
from tui.app.picture import Picture
from tui.view.text import Line, cut, heading, line, squeezed

TASK, PLACE, INSTRUCTION = 14, 18, 18  # columns


def draw(picture: Picture, width: int, height: int) -> list[Line]:
    every = list(zip(picture.snapshot.cpus, picture.story.cpus, strict=True))
    shown = every
    if len(every) > height - 1:  # those that are waited for, and those where something happened, come first
        waits = picture.snapshot.patching.waits_for
        shown = sorted(every, key=lambda one: (one[0].number not in waits, not one[1].has(Mark.CHANGED)))[: height - 1]
    title = "CPUs" if len(shown) == len(every) else f"{len(shown)} of {len(every)} CPUs"
    out = [heading(title, width, picture.marks.rule)]
    for cpu, said in shown:
        label, text = f"CPU{cpu.number}", who_does_what(picture.snapshot, cpu)
        changed = said.has(Mark.CHANGED)
        left, right = picture.marks.changed if changed else (" ", " ")
        look = "bad" if said.has(Mark.BROKEN) else "strong"
        head = line((left, "here"), (label, f"{look} changed" if changed else look), (right + " ", "here"))
        if picture.look.depth == "story":
            out.append(line(*head, (text, "bad" if said.has(Mark.BROKEN) else "")))
        else:
            out.append(deep(picture, cpu, head, width))
    return out


def deep(picture: Picture, cpu: CpuSnapshot, head: Line, width: int) -> Line:
    """Task, place, next instruction, interrupts, what is pending."""
    one = cpu.instruction
    text = "" if one is None else one.att if picture.look.syntax == "att" else one.intel
    if one is not None and one.target:
        text = f"{text.split()[0]} {without_addresses(one.target)}"
    flags = "irqs on " if cpu.interrupts_on else "irqs off"
    text = text if len(text) <= INSTRUCTION else f"{text[: INSTRUCTION - 2]}.."
    body = f"{squeezed(cpu.task, TASK)} {squeezed(cpu.place, PLACE)} {text:<{INSTRUCTION}} {flags} {state(cpu)}"
    return cut(line(*head, body), width)


def state(cpu: CpuSnapshot) -> str:
    """What is pending or under way, in a word."""
    words = list(cpu.interrupts)
    if cpu.asked and "sync" not in words:
        words.append("answering")
    if cpu.handling:
        words.append("in handler")
    if cpu.halted:
        words.append("halted")
    return ",".join(words)


class Cpus(Pointed):
    NAME = "cpus"
    HELP = (
        "A line a CPU: the task on it, and what it is about. Deeper (m) also its next instruction, whether interrupts "
        "are on and what is pending. Click a line to look at that CPU in full, or choose it with Up and Down "
        "and press Enter; f takes the next one."
    )

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        return draw(picture, width, height)

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        cpus = len(self.picture.snapshot.cpus) if self.picture is not None else 0
        return ("focus-cpu", str(y - 1)) if 1 <= y <= cpus < self.size.height else None
