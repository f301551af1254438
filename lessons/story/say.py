"""What has just happened, in at most three sentences: the event first, the reason after, then what went on elsewhere.

Events and phases have their words from the engine (`narrate`, the protocol's table). The reasons here say what an event
means for the bytes of a site; bytes are said with their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lessons.session.missing import here_it_would, missing
from lessons.session.stepper import Stepper
from lessons.session.stops import Stop
from lessons.story.elapsed import WORTH_SAYING, elsewhere, masked_before, number_of
from lessons.story.stored import bytes_sentence, stored_here
from lessons.story.why import int3_reason, left_out_before, why_of
from simkernel import events as ev
from simkernel.protocol import Park, Phase, SyncCores
from simkernel.sentence import Role, listed, sentences
from simkernel.sim.callbacks import traces_itself, unreturned
from simkernel.sim.narrate import PATCHING_TASK, sentence
from simkernel.sim.snapshot import Snapshot

MOST = 3  # sentences of a step


def said(stepper: Stepper, stops: Sequence[Stop]) -> tuple[str, ...]:
    """The stop after which one stands, in words; nothing where one stands after none."""
    here = stop_here(stepper)
    if here is None:
        return ()
    position, happened = here.position, here.events
    before = stops[-2].position if len(stops) > 1 else stepper.begin
    texts = [_event(stepper, event) for event in happened[-2:]]
    reasons = [*_reason(stepper, happened[-1]), elsewhere(stepper, before, position)]
    broken = verdict_sentence(stepper.snapshot)
    gone = missing(stepper, stops)
    if gone is not None and gone.position == position:
        texts += here_it_would(gone.phase, stepper.snapshot)
    if isinstance(happened[-1], ev.SiteStored):
        texts.append(reasons.pop(0))  # the bytes themselves
    texts += [broken, *reasons]
    return tuple(dict.fromkeys(one for text in texts for one in sentences(text)))[:MOST]


def stop_here(stepper: Stepper) -> Stop | None:
    """The stop after which one stands; None where one stands after none."""
    stops = stepper.stops()
    at_one = stops and stops[-1].position == stepper.simulation.position and not stepper.simulation.point.instructions
    return stops[-1] if at_one else None


def phase_of(stepper: Stepper) -> Phase | None:
    """The phase in which the stop was after which one stands; None where one stands after none, or it was in none."""
    here = stop_here(stepper)
    return None if here is None else _phase_of(stepper, here.events[-1])


def _event(stepper: Stepper, event: ev.Event) -> str:
    if isinstance(event, ev.BatchStarted):
        noun = "function" if all(site in stepper.image.mcount_loc for site in event.sites) else "site"
        more = f" and {number_of(len(event.sites) - 1, f'other {noun}')}" if len(event.sites) > 1 else ""
        own = _own_callback(stepper)
        who = f"{_name(stepper)}, the callback of {own}," if own else _name(stepper)
        table = f"by the protocol {event.protocol} ({stepper.protocol.era.users})"
        return f"{PATCHING_TASK} begins to change {who}{more}, {table}."
    if isinstance(event, ev.SiteRan) and (into := _into_itself(event, stepper)):
        return into
    text = sentence(event, stepper.image, stepper.protocol)
    if isinstance(event, ev.SiteStored):
        text = stored_here(event, stepper) or text
    text = text.without(Role.ADDRESS)
    return text.instead(Role.BATCH, "the batch")  # its number counts what happened before the story, too


def verdict_sentence(snapshot: Snapshot) -> str:
    """What is broken, "" where nothing is; an oops says so itself."""
    why = why_of(snapshot)
    return "" if why.holds or snapshot.oops is not None else why.verdict


# --- reasons -------------------------------------------------------------------------------------------------------


def _reason(stepper: Stepper, event: ev.Event) -> list[str]:
    """What an event means for the bytes of the site."""
    phase = _phase_of(stepper, event)
    return REASONS.get(type(event), _none)(event, stepper, phase)


def _phase_of(stepper: Stepper, event: ev.Event) -> Phase | None:
    """The phase that an event belongs to: its own, that which was under way, the last one at the batch's release."""
    if isinstance(event, ev.BatchReleased):
        return stepper.protocol.phases[-1]
    name = event.phase if isinstance(event, ev.PhaseEvent) else event.during
    return next((one for one in stepper.protocol.phases if one.name == name), None)


def _none(event: Any, stepper: Stepper, phase: Phase | None) -> list[str]:
    return []


