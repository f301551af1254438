"""A sentence for every event.

`sentence` looks the event's type up in one table, which a test holds against `simkernel.events`; an event that a
subsystem brings says its own.

A sync is named by its phase ("sync 1"). What a CPU does carries the phase that the patching task was in (`during`), so
that the same act in two phases reads differently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel import disasm, events
from simkernel.insn import INT3, NOPS
from simkernel.kernel import KernelImage, layout
from simkernel.patching.commands import NAME, PID
from simkernel.protocol import Protocol
from simkernel.sentence import Role, Sentence, Span, beside, cpu, cpus, data, listed, say, term

PATCHING_TASK = f"{NAME}-{PID}"
BOOT = "ftrace_init"  # the title of the plan that boot carries out
NONE = "no instruction"  # what bytes are that begin none

VECTORS = {  # Intel SDM vol. 3, table 6-1
    0: "divide error (#DE)",
    layout.VECTOR_BP: "breakpoint (#BP)",
    layout.VECTOR_UD: "invalid opcode (#UD)",
    layout.VECTOR_DF: "double fault (#DF)",
    11: "segment not present (#NP)",
    12: "stack fault (#SS)",
    layout.VECTOR_GP: "general protection fault (#GP)",
    layout.VECTOR_PF: "page fault (#PF)",
}
INTERRUPTS = {
    layout.VECTOR_CALL_FUNCTION: "the call function interrupt",
    layout.VECTOR_TIMER: "the timer tick",
    layout.VECTOR_NMI: "a non-maskable interrupt",
}


class Words:
    """What a sentence may need besides its event: names of places, of phases, of tasks."""

    def __init__(self, image: KernelImage, protocol: Protocol) -> None:
        self.image = image
        self.protocol = protocol

    def place(self, address: int) -> Sentence:
        """The name of an address of code."""
        return self.image.code_name(address)

    def at(self, address: int) -> Sentence:
        """As in " at vfs_read"; of a place without a name only the number, which a story leaves out."""
        place = self.place(address)
        return say(" at {}", place) if place.spans[0].role is Role.SITE else Sentence(beside(" at {}", address))

    def sync(self, phase: str) -> Span:
        """As in "sync 1" for a phase of the protocol, a function's name; what is neither is "a core sync"."""
        known = any(phase == one.name for one in self.protocol.phases) or phase.isidentifier()
        return term(phase) if known else Span("a core sync")

    def task(self, pid: int, cpu: int) -> str:
        """The name of a task that runs on a CPU, as in "cat-1202"."""
        return self.image.task_name(pid, cpu)

    def sites(self, sites: tuple[int, ...]) -> Sentence:
        """The name of one site, or how many there are, from which to which."""
        if len(sites) == 1:
            return self.place(sites[0])
        return say("{} sites, {} to {}", len(sites), self.place(sites[0]), self.place(sites[-1]))

    def reading(self, site: int, held: bytes) -> str:
        """What the bytes at a site are, in words."""
        first = next(iter(disasm.decode(held, site)), None)
        if first is None or first.is_bad:
            return NONE
        if held[:1] == bytes((INT3,)):
            return "int3"
        if first.bytes == NOPS.get(first.size):
            return "a NOP"
        if first.target is not None and (first.is_call or first.is_branch):
            verb = "call" if first.is_call else "jump"
            known = self.image.owner(first.target) is not None or _is_trampoline(first.target)
            where = self.place(first.target)
            if known:
                return say("a {} to {}", verb, where)
            return say("a {} to {}where nothing is", verb, beside("{}, ", first.target))
        return first.text


def _is_trampoline(address: int) -> bool:
    return 0 <= address - layout.TRAMP_BASE < layout.TRAMP_SIZE


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _batch(number: int) -> Span:
    return Span(f"batch {number}", Role.BATCH, number)


# --- the patching task -------------------------------------------------------------------------------------------


