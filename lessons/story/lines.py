"""Who does what, in plain words: the patching task, each CPU, the trace."""

from __future__ import annotations

from lessons.table import Mark, Marked, marked
from simkernel.protocol import Park, SyncCores, Unpark
from simkernel.protocol.table import ALL_NEW, INT3
from simkernel.sentence import cpu as cpu_name
from simkernel.sentence import cpus as cpu_names
from simkernel.sentence import say
from simkernel.sim.snapshot import CpuSnapshot, PatchingSnapshot, Snapshot, TraceRecord
from simkernel.sim.snapshot.changes import Aspect
from simkernel.sim.snapshot.site import CHANGING, SITE_STATES

TRACE_LINES = 4
TO_WRITE, WRITTEN = "to write", "written"
"""A site of the batch under way with no int3: until all of its new bytes are written, and from then on."""


def site_words(patch: PatchingSnapshot) -> tuple[str, ...]:
    """What the state of a site is called on the map, for each of SITE_STATES."""
    changing = WRITTEN if _written(patch) else TO_WRITE
    return tuple(changing if state == CHANGING else word for state, word in enumerate(SITE_STATES))


def _written(patch: PatchingSnapshot) -> bool:
    """Whether a site of the batch with no int3 holds all new bytes: each does, or the int3s become new byte by byte."""
    done, phase = patch.last_done, patch.phase
    if done is None:
        return False
    heads = phase is not None and phase.holds == ALL_NEW and done.holds[0] is INT3
    return done.holds == ALL_NEW or heads


def waits_line(snapshot: Snapshot) -> str:
    """What the patching task does or waits for, in one or two sentences."""
    patch = snapshot.patching
    if snapshot.halt_reason:
        return f"{patch.task} ends here with everything else: {snapshot.halt_reason}."
    if patch.waits_for:
        return f"{patch.task} waits for {cpu_names(patch.waits_for)}. {_meanwhile(patch)}"
    if patch.holdouts:
        return f"{patch.task} waits until no task can be inside the old trampoline. The CPUs do not wait."
    if patch.phase is not None and patch.begun and isinstance(patch.phase.action, SyncCores | Park | Unpark):
        return f"{patch.task} has every answer: {patch.phase.name} is over with its next step."
    if patch.phase is not None:
        return f"{patch.task} can go on: its next step is {patch.phase.name}."
    if patch.title:
        return f"{patch.task} goes on with its command: {patch.title}."
    return f"{patch.task} has nothing to do."


def _meanwhile(patch: PatchingSnapshot) -> str:
    """What the CPUs do meanwhile."""
    match None if patch.phase is None else patch.phase.action:
        case Park():
            return "A CPU that is not parked yet does not wait."
        case Unpark():
            many = len(patch.waits_for) > 1
            return f"{'They' if many else 'It'} may leave the waiting loop now."
        case _:
            return "The CPUs do not wait."


def cpu_line(snapshot: Snapshot, cpu: CpuSnapshot) -> Marked:
    """One CPU in a line: who runs on it, and what it is at. Marked where that is not as it was."""
    things = [change.what for change in snapshot.changes]
    own = any(thing.cpu == cpu.number and thing.aspect is not Aspect.MAY_RUN for thing in things)
    text = say("{} {}", cpu_name(cpu.number), who_does_what(snapshot, cpu))
    broken = snapshot.oops is not None and snapshot.oops.cpu == cpu.number
    return marked(text, Mark.CHANGED if own else None, Mark.BROKEN if broken else None)


def who_does_what(snapshot: Snapshot, cpu: CpuSnapshot) -> str:
    """The task that a CPU runs, and what it is at."""
    return f"{cpu.task} {what_it_does(snapshot, cpu)}"


def what_it_does(snapshot: Snapshot, cpu: CpuSnapshot) -> str:
    """ "runs ksys_read", "cannot answer sync 1 yet: interrupts are off in _raw_spin_lock"."""
    patch, function = snapshot.patching, cpu.function or "unknown code"
    if snapshot.oops is not None and snapshot.oops.cpu == cpu.number:
        return "cannot go on: the kernel died here"
    if cpu.nmi:
        return f"is in an NMI, in {function}"
    if cpu.parked:
        return "waits in a loop, with interrupts off"
    if cpu.reading:
        return f"is in the middle of reading an instruction of {function}"
    sync = patch.phase.name if patch.phase is not None and isinstance(patch.phase.action, SyncCores) else "the sync"
    parks = patch.phase is not None and isinstance(patch.phase.action, Park)
    answer = "park" if parks else f"answer {sync}"
    if cpu.handling:
        return f"is in the int3 handler, at {function}{_still_asked(cpu, 'the request to park' if parks else sync)}"
    if cpu.asked and not cpu.interrupts_on and "sync" in cpu.interrupts:
        return f"cannot {answer} yet: interrupts are off in {function}"
    if cpu.asked and "sync" not in cpu.interrupts:
        return f"is about to park; it is in {function}" if parks else f"is answering {sync}"
    if cpu.asked:
        return f"is asked to {answer}; it is in {function}"
    if cpu.halted:
        return "sleeps until an interrupt comes"
    done = answered(snapshot, cpu.number)
    where = "runs the tracer" if function == "ftrace_trampoline" else f"runs {function}"
    return f"has answered {sync}; it {where}" if done else where


def _still_asked(cpu: CpuSnapshot, sync: str) -> str:
    return f"; {sync} is waiting" if cpu.asked else ""


def answered(snapshot: Snapshot, number: int) -> bool:
    """True while the patching task waits for answers and this CPU has given its."""
    phase, waits = snapshot.patching.phase, snapshot.patching.waits_for
    return phase is not None and isinstance(phase.action, SyncCores) and bool(waits) and number not in waits


def own_records(snapshot: Snapshot) -> list[TraceRecord]:
    """The last trace records of the site that is looked at, else of all; oldest first."""
    own = snapshot.site.address if snapshot.site is not None else None
    return ([record for record in snapshot.trace if record.ip == own] or list(snapshot.trace))[-TRACE_LINES:]


def trace_lines(snapshot: Snapshot) -> tuple[str, ...]:
    """The same as text."""
    return tuple(trace_line(record) for record in own_records(snapshot))


def trace_line(record: TraceRecord) -> str:
    """A record as the line of ftrace's file `trace`, with one blank between columns."""
    return " ".join(record.line.split())
