"""A place in a story as a picture: which parts there are in which view, and what goes first where there is no room."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lessons.kept import DEPTHS
from lessons.machine import Bytes, Core, Doer, Doers, Happened, Instruction, Phase, PhaseState, Strip, Track, Word
from lessons.picture import Lanes, Listing, Log, Map, Paragraph, Part, Picture, Prose, Row, Rows, Tone
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from lessons.story import LEFT_OUT, StoryNow, story_of
from lessons.story.asking import AskedQuestion
from lessons.story.cover import reply
from lessons.story.lines import site_words, who_does_what
from lessons.story.linux_names import linux
from lessons.story.time import time_picture
from lessons.story.why import Why, said_below
from lessons.story.words import MODELS, NOT_A_CPU
from lessons.table import Mark
from simkernel.events import Int3Taken
from simkernel.sentence import cpu as cpu_name
from simkernel.sentence import offset, sentences, spans_of, without_addresses
from simkernel.sim.breakpoints import AtAddress
from simkernel.sim.snapshot import DONE, NOW, CodeLine, CpuSnapshot, SiteMap, Snapshot
from simkernel.sim.snapshot.changes import Aspect, Thing
from simkernel.sim.snapshot.site import CALL

STORY, CODE, ALL = DEPTHS
FIRST = ("phases", "bytes", "answer", "now")
REST = ("why", "waits", "next story", "oops", "nothing", "what holds", "time", "core", "reasons", "without it",
        "who in Linux", "trace", "map", "cpus", "track", "events")  # fmt: skip
DEEPER = {STORY: (), CODE: ("oops", "core", "cpus"), ALL: ("oops", "events", "track", "core")}
"""What one has gone deeper for goes before what the story tells."""
SURVIVAL = {depth: tuple(dict.fromkeys((*FIRST, *parts, *REST))) for depth, parts in DEEPER.items()}
DEAD = ("why", "next story", "oops", "waits", "reasons")  # before all of that, where the kernel has died
REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)), "rflags")
ROWS = 5  # of the bytes, besides those of the CPUs: the heading, what was, memory, what a CPU ran, what it becomes
TIME, NOTHING_YET = (
    "who does what",
    Paragraph(
        "Nothing yet: the next step begins it. To be asked before it is told, turn `questions` on.", tone=Tone.DIM
    ),
)
STACK = 6  # words of the stack that are shown
RECORDS = 8  # lines of the trace, beyond the story
STAGES = {DONE: PhaseState.DONE, NOW: PhaseState.NOW, LEFT_OUT: PhaseState.LEFT_OUT}
ITS_END = "The kernel has died: no CPU goes on."

HELP = {
    "phases": "The steps in which the instruction changes. A mark says which are done, which one is under way or next "
    "(in capitals), which come later and which is left out.",
    "bytes": "The first bytes of a function. `in memory` is what all CPUs share. Each CPU may run what its row says: "
    "bytes that it has read stay as read; for those in brackets, which it has not read yet, memory's stand there. "
    "Two values are pending: it may run the one or the other. What a CPU ran and was neither instruction stays.",
    "time": "Who did what, a lane for the patching task and one for each CPU. A dotted lane waits: that is only ever "
    "the patching task's. What lies ahead of you is dim, and only what you have seen is there.",
    "cpus": "The task on each CPU, and what it is about. Choose one, and it is the one that is shown in full.",
    "core": "One CPU in full: what its next instruction does, the code around it as this CPU would run it (`was`: what "
    "stood there before the change under way), its registers and the top of its stack.",
    "map": "Every function that can be traced, a cell each, in the order of their addresses: what its first bytes are "
    "now. Choose one, and its bytes are looked at.",
    "next story": "What there is to watch after this story: Enter begins it, and Esc leads back to the list.",
    "trace": "The trace: in the story the last line of ftrace's file; deeper (m) its last lines.",
    "events": "What happened, newest first, with its place in history. Choose one to go there.",
    "track": "The story from its start to the last place reached; beside it the number of moves so far, of all CPUs "
    "and the patching task. An arrow marks where a phase began, a stroke a step.",
    "oops": "What the kernel prints when it meets such a fault, and of the panic that follows here. The bytes behind "
    "`Code:` are memory's, not what the CPU ran: those stand in its row above.",
    "now": "What has just happened: the event of this step.",
    "reasons": "What that means, and what else happened since the step before.",
    "waits": "Whom the patching task waits for, or what it does next. CPUs never wait for it.",
    "why": "Why the phase is there. Where something that must hold does not, which CPU and byte break it.",
    "what holds": "What may be relied on now, checked at this very step.",
    "without it": "A phase can be left out, to see what it is for: x, and x again leads back.",
    "who in Linux": "Which function of Linux does this.",
}
CALLED = {"now": "what happened", "reasons": "what that means", "waits": "who waits",
          "without it": "without this phase", "who in Linux": "Linux's function"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """How one looks at a story; no part of the machine's state.

    Attributes:
        depth: of DEPTHS.
        syntax: "att" or "intel".
        cpu: the one in full.
        follows: that is the one to which something has just happened, until a person chooses.
        other: the time picture is drawn in the other way; see `Lanes`.
        later: functions of Linux have their names of 6.16 and later.
    """

    depth: str = STORY
    syntax: str = "att"
    cpu: int = 0
    follows: bool = True
    other: bool = False
    later: bool = False


def picture_of(
    stepper: Stepper, look: Look, asked: AskedQuestion | None = None, following: str = "", ahead: bool = True
) -> Picture:
    """Where a stepper stands, as one looks at it.

    Args:
        stepper: which.
        look: how one looks at it.
        asked: what came of the question that was asked there.
        following: at the end of a story the title of the one that follows.
        ahead: the time picture shows steps ahead, too, as far as one has seen them.
    """
    stops = stepper.stops()
    story = story_of(stepper, stops)
    snapshot = story.snapshot
    parts: list[Part] = [*_strip(story, bool(stops.phases)), _bytes(story)]
    parts += [reply(asked)] if asked is not None else []
    reasoned = story if look.depth == STORY else replace(story, safe_here="")
    parts += [*_now(story), *_waits(story), *_why(reasoned, look.later), *_next(following), *_oops(snapshot)]
    parts.append(_cpus(story, look))
    if snapshot.oops is None:
        parts += [*_map(stepper, snapshot), _trace(story, look)]
    if look.depth == ALL:
        parts.append(_events(snapshot))
    parts.append(_time(stepper, look, ahead))  # its rows are as many at each step: at the foot it stays in its place
    if look.depth != STORY:
        parts.append(_core(stepper, snapshot, look))
    if look.depth == ALL:
        parts.append(_track(stepper, snapshot))
    variant = snapshot.patching.variant
    ways = tuple(f"without {phase.name}" for phase in variant.missing)
    path = (*(ways or (f"{story.protocol}, {story.era.users}",)), *_other_model(stepper))
    return Picture(
        title=stepper.title or "A kernel that has just booted",
        path=path,
        place=_place(stepper, story),
        brief=_brief(story),
        parts=tuple(parts),
        survival=tuple(dict.fromkeys((*FIRST, *(DEAD if snapshot.oops else ()), *SURVIVAL[look.depth]))),
        notes=(f"How a CPU reads code here: the model {snapshot.options.model.value}. "
               f"{MODELS[snapshot.options.model.value]} {NOT_A_CPU}",),
    )  # fmt: skip


def _other_model(stepper: Stepper) -> Iterator[str]:
    """How CPUs read code here, where that is not as the scenario has it."""
    scenario = None if stepper.scenario is None else SCENARIOS.get(stepper.scenario.name)
    model = stepper.simulation.options.model
    if scenario is not None and scenario.options.model is not model:
        yield f"in model {model.value}"


def _place(stepper: Stepper, story: StoryNow) -> str:
    """The step, and how CPUs read code here."""
    of = f" of {story.steps}" if story.steps >= story.step > 0 else ""
    end = ", the end" if stepper.simulation.halt_reason else ""
    return f"step {story.step}{end or of} · model {story.snapshot.options.model.value}"


def _brief(story: StoryNow) -> str:
    """The same in less room."""
    of = f"/{story.steps}" if story.steps >= story.step > 0 else ""
    return f"step {story.step}{of} · model {story.snapshot.options.model.value}"


def _changed(snapshot: Snapshot, what: Thing) -> bool:
    """True where the last move changed it."""
    return any(change.what == what for change in snapshot.changes)


# --- what is told --------------------------------------------------------------------------------------------------


def _strip(story: StoryNow, begun: bool) -> Iterator[Part]:
    """The protocol's phases; all done once the batch of the story is over."""
    patch = story.snapshot.patching
    over = patch.phase is None and begun
    phases = tuple(
        Phase(
            one.name, PhaseState.DONE if over and one.state != LEFT_OUT else STAGES.get(one.state, PhaseState.TO_COME)
        )
        for one in story.phases
    )
    changed = _changed(story.snapshot, Thing(Aspect.PHASE))
    yield Strip(name="phases", help=HELP["phases"], across=True, phases=phases, changed=changed, under_way=patch.begun)


