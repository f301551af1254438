"""Who waits for whom, what can come next, and where a CPU goes on after the handler of an int3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lessons.session.beliefs import Belief
from lessons.session.stepper import Stepper
from lessons.story.questions.question import StoryQuestion, can_run, is_first, last_step, made
from simkernel import events as ev
from simkernel.insn import INT3
from simkernel.protocol import Release
from simkernel.schedule import Run
from simkernel.sentence import cpus as cpu_names
from simkernel.sentence import data, listed, say, without_addresses
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import SiteSnapshot
from simkernel.sim.snapshot.cpus import CpuSnapshot, instructions_in

HANDLES = 5_000  # instructions of one CPU within which an int3's handler has returned, by far


def answered(stepper: Stepper, site: SiteSnapshot, event: ev.SyncAnswered | ev.Parked) -> StoryQuestion | None:
    """Once the first CPU has answered and another has not: who waits for that one."""
    if not event.waiting_for:
        return None
    if not is_first(stepper, type(event)):
        return _last_sync(stepper, site, event) if isinstance(event, ev.SyncAnswered) else None
    patch = stepper.snapshot.patching
    phase = "" if patch.phase is None else patch.phase.name
    parks = isinstance(event, ev.Parked)
    verb, late = ("parked", cpu_names(event.waiting_for)) if parks else ("answered", cpu_names(event.waiting_for))
    has = "has" if len(event.waiting_for) == 1 else "have"
    done = [cpu.number for cpu in stepper.snapshot.cpus if cpu.number not in event.waiting_for]
    waiting = [cpu for cpu in stepper.snapshot.cpus if cpu.number in done and cpu.parked]
    everyone = [PATCHING_TASK, *(f"CPU{cpu.number}" for cpu in stepper.snapshot.cpus)]
    alone, with_those = f"{PATCHING_TASK} alone", f"{PATCHING_TASK} and {cpu_names(done)}"
    right = with_those if len(waiting) == len(done) else alone if not waiting else ""
    if not patch.waits_for:
        right = ""
    return made(
        "answered",
        {
            alone: None,
            with_those: Belief.SYNC_BARRIER,
            listed(everyone): Belief.WORLD_STOPS,
            "nobody": None,
        },
        right,
        facts=(
            f"{PATCHING_TASK} has asked {cpu_names(range(len(site.cpus)))}: {phase}.",
            _who_answered(done, event.waiting_for, verb),
        ),
        text=f"Who does nothing of its own until {late} {has} {verb}?",
        hint="Who needs that for its next step? And who has nothing more to do with it?",
        why=" ".join(_why_waits(event.waiting_for, stepper.snapshot.cpus, done)),
        now=f"CPU{event.cpu} {'parks' if parks else 'answers'}",
    )


def _who_answered(done: Sequence[int], late: Sequence[int], verb: str) -> str:
    """Which CPUs have answered, or parked, and which have not."""
    has, have = ("has" if len(one) == 1 else "have" for one in (done, late))
    return f"{cpu_names(done)} {has} {verb}; {cpu_names(late)} {have} not."


def _why_waits(late: tuple[int, ...], cpus: tuple[CpuSnapshot, ...], done: list[int]) -> Iterator[str]:
    yield f"{PATCHING_TASK} takes no step before {cpu_names(late)}."
    for number in done:
        if cpus[number].parked:
            yield f"CPU{number} runs in a loop, with its interrupts off, until it is let go."
        else:
            yield f"CPU{number} has answered, and nothing holds it: it runs on in {cpus[number].function}."


def _last_sync(stepper: Stepper, site: SiteSnapshot, event: ev.SyncAnswered) -> StoryQuestion | None:
    """In the last sync, once a CPU has answered and another has not: what of these can come next.

    Each is looked at in the state that is here; it is asked where one of them can come and no other.
    """
    patch, late = stepper.snapshot.patching, event.waiting_for[0]
    rows = [row.phase for row in patch.phases]
    left = [] if patch.phase is None else rows[[row.name for row in rows].index(patch.phase.name) + 1 :]
    if not left or not all(isinstance(one.action, Release) for one in left):
        return None
    trap = bytes((INT3,))
    done = event.cpu
    parked = {cpu.number for cpu in stepper.snapshot.cpus if cpu.parked}
    release = f"{PATCHING_TASK} goes on without CPU{late}"
    can = {
        f"CPU{late} takes the int3": trap in can_run(stepper, site, late),
        f"CPU{done} takes the int3": trap in can_run(stepper, site, done),
        f"CPU{done} waits for CPU{late}": done in parked,
        release: stepper.simulation.patching.ready,
    }
    if sum(can.values()) != 1:
        return None
    stored = last_step(stepper, lambda one: isinstance(one, ev.SiteStored))
    return made(
        "last sync",
        dict(zip(can, (None, Belief.STALE_COPY, Belief.SYNC_BARRIER, None), strict=True)),
        next(text for text, true in can.items() if true),
        facts=(
            say("{} wrote {} at +0 at step {}, and has sent {}.",
                PATCHING_TASK, data(site.memory.data[:1]), stored, patch.phase.name if patch.phase else ""),
            _who_answered([done], event.waiting_for, "answered"),
        ),
        text=f"In the model {stepper.simulation.options.model.value}: which of these can happen now?",
        hint="Whose last answer came before the store at +0? And who needs all answers?",
        why=" ".join(_why_last(stepper, site, done, late, trap)),
        now=f"CPU{done} answers",
    )  # fmt: skip


def _why_last(stepper: Stepper, site: SiteSnapshot, done: int, late: int, trap: bytes) -> Iterator[str]:
    """What each CPU may run, and who waits."""
    runs = can_run(stepper, site, late)
    both = " or ".join(str(data(one).text) for one in sorted(runs, reverse=True))
    if trap in runs:
        yield say("CPU{} has not answered since the store: it may run {}.", late, both)
    yield f"CPU{done} has: it runs the new instruction."
    yield f"{PATCHING_TASK} waits for CPU{late}, whose handler needs the batch."


def handled(stepper: Stepper, site: SiteSnapshot, event: ev.Int3Claimed) -> StoryQuestion | None:
    """Once the handler has found the site, for the first time: where the CPU goes on; a fork of the run shows it."""
    if not is_first(stepper, ev.Int3Claimed) or site.old is None or site.new is None:
        return None
    done = _done(stepper.simulation, event.cpu)
    targets = [one.target for one in instructions_in(site.new.data, site.address, 1)]
    targets += [one.target for one in instructions_in(site.old.data, site.address, 1)]
    call, other = (*(one for one in dict.fromkeys(targets) if one is not None), None, None)[:2]
    if done is None or call is None:
        return None
    behind = site.address + site.size
    texts = {
        call: (_at_start(stepper, call), None),
        behind: (f"at {site.name}+{site.size}, at once", Belief.INT3_SKIPS),
        site.address: (f"at {site.name} again, until {site.new.data[0]:02X} is there", Belief.INT3_PARKS),
        other: ("nowhere, for the kernel dies" if other is None else _at_start(stepper, other), None),
    }
    return made(
        "handler",
        dict(texts.values()),
        texts.get(done.resume, ("", None))[0],
        facts=(f"CPU{event.cpu} has taken the int3, and its handler has found {site.name} in the batch.",),
        text=f"Where does CPU{event.cpu} go on?",
        hint="The batch says what the site becomes. What would a CPU do that runs that?",
        why=say(
            "The handler emulates the new instruction, {}, by setting RIP. CPU{} goes on there without a wait.",
            "a NOP" if done.emulated is ev.Emulated.NOP else f"a {done.emulated.value}",
            event.cpu,
        ),
    )


def _at_start(stepper: Stepper, target: int) -> str:
    """Where a call leads."""
    return f"at {without_addresses(stepper.image.code_name(target))}, at once"


def _done(simulation: Simulation, cpu: int) -> ev.Int3Done | None:
    """How an int3's handler ends on a CPU: a fork of the run, in which that CPU goes on alone."""
    fork = simulation.fork()
    try:
        for _ in range(HANDLES):
            found = [one for one in fork.step(Run(cpu)) if isinstance(one, ev.Int3Done) and one.cpu == cpu]
            if found or fork.halt_reason:
                return found[0] if found else None
    finally:
        fork.close()
    return None
