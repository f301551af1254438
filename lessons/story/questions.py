"""Questions of a story: what one is asked before it is told, at the steps where something is decided.

Each is computed where a stepper stands, its right answer with it: from what the CPUs may run and who waits there, or
by a fork of the run that goes on. A rule looks at what has just happened and makes a question of it, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from lessons.session.stepper import Stepper
from lessons.story.say import stop_events
from simkernel import events as ev
from simkernel.insn import INT3
from simkernel.protocol import Phase, SyncCores, Write
from simkernel.schedule import Run
from simkernel.sentence import cpus as cpu_names
from simkernel.sentence import data, listed, say, without_addresses
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import CpuSnapshot, SiteSnapshot, Snapshot
from simkernel.sim.snapshot.cpus import instructions_in

HANDLES = 5_000  # instructions of one CPU within which an int3's handler has returned, by far


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked at a step.

    Attributes:
        name: of what it is about, for whoever asks for one.
        facts: what one reasons from, a sentence each: nothing of the answer.
        text: the question.
        choices: the answers, in the order of their texts, which tells nothing.
        right: the number of the right one, from 0.
        hint: for who does not know yet.
        why: why that is the answer, in this run.
        now: what the step is called while its own sentence would tell the answer; "" where it does not.
    """

    name: str
    facts: tuple[str, ...]
    text: str
    choices: tuple[str, ...]
    right: int
    hint: str
    why: str
    now: str = ""

    @property
    def answer(self) -> str:
        """The right choice."""
        return self.choices[self.right]


def question_at(stepper: Stepper) -> Question | None:
    """What is asked where a stepper stands; None where nothing is decided."""
    simulation, snapshot = stepper.simulation, stepper.snapshot
    site = snapshot.site
    if not stepper.begun or simulation.point.instructions or site is None or site.old is None or site.new is None:
        return None
    if snapshot.oops is not None or site.address not in snapshot.patching.sites:
        return None
    happened = stop_events(stepper, simulation.position)
    rule = RULES.get(type(happened[-1])) if happened else None
    return None if rule is None else rule(stepper, site, happened[-1])


def _made(name: str, choices: Iterable[str], right: str, **words: Any) -> Question | None:
    """A question with its choices in order; None where the right answer is none of them."""
    ordered = tuple(sorted(set(choices)))
    return Question(name=name, choices=ordered, right=ordered.index(right), **words) if right in ordered else None


def _first(stepper: Stepper, kind: type[ev.Event]) -> bool:
    """Whether the step at which one stands is the story's first with such an event."""
    stops = stepper.stops()
    before = stops[-2].position if len(stops) > 1 else stepper.begin
    rule = stepper.heard().rule_from(stepper.simulation.logged - len(stepper.events_from(stepper.begin)))
    told = [one for one in stepper.events_from(stepper.begin, before) if rule.stops_at(one)]
    return not any(isinstance(one, kind) for one in told)


# --- what a CPU can run --------------------------------------------------------------------------------------------


def _can_run(stepper: Stepper, site: SiteSnapshot, cpu: int) -> set[bytes]:
    """All that a CPU can run at a site before anything else happens: an int3 alone, else as many bytes as it has."""
    options = stepper.simulation.site(site.address).may_fetch(cpu)
    whole = {one.data[0] for one in (site.old, site.new) if one is not None}
    found = {bytes(values) for values in product(*options)}
    return {one[:1] if one[0] == INT3 and INT3 not in whole else one for one in found}


def _inside(snapshot: Snapshot, site: SiteSnapshot) -> list[int]:
    """The CPUs that have read a part of the instruction and not run it."""
    return [one.cpu for one in site.cpus if one.read and not one.read_int3]


def _read_by(stepper: Stepper, site: SiteSnapshot) -> list[str]:
    """For each CPU in the middle of the instruction, at which step it read what of it."""
    stops = stepper.stops()
    out = []
    for cpu in _inside(stepper.snapshot, site):
        read = site.cpus[cpu].read
        for at in range(len(stops), 0, -1):
            events = stop_events(stepper, stops[at - 1].position)
            if any(isinstance(one, ev.PieceRead) and one.cpu == cpu for one in events):
                which, them = ("byte +0", "it") if read == 1 else (f"bytes {_from_0(read)}", "them")
                out.append(f"At step {at} CPU{cpu} read {which} of {site.name}; it has not run {them} yet.")
                break
    return out