def _begun(event: ev.BatchStarted, stepper: Stepper, phase: Phase | None) -> list[str]:
    own = _own_callback(stepper)
    callback = f"The ops {own} traces its own callback: each call of the callback leads to it again." if own else ""
    base, table = stepper.variant.base, stepper.variant.table
    whole = table.phases == base.phases  # else the prose speaks of what is left out
    return [callback, base.prose if whole else ""]


def _stored(event: ev.SiteStored, stepper: Stepper, phase: Phase | None) -> list[str]:
    site = stepper.snapshot.site
    return [bytes_sentence(site) if site is not None else "", phase.why if phase is not None else ""]


def _sent(event: ev.SyncSent, stepper: Stepper, phase: Phase | None) -> list[str]:
    """Who cannot answer yet; at the first sync of a batch how a CPU is asked, and that none is the patching task's."""
    first = next((one for one in stepper.protocol.phases if isinstance(one.action, SyncCores)), None)
    asked = ASKED if phase is not None and phase is first else ""
    return [*_masked(stepper, event.cpus), asked, *_why(event, stepper, phase)]


ASKED = (
    "Interrupts ask them, between two instructions. "
    f"Simplified: {PATCHING_TASK} has a CPU of its own; in Linux it runs on one of these, and syncs it too."
)


def _why(event: ev.Event, stepper: Stepper, phase: Phase | None) -> list[str]:
    return [phase.why if phase is not None else ""]


def _answered(event: ev.SyncAnswered, stepper: Stepper, phase: Phase | None) -> list[str]:
    """Who cannot answer yet, and why; how long the interrupt of this one had to wait, where that was long."""
    out = _masked(stepper, event.waiting_for)
    if (off := masked_before(stepper, event)) >= WORTH_SAYING:
        out.append(f"CPU{event.cpu} had its interrupts off for {off:,} instructions before it took this one.")
    if not out and event.waiting_for:
        others = listed([f"CPU{cpu}" for cpu in event.waiting_for])
        out = [f"CPU{event.cpu} does not wait for {others}: only {stepper.snapshot.patching.task} does."]
    return out


def _masked(stepper: Stepper, asked: Sequence[int]) -> list[str]:
    """Which of the CPUs that are asked cannot answer, and in which function they have their interrupts off."""
    cpus = (stepper.snapshot.cpus[number] for number in asked)
    return [
        f"CPU{cpu.number} cannot answer yet: interrupts are off in {cpu.function}."
        for cpu in cpus
        if "sync" in cpu.interrupts and not cpu.interrupts_on
    ]


def _ended(event: ev.SyncEnded, stepper: Stepper, phase: Phase | None) -> list[str]:
    """Who kept it waiting; what is true from now on, where it is: without another phase it may not be."""
    snapshot = stepper.snapshot
    sure = phase is not None and left_out_before(snapshot.patching, phase) is None and why_of(snapshot).holds
    return [_kept_waiting(stepper), phase.true_now if phase is not None and sure else ""]


def _kept_waiting(stepper: Stepper) -> str:
    """The CPU that had its interrupts off for longest before it took the last sync's IPI, where that was long."""
    known, off = stepper.simulation.known_events, dict[int, int]()
    for at in range(stepper.simulation.logged - 1, -1, -1):
        one = known[at]
        if isinstance(one, ev.SyncSent):
            break
        if isinstance(one, ev.SyncAnswered):
            off[one.cpu] = masked_before(stepper, one)
    cpu = max(off, key=off.__getitem__, default=-1)
    if off.get(cpu, 0) < WORTH_SAYING:
        return ""
    return f"It waited for CPU{cpu}, which had its interrupts off for {off[cpu]:,} instructions."


def _taken(event: ev.Int3Taken, stepper: Stepper, phase: Phase | None) -> list[str]:
    site = stepper.snapshot.site
    reason = "" if site is None else int3_reason(stepper.protocol.handler, site.size)
    return [f"It read CC at byte 0 of {_name(stepper)}, and so no other byte.", reason]


def _claimed(event: ev.Int3Claimed, stepper: Stepper, phase: Phase | None) -> list[str]:
    return ["The batch is the list of the sites that change now, each with its new instruction."]


def _done(event: ev.Int3Done, stepper: Stepper, phase: Phase | None) -> list[str]:
    waited = f"CPU{event.cpu} did not have to wait."
    if event.emulated is ev.Emulated.NOP:
        return [waited]
    traced = event.emulated is ev.Emulated.CALL and event.address in stepper.image.mcount_loc
    done = "this call is traced" if traced else f"the new {event.emulated.value} is emulated"
    return [f"So {done} already; {waited}"]


