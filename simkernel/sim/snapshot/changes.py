"""What is different between two snapshots, thing by thing that a viewer may have on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from simkernel.sentence import cpu as cpu_name
from simkernel.sentence import say
from simkernel.sim.snapshot.cpus import CpuSnapshot
from simkernel.sim.snapshot.patching import NOW, PatchingSnapshot
from simkernel.sim.snapshot.site import SiteMap, SiteSnapshot
from simkernel.sim.snapshot.trace import TraceRecord
from simkernel.verdict import Verdict

_CPU_FIELDS = (
    "task",
    "rip",
    "interrupts_on",
    "interrupts",
    "asked",
    "parked",
    "handling",
    "halted",
    "reading",
)


class Compared(Protocol):
    """What is compared of two snapshots."""

    @property
    def patching(self) -> PatchingSnapshot:
        """The patching task."""
        ...

    @property
    def site(self) -> SiteSnapshot | None:
        """The site that is looked at."""
        ...

    @property
    def map(self) -> SiteMap:
        """All sites."""
        ...

    @property
    def cpus(self) -> tuple[CpuSnapshot, ...]:
        """Each CPU."""
        ...

    @property
    def trace(self) -> tuple[TraceRecord, ...]:
        """The tail of the trace."""
        ...

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The invariants."""
        ...

    @property
    def halt_reason(self) -> str:
        """Why the machine halted for good; "" while it runs."""
        ...


class Aspect(Enum):
    """What a viewer may have on the screen, and how it is called; `{}` is the CPU."""

    PHASE = "phase"
    PATCH = "patch"
    SITE = "site"
    MEMORY = "memory"
    MAY_RUN = "{} may run"
    READ = "{} has read"
    FLAGS = "flags"
    CPU = "{}"  # a field of `CpuSnapshot`, or a register
    STACK = "{} stack"
    TRACE = "trace"
    VERDICT = "verdict"
    MAP = "site map"
    HALT = "halt_reason"


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that a viewer may have on the screen.

    Attributes:
        aspect: of what.
        cpu: whose, where it is a CPU's.
        at: which byte of the site, or the address of a word on a stack.
        name: which field, register or invariant; "" where there is but one.
    """

    aspect: Aspect
    cpu: int | None = None
    at: int | None = None
    name: str = ""

    def __str__(self) -> str:
        """As in "memory +0", "CPU1 may run +0", "CPU0 rax", "phase"."""
        words = self.aspect.value if self.cpu is None else say(self.aspect.value, cpu_name(self.cpu))
        if self.at is None:
            return f"{words} {self.name}".rstrip()
        return f"{words} {self.at:#x}" if self.aspect is Aspect.STACK else f"{words} +{self.at}"


@dataclass(frozen=True, slots=True)
class ThingChange:
    """One thing that is not as it was."""

    what: Thing
    before: Any
    after: Any


def changes_of(before: Compared, after: Compared) -> tuple[ThingChange, ...]:
    """All that changed, in the order of the screen: phase, the site's bytes, CPUs, verdicts, halt reason."""
    return tuple(_changes(before, after))


def _changes(before: Compared, after: Compared) -> Iterator[ThingChange]:
    yield from _different(Thing(Aspect.PHASE), _phase(before), _phase(after))
    task, task_now = before.patching, after.patching
    for name in ("title", "step", "batch", "done", "written", "waits_for", "holdouts", "queued"):
        yield from _different(Thing(Aspect.PATCH, name=name), getattr(task, name), getattr(task_now, name))
    if before.site is not None and after.site is not None and before.site.address == after.site.address:
        yield from _site(before.site, after.site)
    elif before.site != after.site:
        yield ThingChange(Thing(Aspect.SITE), before.site and before.site.name, after.site and after.site.name)
    for one, other in zip(before.cpus, after.cpus, strict=False):
        yield from _cpu(one, other)
    yield from _different(Thing(Aspect.TRACE), before.trace[-1:], after.trace[-1:])
    held = {verdict.name: verdict.holds for verdict in before.verdicts}
    for at, verdict in enumerate(after.verdicts):
        was = before.verdicts[at].holds if at < len(before.verdicts) else held.get(verdict.name)
        yield from _different(Thing(Aspect.VERDICT, name=verdict.name), was, verdict.holds)
    yield from _different(Thing(Aspect.MAP), before.map.states, after.map.states)
    yield from _different(Thing(Aspect.HALT), before.halt_reason, after.halt_reason)


def _different(what: Thing, before: Any, after: Any) -> Iterator[ThingChange]:
    if before != after:
        yield ThingChange(what, before, after)


def _phase(snapshot: Compared) -> str:
    return next((row.name for row in snapshot.patching.phases if row.state == NOW), "")


def _site(before: SiteSnapshot, after: SiteSnapshot) -> Iterator[ThingChange]:
    """Of the bytes that both show: how many a site has is known only while it changes, where nobody owns it."""
    for at, (byte, now_byte) in enumerate(zip(before.memory.data, after.memory.data, strict=False)):
        yield from _different(Thing(Aspect.MEMORY, at=at), byte, now_byte)
    for one, other in zip(before.cpus, after.cpus, strict=False):
        for at, (was, now) in enumerate(zip(one.options, other.options, strict=False)):
            yield from _different(Thing(Aspect.MAY_RUN, other.cpu, at), was, now)
        yield from _different(Thing(Aspect.READ, other.cpu), one.read, other.read)
    yield from _different(Thing(Aspect.FLAGS), before.flags, after.flags)


def _cpu(before: CpuSnapshot, after: CpuSnapshot) -> Iterator[ThingChange]:
    for name in _CPU_FIELDS:
        yield from _different(Thing(Aspect.CPU, after.number, name=name), getattr(before, name), getattr(after, name))
    was = {register.name: register.value for register in before.registers}
    for register in after.registers:
        if register.changed and register.name != "rip":
            what = Thing(Aspect.CPU, after.number, name=register.name)
            yield ThingChange(what, was.get(register.name), register.value)
    words = {word.address: word.value for word in before.stack}
    for word in after.stack:
        if word.changed and word.address in words:
            yield ThingChange(Thing(Aspect.STACK, after.number, word.address), words[word.address], word.value)