def _from_0(count: int) -> str:
    """The first so many bytes, of two or more."""
    return f"+0 {'and' if count == 2 else 'to'} +{count - 1}"


def _old_left(stepper: Stepper, site: SiteSnapshot, event: ev.SyncSent) -> Question | None:
    """Once byte 0 is an int3 and the first sync is sent: which CPU can still run the old instruction."""
    phases = stepper.protocol.phases
    first = next((one for one in phases if isinstance(one.action, SyncCores)), None)
    if first is None or event.phase != first.name or site.old is None or site.memory.data[0] != INT3:
        return None
    every = [one.cpu for one in site.cpus]
    can = [cpu for cpu in every if site.old.data in _can_run(stepper, site, cpu)]
    every_one = f"{cpu_names(every)}, until each has answered"
    none = f"neither: memory holds {INT3:02X} now" if len(every) == 2 else f"none: memory holds {INT3:02X} now"
    few = f"{cpu_names(can if 0 < len(can) < len(every) else every[:1])} only"
    stand = f"{none.partition(':')[0]}: the CPUs wait for the patch"
    right = every_one if can == every else few if can else none
    return _made(
        "old left",
        (few, every_one, none, stand),
        right,
        facts=(
            f"{PATCHING_TASK} has written {INT3:02X} at +0 and sends {event.phase}. No CPU has answered yet.",
            *(_read_by(stepper, site) or [f"No CPU is in the middle of {site.name}."]),
        ),
        text="Which CPU can still run the old instruction here?",
        hint="A CPU runs a byte as it has read it. Which CPU has read one here, and which comes and reads memory?",
        why=" ".join(_why_old(stepper, site, can)),
    )


def _why_old(stepper: Stepper, site: SiteSnapshot, can: list[int]) -> Iterator[str]:
    old = b"" if site.old is None else site.old.data
    for one in site.cpus:
        if one.cpu in can and one.read:
            yield say("CPU{} runs what it has read, and {} is the rest: {}.", one.cpu, "memory", data(old))
        elif one.cpu in can:
            yield say("CPU{} runs the one or the other until it has answered: {} or {}.", one.cpu, data(old),
                      data(site.memory.data[:1]))  # fmt: skip
    others = [one.cpu for one in site.cpus if one.cpu not in can]
    if others:
        run = "runs" if len(others) == 1 else "run"
        yield f"{cpu_names(others)} {run} {INT3:02X}, which memory holds at +0; nobody waits."


NOW_WHAT = {"int3": "it takes the int3", "old": "it runs the old instruction", "new": "it runs the new instruction",
            "torn": "it runs a mixture of the old and the new"}  # fmt: skip
WAITS = "it waits until the change is over"


def _comes(stepper: Stepper, site: SiteSnapshot, event: ev.SiteStored) -> Question | None:
    """Before the last store, or where a CPU is in the middle of the instruction: what a CPU does there now."""
    writes = [one for one in _to_come(stepper) if isinstance(one.action, Write)]
    inside = _inside(stepper.snapshot, site)
    if not writes and not inside:
        return _head(stepper, site, event)
    if len(writes) > 1 or site.memory.data == (site.old and site.old.data):
        return None
    free = [one.number for one in stepper.snapshot.cpus if not one.parked]
    cpu = next(iter(inside), free[-1] if free else -1)
    kinds = set() if cpu < 0 else {_kind(site, one) for one in _can_run(stepper, site, cpu)}
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    does = f"CPU{cpu} goes on at {site.name}." if cpu in inside else f"CPU{cpu} comes to {site.name}."
    wrong = "new" if kind == "new" or not writes else "old"
    return _made(
        "comes",
        (*(NOW_WHAT[one] for one in ("int3", wrong, "torn")), WAITS),
        NOW_WHAT[kind],
        facts=(say("Memory holds {}.", data(site.memory.data)), *_read_by(stepper, site)),
        text=f"{does} What does it do?",
        hint="It runs the bytes that it has read, and reads the others from memory. What does the first one say?",
        why=_why_comes(stepper, site, cpu, kind),
    )