def _bytes(story: StoryNow) -> Part:
    if story.table is None:
        text = "No function is looked at yet: look at one, or trace some."
        return Prose(name="nothing", paragraphs=(Paragraph(text, tone=Tone.DIM),))
    keeps = len(story.table.cpus) + ROWS  # what a CPU ran that was neither instruction has a row that is kept for it
    return Bytes(name="bytes", help=HELP["bytes"], table=story.table, keeps=keeps)


def _prose(name: str, *paragraphs: Paragraph, keeps: int = 0) -> Part:
    return Prose(name=name, called=CALLED.get(name, ""), help=HELP[name], keeps=keeps, paragraphs=paragraphs)


def _now(story: StoryNow) -> Iterator[Part]:
    """What has just happened: the event, then the reasons; the rows of both are kept where nothing has."""
    said = [one for one in story.said if one not in said_below(story.why)]
    event = tuple(Paragraph(one, tone=Tone.STRONG) for one in said[:1])
    yield _prose("now", *event, keeps=2)
    yield _prose("reasons", *map(Paragraph, said[1:]), keeps=2)


def _waits(story: StoryNow) -> Iterator[Part]:
    """Whom the patching task waits for; at the end of the story its answer."""
    patch = story.snapshot.patching
    if story.ending:
        yield _prose("waits", Paragraph(story.ending, tone=Tone.STRONG), keeps=2)
    elif not story.snapshot.halt_reason:
        label = "Waits" if patch.waits_for or patch.holdouts else "Next"
        yield _prose("waits", Paragraph(story.waits, label), keeps=2)


