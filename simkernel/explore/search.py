"""Breadth first over every order of events: the shortest schedule that breaks a property, or that there is none.

A state is how many actions the patching task has taken, and the CPUs, sorted: which of two CPUs it is that stands
somewhere makes no difference. What a CPU can do depends on the first number, on the CPU, and on whether the batch has a
reference, so it is worked out once for each such triple. Everything else is looking up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from simkernel.explore.properties import AT_ONCE, OLD_WAY, STUCK, USUAL, bits_of
from simkernel.explore.world import Cpu, Mode, Move, World
from simkernel.schedule import Act

STATES = 1_000_000  # after so many the search gives up, and says so
REPORT_EVERY = 2_000  # states between two reports of how far it is, each of which may end it


@dataclass(frozen=True, slots=True)
class CpuMoves:
    """One step of a schedule: CPU `cpu` makes a move."""

    cpu: int
    move: Move


Step = CpuMoves | Act


@dataclass(frozen=True, slots=True)
class Violation:
    """A shortest schedule that breaks `property`, from before the patch; the last step is the one that does."""

    bit: int
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Answer:
    """What a search has found.

    Attributes:
        states: looked at.
        finished: False where it gave up at its bound (or was cancelled), so that "safe" is not said.
        violations: bit of a property -> a shortest schedule that breaks it.
        depth: no schedule of up to so many steps breaks anything else.
    """

    states: int = 0
    finished: bool = True
    violations: dict[int, Violation] = field(default_factory=dict)
    depth: int = 0


Progress = Callable[[Answer], bool]
"""Called with the partial answer, again and again; return True to cancel."""

State = tuple[int, ...]  # actions taken, then the CPUs' numbers, ascending


class Search:
    """All states of a world with so many CPUs."""

    def __init__(self, world: World, cpus: int, properties: Iterable[str] = USUAL) -> None:
        self.world = world
        self.cpus = cpus
        self.wanted = bits_of(properties)
        self._numbers: dict[Cpu, int] = {}
        self._cpus: list[Cpu] = []
        self._holds: list[bool] = []
        self._new: list[bool] = []
        self._dead: list[bool] = []
        self._moves: dict[tuple[int, int, bool], list[tuple[int, int]]] = {}
        self._acts: dict[tuple[int, int], tuple[int, int]] = {}
        self.parents: dict[State, State | None] = {}
        self._edges: list[list[State]] = []

    def number(self, cpu: Cpu) -> int:
        """The number that stands for a CPU in states."""
        if cpu not in self._numbers:
            self._numbers[cpu] = len(self._cpus)
            self._cpus.append(cpu)
            self._holds.append(cpu.mode is Mode.HOLDS)
            self._new.append(cpu.new)
            self._dead.append(cpu.mode is Mode.DEAD)
        return self._numbers[cpu]

    def start(self) -> State:
        """The state before the patching task's first action."""
        return (0, *[self.number(self.world.start())] * self.cpus)

    def run(self, first_only: bool = True, bound: int = STATES, progress: Progress | None = None) -> Answer:
        """Search until a property is broken (`first_only`), each is, every state is known, or the bound is reached."""
        answer = Answer()
        wanted, seeks = self.wanted & ~STUCK, bool(self.wanted & STUCK)
        start = self.start()
        self.parents = {start: None}
        level = [start]
        left = wanted
        while level:
            after: list[State] = []
            for at, state in enumerate(level):
                if at % REPORT_EVERY == 0:
                    answer.states = len(self.parents)
                    if answer.states > bound or (progress and progress(answer)):
                        answer.finished = False
                        return answer
                following = self._following(state, left)
                kept = []
                for successor, bits in following:
                    if bits & left:
                        left = self._note(answer, state, successor, bits & left, left)
                    if successor not in self.parents:
                        self.parents[successor] = state
                        after.append(successor)
                    kept.append(successor)
                if seeks:
                    self._edges.append(kept)
                if first_only and answer.violations or not left and not seeks:
                    answer.states = len(self.parents)
                    return answer
            answer.depth += 1
            level = after
        answer.states = len(self.parents)
        if seeks:
            self._look_for_stuck(answer)
        return answer

    def _following(self, state: State, left: int) -> list[tuple[State, int]]:
        """What can come next: (state, violations on the way there)."""
        n, *cpus = state
        dead, holds = self._dead, self._holds
        for number in cpus:
            if dead[number]:
                return []
        held = sum(map(holds.__getitem__, cpus))
        has = self.world.program.references[n] + held != 0
        out: list[tuple[State, int]] = []
        moves = self._moves
        previous = -1
        for index, number in enumerate(cpus):
            if number == previous:
                continue
            previous = number
            key = n, number, has
            steps = moves.get(key)
            if steps is None:
                steps = moves[key] = self._steps(*key)
            for after, bits in steps:
                others = cpus.copy()
                others[index] = after
                others.sort()
                if bits & OLD_WAY and left & AT_ONCE and any(self._new[one] for one in cpus):
                    bits |= AT_ONCE
                out.append(((n, *others), bits))
        if n < self.world.last and self.world.ready(n, tuple(self._cpus[number] for number in cpus)):
            out.append(self._act(n, cpus))
        return out

    def _steps(self, n: int, number: int, has: bool) -> list[tuple[int, int]]:
        steps = self.world.steps(n, self._cpus[number], int(has))
        return [(self.number(after), bits) for _, after, bits in steps]

    def _act(self, n: int, cpus: list[int]) -> tuple[State, int]:
        after, all_bits = [], 0
        for number in cpus:
            key = n, number
            if key not in self._acts:
                cpu, bits = self.world.act(n, self._cpus[number])
                self._acts[key] = self.number(cpu), bits
            cpu_after, bits = self._acts[key]
            after.append(cpu_after)
            all_bits |= bits
        return (n + 1, *sorted(after)), all_bits

    # --- what was found -----------------------------------------------------------------------------------------

    def _note(self, answer: Answer, state: State, successor: State, bits: int, left: int) -> int:
        """Properties are broken by a step for the first time; returns those that are not broken yet."""
        steps = self.schedule(state, (successor, bits))
        for n in range(bits.bit_length()):
            if bits >> n & 1:
                answer.violations[1 << n] = Violation(1 << n, steps)
        return left & ~bits

    def _look_for_stuck(self, answer: Answer) -> None:
        """Backwards from the end: a state that the end cannot be reached from, and in which nobody has died."""
        order = list(self.parents)
        index = {state: at for at, state in enumerate(order)}
        sources = np.repeat(np.arange(len(order)), [len(after) for after in self._edges])
        targets = np.fromiter((index[one] for after in self._edges for one in after), dtype=np.int64)
        reach = np.fromiter((self._is_end(state) or self._any_dead(state) for state in order), dtype=np.bool_)
        count = -1
        while count != (count := int(reach.sum())):
            reach[sources[reach[targets]]] = True
        if not reach.all():
            state = order[int(np.argmin(reach))]
            answer.violations[STUCK] = Violation(STUCK, self.schedule(state))

    def _is_end(self, state: State) -> bool:
        n, *cpus = state
        return n == self.world.last and not any(self._cpus[number].parked for number in cpus)

    def _any_dead(self, state: State) -> bool:
        return any(self._dead[number] for number in state[1:])

    # --- schedules ----------------------------------------------------------------------------------------------

    def schedule(self, state: State, final: tuple[State, int] | None = None) -> tuple[Step, ...]:
        """The steps that led to a state, and on to `final` by a step with those violations."""
        way: list[State] = []
        at: State | None = state
        while at is not None:
            way.append(at)
            at = self.parents[at]
        way.reverse()
        cpus = [self._cpus[number] for number in way[0][1:]]
        steps: list[Step] = []
        for before, after in zip(way, way[1:], strict=False):
            steps.append(self._step_between(before[0], cpus, after, 0))
        if final is not None:
            steps.append(self._step_between(way[-1][0], cpus, *final))
        return tuple(steps)

    def _step_between(self, n: int, cpus: list[Cpu], after: State, bits: int) -> Step:
        """The step from these CPUs to the state `after` with these violations; `cpus` becomes what they are then."""
        if after[0] != n:
            cpus[:] = [self.world.act(n, cpu)[0] for cpu in cpus]
            return Act()
        held = sum(cpu.mode is Mode.HOLDS for cpu in cpus)
        references = self.world.references(n, held)
        new = any(cpu.new for cpu in cpus)
        for i, cpu in enumerate(cpus):
            for move, then, broken in self.world.steps(n, cpu, references):
                broken |= AT_ONCE if broken & OLD_WAY and new else 0
                numbers = sorted(self.number(one) for one in (*cpus[:i], then, *cpus[i + 1 :]))
                if numbers == list(after[1:]) and broken & bits == bits:
                    cpus[i] = then
                    return CpuMoves(i, move)
        raise AssertionError(f"no step leads from {cpus} to {after}")
