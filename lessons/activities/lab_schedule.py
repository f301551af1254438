"""A schedule of the explorer for the eye: each move with the bytes in memory and those that each CPU may run; lanes."""

from __future__ import annotations

from lessons.lanes import Did, LaneMark, TimePicture, TimeStep
from lessons.picture import Byte, ByteKind, Move, Tone
from simkernel.explore import Finding
from simkernel.explore.program import Do, ProgramAction
from simkernel.explore.properties import TORN
from simkernel.explore.search import CpuMoves
from simkernel.explore.sentences import Scene, sentence
from simkernel.explore.world import Cpu, Mode, World
from simkernel.insn import INT3
from simkernel.schedule import Act
from simkernel.sim.narrate import PATCHING_TASK

MEMORY = "memory"
NONE = Byte(None)
ACTIONS = {
    Do.PUBLISH: "publishes batch",
    Do.ANSWERED: "has all answers",
    Do.SKIP: "skips the sync",
    Do.PARK: "asks CPUs to park",
    Do.PARKED: "has all parked",
    Do.GO_ON: "lets CPUs go on",
    Do.GONE_ON: "saw all go on",
    Do.DROP: "puts its ref",
    Do.RELEASED: "releases batch",
}
MOVES = {
    "answer": "answers the IPI",
    "park": "parks",
    "leave": "leaves its loop",
    "claim": "finds the site",
    "nobody": "finds no batch",
    "return": "returns behind it",
    "nmi": "takes an NMI",
    "end": "ends its NMI",
}
TASK_DID = {
    Do.PUBLISH: Did.BEGINS,
    Do.STORE: Did.WRITES,
    Do.ASK: Did.SENDS,
    Do.PARK: Did.SENDS,
    Do.GO_ON: Did.GOES_ON,
    Do.ANSWERED: Did.GOES_ON,
    Do.PARKED: Did.GOES_ON,
    Do.GONE_ON: Did.GOES_ON,
    Do.RELEASED: Did.RELEASES,
}
CPU_DID = {
    "run": Did.RUNS,
    "read": Did.READS,
    "resolve": Did.RESOLVES,
    "answer": Did.ANSWERS,
    "park": Did.PARKS,
    "leave": Did.GOES_ON,
    "claim": Did.INT3,
    "nobody": Did.DIES,
    "done": Did.CALLS,
    "return": Did.GOES_ON,
    "nmi": Did.NMI,
    "end": Did.GOES_ON,
}
WAITS_FOR = {Do.ANSWERED, Do.PARKED, Do.GONE_ON, Do.RELEASED}  # before these the patching task waits


def columns_of(finding: Finding) -> tuple[str, ...]:
    """Whose bytes a schedule shows."""
    return (MEMORY, *(f"CPU{cpu}" for cpu in range(finding.question.cpus)))


def moves_of(finding: Finding) -> tuple[Move, ...]:
    """Every move of a finding's schedule; the last one is what breaks the property."""
    scenes = finding.scenes()
    return tuple(_move(finding.world, scene, at + 1 == len(scenes)) for at, scene in enumerate(scenes))


def _move(world: World, scene: Scene, last: bool) -> Move:
    step, n = scene.step, scene.n + isinstance(scene.step, Act)
    rows = [_whole(world, world.program.memory[n]), *(_may_run(world, n, cpu) for cpu in scene.after)]
    if isinstance(step, CpuMoves) and step.move.kind == "run":
        rows[step.cpu + 1] = _ran(world, scene, scene.before[step.cpu])
    column = step.cpu + 1 if isinstance(step, CpuMoves) else 0
    tone = Tone.BROKEN if last and scene.bits else Tone.PLAIN
    return Move(_who(scene), _text(world, scene), sentence(world, scene), tuple(rows), column, tone)


def _who(scene: Scene) -> str:
    return f"CPU{scene.step.cpu}" if isinstance(scene.step, CpuMoves) else PATCHING_TASK


