"""A sentence for every event.

`sentence` looks the event's type up in one table, which a test holds against events.py; an event that a subsystem
brings says its own.

A sync is named by its phase ("sync 1"). What a CPU does carries the phase that the patching task was in (`during`), so
that the same act in two phases reads differently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel import disasm, events
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.insn import INT3, NOPS
from simkernel.kernel import KernelImage, layout
from simkernel.patching.commands import NAME, PID
from simkernel.protocol import Protocol

PATCHER = f"{NAME}-{PID}"
BOOT = "ftrace_init"  # the title of the plan that boot carries out
NONE = "no instruction"  # what bytes are that begin none
_SHOWN = 8  # CPUs or pids that a sentence lists; more are counted

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
    """What a sentence may need besides its event: names of places, of phases, of the patching task."""

    def __init__(self, image: KernelImage, protocol: Protocol) -> None:
        self.image = image
        self.protocol = protocol

    def place(self, address: int) -> str:
        """The name of an address of code."""
        return self.image.code_name(address)

    def sync(self, phase: str) -> str:
        """As in "sync 1" for a phase of the protocol; a function's name; what is neither is "a core sync"."""
        known = any(phase == one.name for one in self.protocol.phases) or phase.isidentifier()
        return phase if known else "a core sync"

    def sites(self, sites: tuple[int, ...]) -> str:
        """The name of one site, or how many there are, from which to which."""
        if len(sites) == 1:
            return self.place(sites[0])
        return f"{len(sites)} sites, {self.place(sites[0])} to {self.place(sites[-1])}"

    def reading(self, site: int, data: bytes) -> str:
        """What the bytes at a site are, in words."""
        first = next(iter(disasm.decode(data, site)), None)
        if first is None or first.is_bad:
            return NONE
        if data[:1] == bytes((INT3,)):
            return "int3"
        if first.bytes == NOPS.get(first.size):
            return "a NOP"
        if first.target is not None and (first.is_call or first.is_branch):
            verb = "call" if first.is_call else "jump"
            known = self.image.owner(first.target) is not None or _is_trampoline(first.target)
            return f"a {verb} to {self.place(first.target)}" + ("" if known else ", where nothing is")
        return first.text


def _is_trampoline(address: int) -> bool:
    return 0 <= address - layout.TRAMP_BASE < layout.TRAMP_SIZE


def hex_bytes(data: bytes) -> str:
    """As in "0F 1F 44"."""
    return data.hex(" ").upper()


def listed(names: list[str]) -> str:
    """As in "CPU0", "CPU0 and CPU1", "CPU0, CPU1 and CPU2"."""
    if len(names) > _SHOWN:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def cpus(numbers: tuple[int, ...]) -> str:
    """The CPUs by name."""
    return listed([f"CPU{number}" for number in numbers])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


# --- the patching task -------------------------------------------------------------------------------------------


def _doer(title: str) -> str:
    """Who carries a plan out: the patching task; ftrace_init at boot, before there are tasks (`start_kernel()`)."""
    return "swapper-0" if title == BOOT else PATCHER


def _plan_started(e: events.PlanStarted, w: Words) -> str:
    return f"{_doer(e.title)} begins: {e.title}, in {_count(e.steps, 'step')}."


def _plan_ended(e: events.PlanEnded, w: Words) -> str:
    return f"{_doer(e.title)} has finished: {e.title}."


def _early_poked(e: events.EarlyPoked, w: Words) -> str:
    old, new = w.reading(e.site, e.old), w.reading(e.site, e.new)
    return f"{_doer(BOOT)} has written {e.count} sites: at each, {old} has become {new}, {hex_bytes(e.new)}."


def _batch_started(e: events.BatchStarted, w: Words) -> str:
    return f"{PATCHER} begins batch {e.batch} by the protocol {e.protocol}: {w.sites(e.sites)}."