def _next(following: str) -> Iterator[Part]:
    """What comes next on the path."""
    if following:
        yield _prose("next story", Paragraph(following, "Next"))


def _why(story: StoryNow, later: bool) -> Iterator[Part]:
    """Why the phase is there, what holds, how to see what comes of leaving it out; then who does it."""
    why, alive = story.why, story.snapshot.oops is None
    yield _prose("why", *_reasons(story))
    if why.holds:
        yield _prose("what holds", Paragraph(why.true_now, "Holds"))
    if story.can_leave_out and alive and not why.event:
        text = f"{why.phase}? Press x, and see."
        yield _prose("without it", Paragraph(text, "Without"))
    if alive and why.linux:
        version, text = linux(why.linux, later)
        yield _prose("who in Linux", Paragraph(text, version, Tone.DIM))


def _reasons(story: StoryNow) -> Iterator[Paragraph]:
    """What is broken, and why the phase is there; where this model does not need it, that."""
    why, alive = story.why, story.snapshot.oops is None
    if not why.holds:
        yield Paragraph(_broken(why), "Broken", Tone.BROKEN)
    if why.event:
        yield Paragraph(why.event, "Why")
    elif why.why and alive:
        which = ", which is left out" if why.missing else "" if why.begun else ", which is next"
        yield Paragraph(" ".join(filter(None, (f"{why.phase}{which}: {why.why}", story.safe_here))), "Why")


