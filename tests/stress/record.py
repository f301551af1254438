"""The batch's record (bp_desc) while handlers use it: nobody may hold a reference when its memory is used again.

The patching task holds one reference from the batch's publication to its release, each handler one while it looks an
int3 up and answers it. The release drops the task's own and waits until there is none (`atomic_cond_read_acquire`).
"""

from __future__ import annotations

from collections.abc import Iterable

from simkernel.events import BatchReleased, Event
from simkernel.kernel import layout
from simkernel.protocol import Release
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.stress.checks import Problem
from tests.stress.coverage import Bins

HELD, UNCLAIMED = "references held at release", "oops: int3 of a batch whose references are gone"


class Record:
    """Looks at the references after each action; `overlooks`: the problem that is not looked for."""

    def __init__(self, simulation: Simulation, bins: Bins, overlooks: str) -> None:
        self._simulation, self._bins, self._overlooks = simulation, bins, overlooks
        self._references = simulation.image.address("bp_desc") + layout.DESC_REFS

    def acted(self, events: Iterable[Event]) -> None:
        """The patching task has taken an action. Raises: Problem."""
        poke = parts_of(self._simulation).task.poke
        progress, phase = poke.state.progress, poke.phase
        if progress is not None and phase is not None and isinstance(phase.action, Release) and progress.waiting:
            self._bins["releases"] += 1
            self._bins["releases that handlers still held"] += self._count() != 0
        if self._overlooks != HELD and self._count() and any(isinstance(event, BatchReleased) for event in events):
            raise Problem(HELD, f"{self._count()} of batch {poke.state.number}")

    def is_lost(self) -> bool:
        """True where a batch is published, its release has not come, and there is no reference to claim an int3 by."""
        poke = parts_of(self._simulation).task.poke
        if poke.state.progress is None or poke.phase is None or isinstance(poke.phase.action, Release):
            return False
        return poke.protocol.claims and self._count() == 0

    def _count(self) -> int:
        return parts_of(self._simulation).machine.memory.read_u32(self._references)