def _site_stored(e: events.SiteStored, w: Words) -> str:
    last = e.first + len(e.new) - 1
    which = f"byte +{e.first}" if last == e.first else f"bytes +{e.first} to +{last}"
    many = "" if len(e.sites) == 1 else f" of {len(e.sites)} sites"
    change = f"{hex_bytes(e.old)} becomes {hex_bytes(e.new)}" if e.old != e.new else f"{hex_bytes(e.new)} stays"
    return f"{PATCHER} writes {which}{many}: at {w.place(e.sites[0])} {change}."


def _sync_sent(e: events.SyncSent, w: Words) -> str:
    return f"{PATCHER} sends {w.sync(e.phase)} to {cpus(e.cpus)}, and waits for every answer."


def _sync_answered(e: events.SyncAnswered, w: Words) -> str:
    left = f"{PATCHER} still waits for {cpus(e.waiting_for)}" if e.waiting_for else "it was the last to answer"
    return f"CPU{e.cpu} answers{f' {e.during}' if e.during else ''} and goes on; {left}."


def _sync_ended(e: events.SyncEnded, w: Words) -> str:
    return f"{PATCHER} has every answer to {w.sync(e.phase)}, and goes on."


def _sync_skipped(e: events.SyncSkipped, w: Words) -> str:
    return f"{PATCHER} leaves {w.sync(e.phase)} out: nothing in this batch needs it."


def _park_asked(e: events.ParkAsked, w: Words) -> str:
    where = "its stopper thread (migration/N)" if e.where == "thread" else "its interrupt handler"
    return f"{PATCHER} asks {cpus(e.cpus)} to wait, each in {where}, and waits for them."


def _parked(e: events.Parked, w: Words) -> str:
    left = f"{PATCHER} waits for {cpus(e.waiting_for)}" if e.waiting_for else "it was the last"
    return f"CPU{e.cpu} answers: it runs a waiting loop with interrupts off; {left}."


def _unparked(e: events.Unparked, w: Words) -> str:
    return f"{PATCHER} lets every CPU go on; each {'serializes first' if e.serialize else 'goes without serializing'}."


def _batch_released(e: events.BatchReleased, w: Words) -> str:
    return f"{PATCHER} releases batch {e.batch}: no handler uses it any more."


def _words_stored(e: events.WordsStored, w: Words) -> str:
    return f"{PATCHER} writes {_count(e.size, 'byte')} at {e.address:#x}: {e.what}."


def _rcu_tasks_rude_wait(e: events.RcuTasksRudeWait, w: Words) -> str:
    if not e.cpus:
        return f"{PATCHER} finds no CPU that could be inside a callback."
    return f"{PATCHER} waits until {listed([f'CPU{cpu}' for cpu in e.cpus])} cannot be inside a callback."


def _rcu_tasks_rude_done(e: events.RcuTasksRudeDone, w: Words) -> str:
    return f"{PATCHER} goes on: every CPU has switched tasks, or was halted or in user mode."


def _rcu_tasks_wait(e: events.RcuTasksWait, w: Words) -> str:
    if not e.holdouts:
        return f"{PATCHER} finds no task that could be inside a trampoline."
    pids = listed([str(pid) for pid in e.holdouts])
    return f"{PATCHER} waits until {_count(len(e.holdouts), 'task')} cannot be inside a trampoline: {pids}."


def _rcu_tasks_done(e: events.RcuTasksDone, w: Words) -> str:
    return f"{PATCHER} goes on: every task has called schedule, or was idle or in user mode."


def _logged(e: events.Logged, w: Words) -> str:
    return f'The kernel log says "{e.text}".'


# --- the CPUs ----------------------------------------------------------------------------------------------------


def _piece_read(e: events.PieceRead, w: Words) -> str:
    return f"CPU{e.cpu} reads {hex_bytes(e.data)} at {w.place(e.address)}; it has not run it yet."


def _settled(e: events.Settled, w: Words) -> str:
    return f"CPU{e.cpu} may run {hex_bytes(e.new)} at {w.place(e.address)} from now on, and {hex_bytes(e.old)} no more."


