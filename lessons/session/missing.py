"""A story from which a phase was left out: where that would have come, and what has not been waited for since.

A moment names the variant of the protocol ("int3 without sync 1"), so the story is the same when it is opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lessons.session.stepper import Stepper
from lessons.session.stops import Stop, is_at
from simkernel.events import ExceptionTaken, Int3Taken, SiteRan
from simkernel.protocol import POKE_MAX_OPCODE_SIZE, Park, Phase, SyncCores, Unpark, Variant, Write
from simkernel.sentence import cpus as cpu_names
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.snapshot import Snapshot

FEW = 2  # CPUs that a sentence names; more are "every CPU"


@dataclass(frozen=True, slots=True)
class Missing:
    """A phase that a story does without, and the position in history at which it would have begun."""

    phase: Phase
    position: int


def position_without(variant: Variant, phase: Phase, stops: Sequence[Stop]) -> int | None:
    """Where a phase that a variant lacks would have begun: at the stop where the one behind it comes next.

    None where no stop is there yet, or no phase stands behind it.
    """
    names = [one.name for one in variant.base.phases]
    kept = {one.name for one in variant.table.phases}
    behind = next((name for name in names[names.index(phase.name) + 1 :] if name in kept), None)
    return next((stop.position for stop in stops if stop.during == behind), None)


def missing(stepper: Stepper, stops: Sequence[Stop]) -> Missing | None:
    """The last phase that should have begun by now and was left out; None where none was."""
    found = None
    for phase in stepper.variant.missing:
        if (position := position_without(stepper.variant, phase, stops)) is not None:
            found = Missing(phase, position)
    return found


def here_it_would(phase: Phase, snapshot: Snapshot) -> list[str]:
    """What the phase would have done here; who is at the site meanwhile, and is not waited for."""
    who = cpu_names(tuple(cpu.number for cpu in snapshot.cpus)) if len(snapshot.cpus) <= FEW else "every CPU"
    match phase.action:
        case SyncCores():
            what = f"have waited for {who}"
        case Write() as write:
            span = write.span(len(snapshot.site.memory.data) if snapshot.site else POKE_MAX_OPCODE_SIZE)
            what = f"have written {f'byte +{span[0]}' if len(span) == 1 else f'bytes +{span[0]} to +{span[-1]}'}"
        case Park():
            what = f"have made {who} wait"
        case Unpark():
            what = f"have let {who} go on"
        case _:
            what = "have come"
    return [f"Here {phase.name} would {what}: it is left out.", *_not_waited_for(phase, snapshot)]


def _not_waited_for(phase: Phase, snapshot: Snapshot) -> list[str]:
    site = snapshot.site
    if site is None or not isinstance(phase.action, SyncCores):
        return []
    for one in site.cpus:
        if one.read and not one.read_int3:
            return [f"CPU{one.cpu} has begun to read the old instruction: {PATCHING_TASK} does not wait for it."]
        if not one.certain:
            return [f"CPU{one.cpu} may still run old bytes here: {PATCHING_TASK} does not wait for it."]
    return []


def before_the_failure(stepper: Stepper, stops: Sequence[Stop]) -> int:
    """At an oops, the last stop at which the CPU that died had not yet run what it died of.

    Of a full stack no run of the site is to blame: there it is the position before the exception that ended it.
    """
    log = stepper.simulation.log
    oops = stepper.snapshot.oops
    if oops is not None and oops.guard:
        ended = (event for event in reversed(log) if isinstance(event, ExceptionTaken) and event.cpu == oops.cpu)
        return next(ended, log[-1]).entry
    cpu = log[-1].cpu
    ran = (event for event in reversed(log) if isinstance(event, SiteRan | Int3Taken) and event.cpu == cpu)
    site = stepper.site_bytes()
    deadly = next((event for event in ran if site is not None and is_at(event, site)), log[-1])
    return next((stop.position for stop in reversed(stops) if stop.position <= deadly.entry), stepper.begin)