def _doer(title: str) -> str:
    """Who carries a plan out: the patching task; ftrace_init at boot, before there are tasks (`start_kernel()`)."""
    return "swapper-0" if title == BOOT else PATCHING_TASK


def _plan_started(e: events.PlanStarted, w: Words) -> Sentence:
    return say("{} begins: {}.", _doer(e.title), e.title)


def _plan_ended(e: events.PlanEnded, w: Words) -> Sentence:
    return say("{} has finished: {}.", _doer(e.title), e.title)


def _early_poked(e: events.EarlyPoked, w: Words) -> Sentence:
    old, new = w.reading(e.site, e.old), w.reading(e.site, e.new)
    return say("{} has written {} sites: at each, {} has become {}, {}.", _doer(BOOT), e.count, old, new, data(e.new))


def _batch_started(e: events.BatchStarted, w: Words) -> Sentence:
    return say(
        "{} begins {} by the protocol {}: {}.",
        PATCHING_TASK,
        _batch(e.batch),
        term(e.protocol),
        w.sites(e.sites),
    )


def _site_stored(e: events.SiteStored, w: Words) -> Sentence:
    place = e.sites[0]
    where = say(":{}", w.at(place)) if len(e.sites) == 1 else say(", first {}:", w.place(place))
    return stored(e, where, e.old, e.new, e.first)


def stored(e: events.SiteStored, where: Sentence, old: bytes, new: bytes, offset: int) -> Sentence:
    """The sentence on a store, which tells of one of its sites what has become of its bytes.

    Args:
        e: the store.
        where: the site, as in ": at vfs_read".
        old: its bytes before.
        new: its bytes now.
        offset: of the first of them.
    """
    last = offset + len(new) - 1
    which = f"byte +{offset}" if last == offset else f"bytes +{offset} to +{last}"
    many = "" if len(e.sites) == 1 else f" of {len(e.sites)} sites"
    becomes = say("{} becomes {}", data(old), data(new))
    change = becomes if old != new else say("{} stays", data(new))
    if not e.alike:
        return say("{} writes bytes{}{} {}.", PATCHING_TASK, many, where, change)
    return say("{} writes {}{}{} {}.", PATCHING_TASK, which, many, where, change)


def _sync_sent(e: events.SyncSent, w: Words) -> Sentence:
    return say("{} sends {} to {}, and waits for every answer.", PATCHING_TASK, w.sync(e.phase), cpus(e.cpus))


def _sync_answered(e: events.SyncAnswered, w: Words) -> Sentence:
    waits = say("{} still waits for {}", PATCHING_TASK, cpus(e.waiting_for))
    left = waits if e.waiting_for else "it was the last to answer"
    return say("{} answers{} and goes on; {}.", cpu(e.cpu), say(" {}", term(e.during)) if e.during else "", left)


def _sync_ended(e: events.SyncEnded, w: Words) -> Sentence:
    return say("{} has every answer to {}, and goes on.", PATCHING_TASK, w.sync(e.phase))


def _sync_skipped(e: events.SyncSkipped, w: Words) -> Sentence:
    return say("{} leaves {} out: nothing in this batch needs it.", PATCHING_TASK, w.sync(e.phase))


def _park_asked(e: events.ParkAsked, w: Words) -> Sentence:
    where = "its stopper thread (migration/N)" if e.where == "thread" else "its interrupt handler"
    return say("{} asks {} to wait, each in {}, and waits for them.", PATCHING_TASK, cpus(e.cpus), where)


def _parked(e: events.Parked, w: Words) -> Sentence:
    left = say("{} waits for {}", PATCHING_TASK, cpus(e.waiting_for)) if e.waiting_for else "it was the last"
    return say("{} answers: it waits in a loop with interrupts off; {}.", cpu(e.cpu), left)


def _unparked(e: events.Unparked, w: Words) -> Sentence:
    how = "serializes first" if e.serialize else "goes without serializing"
    return say("{} lets every CPU go on; each {}.", PATCHING_TASK, how)


