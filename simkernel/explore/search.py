"""Breadth first over every order of events: the shortest schedule that breaks a property, or that there is none.

A state is how many actions the patching task has taken, and the CPUs, sorted: which of two CPUs it is that stands
somewhere makes no difference. What a CPU can do depends on the first number, on the CPU, and on whether the batch has a
reference, so it is worked out once for each such triple. Everything else is looking up.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from simkernel.explore.properties import AT_ONCE, OLD_WAY, STUCK, USUAL, bits_of, violations_of
from simkernel.explore.world import Cpu, Mode, Move, World
from simkernel.report import Report
from simkernel.schedule import Act

STATES = 1_000_000  # after so many the search gives up, and says so
REPORT_EVERY = 2_000  # states between two reports of how far it is, each of which may cancel it


@dataclass(frozen=True, slots=True)
class CpuMoves:
    """One step of a schedule: CPU `cpu` makes a move."""

    cpu: int
    move: Move


Step = CpuMoves | Act


@dataclass(frozen=True, slots=True)
class Violation:
    """A shortest schedule that breaks a property, from before the patch; the last step is the one that does."""

    bit: int
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Answer:
    """What a search has found.

    Attributes:
        states: looked at.
        finished: False where it gave up at its bound, so that "safe" is not said.
        violations: bit of a property -> a shortest schedule that breaks it.
        depth: no schedule of up to so many steps breaks anything else.
    """

    states: int = 0
    finished: bool = True
    violations: dict[int, Violation] = field(default_factory=dict)
    depth: int = 0

    @property
    def so_far(self) -> str:
        """How far the search is, in words."""
        found = ", ".join(name for bit in self.violations for name in violations_of(bit))
        return f"{self.states:,} states, {self.depth} steps{f'; found: {found}' if found else ''}"


State = tuple[int, ...]  # actions taken, then the CPUs' numbers, ascending


class Search:
    """All states of a world with so many CPUs.

    Attributes:
        states: those found so far, in the order in which they were.
    """

    def __init__(self, world: World, cpus: int, properties: Iterable[str] = USUAL) -> None:
        self.world = world
        self.cpus = cpus
        self.wanted = bits_of(properties)
        self._numbers: dict[Cpu, int] = {}
        self._cpus: list[Cpu] = []
        self._holding: set[int] = set()  # the numbers of the CPUs that hold a reference,
        self._new: set[int] = set()  # that have behaved as new,
        self._dead: set[int] = set()  # that are dead,
        self._parked: set[int] = set()  # and that are parked
        self._moves: list[dict[int, list[tuple[int, int]]]] = [{} for _ in range(2 * (world.last + 1))]
        self._acts: list[dict[int, tuple[int, int]]] = [{} for _ in range(world.last)]
        self._lets: list[dict[int, bool]] = [{} for _ in range(world.last)]
        self.states: list[State] = []
        self._places: dict[State, int] = {}  # in `states`
        self._parents: list[int] = []  # of each state the place of the one that led there first
        self._edges = array("q")  # the places that steps lead to, of one state after the other
        self._degrees: list[int] = []  # how many steps each state has

    def number(self, cpu: Cpu) -> int:
        """The number that stands for a CPU in states."""
        if cpu not in self._numbers:
            self._numbers[cpu] = len(self._cpus)
            self._cpus.append(cpu)
            kinds = (
                (cpu.mode is Mode.HOLDS, self._holding),
                (cpu.new, self._new),
                (cpu.mode is Mode.DEAD, self._dead),
                (cpu.parked, self._parked),
            )
            for is_so, numbers in kinds:
                if is_so:
                    numbers.add(self._numbers[cpu])
        return self._numbers[cpu]

    def start(self) -> State:
        """The state before the patching task's first action."""
        return (0, *[self.number(self.world.start())] * self.cpus)

    def run(self, first_only: bool = True, bound: int = STATES, report: Report | None = None) -> Answer:
        """Search until a property is broken, each is, every state is known, or the bound is reached.

        Args:
            first_only: one broken property is enough.
            bound: states after which it gives up.
            report: hears how far the search is, every so many states.

        Raises:
            Cancelled: as `report` does.
        """
        answer, report = Answer(), report or Report()
        wanted, seeks = self.wanted & ~STUCK, bool(self.wanted & STUCK)
        start = self.start()
        states, places, parents, edges = [start], {start: 0}, [-1], array("q")
        self.states, self._places, self._parents, self._edges, self._degrees = states, places, parents, edges, []
        left, level = wanted, range(1)
        while level:
            for here in level:
                if (here - level.start) % REPORT_EVERY == 0:
                    answer.states = len(states)
                    report(answer.so_far)
                    if answer.states > bound:
                        answer.finished = False
                        return answer
                following = self._following(states[here], left)
                for successor, bits in following:
                    if bits & left:
                        left = self._note(answer, here, successor, bits & left, left)
                    place = places.get(successor)
                    if place is None:
                        place = places[successor] = len(states)
                        states.append(successor)
                        parents.append(here)
                    edges.append(place)
                self._degrees.append(len(following))
                if first_only and answer.violations or not left and not seeks:
                    answer.states = len(states)
                    return answer
            answer.depth += 1
            level = range(level.stop, len(states))
        answer.states = len(states)
        if seeks:
            self._look_for_stuck(answer)
        return answer

    def _following(self, state: State, left: int) -> list[tuple[State, int]]:
        """What can come next: (state, violations on the way there)."""
        n, *cpus = state
        if not self._dead.isdisjoint(cpus):
            return []
        has = self.world.program.references[n] != 0 or not self._holding.isdisjoint(cpus)
        at_once = AT_ONCE if left & AT_ONCE and not self._new.isdisjoint(cpus) else 0
        out: list[tuple[State, int]] = []
        moves = self._moves[2 * n + has]
        previous = -1
        for index, number in enumerate(cpus):
            if number == previous:
                continue
            previous = number
            steps = moves.get(number)
            if steps is None:
                steps = moves[number] = self._steps(n, number, has)
            others = cpus[:index] + cpus[index + 1 :]
            for after, bits in steps:
                together = [*others, after]
                together.sort()
                out.append(((n, *together), bits | at_once if bits & OLD_WAY else bits))
        if n < self.world.last and self._ready(n, cpus):
            out.append(self._act(n, cpus))
        return out

    def _steps(self, n: int, number: int, has: bool) -> list[tuple[int, int]]:
        steps = self.world.steps(n, self._cpus[number], int(has))
        return [(self.number(after), bits) for _, after, bits in steps]

    def _ready(self, n: int, cpus: list[int]) -> bool:
        """True where the patching task can take action n: each CPU lets it."""
        lets = self._lets[n]
        for number in cpus:
            let = lets.get(number)
            if let is None:
                let = lets[number] = self.world.ready(n, (self._cpus[number],))
            if not let:
                return False
        return True

    def _act(self, n: int, cpus: list[int]) -> tuple[State, int]:
        after, all_bits = [], 0
        acts = self._acts[n]
        for number in cpus:
            act = acts.get(number)
            if act is None:
                cpu, bits = self.world.act(n, self._cpus[number])
                act = acts[number] = self.number(cpu), bits
            after.append(act[0])
            all_bits |= act[1]
        after.sort()
        return (n + 1, *after), all_bits

    # --- what was found -----------------------------------------------------------------------------------------

    def _note(self, answer: Answer, place: int, successor: State, bits: int, left: int) -> int:
        """Properties are broken by a step for the first time; returns those that are not broken yet."""
        steps = self._schedule(place, (successor, bits))
        for n in range(bits.bit_length()):
            if bits >> n & 1:
                answer.violations[1 << n] = Violation(1 << n, steps)
        return left & ~bits

    def _look_for_stuck(self, answer: Answer) -> None:
        """Backwards from the end: a state that the end cannot be reached from, and in which nobody has died."""
        sources = np.repeat(np.arange(len(self.states)), self._degrees)
        targets = np.frombuffer(self._edges, dtype=np.int64)
        reach = np.fromiter(map(self._is_end, self.states), dtype=np.bool_)
        count = -1
        while count != (count := int(reach.sum())):
            reach[sources[reach[targets]]] = True
        if not reach.all():
            answer.violations[STUCK] = Violation(STUCK, self._schedule(int(np.argmin(reach))))

    def _is_end(self, state: State) -> bool:
        """True where the batch is over and no CPU is parked, or where a CPU is dead."""
        n, *cpus = state
        return (n == self.world.last and self._parked.isdisjoint(cpus)) or not self._dead.isdisjoint(cpus)

    # --- schedules ----------------------------------------------------------------------------------------------

    def _schedule(self, place: int, final: tuple[State, int] | None = None) -> tuple[Step, ...]:
        """The steps that led to a state, and on to `final` by a step with those violations."""
        way: list[State] = []
        while place >= 0:
            way.append(self.states[place])
            place = self._parents[place]
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
