"""The explorer and the machine: random schedules of the simulation against what the explorer says can be.

An outcome is an instruction run at the site, by its byte and bytes, or a property broken. What the simulation does is
among the outcomes that the explorer calls possible; and each that has a schedule of 12 steps or fewer comes up in
10,000 tries. Both sets are printed (`pytest -s`).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from simkernel import disasm, insn
from simkernel.explore.case import case_of
from simkernel.explore.player import HANDLER
from simkernel.explore.properties import BY_NAME, BY_VIOLATION, violations_of
from simkernel.explore.run_cpu import run_cpu_to
from simkernel.explore.search import CpuMoves, Search
from simkernel.explore.sentences import scenes_from
from simkernel.explore.stage import AROUND, Stage, set_stage
from simkernel.explore.witness import Witness
from simkernel.explore.world import Cpu, World
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import layout
from simkernel.kernel.abi import GO_ON, PARKED
from simkernel.protocol import Variant, parse
from simkernel.schedule import QUANTUM, Act, Choice, Read, Resolve, Run
from simkernel.sim.parts import parts_of
from tests.explore.brute import bench_of

TRIES = 10_000
AT_LEAST = 100
STEPS = 12
MOVES = 80
SPEEDS = (0.0, 0.0, 0.3, 3.0)
CELLS = (
    ("int3 without sync 3", "call-call", "inside", FetchModel.INSTANT),
    ("int3-2012", "call-call", "inside", FetchModel.LINE),
    ("int3 on nop 5x1", "nop-call", "inside", FetchModel.INSTANT),
    ("stop_machine on nop 2+3", "nop-call", "inside", FetchModel.INSTANT),
)
LONG = (
    ("stop_machine on nop 5x1", "nop-call", "inside", FetchModel.INSTANT),
    ("one-store", "nop-call", "inside", FetchModel.PIECES),
    ("head-first", "call-nop", "across", FetchModel.LINE),
    ("int3", "nop-call", "across", FetchModel.BYTE),
    ("int3 without sync 1", "nop-call", "across", FetchModel.PIECES),
    ("int3 without sync 2", "call-nop", "across", FetchModel.LINE),
    ("stop_machine-bare", "nop-call", "across", FetchModel.LINE),
    ("stop_machine-ipi-bare", "call-call", "across", FetchModel.BYTE),
    ("stop_machine", "nop-call", "across", FetchModel.BYTE),
)


def possible(world: World, cpus: int) -> dict[str, int]:
    """Outcome -> steps of the shortest schedule that ends in it, over all states."""
    found: dict[str, int] = {}
    start = (world.start(),) * cpus
    level: list[tuple[int, tuple[Cpu, ...]]] = [(0, start)]
    seen = {(0, start)}
    depth = 0
    while level:
        depth += 1
        after: list[tuple[int, tuple[Cpu, ...]]] = []
        for n, now in level:
            for scene in scenes_from(world, n, now):
                step = scene.step
                labels = list(violations_of(scene.bits))
                if isinstance(step, CpuMoves) and step.move.kind == "run":
                    labels.append(_label(world, now[step.cpu], world.fetched(n, now[step.cpu])))
                for label in labels:
                    found.setdefault(label, depth)
                state = n + isinstance(step, Act), tuple(sorted(scene.after))
                if state not in seen:
                    seen.add(state)
                    after.append(state)
        level = after
    return found


def _label(world: World, cpu: Cpu, data: bytes) -> str:
    """What is run there, as `Witness.ran` has it."""
    at = cpu.at
    if at == 0 and data[0] == insn.INT3:
        return f"+{at} cc"
    for whole in (world.case.old, world.case.new):
        size = world.case.instructions(whole).get(at)
        if size and data[:size] == whole[at : at + size]:
            return f"+{at} {whole[at : at + size].hex()}"
    size = min(disasm.length(data, world.case.site + at), world.case.size - at)
    return f"+{at} {data[:size].hex()}"


class Try:
    """A random schedule from a stage on.

    CPUs and the patching task are slow or quick by turns and move in bursts, so that a CPU may stand still for
    phases, and then hurry.
    """

    def __init__(self, stage: Stage, variant: Variant, dice: random.Random) -> None:
        stage.begin(variant)
        self.simulation, self.case, self.dice = stage.simulation, stage.case, dice
        self.machine = parts_of(self.simulation).machine
        self.witness = Witness(self.simulation, stage.case)
        self.speeds = [dice.choice(SPEEDS) for _ in self.simulation.cpus]
        self.near_end = dice.choice((0, -1, None))  # which of a site's cells is resolved first, None: any
        self.interrupted_at: dict[int, int] = {}  # where an IPI came to a CPU
        self.rounds = 1  # how often a CPU is brought to the site once more: that takes long

    def run(self) -> set[str]:
        """What came of it."""
        left = MOVES
        while left and not self.simulation.halt_reason and self.witness.afterwards < 2 * len(self.speeds):
            left -= 1
            ready = self.simulation.patching.ready and not self.witness.over
            moving = [*self.simulation.cpus, -1]
            speeds = [1.0 if self._waits(cpu) else speed for cpu, speed in enumerate(self.speeds)]
            cpu = self.dice.choices(moving, [*speeds, float(ready) + 0.001])[0]
            if cpu >= 0:
                self._burst(cpu)
            elif ready:
                self.step(Act())
                self.speeds = [self.dice.choice(SPEEDS) if self.dice.random() < 0.4 else one for one in self.speeds]
        return self.witness.broken | {f"+{at} {data}" for at, data in self.witness.ran}

    def step(self, choice: Choice) -> None:
        self.witness.before(choice)
        self.witness.after(choice, self.simulation.step(choice))

    def _parked(self, cpu: int) -> bool:
        return parts_of(self.simulation).kernel.percpu.read(cpu, layout.PCPU_STOP) == PARKED

    def _waits(self, cpu: int) -> bool:
        return self.machine.states[cpu].ipi_sent is not None and not self._handling(cpu)

    def _handling(self, cpu: int) -> bool:
        return bool(parts_of(self.simulation).task.poke.active.handling(cpu))

    def _burst(self, cpu: int) -> None:
        for _ in range(self.dice.choice((1, 1, 2, 4, 8))):
            if not self.simulation.halt_reason:
                self._move(cpu)

    def _on(self, cpu: int, instructions: int, there: Callable[[], bool]) -> None:
        """One instruction after the other, at most so many, until the CPU is there."""
        for _ in range(instructions):
            if self.simulation.halt_reason or there():
                return
            self.step(Run(cpu, 1))

    def _move(self, cpu: int) -> None:
        dice, machine, site = self.dice, self.machine, self.case.site
        rip, stop = machine.cpus[cpu].rip, parts_of(self.simulation).kernel.percpu.read(cpu, layout.PCPU_STOP)
        if self._waits(cpu):
            self.interrupted_at[cpu] = rip
        if self._waits(cpu) and not machine.states[cpu].reading and dice.random() < 0.8:
            self.step(Run(cpu, 1))  # into the interrupt, and out of it, or to where it parks
            self._on(cpu, 4 * HANDLER, lambda: machine.cpus[cpu].rip == rip or self._parked(cpu))
        elif 0 <= rip - site < self.case.size:
            cells = machine.code.pending_cells(cpu, site, self.case.size)
            left = machine.readable(cpu)
            if cells and dice.random() < 0.6:
                self.step(Resolve(cpu, dice.choice(cells) if self.near_end is None else cells[self.near_end]))
            elif left and dice.random() < 0.5:
                self.step(Read(cpu, dice.randint(1, left)))
            else:
                self.step(Run(cpu, 1))
        elif self._handling(cpu):
            self._on(cpu, dice.choice((1, 20, 100)), lambda: not self._handling(cpu))
        elif stop == GO_ON:
            run_cpu_to(self.simulation, self.step, cpu, dice.choice((site, self.interrupted_at.get(cpu, site))), AROUND)
        elif stop not in (0, PARKED):
            self._on(cpu, 4 * HANDLER, lambda: self._parked(cpu))
        elif self.rounds and not machine.code.views[cpu].pending and dice.random() < 0.2:
            self.rounds -= 1
            run_cpu_to(self.simulation, self.step, cpu, site, QUANTUM)


@pytest.mark.parametrize(
    ("name", "change", "place", "model"), [*CELLS, *(pytest.param(*cell, marks=pytest.mark.stress) for cell in LONG)]
)
def test_what_happens_is_possible_and_what_is_near_happens(
    name: str, change: str, place: str, model: FetchModel
) -> None:
    cpus, variant = 2, parse(name)
    protocol = variant.table
    case = case_of(change, place, protocol.nop)
    can = possible(World(protocol, case, model, bench=bench_of(case)), cpus)
    answer = Search(World(protocol, case, model, bench=bench_of(case)), cpus, BY_NAME).run(first_only=False)
    assert {violations_of(bit)[0] for bit in answer.violations} - {"stuck"} == set(can) & set(BY_VIOLATION)
    near = {outcome for outcome, steps in can.items() if steps <= STEPS}
    stage, dice = set_stage(case, model, cpus, protocol.nop), random.Random(name)
    happened: set[str] = set()
    tries = 0
    while tries < TRIES and (tries < AT_LEAST or not near <= happened):
        happened |= Try(stage, variant, dice).run()
        tries += 1
    print(f"\n{name} {change} {place} {model.value}: possible {sorted(can)}\nafter {tries} tries {sorted(happened)}")
    assert happened <= set(can), sorted(happened - set(can))
    assert near <= happened, sorted(near - happened)
