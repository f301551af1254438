"""The machine behind a story: its CPUs, who did what, every site, the trace, what happened and where one is in it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from lessons.machine import Core, Doer, Doers, Happened, Instruction, Track, Word
from lessons.picture import Lanes, Log, Map, Paragraph, Part, Prose, Row, Rows, Tone
from lessons.session.stepper import Stepper
from lessons.story import StoryNow
from lessons.story.lines import site_words, who_does_what
from lessons.story.look import STORY, Look
from lessons.story.time import time_picture
from lessons.story.words import MODELS
from lessons.table import Mark
from simkernel.events import Int3Taken
from simkernel.sentence import without_addresses
from simkernel.sim.breakpoints import AtAddress
from simkernel.sim.snapshot import CodeLine, CpuSnapshot, SiteMap, Snapshot
from simkernel.sim.snapshot.changes import Aspect, Thing
from simkernel.sim.snapshot.site import CALL

REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)), "rflags")
STACK = 6  # words of the stack that are shown
RECORDS = 8  # lines of the trace, beyond the story
ITS_END = "The kernel has died: no CPU goes on."
TIME = "who does what"
NOTHING_YET = Paragraph("Nothing yet: the next step begins it.", tone=Tone.DIM)
TO_BE_ASKED = Paragraph("To be asked before it is told: press : and choose Questions.", tone=Tone.DIM)
HELP = {
    "time": "Who did what, a lane for the patching task and one for each CPU. A dotted lane waits: that is only ever "
    "the patching task's. What lies ahead of you is dim, and only what you have seen is there.",
    "cpus": "The task on each CPU, and what it is about. Choose one, and it is the one that is shown in full.",
    "core": "One CPU in full: what its next instruction does, the code around it as this CPU would run it (`was`: what "
    "stood there before the change under way), its registers and the top of its stack.",
    "map": "Every function that can be traced, a cell each, in the order of their addresses: what its first bytes are "
    "now. Choose one, and its bytes are looked at.",
    "trace": "The trace: in the story the last line of ftrace's file; deeper (m) its last lines.",
    "events": "What happened, newest first, with its place in history. Choose one to go there.",
    "track": "The story from its start to the last place reached; beside it the number of moves so far, of all CPUs "
    "and the patching task. An arrow marks where a phase began, a stroke a step.",
}


def cpus_part(story: StoryNow, look: Look) -> Part:
    """Who does what; deeper, the next instruction of each CPU, its interrupts and what is pending."""
    snapshot = story.snapshot
    if look.depth == STORY:
        waits = snapshot.patching.waits_for
        return Doers(
            name="cpus",
            title="CPUs",
            help=HELP["cpus"],
            low=True,
            choose="focus-cpu",
            doers=tuple(
                Doer(
                    f"CPU{cpu.number}",
                    who_does_what(snapshot, cpu),
                    line.has(Mark.CHANGED),
                    Tone.BROKEN if line.has(Mark.BROKEN) else Tone.PLAIN,
                    str(cpu.number),
                    cpu.number in waits or line.has(Mark.CHANGED),
                )
                for cpu, line in zip(snapshot.cpus, story.cpus, strict=True)
            ),
        )
    rows = tuple(Row(_cells(cpu, look), argument=str(cpu.number)) for cpu in snapshot.cpus)
    columns = ("CPU", "task", "at", "next", "irqs", "")
    cursor = min(look.cpu, len(rows) - 1)
    return Rows(name="cpus", title="CPUs", help=HELP["cpus"], columns=columns, rows=rows, cursor=cursor,
                low=True, choose="focus-cpu")  # fmt: skip


def _cells(cpu: CpuSnapshot, look: Look) -> tuple[str, ...]:
    words = [*cpu.interrupts, *(["answering"] if cpu.asked and "sync" not in cpu.interrupts else [])]
    words += ["in handler"] * bool(cpu.handling) + ["halted"] * cpu.halted
    text = "" if cpu.instruction is None else _text(cpu.instruction, look)
    on = "on" if cpu.interrupts_on else "off"
    return (f"CPU{cpu.number}", cpu.task, cpu.place, text, on, ", ".join(words))


def _text(one: CodeLine, look: Look) -> str:
    """An instruction, with the name of what it leads to."""
    text = one.att if look.syntax == "att" else one.intel
    return f"{text.split()[0]} {without_addresses(one.target)}" if one.target else text


def core_part(stepper: Stepper, snapshot: Snapshot, look: Look) -> Part:
    """The CPU that one looks at, in full."""
    cpu = snapshot.cpus[min(look.cpu, len(snapshot.cpus) - 1)]
    values = {one.name: one for one in cpu.registers}
    return Core(
        name="core",
        title=f"CPU{cpu.number} next: {cpu.place}",
        help=HELP["core"],
        beside=True,
        sentence=cpu.sentence if snapshot.oops is None else ITS_END,
        code=tuple(_code(stepper, cpu, look)),
        registers=tuple(
            Word(name, values[name].value,
                 values[name].changed and snapshot.has_changed(Thing(Aspect.CPU, cpu.number, name=name)))
            for name in REGISTERS if name in values
        ),
        stack=tuple(
            Word(f"…{word.address & 0xFFFF:04x}", word.value,
                 snapshot.has_changed(Thing(Aspect.STACK, cpu.number, word.address)), without_addresses(word.text))
            for word in cpu.stack[:STACK]
        ),
    )  # fmt: skip


def _code(stepper: Stepper, cpu: CpuSnapshot, look: Look) -> Iterator[Instruction]:
    """The code around a CPU's next instruction; above a site that changes, what stood there before."""
    before = {one.address: one for one in cpu.before}
    stops = {one.address for one in stepper.breakpoints if isinstance(one, AtAddress)}
    for one in cpu.code:
        was = before.get(one.address)
        if was is not None and was.data != one.data:
            yield Instruction(was.offset, _text(was, look), was=True)
        yield Instruction(one.offset, _text(one, look), one.now, one.address in stops)


