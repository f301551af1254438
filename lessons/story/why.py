"""Why it is safe, or is not: what is true now and whether it is, why the phase is there, what leaving it out did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lessons.session.stops import is_at
from simkernel import disasm
from simkernel.events import Int3Claimed, Int3Done, Int3Taken, SiteRan
from simkernel.kernel.layout import VECTOR_BP
from simkernel.protocol import Phase
from simkernel.sentence import Role, cpu, data, say, sentences, without_addresses
from simkernel.sim.snapshot import SiteSnapshot, Snapshot
from simkernel.sim.snapshot.patching import PatchingSnapshot
from simkernel.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Why:
    """The why panel.

    Attributes:
        true_now: what may be relied on. holds: whether it is so. verdict: what was found, in words.
        broken: what breaks it, without a full stop; "" where nothing does.
        cpu, byte: which CPU and which byte of the site break it; None where it holds, or none does.
        phase: under way, or that which is missing, "" between batches. why: why it is there. linux: the kernel's
        function. event: why an int3 that has just been taken is as it is, and then `linux` is what handles it; else "".
        without: what came of leaving it out, "" where that has not been run; of one that is missing, what can.
        begun: whether it has begun. missing: whether this story is without it.
    """

    true_now: str
    holds: bool
    verdict: str
    cpu: int | None
    byte: int | None
    phase: str
    why: str
    linux: str
    broken: str = ""
    without: str = ""
    event: str = ""
    begun: bool = False
    missing: bool = False


def why_of(snapshot: Snapshot, without: str = "", missing: Phase | None = None) -> Why:
    """The why of a snapshot; `without` is what a run without the phase came to; `missing`: one that is left out."""
    phase = missing or snapshot.patching.phase
    verdicts = (*_just_ran(snapshot), *(snapshot.verdicts if snapshot.oops is None else ()))
    event = "" if missing is not None else event_of(snapshot)
    broken = next((verdict for verdict in verdicts if not verdict.holds), None) or _what_killed(snapshot)
    found = snapshot.halt_reason if broken is None else broken.detail.without(Role.ADDRESS)
    return Why(
        true_now=true_now(snapshot),
        holds=broken is None and not snapshot.halt_reason,
        verdict=say("Broken: {}.", found) if found else "Looked at: it holds.",
        broken=found,
        cpu=broken.cpu if broken else snapshot.oops.cpu if snapshot.oops else None,
        byte=_byte(snapshot, broken),
        phase="" if phase is None else phase.name,
        why="" if phase is None else phase.why,
        linux=HANDLERS[snapshot.patching.protocol.handler] if event else "" if phase is None else phase.linux,
        without=without,
        event=event,
        begun=snapshot.patching.begun,
        missing=missing is not None,
    )


def said_below(why: Why) -> frozenset[str]:
    """The sentences that the rows of a why say, so that nothing above says them too."""
    return frozenset(one for text in (why.why, why.true_now, why.verdict, why.event) for one in sentences(text))


def why_label(why: Why) -> str:
    """Of which phase a why speaks, and whether that is to come, under way, or left out."""
    if why.missing:
        return f"Left out: {why.phase}. Why it is there:"
    return f"Why {why.phase}:" if why.begun else f"Next: {why.phase}. Why:"


HANDLERS = {
    "emulate": "exc_int3() -> poke_int3_handler()",  # arch/x86/kernel/traps.c, alternative.c (6.12)
    "skip": "do_int3() -> ftrace_int3_handler()",  # arch/x86/kernel/traps.c, ftrace.c (3.5 to 5.5)
}
BYTES = ("no byte", "byte", "two bytes", "three bytes", "four bytes", "five bytes")


def int3_reason(handler: str, size: int) -> str:
    """What an int3 at a site of that many bytes is there for."""
    they, them = ("it changes", "it") if size == 1 else ("they change", "them")
    does = f"skips {them}" if handler == "skip" else "emulates the new instruction"
    return f"The int3 keeps CPUs from running the {BYTES[size]} while {they}: its handler {does}."


def event_of(snapshot: Snapshot) -> str:
    """Why the last thing that happened is as it is, where that is not the phase's to say: an int3 at the site."""
    last = snapshot.events[-1].event if snapshot.events else None
    site = snapshot.site
    if site is None or not isinstance(last, Int3Taken | Int3Claimed | Int3Done) or not is_at(last, site.addresses):
        return ""
    return (
        int3_reason(snapshot.patching.protocol.handler, site.size)
        if last.entry == snapshot.position - 1 and snapshot.patching.phase is not None
        else ""
    )


