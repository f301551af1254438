"""A schedule in sentences, one a step: who reads them can replay it by hand.

A sentence names the CPU or the patching task, the byte, and its old and new value. `choice_of` reduces a step to what
its sentence says of the choice that was made; `follow` replays choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from simkernel.errors import LearnerError
from simkernel.explore.effects import Effect, Flow
from simkernel.explore.program import Do, ProgramAction
from simkernel.explore.properties import AT_ONCE, OLD_WAY
from simkernel.explore.search import CpuMoves, Step
from simkernel.explore.world import Cpu, Mode, Move, World
from simkernel.patching.commands import NAME, PID
from simkernel.schedule import Act

TASK = f"{NAME}-{PID}"

Choice = tuple[int | None, str, int | None, str]
"""Who (None: the patching task), what, from which byte of the site, which bytes (hex)."""

_ACTIONS = {
    Do.PUBLISH: "publishes the batch, which is this one site",
    Do.ASK: "asks every CPU to serialize",
    Do.ANSWERED: "has every CPU's answer",
    Do.SKIP: "skips the sync, which this batch does not need",
    Do.PARK: "asks every CPU to park",
    Do.PARKED: "has every CPU parked",
    Do.GO_ON: "lets the CPUs go on",
    Do.GONE_ON: "has seen every CPU go on",
    Do.DROP: "puts its own reference to the batch",
    Do.RELEASED: "releases the batch",
}
MOVES = {
    "answer": "takes the IPI: it serializes, and answers.",
    "park": "takes the IPI, and parks.",
    "leave same": "leaves its waiting loop and goes on where it was interrupted.",
    "leave other": "leaves its waiting loop and goes on with another task.",
    "leave irq": "leaves its waiting loop and is still in the interrupt.",
    "claim": "is in the int3 handler: it takes a reference to the batch and finds the site in it.",
    "nobody": "is in the int3 handler: it finds no batch, and does not claim the int3.",
    "done": "ends the int3 handler: it emulates the new instruction and returns.",
    "done skip": "ends the int3 handler: it skips the site and returns.",
    "return": "returns from the trampoline to behind the site.",
    "nmi": "takes an NMI, whose handler reaches the site.",
    "end": "ends its NMI by an IRET, which serializes.",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """One step of a schedule: what stood before it, the step, what it broke, what stands after it."""

    n: int
    before: tuple[Cpu, ...]
    step: Step
    after: tuple[Cpu, ...]
    bits: int


def scenes(world: World, cpus: int, steps: Iterable[Step]) -> Iterator[Scene]:
    """Play a schedule from the start.

    Raises:
        LearnerError: a step cannot be taken there.
    """
    n, now = 0, (world.start(),) * cpus
    for step in steps:
        options = [one for one in scenes_from(world, n, now) if one.step == step]
        if not options:
            raise LearnerError(f"after {n} actions of the patching task {step} cannot be")
        yield options[0]
        n, now = n + isinstance(step, Act), options[0].after


def scenes_from(world: World, n: int, cpus: tuple[Cpu, ...]) -> Iterator[Scene]:
    """Every step that can come next."""
    if any(cpu.mode is Mode.DEAD for cpu in cpus):
        return
    if n < world.last and world.ready(n, cpus):
        acted = [world.act(n, cpu) for cpu in cpus]
        bits = 0
        for _, broken in acted:
            bits |= broken
        yield Scene(n, cpus, Act(), tuple(cpu for cpu, _ in acted), bits)
    references = world.references(n, sum(cpu.mode is Mode.HOLDS for cpu in cpus))
    new = any(cpu.new for cpu in cpus)
    for i, cpu in enumerate(cpus):
        for move, then, broken in world.steps(n, cpu, references):
            broken |= AT_ONCE if new and broken & OLD_WAY else 0
            yield Scene(n, cpus, CpuMoves(i, move), (*cpus[:i], then, *cpus[i + 1 :]), broken)


def sentence(world: World, scene: Scene) -> str:
    """What happens in one step."""
    step = scene.step
    if isinstance(step, Act):
        return _action(world, scene.n)
    cpu, move = scene.before[step.cpu], step.move
    match move.kind:
        case "run":
            return f"CPU{step.cpu} runs {_run(world, scene.n, cpu, move)}"
        case "read":
            assert isinstance(move.first, int) and isinstance(move.data, bytes)
            return f"CPU{step.cpu} reads {_place(move.first, move.data)}: {_hex(move.data)}."
        case "resolve":
            first, old, new = _resolved(world, cpu, move)
            was = "was" if len(new) == 1 else "were"
            becomes = "becomes" if len(new) == 1 else "become"
            return f"For CPU{step.cpu} {_place(first, new)} {becomes} {_hex(new)}, {was} {_hex(old)}."
    return f"CPU{step.cpu} {MOVES[_key(world, move)]}"


def choice_of(world: World, scene: Scene) -> Choice:
    """The choice that a step is, as its sentence says it."""
    step = scene.step
    if isinstance(step, Act):
        return None, "act", None, ""
    cpu, move = scene.before[step.cpu], step.move
    match move.kind:
        case "run":
            effect = world.effect(cpu.at, world.fetched(scene.n, cpu))
            return step.cpu, "run", cpu.at, _hex(_instruction(world, scene.n, cpu, effect))
        case "read":
            assert isinstance(move.first, int) and isinstance(move.data, bytes)
            return step.cpu, "read", move.first, _hex(move.data)
        case "resolve":
            first, _, new = _resolved(world, cpu, move)
            return step.cpu, "resolve", first, _hex(new)
    return step.cpu, _key(world, move), None, ""


def follow(world: World, cpus: int, choices: Sequence[Choice]) -> tuple[Scene, ...]:
    """Replay choices from the start: the steps that they are."""
    n, now = 0, (world.start(),) * cpus
    out: list[Scene] = []
    for choice in choices:
        scene = next((one for one in scenes_from(world, n, now) if choice_of(world, one) == choice), None)
        if scene is None:
            raise LearnerError(f"after {len(out)} steps {choice} cannot be")
        out.append(scene)
        n, now = n + isinstance(scene.step, Act), scene.after
    return tuple(out)


# --- parts of sentences ---------------------------------------------------------------------------------------------


def _action(world: World, n: int) -> str:
    action = world.program.actions[n]
    where = f"{TASK} " if action.do is Do.PUBLISH else f"{TASK} is at {action.name}: it "
    if action.do is not Do.STORE:
        return f"{where}{_ACTIONS[action.do]}."
    return where + _stored(world, n, action)


def _stored(world: World, n: int, action: ProgramAction) -> str:
    if not action.stored:
        return "stores nothing that is not there already."
    first, last = action.stored[0][0], action.stored[-1][0] + 1
    old, new = (memory[first:last] for memory in world.program.memory[n : n + 2])
    return f"makes {_place(first, new)} {_hex(new)}, {'was' if len(new) == 1 else 'were'} {_hex(old)}."


def _resolved(world: World, cpu: Cpu, move: Move) -> tuple[int, bytes, bytes]:
    """(first byte, what the CPU ran there before, what it runs now) of a cell: the bytes that change."""
    assert isinstance(move.first, int) and isinstance(move.data, int)
    program = world.program
    old, new = (program.values[move.first][count] for count in (cpu.arrived[move.first], move.data))
    differ = [i for i in range(len(old)) if old[i] != new[i]] or [0]
    low, high = differ[0], differ[-1] + 1
    return program.offsets[move.first][low], old[low:high], new[low:high]


def _instruction(world: World, n: int, cpu: Cpu, effect: Effect) -> bytes:
    size = effect.size if effect.text != "(bad)" else world.case.size
    return world.fetched(n, cpu)[: min(size, world.case.size - cpu.at)]


def _run(world: World, n: int, cpu: Cpu, move: Move) -> str:
    effect = world.effect(cpu.at, world.fetched(n, cpu))
    data = _instruction(world, n, cpu, effect)
    return f"{_hex(data)} at byte +{cpu.at}: {_meaning(world, effect)}."


def _meaning(world: World, effect: Effect) -> str:
    case = world.case
    names = {case.old_target: "as the old instruction", case.new_target: "as the new instruction"}
    match effect.kind:
        case Flow.TRAP:
            return "it takes an int3"
        case Flow.FAULT:
            return "no instruction begins so, it takes an invalid opcode exception"
        case Flow.OTHER:
            return f"{effect.text}, and what becomes of it depends on its registers"
        case Flow.CALL:
            return f"it calls {effect.to:#x}, {names.get(effect.to, 'where neither instruction leads')}"
    if effect.to == case.end:
        return "it goes on behind the site"
    if case.site < effect.to < case.end:
        return f"it goes on at byte +{effect.to - case.site}"
    if effect.to in names and not case.calls(effect.to):
        return f"it jumps to {effect.to:#x}, {names[effect.to]}"
    return f"it goes on at {effect.to:#x}, where neither instruction leads"


def _key(world: World, move: Move) -> str:
    if move.kind == "leave":
        return f"leave {move.first}"
    return "done skip" if move.kind == "done" and world.protocol.handler == "skip" else move.kind


def _place(first: int, data: bytes) -> str:
    return f"byte +{first}" if len(data) == 1 else f"bytes +{first} to +{first + len(data) - 1}"


def _hex(data: bytes) -> str:
    return data.hex(" ").upper()