def _to_come(stepper: Stepper) -> list[Phase]:
    """The phases that have not ended."""
    rows = stepper.snapshot.patching.phases
    now = stepper.snapshot.patching.phase
    names = [row.name for row in rows]
    return [] if now is None else [row.phase for row in rows[names.index(now.name) :]]


def _kind(site: SiteSnapshot, run: bytes) -> str:
    """Whether bytes that a CPU runs are an int3, the old instruction, the new one, or neither."""
    if run == bytes((INT3,)):
        return "int3"
    whole = {one.data: name for name, one in (("old", site.old), ("new", site.new)) if one is not None}
    return whole.get(run, "torn")


def _why_comes(stepper: Stepper, site: SiteSnapshot, cpu: int, kind: str) -> str:
    runs = max(_can_run(stepper, site, cpu))
    read = site.cpus[cpu].read
    if kind == "int3":
        return say("Byte +0 is {}, an instruction of one byte: CPU{} reads no other, whatever stands behind it. "
                   "It does not wait: the handler lets it go on.", data(runs), cpu)  # fmt: skip
    how = say("It has read {}; the rest is memory's", data(runs[:read])) if read else "It reads what memory holds"
    what = {"torn": "neither the old instruction nor the new one", "old": "the old instruction",
            "new": "the new instruction"}[kind]  # fmt: skip
    return say("{}: {}, {}. Nothing makes it wait.", how, data(runs), what)


def _head(stepper: Stepper, site: SiteSnapshot, event: ev.SiteStored) -> Question | None:
    """Once all bytes are written and an int3 stood there: which instructions a CPU can run."""
    if site.old is None or site.new is None or event.old[:1] != bytes((INT3,)):
        return None
    new, old, trap = site.new.data, site.old.data, bytes((INT3,))
    runs = [(one.cpu, _can_run(stepper, site, one.cpu)) for one in site.cpus]
    kinds = [(cpu, frozenset(_kind(site, one) for one in can)) for cpu, can in runs]
    torn = next((one for _, can in runs for one in sorted(can) if _kind(site, one) == "torn"), new[:1] + old[1:])
    texts = {
        frozenset({"new"}): say("{} only", data(new)),
        frozenset({"new", "int3"}): say("{} or {}", data(new), data(trap)),
        frozenset({"new", "old"}): say("{} or {}", data(new), data(old)),
        frozenset({"new", "int3", "torn"}): say("{}, {}, or a mixture, as {}", data(new), data(trap), data(torn)),
    }
    cpu, can = next(((cpu, can) for cpu, can in kinds if can in texts), (-1, frozenset()))
    if cpu < 0:
        return None
    return _made(
        "head",
        texts.values(),
        texts[can],
        facts=(say("{} has written {} at +0. No CPU has been asked anything since.", PATCHING_TASK, data(new[:1])),),
        text=f"In the model {stepper.simulation.options.model.value}: what can CPU{cpu} run here now?",
        hint="What has it been asked before this store, and what does this model say of a store since then?",
        why=_why_head(site, cpu, len(can), trap),
    )


def _why_head(site: SiteSnapshot, cpu: int, kinds: int, trap: bytes) -> str:
    """Why these and no others."""
    if kinds == 1:
        return f"CPU{cpu} is not in the middle of the instruction: all that it runs is what memory holds."
    head = say("CPU{} may run {} until it has answered: the store is later than its last answer.", cpu, data(trap))
    tail = f"bytes +1 to +{site.size - 1} were written"
    if kinds == 2:
        return f"{head} It has answered since {tail}, so those are new."
    return f"{head} It has not answered since {tail}: each may be old."


# --- who waits -----------------------------------------------------------------------------------------------------