def _text(world: World, scene: Scene) -> str:
    """What happens in one move, in at most 17 characters where a site has five bytes."""
    step = scene.step
    if isinstance(step, Act):
        return _action(world.program.actions[scene.n])
    cpu, move = scene.before[step.cpu], step.move
    match move.kind:
        case "run":
            return f"runs {_instruction(world, scene, cpu)}"
        case "read":
            assert isinstance(move.data, bytes)
            return f"reads {_span(int(move.first), len(move.data))}"
        case "resolve":
            first, value = _resolved(world, cpu, int(move.first), scene.after[step.cpu])
            return f"will run {value:02X} at +{first}"
        case "done":
            return "skips the site" if world.protocol.handler == "skip" else "emulates new one"
    return MOVES[move.kind]


def _action(action: ProgramAction) -> str:
    if action.do is Do.STORE:
        return _stored(action.stored)
    return f"sends {action.name}" if action.do is Do.ASK else ACTIONS[action.do]


def _stored(stored: tuple[tuple[int, int], ...]) -> str:
    if not stored:
        return "writes the same"
    first, value = stored[0]
    return f"writes {value:02X} at +{first}" if len(stored) == 1 else f"writes {_span(first, len(stored))}"


def _span(first: int, size: int) -> str:
    return f"+{first}" if size == 1 else f"+{first} to +{first + size - 1}"


def _resolved(world: World, before: Cpu, cell: int, after: Cpu) -> tuple[int, int]:
    """(first byte that becomes another one for a CPU, its value from now on) of a cell."""
    values, offsets = world.program.values[cell], world.program.offsets[cell]
    old, new = values[before.arrived[cell]], values[after.arrived[cell]]
    at = next((at for at in range(len(old)) if old[at] != new[at]), 0)
    return offsets[at], new[at]


def _instruction(world: World, scene: Scene, cpu: Cpu) -> str:
    """What a CPU runs, by name."""
    data = _ran_bytes(world, scene, cpu)
    if scene.bits & TORN:
        return "torn bytes"
    if cpu.at == 0 and data[0] == INT3:
        return "the int3"
    name = "new" if data == world.case.new[cpu.at : cpu.at + len(data)] else "old"
    return f"the {name} one" if len(data) == world.case.size else f"{name} part +{cpu.at}"


def _ran_bytes(world: World, scene: Scene, cpu: Cpu) -> bytes:
    """The bytes of the site that are the instruction which a CPU runs."""
    data = world.fetched(scene.n, cpu)
    effect = world.effect(cpu.at, data)
    size = effect.size if effect.size else world.case.size
    return data[: min(size, world.case.size - cpu.at)]


def _ran(world: World, scene: Scene, cpu: Cpu) -> tuple[Byte, ...]:
    """What a CPU runs, at its place in the site."""
    data = _ran_bytes(world, scene, cpu)
    own = [Byte(value, _kind(world, cpu.at + at, value)) for at, value in enumerate(data)]
    return (*[NONE] * cpu.at, *own, *[NONE] * (world.case.size - cpu.at - len(own)))


def _kind(world: World, at: int, value: int) -> ByteKind:
    old, new = world.case.old[at], world.case.new[at]
    if at == 0 and value == INT3 and value not in (old, new):
        return ByteKind.INT3
    if old == new:
        return ByteKind.SAME
    return ByteKind.NEW if value == new else ByteKind.OLD


def _whole(world: World, data: bytes) -> tuple[Byte, ...]:
    return tuple(Byte(value, _kind(world, at, value)) for at, value in enumerate(data))


