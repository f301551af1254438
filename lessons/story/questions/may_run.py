"""What a CPU can run where the bytes are changing: the old instruction, the int3, the new one, or what is torn."""

from __future__ import annotations

from collections.abc import Iterator

from lessons.session.beliefs import Belief
from lessons.session.stepper import Stepper
from lessons.story.questions.question import StoryQuestion, can_run, inside, is_first, last_step, made
from simkernel import events as ev
from simkernel.insn import INT3
from simkernel.protocol import Phase, SyncCores, Write
from simkernel.sentence import cpus as cpu_names
from simkernel.sentence import data, say
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.snapshot import SiteSnapshot

PROMISED = "The manuals promise less: that is what {} is for."


def _read_by(stepper: Stepper, site: SiteSnapshot) -> list[str]:
    """For each CPU in the middle of the instruction, at which step it read what of it."""
    out = []
    for cpu in inside(stepper.snapshot, site):
        read = site.cpus[cpu].read
        which, them = ("byte +0", "it") if read == 1 else (f"bytes {_from_0(read)}", "them")
        if at := _read_at(stepper, cpu):
            out.append(f"At step {at} CPU{cpu} read {which}; it has not run {them} yet.")
    return out


def _read_at(stepper: Stepper, cpu: int) -> int:
    """The step at which a CPU read the last of what it has read; 0: at none."""
    return last_step(stepper, lambda one: isinstance(one, ev.PieceRead) and one.cpu == cpu)


def _holds(stepper: Stepper, site: SiteSnapshot) -> str:
    """What memory holds at byte +0, and since which step."""
    at = last_step(stepper, lambda one: isinstance(one, ev.SiteStored) and not one.first)
    head = data(site.memory.data[:1])
    return say("has held {} at +0 since step {}", head, at) if at else say("holds {} at +0", head)


def _from_0(count: int) -> str:
    """The first so many bytes, of two or more."""
    return f"+0 {'and' if count == 2 else 'to'} +{count - 1}"


def old_left(stepper: Stepper, site: SiteSnapshot, event: ev.SyncSent) -> StoryQuestion | None:
    """Once byte 0 is an int3 and the first sync is sent: which CPU can still run the old instruction."""
    phases = stepper.protocol.phases
    first = next((one for one in phases if isinstance(one.action, SyncCores)), None)
    if first is None or event.phase != first.name or site.old is None or site.memory.data[0] != INT3:
        return None
    every = [one.cpu for one in site.cpus]
    can = [cpu for cpu in every if site.old.data in can_run(stepper, site, cpu)]
    every_one = f"{cpu_names(every)}, until each has answered"
    no_one = "neither" if len(every) == 2 else "none"
    none = f"{no_one}, for memory holds {INT3:02X} now"
    few = f"{cpu_names(can if 0 < len(can) < len(every) else every[:1])} only"
    stand = f"{no_one}, for the CPUs wait for the patch"
    right = every_one if can == every else few if can else none
    model = stepper.simulation.options.model.value
    return made(
        "old left",
        {few: None, every_one: Belief.STALE_COPY, none: Belief.MEMORY_IS_ALL, stand: Belief.WORLD_STOPS},
        right,
        facts=(
            f"{PATCHING_TASK} has written {INT3:02X} at +0, and sends {event.phase}.",
            *(_read_by(stepper, site) or [f"No CPU is in the middle of {site.name}."]),
        ),
        text=f"In the model {model}: which CPU can still run the old instruction here?",
        hint="A CPU runs a byte as it has read it. Which one has read a byte here, and which has not?",
        why=" ".join((*_why_old(stepper, site, can), *([] if can == every else [say(PROMISED, event.phase)]))),
    )


def _why_old(stepper: Stepper, site: SiteSnapshot, can: list[int]) -> Iterator[str]:
    old = b"" if site.old is None else site.old.data
    for one in site.cpus:
        if one.cpu in can and one.read:
            at = _read_at(stepper, one.cpu)
            when = f" at step {at}" if at else ""
            yield say("CPU{} runs {}, which it read{}, and the rest from memory: {}.",
                      one.cpu, data(old[: one.read]), when, data(old))  # fmt: skip
    pending = [one.cpu for one in site.cpus if one.cpu in can and not one.read]
    if pending:
        yield say("Until it has answered, {} may run either: {} or {}.",
                  cpu_names(pending), data(old), data(site.memory.data[:1]))  # fmt: skip
    others = [one.cpu for one in site.cpus if one.cpu not in can]
    if others:
        run = "runs" if len(others) == 1 else "run"
        yield say("Memory {}: {} {} that. No CPU waits.", _holds(stepper, site), cpu_names(others), run)


NOW_WHAT = {
    "int3": ("it takes the int3 at byte +0", None),
    "old": ("it runs the old instruction", Belief.STALE_COPY),
    "new": ("it runs the new instruction", Belief.MEMORY_IS_ALL),
    "torn": ("it runs a torn instruction, half old, half new", Belief.TEAR_FAULTS),
}
"""What a CPU may do at a site, each with the belief that would say so."""
WAITS = "it waits until the change is over"


