"""What a viewer may know of the patching task: its plan, the phases of its batch, whom it waits for."""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.protocol import Phase, Protocol, Variant
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.now import SimulationNow

DONE, NOW, TO_COME = "done", "now", "to come"


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """A phase of the protocol's table, and whether the batch under way has passed it."""

    phase: Phase
    state: str  # DONE, NOW or TO_COME

    @property
    def name(self) -> str:
        """The phase's name."""
        return self.phase.name


@dataclass(frozen=True, slots=True)
class PatchingSnapshot:
    """The patching task.

    Attributes:
        task: its name.
        title: of its plan, "" where it has none.
        step, steps: of the plan, counted from 0.
        variant: by which the patching task patches.
        phases: with their states; all to come between batches.
        batch: its number, 0 where none is under way.
        sites: of the batch.
        done, total: sites of the plan's step.
        written: sites of the batch that the phase under way has written.
        begun: whether the phase under way has begun: of a sync, whether it has been sent.
        waits_for: CPUs.
        holdouts: pids that Tasks RCU waits for.
        queued: commands that have not begun.
    """

    task: str
    title: str
    step: int
    steps: int
    variant: Variant
    phases: tuple[PhaseRow, ...]
    batch: int
    sites: tuple[int, ...]
    done: int
    total: int
    written: int
    begun: bool
    waits_for: tuple[int, ...]
    holdouts: tuple[int, ...]
    queued: int

    @property
    def protocol(self) -> Protocol:
        """The table of `variant`."""
        return self.variant.table

    @property
    def phase(self) -> Phase | None:
        """The phase under way."""
        return next((row.phase for row in self.phases if row.state == NOW), None)

    @property
    def last_done(self) -> Phase | None:
        """The phase that ended last: what is true now is its."""
        return next((row.phase for row in reversed(self.phases) if row.state == DONE), None)


def patching_snapshot(simulation: SimulationNow) -> PatchingSnapshot:
    """The patching task as it is now."""
    now = simulation.patching
    at_phase = now.phase_number
    rows = tuple(
        PhaseRow(phase, TO_COME if at_phase < at else NOW if at_phase == at else DONE)
        for at, phase in enumerate(now.protocol.phases)
    )
    return PatchingSnapshot(
        task=PATCHING_TASK,
        title=now.title,
        step=now.step,
        steps=now.steps,
        variant=now.variant,
        phases=rows,
        batch=now.batches if now.busy else 0,
        sites=now.sites,
        done=now.done,
        total=now.total,
        written=now.written,
        begun=now.begun,
        waits_for=now.waits_for,
        holdouts=now.holdouts,
        queued=len(now.queued),
    )