def _answered(stepper: Stepper, site: SiteSnapshot, event: ev.SyncAnswered | ev.Parked) -> Question | None:
    """Once the first CPU has answered and another has not: who waits for that one."""
    if not event.waiting_for or not _first(stepper, type(event)):
        return None
    patch = stepper.snapshot.patching
    phase = "" if patch.phase is None else patch.phase.name
    parks = isinstance(event, ev.Parked)
    verb, late = ("parked", cpu_names(event.waiting_for)) if parks else ("answered", cpu_names(event.waiting_for))
    has = "has" if len(event.waiting_for) == 1 else "have"
    done = [cpu.number for cpu in stepper.snapshot.cpus if cpu.number not in event.waiting_for]
    waiting = [cpu for cpu in stepper.snapshot.cpus if cpu.number in done and cpu.parked]
    everyone = [PATCHING_TASK, *(f"CPU{cpu.number}" for cpu in stepper.snapshot.cpus)]
    texts = (
        f"{PATCHING_TASK} alone",
        f"{PATCHING_TASK} and {cpu_names(done)}",
        f"all of them: {listed(everyone)}",
        "nobody",
    )
    right = texts[1] if len(waiting) == len(done) else texts[0] if not waiting else ""
    if not patch.waits_for:
        right = ""
    return _made(
        "answered",
        texts,
        right,
        facts=(
            f"{PATCHING_TASK} has asked {cpu_names(range(len(site.cpus)))}: {phase}.",
            f"{cpu_names(done)} {'has' if len(done) == 1 else 'have'} {verb}; {late} {has} not.",
        ),
        text=f"Who does nothing of its own until {late} {has} {verb}?",
        hint="Who needs that for its next step? And who has nothing more to do with it?",
        why=" ".join(_why_waits(event.waiting_for, stepper.snapshot.cpus, done)),
        now=f"CPU{event.cpu} {'parks' if parks else 'answers'}",
    )


def _why_waits(late: tuple[int, ...], cpus: tuple[CpuSnapshot, ...], done: list[int]) -> Iterator[str]:
    yield f"{PATCHING_TASK} takes no step before {cpu_names(late)}."
    for number in done:
        if cpus[number].parked:
            yield f"CPU{number} runs in a loop, with its interrupts off, until it is let go."
        else:
            yield f"CPU{number} is held by nothing: it is in {cpus[number].function}, and runs on from there."


# --- the handler ---------------------------------------------------------------------------------------------------


def _handled(stepper: Stepper, site: SiteSnapshot, event: ev.Int3Claimed) -> Question | None:
    """Once the handler has found the site, for the first time: where the CPU goes on; a fork of the run shows it."""
    if not _first(stepper, ev.Int3Claimed) or site.old is None or site.new is None:
        return None
    done = _done(stepper.simulation, event.cpu)
    targets = [one.target for one in instructions_in(site.new.data, site.address, 1)]
    targets += [one.target for one in instructions_in(site.old.data, site.address, 1)]
    call = next((target for target in targets if target is not None), None)
    if done is None or call is None:
        return None
    behind = site.address + site.size
    texts = {
        call: f"at the start of {without_addresses(stepper.image.code_name(call))}, at once",
        behind: f"at {site.name}+{site.size}, at once",
        site.address: f"at {site.name} again, until {site.new.data[0]:02X} is there",
        None: "nowhere: the kernel dies",
    }
    return _made(
        "handler",
        texts.values(),
        texts.get(done.resume, ""),
        facts=(f"CPU{event.cpu} has taken the int3, and its handler has found {site.name} in the batch.",),
        text=f"Where does CPU{event.cpu} go on?",
        hint="The batch says what the site becomes. What would a CPU do that runs that?",
        why=say(
            "The handler does the work of the new instruction, {}, by setting RIP: here CPU{} goes on at {}. "
            "It waits for nobody.",
            "a NOP" if done.emulated is ev.Emulated.NOP else f"a {done.emulated.value}",
            event.cpu,
            without_addresses(stepper.image.code_name(done.resume)),
        ),
    )


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


RULES: dict[type[ev.Event], Callable[[Stepper, SiteSnapshot, Any], Question | None]] = {
    ev.SyncSent: _old_left,
    ev.SyncAnswered: _answered,
    ev.Parked: _answered,
    ev.SiteStored: _comes,
    ev.Int3Claimed: _handled,
}
"""Which events are asked about; of a sync that ends and of a release nothing is decided."""
