"""Who moves next in a stress run: a pace of its own for each seed, and in most of them gaps to dwell in.

Left to chance, some gaps between two phases are met by hardly any CPU: they last for a few choices, or only code that
runs with interrupts off can meet an int3 there. So a run may dwell: each batch has a few gaps and one CPU of its own,
and the patching task waits in those gaps until that CPU has taken an int3, or has not for a while. Meanwhile it gets an
NMI, whose traced function may be one of the batch's. What happens is what could happen anyway, only more often.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from simkernel.hw.fetch import FetchModel
from simkernel.schedule import Candidates, Choice, Nmi, Policy, ScheduleState, Seeded
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.stress.coverage import GAPS, STILL, gap_now

PATIENCE, LESS = 100, 30  # choices in a gap


class Like(Protocol):
    """What a pace has to know of the machine's setting."""

    @property
    def cpus(self) -> int: ...
    @property
    def model(self) -> FetchModel: ...
    @property
    def policy(self) -> Policy: ...


def late(setting: Like) -> bool:
    """True where a CPU may run an int3 that is the new head in memory already."""
    return setting.model in (FetchModel.LINE, FetchModel.BYTE) and setting.policy is not Policy.EARLY


class Awake:
    """Candidates without the CPUs that sleep, unless all do: nothing comes to be by a turn of theirs but time.

    `favoured`: a CPU that is drawn as often as all others together; then the patching task is not drawn at all.
    """

    def __init__(self, candidates: Candidates, favoured: int | None = None) -> None:
        self.cpus = [cpu for cpu in candidates.cpus if not candidates.idle(cpu)] or list(candidates.cpus)
        if favoured in self.cpus:
            self.cpus += [favoured] * (len(self.cpus) - 2)
        self._held = favoured is not None
        self._candidates = candidates
        self.idle, self.limit, self.readable = candidates.idle, candidates.limit, candidates.readable
        self.patching, self.pending_at_rip = candidates.patching, candidates.pending_at_rip

    def task_ready(self) -> bool:
        return not self._held and self._candidates.task_ready()


@dataclass(frozen=True)
class Paces:
    """One schedule for a batch, where CPUs shall meet int3s in each gap between two phases, and a brisk one besides."""

    otherwise: Seeded
    patching: Seeded
    dwelling: Seeded
    dwells: bool

    @classmethod
    def drawn(cls, random: random.Random, policy: Policy, parked: bool) -> Paces:
        """NMIs are rarer where steps are small: else there is nothing but NMIs."""
        dwells = parked or random.random() < 0.75
        quantum = random.choice((300, 1_000, 2_000))
        patch_quantum = random.choice((8, 40, 40, 100))
        nmi_odds = random.choice((0, 50, 200 if patch_quantum >= 40 else 50))
        act_odds = 256 if dwells else random.choice((16, 64, 256))
        return cls(
            Seeded(policy, quantum, nmi_odds=nmi_odds),
            Seeded(policy, quantum, patch_quantum, nmi_odds, act_odds=act_odds),
            Seeded(policy, quantum, quantum, nmi_odds),  # an int3 ends a choice, and the gap does not end meanwhile
            dwells,
        )


class Pace:
    """The schedule of one run."""

    def __init__(self, simulation: Simulation, setting: Like, random: random.Random, paces: Paces) -> None:
        self._simulation, self._random, self._paces = simulation, random, paces
        self._sites = frozenset(simulation.image.mcount_loc.tolist())
        self._nmi_site = simulation.image.address("nmi_handle")
        self._all = cpus = range(setting.cpus)
        self._cpus = (*cpus, *cpus[2:])  # those that few machines have: more often
        self._late = GAPS[6:] if late(setting) else ()  # the two that some models and policies do not have at all
        self._batch, self._cpu = 0, 0
        self._gaps: tuple[str, ...] = ()
        self._here, self._left = "", 0
        self._nmis: list[int] = []  # who is to get one

    def choose(self, state: ScheduleState, candidates: Candidates) -> tuple[Choice, ScheduleState]:
        if not candidates.patching():
            return self._paces.otherwise.choose(state, candidates)
        if not self._paces.dwells or not self._dwells():
            return self._paces.patching.choose(state, Awake(candidates))
        self._left -= 1
        if self._nmis and self._left <= self._nmi_at and not state.queued:
            return Nmi(self._nmis.pop()), state
        return self._paces.dwelling.choose(state, Awake(candidates, self._cpu))

    def _dwells(self) -> bool:
        """True where the batch is in the gap that it is to dwell in, and what it waits for has not come."""
        poke = parts_of(self._simulation).task.poke
        if poke.state.number != self._batch:
            self._begin(poke.state.number)
        if (here := gap_now(poke)) != self._here:
            self._here, self._left = here, self._patience(here)
            self._nmis = [cpu for cpu in self._all if here in self._late and cpu != self._cpu] + [self._cpu]
        if self._here not in self._late and parts_of(self._simulation).task.poke.active.handling(self._cpu):
            self._left = 0
        return self._left > 0

    def _patience(self, gap: str) -> int:
        """How many choices to wait in a gap; fewer where nothing but an NMI could help, and none can."""
        if gap not in (*self._gaps, *STILL):
            return 0
        rare = gap in (*self._late, *STILL)
        return LESS if rare and self._nmi_site not in parts_of(self._simulation).machine.changing.starts else PATIENCE

    def _begin(self, batch: int) -> None:
        """Draw where this batch dwells: nowhere, where it is none of sites but of a trampoline's inner call."""
        focus = parts_of(self._simulation).machine.changing.starts
        self._batch, self._cpu = batch, self._random.choice(self._cpus)
        sites = not self._sites.isdisjoint(focus)
        late = (self._random.choice(self._late),) if self._late else ()
        self._gaps = (*self._random.sample(GAPS[:6], 2), *late) if sites else ()

    @property
    def _nmi_at(self) -> int:
        """When the NMI comes: soon where only code with interrupts off can still meet an int3."""
        return PATIENCE if self._here in (*self._late, *STILL) else PATIENCE // 2