def _read(event: ev.PieceRead, stepper: Stepper, phase: Phase | None) -> list[str]:
    what = "this byte" if len(event.data) == 1 else "these bytes"
    return [f"It will run {what} as read, whatever memory holds by then."]


def _resolved(event: ev.Resolved, stepper: Stepper, phase: Phase | None) -> list[str]:
    return [f"No manual says when this happens, only that it has once CPU{event.cpu} serializes."]


def _ran(event: ev.SiteRan, stepper: Stepper, phase: Phase | None) -> list[str]:
    site = stepper.snapshot.site
    if site is None or site.old is None or site.new is None:
        return []
    if event.data == site.old.data:
        return ["That is the old instruction, and all of it."]
    if event.data == site.new.data:
        return ["That is the new instruction, and all of it."]
    return []


def _into_itself(event: ev.SiteRan, stepper: Stepper) -> str:
    """Where an ops' callback runs the call at its own start: what that leads to, and how deep it is; else ""."""
    site, own = stepper.snapshot.site, _own_callback(stepper)
    if not own or site is None or site.new is None or event.data != site.new.data:
        return ""
    deep = unreturned(stepper.simulation, event.cpu, event.site)
    if deep < 2:
        return (
            f"CPU{event.cpu} runs the call at {site.name}: the trampoline calls the callback of {own}, {site.name}()."
        )
    return f"CPU{event.cpu} runs it again, as the callback of {own}: {deep} calls of {site.name}() have not returned."


def _own_callback(stepper: Stepper) -> str:
    """The ops whose callback the function is that it traces; "" where there is none."""
    site = stepper.snapshot.site
    return "" if site is None else traces_itself(stepper.simulation, site.address)


def _trace(event: ev.TraceWritten, stepper: Stepper, phase: Phase | None) -> list[str]:
    return [f"The function {_name(stepper)} itself begins after this."]


def _interrupted(event: ev.InterruptTaken, stepper: Stepper, phase: Phase | None) -> list[str]:
    if not stepper.snapshot.cpus[event.cpu].parked:
        return []
    waits = f"CPU{event.cpu} waits with its interrupts off; an NMI comes all the same."
    park = next(one.action for one in stepper.protocol.phases if isinstance(one.action, Park))
    return [waits, LOOP if park.where == "thread" else ""]


LOOP = "Simplified: in Linux the stopper thread waits in multi_cpu_stop() itself; here it calls stop_cpu_and_wait()."
WRITER = {
    "thread": f"Simplified: in Linux a stopper thread writes the bytes in multi_cpu_stop(); here {PATCHING_TASK} does.",
    "ipi": "Simplified: Linux parks no CPU in an interrupt handler; on_each_cpu() could.",
}
"""What is simpler here where CPUs are asked to park: in their stopper threads, and in an interrupt handler."""


def _park_asked(event: ev.ParkAsked, stepper: Stepper, phase: Phase | None) -> list[str]:
    return [*_why(event, stepper, phase), WRITER[event.where]]


def _oops(event: ev.Oopsed, stepper: Stepper, phase: Phase | None) -> list[str]:
    oops = stepper.snapshot.oops
    out = [] if oops is None else [oops.afterwards]
    if oops is not None and oops.guard:
        deep = unreturned(stepper.simulation, event.cpu, stepper.site) if stepper.site is not None else 0
        of = f", {deep} of them of {_name(stepper)}()" if deep else ""
        return [f"The stack is full of calls that have not returned{of}.", *out]
    if stepper.ending:  # which says what came of it
        return out
    for one in stepper.variant.missing[-1:]:
        return [*out, f"This is what {one.name} is for."]
    return [*out, f"The row of CPU{event.cpu} shows the bytes that it ran."]


def _name(stepper: Stepper) -> str:
    site = stepper.snapshot.site
    return "the function" if site is None else site.name


REASONS: dict[type[ev.Event], Callable[[Any, Stepper, Phase | None], list[str]]] = {
    ev.BatchStarted: _begun,
    ev.SiteStored: _stored,
    ev.SyncSent: _sent,
    ev.ParkAsked: _park_asked,
    ev.Unparked: _why,
    ev.SyncAnswered: _answered,
    ev.SyncEnded: _ended,
    ev.Int3Taken: _taken,
    ev.Int3Claimed: _claimed,
    ev.Int3Done: _done,
    ev.PieceRead: _read,
    ev.Resolved: _resolved,
    ev.SiteRan: _ran,
    ev.TraceWritten: _trace,
    ev.InterruptTaken: _interrupted,
    ev.Oopsed: _oops,
}
