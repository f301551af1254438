"""What the two mysteries say at each cue: questions, answers, and sentences whose figures are the run's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lessons.activities.change import Change, ChangeStep
from lessons.activities.mysteries import ASK, BOOTED, FUNCTION, HOW, OFF, ON, QUIET, SEEN, TRACED, WHY, WORRY, Mysteries
from lessons.activity import by
from lessons.picture import Choice, Paragraph, Row, Tone
from lessons.story.lines import TO_WRITE, WRITTEN, site_words
from simkernel import disasm
from simkernel import events as ev
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.sentence import cpus, listed, say
from simkernel.sim.snapshot.patching import PatchingSnapshot
from simkernel.sim.snapshot.site import CALL, CHANGING, INT3, NOP

SECOND = HOW  # the first cue of the second question

YES, NO, UNKNOWN = 1, 2, 0
STOPS, EACH, LATER, ROUNDS = 1, 2, 3, 4
CHOICES: dict[int, tuple[Choice, ...]] = {
    ASK: (
        Choice("1", "yes"),
        Choice("2", "no"),
        Choice("0", "I do not know yet: let it run, and see"),
        Choice("Esc", "I know ftrace: to all there is to do"),
    ),
    BOOTED: (Choice("t", "trace every function"), Choice("1", "watch how this kernel boots, step by step")),
    HOW: (
        Choice("1", "It stops the CPUs, writes at every site, and lets the CPUs go on."),
        Choice("2", "It changes one site after another, and waits for the CPUs at each."),
        Choice("3", "It changes a site when its function is called the next time."),
        Choice("4", "It writes at every site, then waits for every CPU; and repeats that a few times."),
        Choice("0", "I do not know yet: let it run, and see"),
    ),
    TRACED: (Choice("t", "turn it off again"),),
    QUIET: (Choice("Enter", "go on"),),
    WHY: (Choice("Enter", "go on"), Choice("1", "what tracing costs: counted, priced, measured")),
    WORRY: (Choice("Enter", "one function in slow motion"), Choice("Esc", "all there is to do")),
}
NEXT = "What next?"
LEFT_OPEN = say("The question is left open. {} leads back to it.", by("back"))
WHY_NOT = {
    "back": "this is the first question: there is nothing before it",
    "first": "this is the first question: there is nothing before it",
    "run": "there is nothing to run here: r runs the change of every function",
    "last": "there is no end to go to here: End leads to the end of the change of every function",
    "choose": "nothing is asked here",
}

OVER = "tracing has been on and off again: nothing is left for t to do; go on"
NO_TRACE_HERE = {
    ASK: "go on first: t traces every function at the end of this question",
    SEEN: "go on first: t traces every function at the end of this question",
    HOW: "an answer, or n, begins to trace every function",
    ON: "every function is being traced: go on to the end of the change, then t turns it off again",
    OFF: "tracing is being turned off: go on to the end of the change",
    QUIET: OVER,
    WHY: OVER,
    WORRY: OVER,
}
"""Why t does nothing, by the cue."""


def why_not(m: Mysteries, action: str) -> str:
    """Why an action leads nowhere from where one is."""
    return NO_TRACE_HERE[m.cue] if action == "trace" else WHY_NOT[action]


def place(m: Mysteries) -> str:
    """Where one is in the two questions."""
    step = "" if m.change is None else f", step {m.change.at}"
    return f"question {1 + (m.cue >= SECOND)} of 2{step}"


def asked(m: Mysteries) -> str:
    """The question of a cue; "" where it has none."""
    if m.cue == ASK:
        return f"Does this machine make that call each time {FUNCTION}() runs?"
    if m.cue == HOW:
        return f"How does ftrace change all {m.sites:,} sites?"
    return NEXT if m.cue in CHOICES else ""


def choices(m: Mysteries) -> tuple[Choice, ...]:
    """What may be answered or chosen at a cue."""
    return CHOICES.get(m.cue, ())


def verdict(given: str, right: bool, why: str) -> str:
    """What an answer was, and what the run says to it."""
    return f"You said: {given} {'Right' if right else 'Not in this run'}: {why}."


# --- the first question ---------------------------------------------------------------------------------------------


def _ask(m: Mysteries) -> tuple[str, ...]:
    return (
        f"A small kernel runs here, on a simulated machine with {m.simulation.options.cpus} CPUs.",
        f"gdb says that its function {FUNCTION}() begins with a call.",
    )


def _seen(m: Mysteries) -> tuple[str, ...]:
    made = f"{m.found.called:,} calls in {m.found.ran:,} runs"
    answer = m.answers.get(ASK, UNKNOWN)
    given = {YES: "yes.", NO: "no."}.get(answer)
    said = () if given is None else (verdict(given, (answer == YES) == (m.found.called > 0), made),)
    return (
        *said,
        "gdb read the file. In memory there is a NOP: one instruction that does nothing.",
        f"CPU0 has run it {m.found.ran:,} times and made {m.found.called:,} calls.",
    )


def _booted(m: Mysteries) -> tuple[str, ...]:
    from simkernel.overhead.published import published  # not before it is asked for

    real = max(one.sites for one in published("patching"))
    cpus_then = m.found.cpus_at_boot
    who = "before a second CPU ran" if cpus_then == 1 else f"with {cpus_then} CPUs running"
    return (
        f"At boot, {who}, ftrace wrote that NOP over all {m.found.at_boot:,} calls.",
        "The compiler had put them there for ftrace, the part of the kernel that traces functions.",
        f"The build left a list of their addresses, the sites of ftrace: {m.sites:,} here.",
        f"This kernel is small: the boot log of a real machine counts {real:,}.",
    )


# --- the second question --------------------------------------------------------------------------------------------


def _how(m: Mysteries) -> tuple[str, ...]:
    return (
        f"ftrace will turn the NOP at each of {m.sites:,} sites into a call.",
        f"The {m.simulation.options.cpus} CPUs run these functions meanwhile, again and again.",
    )


def _traced(m: Mysteries) -> tuple[str, ...]:
    on = m.found.on
    stopped = f"the CPUs were stopped {on.parked:,} times" if on.parked else "no CPU was stopped"
    shared = f"{on.syncs} waits served all {m.sites:,} sites"
    each = listed([f"{time:,} on CPU{cpu}" for cpu, time in enumerate(on.time)])
    right = {
        STOPS: (bool(on.parked), stopped),
        EACH: (on.syncs >= m.sites, shared),
        LATER: (not m.found.uncalled, f"{m.found.uncalled:,} functions were not called at all, and were changed"),
        ROUNDS: (not on.parked and on.syncs < m.sites, shared),
    }
    answer = m.answers.get(HOW, UNKNOWN)
    said = [verdict(CHOICES[HOW][answer - 1].text, *right[answer])] if answer in right else []
    if not right.get(answer, (False, ""))[0]:
        said += [
            f"It is {number}. {CHOICES[HOW][number - 1].text}" for number in (ROUNDS, EACH, STOPS) if right[number][0]
        ]
    return (
        *said,
        f"{m.sites:,} sites changed while the CPUs ran; {shared if answer == STOPS else stopped}.",
        f"Meanwhile the CPUs had time for {sum(on.time):,} instructions: {each}.",
    )


def _quiet(m: Mysteries) -> tuple[str, ...]:
    (ran, calls), late = m.found.quiet, m.found.late
    were = "1 call was" if late == 1 else f"{late:,} calls were"
    first = (f"Then {were} still recorded, begun before tracing was off.",) if late else ()
    return (
        *first,
        f"The counts stand still: {calls:,} more calls in {ran:,} instructions.",
        "The work of the CPUs goes on.",
    )


def _why(m: Mysteries) -> tuple[str, ...]:
    first = next(iter(disasm.decode(m.simulation.read(m.site, MCOUNT_INSN_SIZE), m.site)))
    count = "one instruction" if first.size == MCOUNT_INSN_SIZE else "more than one instruction"
    return (
        f"Why is it not slow? Turned off, each function runs {count} more, of {first.size} bytes.",
        "How can all of it be turned on almost at once?",
        f"There is a list, made at build time, of {m.sites:,} sites; {MCOUNT_INSN_SIZE} bytes change at each.",
        f"After each round of writes an interrupt asks every CPU to answer: "
        f"{m.found.on.syncs} waits serve all {m.sites:,} sites.",
    )


def _worry(m: Mysteries) -> tuple[str, ...]:
    took = m.found.on.took
    most = max(took)
    cpu = len(took) - 1 - took[::-1].index(most)
    return (
        f"One thing should worry you: CPU{cpu} was running this code while its bytes changed.",
        f"It came to a site in the middle of its change {most:,} times.",
    )


def cpus_sums(m: Mysteries) -> tuple[Row, ...]:
    """What each CPU did while the sites changed, and all together."""
    on = m.found.on
    what = (("time, in instructions", on.time), ("int3s taken", on.took))
    return tuple(Row((name, *(f"{one:,}" for one in (*each, sum(each))))) for name, each in what)


def rounds(m: Mysteries) -> tuple[Row, ...]:
    """What was written at all sites while tracing was turned on, round by round, and the wait behind each."""
    events = [step.event for step in m.changes[ON].steps]
    stores = [event for event in events if isinstance(event, ev.SiteStored)]
    waits = [event for event in events if isinstance(event, ev.SyncSent)]
    out = []
    for number, (store, wait) in enumerate(zip(stores, waits, strict=True), 1):
        last = store.first + len(store.new) - 1
        byte = f"{store.new.hex().upper()} as byte +{last}"
        where = byte if store.first == last else f"bytes +{store.first} to +{last}"
        out.append(Row((f"{number}", f"{where} at {len(store.sites):,} sites", cpus(wait.cpus))))
    return tuple(out)


TEXTS: dict[int, Callable[[Mysteries], tuple[str, ...]]] = {
    ASK: _ask, SEEN: _seen, BOOTED: _booted, HOW: _how, TRACED: _traced, QUIET: _quiet, WHY: _why, WORRY: _worry,
}  # fmt: skip


# --- a change on its way --------------------------------------------------------------------------------------------


def happened(change: Change, patch: PatchingSnapshot) -> str:
    """What happened at a step of a change."""
    what = "every function" if change.tracer != "nop" else "no function any more"
    match change.here.event:
        case None:
            return f"{patch.task} has been asked to trace {what}; it has changed nothing yet."
        case ev.BatchStarted(sites=sites):
            return f"{patch.task} takes {len(sites):,} sites as one batch."
        case ev.BatchReleased():
            return f"{patch.task} releases the batch: no handler uses it any more."
    return change.said


def step(
    change: Change, patch: PatchingSnapshot, called: Sequence[tuple[str, int]], calls: int
) -> tuple[Paragraph, ...]:
    """Who waits behind a step of a change, what the CPUs did on the way there, and what its words and marks mean.

    Args:
        change: it stands behind that step.
        patch: the patching task there.
        called: functions and their traced calls so far.
        calls: of all functions.
    """
    here, on = change.here, change.tracer != "nop"
    waits = f"{patch.task}, for {cpus(patch.waits_for)}. The CPUs run on." if patch.waits_for else "no task."
    said = [Paragraph(waits, label="Waits")]
    if here.event is None:
        said.append(
            Paragraph("The task that changes the sites; all others go on with their own work.", label=patch.task)
        )
    if isinstance(here.event, ev.BatchStarted):
        said.append(Paragraph("Its sites are written in the same rounds; each wait is for all of them.", label="batch"))
    if isinstance(here.event, (ev.SyncSent, ev.SyncAnswered)):
        said.append(Paragraph(SYNC, label="sync"))
    if any(here.took) or here.traced:
        each = listed([f"CPU{cpu} took {_several(times, 'int3')}" for cpu, times in enumerate(here.took)])
        traced = f"Traced: {_several(here.traced, 'call')}{_by_what(here) if on else ''}"
        since = "Since the start" if change.at == 1 else f"Since step {change.at - 1}"
        said.append(Paragraph(f"{each}. {traced}.", label=since))
    if called:
        said.append(
            Paragraph(
                f"{', '.join(f'{name} {count:,}' for name, count in called)}; in all {calls:,}.", label="Calls so far"
            )
        )
    if here.sites.count(INT3):
        does = f"emulates the new instruction, the {'call' if on else 'NOP'}"
        said.append(
            Paragraph(f"One byte, CC: a CPU that runs it takes an exception; the handler {does}.", label="int3")
        )
    if here.sites.count(CHANGING):
        word = site_words(patch)[CHANGING]
        said.append(Paragraph(f"{CHANGES[word]} at a site of the batch.", label=word))
    done = here.sites.count(CALL if on else NOP)
    if done == len(here.sites.states) and not change.at_end:
        said.append(Paragraph(f"Each site holds its new instruction. {patch.task} ends the change.", tone=Tone.DIM))
    return tuple(said)


CHANGES = {TO_WRITE: "The new bytes are not all written yet", WRITTEN: "All five bytes are written"}
SYNC = (
    "An interrupt (IPI) asks each CPU to serialize. Then it answers, and runs on: what was written before is what it "
    "runs from there."
)


def _by_what(here: ChangeStep) -> str:
    """What led to the calls that were traced at a step, and how many int3s have led to none yet."""
    new = here.traced - here.by_int3
    through = f", {new:,} of them by the new call" if here.by_int3 and new else ", by the new call" if new else ""
    taken = (
        "1 int3 is taken whose call is" if here.not_yet == 1 else f"{here.not_yet:,} int3s are taken whose calls are"
    )
    return f"{through}; {taken} not traced yet" if here.not_yet else through


def _several(count: int, what: str) -> str:
    """As in "no call", "1 call", "2 calls"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}" if count else f"no {what}"