def _serialized(e: events.Serialized, w: Words) -> str:
    if not e.count:
        return f"CPU{e.cpu} serializes; no byte of code was open for it."
    were = "was" if e.count == 1 else "were"
    return f"CPU{e.cpu} serializes: it runs what is stored by now; {_count(e.count, 'byte')} {were} open for it."


def _site_ran(e: events.SiteRan, w: Words) -> str:
    reading = w.reading(e.site, e.data)
    data = e.data if reading == NONE else e.data[: disasm.length(e.data, e.site)]
    return f"CPU{e.cpu} runs {hex_bytes(data)} at {w.place(e.site)}: {reading}{_while(e)}."


def _while(e: events.Event) -> str:
    """As in ", during sync 1"; ", before sync 1" where that is not sent yet: tells the same act in two phases apart."""
    return f", {'during' if e.begun else 'before'} {e.during}" if e.during else ""


def _int3_taken(e: events.Int3Taken, w: Words) -> str:
    return f"CPU{e.cpu} takes the int3 at {w.place(e.address)}{_while(e)}; the kernel's handler begins."


def _int3_claimed(e: events.Int3Claimed, w: Words) -> str:
    return f"CPU{e.cpu} finds {w.place(e.address)} in the batch{_while(e)}: the int3 is {PATCHER}'s."


def _int3_done(e: events.Int3Done, w: Words) -> str:
    if e.resume == e.address + MCOUNT_INSN_SIZE:
        return f"CPU{e.cpu} goes on behind {w.place(e.address)}{_while(e)}: the handler did what a NOP does."
    return f"CPU{e.cpu} goes on at {w.place(e.resume)}{_while(e)}: the handler made the call."


def _exception_taken(e: events.ExceptionTaken, w: Words) -> str:
    name = VECTORS.get(e.vector, f"exception {e.vector}")
    if e.vector == layout.VECTOR_PF:
        act = "run" if e.error & 16 else "write" if e.error & 2 else "read"
        return f"CPU{e.cpu} takes a {name} at {w.place(e.address)}: it cannot {act} {e.cr2:#x}."
    article = "an" if name[0] in "aeiou" else "a"
    return f"CPU{e.cpu} takes {article} {name} at {w.place(e.address)}."


def _interrupt_taken(e: events.InterruptTaken, w: Words) -> str:
    name = INTERRUPTS.get(e.vector, f"interrupt {e.vector:#x}")
    late = f", {_count(e.waited, 'instruction')} after it was due" if e.waited else ""
    return f"CPU{e.cpu} takes {name} before {w.place(e.address)}{late}."


def _switched(e: events.Switched, w: Words) -> str:
    if e.previous == e.next == 0:
        return f"CPU{e.cpu} begins with its idle task."
    before, after = ("its idle task" if pid == 0 else f"task {pid}" for pid in (e.previous, e.next))
    return f"CPU{e.cpu} goes over from {before} to {after}."


def _trace_written(e: events.TraceWritten, w: Words) -> str:
    said = e.type
    if e.parent_ip:
        said = f"{w.place(e.ip)} was called from {w.place(e.parent_ip)}"
    elif e.ip:
        said = f"{e.type} at {w.place(e.ip)}"
    return f"CPU{e.cpu} writes record {e.index} of its trace buffer: {said}, in task {e.pid}."


def _oopsed(e: events.Oopsed, w: Words) -> str:
    name = VECTORS.get(e.vector, f"exception {e.vector}")
    return f"CPU{e.cpu} cannot go on after the {name} at {w.place(e.address)}: a kernel oops ends the run."


SENTENCES: dict[type[events.Event], Callable[[Any, Words], str]] = {
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
    events.Settled: _settled,
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


def sentence(event: events.Event, image: KernelImage, protocol: Protocol) -> str:
    """What happened, in one sentence of at most 20 words (the text of a log line or a plan is as long as it is)."""
    known, words = SENTENCES.get(type(event)), Words(image, protocol)
    return event.sentence(words.place) if known is None else known(event, words)
