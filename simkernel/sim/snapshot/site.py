"""What a viewer may know of the bytes at one site: in memory, for each CPU, before and after the change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkernel import insn
from simkernel.ftrace import records as rec
from simkernel.ftrace.core import FtraceCore
from simkernel.kernel.layout import CACHE_LINE
from simkernel.sentence import say
from simkernel.sim.now import SimulationNow
from simkernel.sim.parts import parts_of
from simkernel.sim.queries import SiteNow
from simkernel.sim.snapshot.cpus import instructions_in

NOP, CALL, INT3, CHANGING, WRONG = range(5)  # what a site map shows of a call site: its kind's forms, and the rest
SITE_STATES = (*(form.name for form in rec.call_site(insn.NOP5).forms), "int3", "changing", "wrong")


@dataclass(frozen=True, slots=True)
class SiteBytes:
    """The bytes of a site and the instruction that they begin with, as text."""

    data: bytes
    text: str


@dataclass(frozen=True, slots=True)
class MayRun:
    """What one CPU may run at a site.

    Attributes:
        options: for each byte the values that it may run, the one it runs if nothing is resolved first.
        read: how many of them it has read already (model `pieces`); it runs those as read.
        text: the instruction if nothing is resolved first.
        here: its next instruction is this one.
    """

    cpu: int
    options: tuple[tuple[int, ...], ...]
    read: int
    text: str
    here: bool

    @property
    def certain(self) -> bool:
        """True where there is one value for each byte."""
        return all(len(values) == 1 for values in self.options)

    @property
    def read_int3(self) -> bool:
        """True where what it has read is an int3: one byte, so nothing is left to be read."""
        return self.read > 0 and self.options[0] == (insn.INT3,)

    @property
    def has_read(self) -> str:
        """What it has read of the instruction under way, as a phrase; "" where nothing."""
        if self.read_int3:
            return "has read int3, which is one byte long"
        if self.read:
            which = "+0" if self.read == 1 else f"+0 to +{self.read - 1}"
            return f"has read {which}; rest from memory"
        return ""


@dataclass(frozen=True, slots=True)
class SiteSnapshot:
    """One site.

    Attributes:
        address, name: "vfs_read".
        index: of its record, -1 for code that is no site.
        memory, cpus: now.
        old, new: of the change under way; None where none is.
        line_break: how many of its bytes lie before the next cache line, 0 where all do.
        flags: of its dyn_ftrace record.
        count: how many ops want it.
    """

    address: int
    name: str
    index: int
    memory: SiteBytes
    cpus: tuple[MayRun, ...]
    old: SiteBytes | None
    new: SiteBytes | None
    line_break: int
    flags: int
    count: int

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.memory.data)

    @property
    def addresses(self) -> range:
        """Those of its bytes."""
        return range(self.address, self.address + self.size)


@dataclass(frozen=True, slots=True)
class SiteMap:
    """All sites at a glance: `states` holds a byte a site, by address, an index of SITE_STATES."""

    states: bytes

    def count(self, state: int) -> int:
        """How many sites are in a state (NOP, CALL, ...)."""
        return self.states.count(state)


def site_bytes(simulation: SimulationNow, address: int, data: bytes) -> SiteBytes:
    """Bytes of a site with their text; a call's or jump's target by name."""
    first = next(iter(instructions_in(data, address, 1)), None)
    if first is None:
        return SiteBytes(data, "")
    if first.target is not None:
        return SiteBytes(data, say("{} {}", first.mnemonic, simulation.image.code_name(first.target)))
    if first.bytes == insn.NOPS.get(first.size):
        return SiteBytes(data, "nop")
    return SiteBytes(data, first.text)


def site_snapshot(simulation: SimulationNow, address: int) -> SiteSnapshot:
    """The site at an address."""
    core, site = parts_of(simulation).subsystem(FtraceCore), simulation.site(address)
    index = core.records.index(address) if core.booted else None
    change = site.change
    line = -address % CACHE_LINE
    flags = 0 if index is None else int(core.records.flags[index])
    return SiteSnapshot(
        address=address,
        name=simulation.image.code_name(address),
        index=-1 if index is None else index,
        memory=site_bytes(simulation, address, site.memory),
        cpus=tuple(_may_run(simulation, cpu, site) for cpu in range(simulation.options.cpus)),
        old=None if change is None else site_bytes(simulation, address, change[0]),
        new=None if change is None else site_bytes(simulation, address, change[1]),
        line_break=line if 0 < line < site.size else 0,
        flags=flags,
        count=flags & rec.FTRACE_REF_MAX,
    )


def _may_run(simulation: SimulationNow, cpu: int, site: SiteNow) -> MayRun:
    options = site.may_fetch(cpu)
    text = site_bytes(simulation, site.address, bytes(values[0] for values in options)).text
    return MayRun(cpu, options, len(site.read(cpu)), text, simulation.cpu(cpu).rip == site.address)


def site_map(simulation: SimulationNow) -> SiteMap:
    """Every site's state, from memory's bytes and the batch under way."""
    sites = np.asarray(simulation.image.mcount_loc, dtype=np.uint64)
    if not len(sites):
        return SiteMap(b"")
    now = parts_of(simulation).kernel.site_words.in_memory()
    heads = now & 0xFF
    states = np.full(len(sites), WRONG, dtype=np.uint8)
    for state, form in enumerate(rec.call_site(parts_of(simulation).subsystem(FtraceCore).nop).forms):
        mask = np.uint64((1 << 8 * len(form.begins)) - 1)
        states[now & mask == int.from_bytes(form.begins, "little")] = state
    if simulation.patching.phase is not None:
        changing = np.array(simulation.patching.sites, dtype=np.uint64)
        at = np.searchsorted(sites, changing)
        at = at[(at < len(sites)) & (sites[np.minimum(at, len(sites) - 1)] == changing)]
        states[at] = np.where(heads[at] == insn.INT3, INT3, CHANGING)
    return SiteMap(states.tobytes())