def _batch_released(e: events.BatchReleased, w: Words) -> Sentence:
    return say("{} releases {}: no handler uses it any more.", PATCHING_TASK, _batch(e.batch))


def _words_stored(e: events.WordsStored, w: Words) -> Sentence:
    return say("{} writes {}{}: {}.", PATCHING_TASK, _count(e.size, "byte"), beside(" at {}", e.address), e.what)


def _rcu_tasks_rude_wait(e: events.RcuTasksRudeWait, w: Words) -> Sentence:
    if not e.cpus:
        return say("{} finds no CPU that could be inside a callback.", PATCHING_TASK)
    return say("{} waits until {} cannot be inside a callback.", PATCHING_TASK, cpus(e.cpus))


def _rcu_tasks_rude_done(e: events.RcuTasksRudeDone, w: Words) -> Sentence:
    return say("{} goes on: every CPU has switched tasks, or was halted or in user mode.", PATCHING_TASK)


def _rcu_tasks_wait(e: events.RcuTasksWait, w: Words) -> Sentence:
    if not e.holdouts:
        return say("{} finds no task that could be inside a trampoline.", PATCHING_TASK)
    pids = listed([str(pid) for pid in e.holdouts])
    return say(
        "{} waits until {} cannot be inside a trampoline: {}.", PATCHING_TASK, _count(len(e.holdouts), "task"), pids
    )


def _rcu_tasks_done(e: events.RcuTasksDone, w: Words) -> Sentence:
    return say("{} goes on: every task has called schedule, or was idle or in user mode.", PATCHING_TASK)


def _logged(e: events.Logged, w: Words) -> Sentence:
    return say('The kernel log says "{}".', e.text)


# --- the CPUs ----------------------------------------------------------------------------------------------------


def _piece_read(e: events.PieceRead, w: Words) -> Sentence:
    return say("{} reads {}{}; it has not run it yet.", cpu(e.cpu), data(e.data), w.at(e.address))


def _resolved(e: events.Resolved, w: Words) -> Sentence:
    return say("{} may run {}{} from now on, and {} no more.", cpu(e.cpu), data(e.new), w.at(e.address), data(e.old))


def _serialized(e: events.Serialized, w: Words) -> Sentence:
    if not e.count:
        return say("{} serializes; no byte of code was pending for it.", cpu(e.cpu))
    were = "was" if e.count == 1 else "were"
    return say(
        "{} serializes: it runs what is stored by now; {} {} pending for it.", cpu(e.cpu), _count(e.count, "byte"), were
    )


def _site_ran(e: events.SiteRan, w: Words) -> Sentence:
    reading = w.reading(e.site, e.data)
    ran = e.data if reading == NONE else e.data[: disasm.length(e.data, e.site)]
    return say("{} runs {}{}: {}{}.", cpu(e.cpu), data(ran), w.at(e.site), reading, _while(e))


def _while(e: events.Event) -> Sentence:
    """As in ", during sync 1"; ", before sync 1" where that is not sent yet: tells the same act in two phases apart."""
    return say(", {} {}", "during" if e.begun else "before", term(e.during)) if e.during else Sentence()


def _int3_taken(e: events.Int3Taken, w: Words) -> Sentence:
    return say("{} takes the int3{}{}; the kernel's handler begins.", cpu(e.cpu), w.at(e.address), _while(e))


def _int3_claimed(e: events.Int3Claimed, w: Words) -> Sentence:
    return say(
        "{} finds {} in the batch{}: the int3 is {}'s.", cpu(e.cpu), w.place(e.address), _while(e), PATCHING_TASK
    )


def _int3_done(e: events.Int3Done, w: Words) -> Sentence:
    if e.emulated is events.Emulated.NOP:
        return say("{} goes on behind {}{}: the handler emulated a NOP.", cpu(e.cpu), w.place(e.address), _while(e))
    return say("{} goes on{}{}: the handler emulated the {}.", cpu(e.cpu), w.at(e.resume), _while(e), e.emulated.value)