def _may_run(world: World, n: int, cpu: Cpu) -> tuple[Byte, ...]:
    """What a CPU may run at the site after n actions: what it runs as things stand, and what else may come to it."""
    if cpu.mode is Mode.DEAD:
        return (NONE,) * world.case.size
    program = world.program
    now = bytearray(program.view(cpu.arrived) if program.cells else program.memory[n])
    now[cpu.at : cpu.at + len(cpu.read)] = cpu.read[: world.case.size - cpu.at]
    later: dict[int, tuple[int, ...]] = {}
    for cell, (have, made) in enumerate(zip(cpu.arrived, program.made[n], strict=True)):
        for place, at in enumerate(program.offsets[cell]):
            values = dict.fromkeys(one[place] for one in program.values[cell][have + 1 : made + 1])
            later[at] = tuple(value for value in values if value != now[at])
    return tuple(Byte(value, _kind(world, at, value), later.get(at, ())) for at, value in enumerate(now))


# --- the time picture ----------------------------------------------------------------------------------------------


def lanes_of(finding: Finding, at: int) -> TimePicture:
    """Who does what at each move of a finding's schedule, where one stands at a move."""
    world, scenes = finding.world, finding.scenes()
    names = (PATCHING_TASK, *columns_of(finding)[1:])
    moments = tuple(
        TimeStep(number, number, _phase(world, scene), _marks(world, scene), f"{_who(scene)} {_text(world, scene)}")
        for number, scene in enumerate(scenes, 1)
    )
    return TimePicture(names, moments, at)


def _phase(world: World, scene: Scene) -> str:
    """The phase that is under way: that of the patching task's last action, or of the one that it takes."""
    taken = scene.n if isinstance(scene.step, Act) else scene.n - 1
    return world.program.actions[taken].name if taken >= 0 else ""


def _marks(world: World, scene: Scene) -> tuple[LaneMark, ...]:
    """What every lane does at a move, or is in the middle of."""
    step, actions = scene.step, world.program.actions
    if isinstance(step, Act):
        action = actions[scene.n]
        asked = Did.ASKED if action.do in (Do.ASK, Do.PARK) else None
        text = _in_two(world, scene) if action.do is Do.STORE else ""
        waits = _waits(world, scene.n + 1, scene.after)
        did = TASK_DID.get(action.do, Did.WAITS if waits else Did.NOTHING)
        return (LaneMark(did, text), *(LaneMark(asked or _doing(cpu)) for cpu in scene.after))
    waits = _waits(world, scene.n, scene.after)
    cpus = [LaneMark(_doing(cpu)) for cpu in scene.after]
    cpus[step.cpu] = LaneMark(_did(scene, step), inside=bool(scene.before[step.cpu].read))
    return (LaneMark(Did.WAITS if waits else Did.NOTHING), *cpus)


def _waits(world: World, n: int, cpus: tuple[Cpu, ...]) -> bool:
    """Whether the patching task waits before its action `n`; for the release only while a handler has the record."""
    actions = world.program.actions
    if n >= len(actions) or actions[n].do not in WAITS_FOR:
        return False
    return actions[n].do is not Do.RELEASED or any(cpu.mode is Mode.HOLDS for cpu in cpus)


def _did(scene: Scene, step: CpuMoves) -> Did:
    if step.move.kind == "run" and scene.bits & TORN:
        return Did.TORN
    if step.move.kind == "run" and scene.after[step.cpu].mode is Mode.TRAPPED:
        return Did.INT3
    return CPU_DID[step.move.kind]


def _doing(cpu: Cpu) -> Did:
    """What a CPU is in the middle of, while another moves."""
    if cpu.mode is Mode.PARKED:
        return Did.PARKED
    return Did.INSIDE if cpu.read else Did.NOTHING


def _in_two(world: World, scene: Scene) -> str:
    """What is stored in two characters: the byte, "+4" for a tail of four bytes, "×5" for all five."""
    stored = world.program.actions[scene.n].stored
    if not stored:
        return ""
    first, value = stored[0]
    return f"{value:02X}" if len(stored) == 1 else f"+{len(stored)}" if first else f"×{len(stored)}"
