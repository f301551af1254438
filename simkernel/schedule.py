"""Choices and commands: the two kinds of history entry; and the schedules, which make choices.

A *choice* says what moves next and how. A *command* is what a person or a script asked for. Nothing else changes
the state of a simulation. A schedule looks at the machine through `Candidates`, draws from a random state that is a
plain integer, and so can be copied, compared and replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

QUANTUM = 2_000  # the most instructions that a CPU runs in one choice


@dataclass(frozen=True, slots=True)
class Run:
    """CPU `cpu` runs `n` instructions; HLT, an exception or a halt ends it early, the rest is idle time."""

    cpu: int
    n: int = 1


@dataclass(frozen=True, slots=True)
class Read:
    """CPU `cpu` reads the next `n` bytes of its next instruction (model `pieces`)."""

    cpu: int
    n: int = 1


@dataclass(frozen=True, slots=True)
class Resolve:
    """The oldest pending store to the cell at `address` becomes what CPU `cpu` runs; `None`: all, everywhere."""

    cpu: int
    address: int | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """The patching task takes its next action; `entries` of its batch, 0 for all that the phase has left."""

    entries: int = 0


@dataclass(frozen=True, slots=True)
class Nmi:
    """A non-maskable interrupt is sent to CPU `cpu`."""

    cpu: int


Choice = Run | Read | Resolve | Act | Nmi


class Policy(Enum):
    """How a run resolves pending bytes: at once, not before it must, or as the seed decides."""

    EARLY = "early"
    LATE = "late"
    SEEDED = "seeded"


class Candidates(Protocol):
    """What a schedule may know of those that can move: the CPUs and the patching task."""

    @property
    def cpus(self) -> Sequence[int]:
        """The CPUs that are powered on."""
        ...

    def limit(self, cpu: int) -> int:
        """How many instructions CPU `cpu` may be given at most now (at least 1)."""
        ...

    def idle(self, cpu: int) -> bool:
        """True where the CPU is halted and nothing would wake it."""
        ...

    def task_ready(self) -> bool:
        """True where the patching task has an action that it can take."""
        ...

    def patching(self) -> bool:
        """True from the first to the last action of a batch."""
        ...

    def pending_at_rip(self, cpu: int) -> Sequence[int]:
        """Addresses of the pending cells under the CPU's next instruction, ascending."""
        ...

    def readable(self, cpu: int) -> int:
        """How many more bytes of its next instruction the CPU may read before it runs (0: none)."""
        ...


def draw(state: int) -> tuple[int, int]:
    """One step of splitmix64 (Steele, Lea, Flood 2014): 64 random bits and the next state."""
    state = (state + 0x9E3779B97F4A7C15) & 0xFFFF_FFFF_FFFF_FFFF
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFF_FFFF_FFFF_FFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFF_FFFF_FFFF_FFFF
    return z ^ (z >> 31), state


class ScheduleState(NamedTuple):
    """All that the next choice depends on besides the machine."""

    random: int
    turn: int = 0
    queued: tuple[Choice, ...] = ()


class Schedule(Protocol):
    """Makes one choice at a time; a pure function of its state and the machine."""

    def choose(self, state: ScheduleState, candidates: Candidates) -> tuple[Choice, ScheduleState]:
        """The next choice, and the state after it."""
        ...


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """CPU0, CPU1, ..., the patching task, and again; `quantum` instructions each, `patch_quantum` during a batch.

    A CPU that sleeps is passed over while another candidate can move.
    """

    policy: Policy = Policy.SEEDED
    quantum: int = QUANTUM
    patch_quantum: int = 1

    def choose(self, state: ScheduleState, candidates: Candidates) -> tuple[Choice, ScheduleState]:
        """The choice of the one whose turn it is."""
        if state.queued:
            return state.queued[0], state._replace(queued=state.queued[1:])
        cpus = candidates.cpus
        count = len(cpus)
        for turn in range(state.turn, state.turn + count + 1):
            number = turn % (count + 1)
            if number < count and not candidates.idle(cpus[number]):
                break
            if number == count and candidates.task_ready():
                return Act(), ScheduleState(state.random, 0)
        else:
            number = state.turn % count
        quantum = self.patch_quantum if candidates.patching() else self.quantum
        state = ScheduleState(state.random, number + 1)
        return run_choice(candidates, cpus[number], quantum, self.policy, state, read_odds=0)


@dataclass(frozen=True, slots=True)
class Seeded:
    """A candidate drawn at random each time, a random number of instructions up to the quantum.

    `patch_quantum` bounds it while a batch is under way, where the order of things is what one wants to see.
    `nmi_odds` of 65,536 choices are NMIs; `read_odds` of 256 choices at a changing site stop within the instruction;
    of 256 times that it is drawn, the patching task acts `act_odds` times and leaves the rest to a CPU.
    """

    policy: Policy = Policy.SEEDED
    quantum: int = QUANTUM
    patch_quantum: int = 1
    nmi_odds: int = 0
    read_odds: int = 96
    act_odds: int = 256

    def choose(self, state: ScheduleState, candidates: Candidates) -> tuple[Choice, ScheduleState]:
        """A choice drawn from the random state."""
        if state.queued:
            return state.queued[0], state._replace(queued=state.queued[1:])
        bits, random = draw(state.random)
        state = ScheduleState(random, state.turn)
        cpus = candidates.cpus
        count = len(cpus)
        number = (bits & 0xFFFF) % (count + candidates.task_ready())
        if number == count:
            if bits >> 56 < self.act_odds:
                return Act(), state
            number = (bits >> 48 & 0xFF) % count
        cpu = cpus[number]
        if self.nmi_odds and (bits >> 16 & 0xFFFF) < self.nmi_odds:
            return Nmi(cpu), state
        patching = candidates.patching()
        quantum = self.patch_quantum if patching else self.quantum
        if quantum > 1:
            quantum = 1 + (bits >> 32) % quantum
        return run_choice(candidates, cpu, quantum, self.policy, state, self.read_odds if patching else 0)


def run_choice(
    candidates: Candidates, cpu: int, quantum: int, policy: Policy, state: ScheduleState, read_odds: int
) -> tuple[Choice, ScheduleState]:
    """CPU `cpu` moves: what it resolves or reads first, by the policy, then at most `quantum` instructions."""
    n = min(quantum, candidates.limit(cpu)) if quantum > 1 else 1
    cells = candidates.pending_at_rip(cpu) if policy is not Policy.LATE else ()
    left = candidates.readable(cpu) if read_odds and policy is Policy.SEEDED else 0
    if not cells and not left:
        return Run(cpu, n), state
    choices: list[Choice] = []
    random = state.random
    if cells and policy is Policy.EARLY:
        choices.append(Resolve(cpu))
    else:
        for cell in cells:
            bits, random = draw(random)
            choices.extend([Resolve(cpu, cell)] * (bits & 1))
    if left:
        bits, random = draw(random)
        if bits & 0xFF < read_odds:
            return Read(cpu, 1 + (bits >> 8) % left), state._replace(random=random)
    choices.append(Run(cpu, n))
    return choices[0], state._replace(random=random, queued=tuple(choices[1:]))