def _exception_taken(e: events.ExceptionTaken, w: Words) -> Sentence:
    name = VECTORS.get(e.vector, f"exception {e.vector}")
    if e.vector == layout.VECTOR_PF:
        act = "run" if e.error & 16 else "write" if e.error & 2 else "read"
        return say("{} takes a {}{}: it cannot {} {}.", cpu(e.cpu), name, w.at(e.address), act, f"{e.cr2:#x}")
    article = "an" if name[0] in "aeiou" else "a"
    return say("{} takes {} {}{}.", cpu(e.cpu), article, name, w.at(e.address))


def _interrupt_taken(e: events.InterruptTaken, w: Words) -> Sentence:
    name = INTERRUPTS.get(e.vector, f"interrupt {e.vector:#x}")
    late = f", {_count(e.waited, 'instruction')} after it was due" if e.waited else ""
    return say("{} takes {} before {}{}.", cpu(e.cpu), name, w.place(e.address), late)


def _switched(e: events.Switched, w: Words) -> Sentence:
    if e.previous == e.next == 0:
        return say("{} begins with its idle task, {}.", cpu(e.cpu), w.task(0, e.cpu))
    before, after = (w.task(pid, e.cpu) for pid in (e.previous, e.next))
    return say("{} switches from {} to {}.", cpu(e.cpu), before, after)


def _trace_written(e: events.TraceWritten, w: Words) -> Sentence:
    said = Sentence(e.type)
    if e.parent_ip:
        said = say("{} was called from {}", w.place(e.ip), w.place(e.parent_ip))
    elif e.ip:
        said = say("{}{}", e.type, w.at(e.ip))
    return say("{} writes record {} of its trace buffer: {}, in {}.", cpu(e.cpu), e.index, said, w.task(e.pid, e.cpu))


def _oopsed(e: events.Oopsed, w: Words) -> Sentence:
    name = VECTORS.get(e.vector, f"exception {e.vector}")
    return say("{} cannot go on after the {}{}: a kernel oops ends the run.", cpu(e.cpu), name, w.at(e.address))


SENTENCES: dict[type[events.Event], Callable[[Any, Words], Sentence]] = {
    events.PlanStarted: _plan_started,
    events.PlanEnded: _plan_ended,
    events.EarlyPoked: _early_poked,
    events.BatchStarted: _batch_started,
    events.SiteStored: _site_stored,
    events.SyncSent: _sync_sent,
    events.SyncAnswered: _sync_answered,
    events.SyncEnded: _sync_ended,
    events.SyncSkipped: _sync_skipped,
    events.ParkAsked: _park_asked,
    events.Parked: _parked,
    events.Unparked: _unparked,
    events.BatchReleased: _batch_released,
    events.WordsStored: _words_stored,
    events.RcuTasksRudeWait: _rcu_tasks_rude_wait,
    events.RcuTasksRudeDone: _rcu_tasks_rude_done,
    events.RcuTasksWait: _rcu_tasks_wait,
    events.RcuTasksDone: _rcu_tasks_done,
    events.Logged: _logged,
    events.PieceRead: _piece_read,
    events.Resolved: _resolved,
    events.Serialized: _serialized,
    events.SiteRan: _site_ran,
    events.Int3Taken: _int3_taken,
    events.Int3Claimed: _int3_claimed,
    events.Int3Done: _int3_done,
    events.ExceptionTaken: _exception_taken,
    events.InterruptTaken: _interrupt_taken,
    events.Switched: _switched,
    events.TraceWritten: _trace_written,
    events.Oopsed: _oopsed,
}


def sentence(event: events.Event, image: KernelImage, protocol: Protocol) -> Sentence:
    """What happened, in one sentence of at most 20 words (the text of a log line or a plan is as long as it is)."""
    known, words = SENTENCES.get(type(event)), Words(image, protocol)
    return event.sentence(words.place) if known is None else known(event, words)