def comes(stepper: Stepper, site: SiteSnapshot, event: ev.SiteStored) -> StoryQuestion | None:
    """What a CPU does at the site now: before the last store where byte +0 is an int3, else after the first one.

    Where a CPU is in the middle of the instruction it is asked after any store that may be its last.
    """
    writes = [one for one in _to_come(stepper) if isinstance(one.action, Write)]
    reading = inside(stepper.snapshot, site)
    if not writes and not reading:
        return _head(stepper, site, event)
    guarded = site.memory.data[0] == INT3
    passed_by = len(writes) > 1 if guarded else bool(writes) and not is_first(stepper, ev.SiteStored)
    if passed_by or site.memory.data == (site.old and site.old.data):
        return None
    free = [one.number for one in stepper.snapshot.cpus if not one.parked]
    cpu = next(iter(reading), free[-1] if free else -1)
    kinds = set() if cpu < 0 else {_kind(site, one) for one in can_run(stepper, site, cpu)}
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    does = f"CPU{cpu} goes on at {site.name}." if cpu in reading else f"CPU{cpu} reaches {site.name}."
    parks = Belief.INT3_PARKS if guarded else Belief.WORLD_STOPS
    wrong = "new" if kind == "new" or not writes else "old"
    return made(
        "comes",
        {**dict(NOW_WHAT[one] for one in ("int3", wrong, "torn")), WAITS: parks},
        NOW_WHAT[kind][0],
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
    runs = max(can_run(stepper, site, cpu))
    read = site.cpus[cpu].read
    if kind == "int3":
        return say("Memory {}, an instruction of one byte: CPU{} runs it, whatever follows. "
                   "It does not wait: the handler lets it go on.", _holds(stepper, site), cpu)  # fmt: skip
    since = f" at step {at}" if (at := _read_at(stepper, cpu)) else ""
    how = say("It read {}{}; the rest is memory's", data(runs[:read]), since) if read else "It reads what memory holds"
    what = {"torn": "neither the old instruction nor the new one", "old": "the old instruction",
            "new": "the new instruction"}[kind]  # fmt: skip
    return say("{}: {}, {}. Nothing makes it wait.", how, data(runs), what)


def _head(stepper: Stepper, site: SiteSnapshot, event: ev.SiteStored) -> StoryQuestion | None:
    """Once all bytes are written and an int3 stood there: which instructions a CPU can run."""
    if site.old is None or site.new is None or event.old[:1] != bytes((INT3,)):
        return None
    new, old, trap = site.new.data, site.old.data, bytes((INT3,))
    runs = [(one.cpu, can_run(stepper, site, one.cpu)) for one in site.cpus]
    kinds = [(cpu, frozenset(_kind(site, one) for one in can)) for cpu, can in runs]
    torn = next((one for _, can in runs for one in sorted(can) if _kind(site, one) == "torn"), new[:1] + old[1:])
    texts: dict[frozenset[str], str] = {
        frozenset({"new"}): say("{} only", data(new)),
        frozenset({"new", "int3"}): say("{} or {}", data(new), data(trap)),
        frozenset({"new", "old"}): say("{} or {}", data(new), data(old)),
        frozenset({"new", "int3", "torn"}): say("{}, {}, or torn, as {}", data(new), data(trap), data(torn)),
    }
    beliefs: dict[str, Belief | None] = {
        text: Belief.MEMORY_IS_ALL if can == {"new"} else Belief.STALE_COPY for can, text in texts.items()
    }
    cpu, can = next(((cpu, can) for cpu, can in kinds if can in texts), (-1, frozenset()))
    if cpu < 0:
        return None
    return made(
        "head",
        beliefs,
        texts[can],
        facts=(say("{} has written {} at +0. No CPU has been asked anything since.", PATCHING_TASK, data(new[:1])),),
        text=f"In the model {stepper.simulation.options.model.value}: what can CPU{cpu} run here now?",
        hint="What has it been asked before this store, and what does this model say of a store since then?",
        why=_why_head(stepper, site, cpu, len(can)),
    )


def _why_head(stepper: Stepper, site: SiteSnapshot, cpu: int, kinds: int) -> str:
    """Why these and no others."""
    if kinds == 1:
        why = say("CPU{} has read no byte of it yet: it runs what memory holds.", cpu)
        sync = next((one.name for one in _to_come(stepper) if isinstance(one.action, SyncCores)), "")
        return f"{why} {say(PROMISED, sync)}" if sync else why
    at = last_step(stepper, lambda one: isinstance(one, ev.SyncAnswered) and one.cpu == cpu)
    answered = f"It answered last at step {at}" if at else "It has answered no sync"
    head = say("CPU{} may run {} until it answers again: the store came later.", cpu, data(bytes((INT3,))))
    tail = f"bytes +1 to +{site.size - 1} were written"
    if kinds == 2:
        return f"{head} {answered}, after {tail}: those are new."
    return f"{head} {answered}, before {tail}: each may be old."