def _broken(why: Why) -> str:
    """What breaks it, with the CPU and the byte where the sentence does not name them."""
    said = {(span.role, span.value) for span in spans_of(why.broken)}
    theirs = (
        cpu_name(why.cpu) if why.cpu is not None else None,
        offset(why.byte) if why.byte is not None else None,
    )
    who = ", ".join(span.text for span in theirs if span is not None and (span.role, span.value) not in said)
    first, *more = sentences(why.broken)
    first, end = (first, "") if not more else (first[:-1], ".")
    return " ".join((f"{first} ({who}){end}" if who else f"{first}{end}", *more)) + "."


def _oops(snapshot: Snapshot) -> Iterator[Part]:
    """The kernel's last words, as it prints them."""
    oops = snapshot.oops
    if oops is not None:
        title = f"the kernel died on CPU{oops.cpu}"
        yield Listing(name="oops", title=title, help=f"{HELP['oops']} {oops.afterwards}", lines=oops.lines, broken=(0,))


# --- the machine ---------------------------------------------------------------------------------------------------


def _cpus(story: StoryNow, look: Look) -> Part:
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


def _core(stepper: Stepper, snapshot: Snapshot, look: Look) -> Part:
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
                 values[name].changed and _changed(snapshot, Thing(Aspect.CPU, cpu.number, name=name)))
            for name in REGISTERS if name in values
        ),
        stack=tuple(
            Word(f"…{word.address & 0xFFFF:04x}", word.value,
                 _changed(snapshot, Thing(Aspect.STACK, cpu.number, word.address)), without_addresses(word.text))
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


def _time(stepper: Stepper, look: Look, ahead: bool) -> Part:
    """Who did what; before the first step, that it will stand there."""
    time = time_picture(stepper)
    if not ahead:
        time = replace(time, moments=tuple(one for one in time.moments if one.step <= time.at))
    if not time.moments:
        return Prose(name="time", title=TIME, help=HELP["time"], beside=True, low=True, paragraphs=(NOTHING_YET,))
    return Lanes(name="time", title=TIME, help=HELP["time"], beside=True, low=True, time=time, other=look.other)


def _map(stepper: Stepper, snapshot: Snapshot) -> Iterator[Part]:
    """Every site, and those whose int3 a CPU has taken since the step before; of one that changes alone, a count."""
    before = next((change.before for change in snapshot.changes if change.what.aspect is Aspect.MAP), None)
    sites = stepper.image.mcount_loc
    taken = {bisect_left(sites, one.address) for one in stepper.since_step() if isinstance(one, Int3Taken)}
    was = None if before is None else SiteMap(before)
    many = len(snapshot.patching.sites) > 1 or snapshot.map.count(CALL) > 1
    yield Map(name="map", called="sites", low=True, apart=True, help=HELP["map"], sites=snapshot.map, before=was,
              taken=tuple(sorted(taken)), choose="look-at-site", cells=many,
              words=site_words(snapshot.patching))  # fmt: skip


def _trace(story: StoryNow, look: Look) -> Part:
    """The last line of the trace; deeper, its last lines, as ftrace prints them."""
    records = story.snapshot.trace
    if look.depth == STORY or not records:
        tone = Tone.PLAIN if records else Tone.DIM
        last = Paragraph(story.trace[-1], "Trace", tone)
        return Prose(name="trace", low=True, help=HELP["trace"], paragraphs=(last,))
    lines = tuple(record.line for record in records[-RECORDS:])
    return Log(name="trace", title="trace", low=True, help=HELP["trace"], sentences=lines)


def _events(snapshot: Snapshot) -> Part:
    doers = tuple(
        Doer(f"{one.event.entry:>7}", one.sentence, tone=Tone.PLAIN if one.stop else Tone.DIM,
             argument=str(one.event.entry))
        for one in reversed(snapshot.events)
    )  # fmt: skip
    return Happened(
        name="events", title="what happened, newest first", help=HELP["events"], doers=doers, choose="place"
    )


def _track(stepper: Stepper, snapshot: Snapshot) -> Part:
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