def time_part(stepper: Stepper, look: Look, ahead: bool) -> Part:
    """Who did what; before the first step, that it will stand there."""
    time = time_picture(stepper)
    if not ahead:
        time = replace(time, moments=tuple(one for one in time.moments if one.step <= time.at))
    if not time.moments:
        model = stepper.simulation.options.model.value
        cpu = Paragraph(f"Model {model}: {MODELS[model]}", tone=Tone.DIM)  # said once, where nothing else stands yet
        said = (cpu, NOTHING_YET, *((TO_BE_ASKED,) if ahead else ()))
        return Prose(name="time", title=TIME, help=HELP["time"], beside=True, low=True, paragraphs=said)
    return Lanes(name="time", title=TIME, help=HELP["time"], beside=True, low=True, time=time, other=look.other)


def map_parts(stepper: Stepper, snapshot: Snapshot) -> Iterator[Part]:
    """Every site, and those whose int3 a CPU has taken since the step before; of one that changes alone, a count."""
    before = next((change.before for change in snapshot.changes if change.what.aspect is Aspect.MAP), None)
    sites = stepper.image.mcount_loc
    taken = {bisect_left(sites, one.address) for one in stepper.since_step() if isinstance(one, Int3Taken)}
    was = None if before is None else SiteMap(before)
    many = len(snapshot.patching.sites) > 1 or snapshot.map.count(CALL) > 1
    yield Map(name="map", called="sites", low=True, apart=True, help=HELP["map"], sites=snapshot.map, before=was,
              taken=tuple(sorted(taken)), choose="look-at-site", cells=many,
              words=site_words(snapshot.patching))  # fmt: skip


def trace_part(story: StoryNow, look: Look) -> Part:
    """The last line of the trace; deeper, its last lines, as ftrace prints them."""
    records = story.snapshot.trace
    if look.depth == STORY or not records:
        tone = Tone.PLAIN if records else Tone.DIM
        last = Paragraph(story.trace[-1], "Trace", tone)
        return Prose(name="trace", low=True, help=HELP["trace"], paragraphs=(last,))
    lines = tuple(record.line for record in records[-RECORDS:])
    return Log(name="trace", title="trace", low=True, help=HELP["trace"], sentences=lines)


def events_part(snapshot: Snapshot) -> Part:
    doers = tuple(
        Doer(f"{one.event.entry:>7}", one.sentence, tone=Tone.PLAIN if one.stop else Tone.DIM,
             argument=str(one.event.entry))
        for one in reversed(snapshot.events)
    )  # fmt: skip
    return Happened(
        name="events", title="what happened, newest first", help=HELP["events"], doers=doers, choose="place"
    )


def track_part(stepper: Stepper, snapshot: Snapshot) -> Part:
    return Track(
        name="track",
        called="place in the story",
        help=HELP["track"],
        begin=stepper.begin,
        at=snapshot.position,
        end=snapshot.length,
        places=stepper.stops(),
        dies=stepper.dies,
        choose="place",
    )
