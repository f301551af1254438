"""What a store did to the bytes of a site, in words."""

from __future__ import annotations

from itertools import groupby

from lessons.session.stepper import Stepper
from simkernel import events as ev
from simkernel.insn import INT3
from simkernel.protocol import Part, Phase, Write
from simkernel.sentence import Sentence, data, say, without_addresses
from simkernel.sim.narrate.events import Words, stored
from simkernel.sim.snapshot import SiteSnapshot


def stored_here(event: ev.SiteStored, stepper: Stepper) -> Sentence | None:
    """A store to several sites as the one that is looked at has had it; None where that has not, or is alone."""
    site = stepper.snapshot.site
    if len(event.sites) == 1 or site is None or site.address not in event.sites or site.old is None:
        return None
    phases = stepper.protocol.phases
    at = next(number for number, phase in enumerate(phases) if phase.name == event.phase)
    action = phases[at].action
    assert isinstance(action, Write)
    offsets = action.offsets(site.address, site.size)
    if not offsets:
        return None
    before = _memory(site, phases[at - 1]) if at else site.old.data
    part = slice(offsets.start, offsets.stop)
    where = say(":{}", Words(stepper.image, stepper.protocol).at(site.address))
    return stored(event, where, before[part], _memory(site, phases[at])[part], offsets.start)


def _memory(site: SiteSnapshot, phase: Phase) -> bytes:
    """What memory holds at a site once a phase of its batch is done, by the protocol's table."""
    assert site.old is not None and site.new is not None
    values = {Part.OLD: site.old.data, Part.INT3: bytes((INT3,)) * site.size, Part.NEW: site.new.data}
    return bytes(values[part][at] for at, part in enumerate(phase.memory(site.size, site.address)))


def bytes_sentence(site: SiteSnapshot) -> str:
    """ "Byte 0 is CC, int3; bytes 1 to 4 are old." """
    if site.old is None or site.new is None:
        held, text = data(site.memory.data), without_addresses(site.memory.text)
        return say("Bytes 0 to {} are {}, {}.", site.size - 1, held, text)
    kinds = [_kind(site, at) for at in range(site.size)]
    parts = []
    for kind, group in groupby(range(site.size), key=kinds.__getitem__):
        parts.append(_part(site, kind, list(group)))
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _kind(site: SiteSnapshot, at: int) -> str:
    assert site.old is not None and site.new is not None
    byte, old, new = site.memory.data[at], site.old.data[at], site.new.data[at]
    if byte == INT3 and byte not in (old, new):
        return "int3"
    if site.memory.data[1:] == site.new.data[1:] and byte == new:
        return "new"
    if site.memory.data[1:] == site.old.data[1:] and byte == old:
        return "old"
    return "new" if byte == new != old else "old" if byte == old != new else _neighbour(site, at)


def _neighbour(site: SiteSnapshot, at: int) -> str:
    """A byte that is the same in both instructions counts as what the bytes beside it are."""
    assert site.old is not None and site.new is not None
    for near in (*range(at - 1, -1, -1), *range(at + 1, site.size)):
        if site.old.data[near] != site.new.data[near] and site.memory.data[near] != INT3:
            return "new" if site.memory.data[near] == site.new.data[near] else "old"
    return "old"


def _part(site: SiteSnapshot, kind: str, at: list[int]) -> str:
    if len(at) == 1:
        byte = f"byte {at[0]} is {site.memory.data[at[0]]:02X}"
        return f"{byte}, {kind}"
    return f"bytes {at[0]} {'and' if len(at) == 2 else 'to'} {at[-1]} are {kind}"