def _what_killed(snapshot: Snapshot) -> Verdict | None:
    """What the CPU that has died had run at the site last: neither instruction, or an int3 that no handler claimed."""
    site, oops = snapshot.site, snapshot.oops
    if site is None or oops is None:
        return None
    for line in reversed(snapshot.events):
        event = line.event
        if event.cpu != oops.cpu or not is_at(event, site.addresses):
            continue
        if isinstance(event, Int3Taken):
            what = say("{} took the int3 at {}, and no handler claimed it", cpu(event.cpu), site.name)
            return Verdict("died", False, what, event.cpu, event.address)
        if isinstance(event, SiteRan):
            return _torn(site, event)
    return None


def _just_ran(snapshot: Snapshot) -> Iterator[Verdict]:
    """A verdict where the last thing that happened is that a CPU ran neither the old instruction nor the new one."""
    site = snapshot.site
    for line in snapshot.events:
        event = line.event
        if site is None or not isinstance(event, SiteRan) or event.entry != snapshot.position - 1:
            continue
        if is_at(event, site.addresses) and (found := _torn(site, event)):
            yield found


def _torn(site: SiteSnapshot, event: SiteRan) -> Verdict | None:
    """A verdict where what a CPU ran is neither the old instruction nor the new one."""
    whole = _beginnings(site, len(event.data))
    if not whole or event.data in whole:
        return None
    byte = next(at for at in range(len(event.data)) if event.data[: at + 1] not in _beginnings(site, at + 1))
    size = disasm.length(event.data, event.site)
    size = size if byte < size else len(event.data)  # bytes that begin no instruction count as a whole
    what = say("{} has run {}, neither the old instruction nor the new one", cpu(event.cpu), data(event.data[:size]))
    if behind := event.data[size:]:
        what = say("{}. The bytes behind it are {}", what, data(behind))
    return Verdict("ran", False, what, event.cpu, event.site + byte)


def _beginnings(site: SiteSnapshot, size: int) -> tuple[bytes, ...]:
    """The first bytes of the old and of the new instruction."""
    return tuple(five.data[:size] for five in (site.old, site.new) if five is not None)


def true_now(snapshot: Snapshot) -> str:
    """What may be relied on at the site that is looked at: what the phase that ended last has made true, for a site of
    the batch under way; for any other, what stands there."""
    patch, site = snapshot.patching, snapshot.site
    if site is not None and patch.batch and site.address not in patch.sites:
        count = len(patch.sites)
        others = "another function" if count == 1 else f"{count} other functions"
        return f"{patch.task} changes {others} now. {_stands(site)}"
    if patch.last_done is not None:
        gone = left_out_before(patch, patch.last_done)
        return patch.last_done.true_now if gone is None else _without(gone, site)
    if patch.phase is not None and site is None:
        return "Each site holds the old instruction, in memory and for every CPU."
    if patch.phase is not None and site is not None and site.old is not None and site.memory == site.old:
        return f"{site.name} holds the old instruction, {_for_whom(site)}."
    return (
        "Each site begins with one whole instruction, in memory and for every CPU." if site is None else _stands(site)
    )


def left_out_before(patch: PatchingSnapshot, phase: Phase) -> Phase | None:
    """The first phase that is left out before one, on which what that one makes true may rest; None for none."""
    names = [one.name for one in patch.variant.base.phases]
    ahead = names[: names.index(phase.name)] if phase.name in names else []
    return next((one for one in patch.variant.missing if one.name in ahead), None)


def _without(gone: Phase, site: SiteSnapshot | None) -> str:
    """What may be relied on where a phase is left out: what stands there."""
    stands = "Only what memory holds is sure." if site is None else _stands(site)
    return f"{stands} Without {gone.name} no more than that is sure."


def _stands(site: SiteSnapshot) -> str:
    """The instruction with which a site begins."""
    text = without_addresses(site.memory.text)
    return say("{} begins with {}, {}.", site.name, "a NOP" if text == "nop" else text, _for_whom(site))


def _for_whom(site: SiteSnapshot) -> str:
    """Whether what memory holds at a site is what each CPU runs there."""
    data = tuple((byte,) for byte in site.memory.data)
    return "in memory and for every CPU" if all(one.options == data for one in site.cpus) else "in memory"


def _byte(snapshot: Snapshot, broken: Verdict | None) -> int | None:
    """Which byte of the site breaks it; RIP of a breakpoint exception is behind its int3."""
    site, oops = snapshot.site, snapshot.oops
    address = broken.address if broken is not None else None
    if broken is None and oops is not None:
        address = oops.address - (oops.vector == VECTOR_BP)
    if site is None or address is None or not 0 <= address - site.address < len(site.memory.data):
        return None
    return address - site.address
