"""The history of a simulation: its position, what it knows, and the checkpoints that lead back.

It has a limit in bytes. What it forgets follows from the seed: replaying brings it back.
"""

from __future__ import annotations

from collections.abc import Iterable

from simkernel.events import Event
from simkernel.hw.machine import Machine
from simkernel.patching.commands import Command
from simkernel.patching.task import PatchingTask
from simkernel.schedule import Choice, Run, ScheduleState
from simkernel.sim.checkpoints import Checkpoint, Checkpoints
from simkernel.sim.log import Entry, Log

CHECKPOINT_ENTRIES = 1_024  # history entries, or
CHECKPOINT_INSTRUCTIONS = 400_000  # instructions that CPUs were given, between two checkpoints at most
HISTORY_BYTES = 256 << 20  # that history takes at most


class History:
    """Everything about the past and about what is known of the future.

    Attributes:
        log: entries and events.
        checkpoints: where states are kept.
        schedule: what the schedule's next choice depends on besides the machine.
    """

    def __init__(
        self,
        machine: Machine,
        task: PatchingTask,
        schedule: ScheduleState,
        nbytes: int,
    ) -> None:
        """Begin at power-on.

        Args:
            machine: whose states are kept.
            task: the patching task on it.
            schedule: the schedule's first state.
            nbytes: what history takes at most.
        """
        window = nbytes // 8
        self.nbytes = nbytes
        self.log = Log(window)
        self.checkpoints = Checkpoints(machine, task, nbytes - 2 * window)
        self.schedule = schedule
        self._last, self._instructions = 0, 0  # the last checkpoint's position; the instructions since
        self._next = CHECKPOINT_ENTRIES  # the position of the next one, if so many instructions do not come before

    def share(self, other: History) -> None:
        """Be where another history is, and know what it knows; from here on each goes its own way."""
        self.log.share(other.log)
        self.checkpoints.share(other.checkpoints)
        self.schedule = other.schedule
        self._last, self._instructions, self._next = other._last, other._instructions, other._next

    def close(self, entry: Entry, drawn: ScheduleState | None, events: list[Event], end: str) -> None:
        """An entry has happened; now and then that leads to a checkpoint.

        Args:
            entry: what happened.
            drawn: the schedule's state, where that drew it.
            events: stamped.
            end: why nothing moves any more.
        """
        log = self.log
        if entry.made and log.position < log.length and log.made.at(log.position) != entry.what:
            self.forget_ahead(end)  # history knows another one for this position
        if drawn is not None:
            self.schedule = drawn
        log.add(entry, events, end)
        if isinstance(what := entry.what, Run):
            self._instructions += what.n
        if log.position >= self._next or self._instructions >= CHECKPOINT_INSTRUCTIONS:
            self.keep()

    def keep(self) -> None:
        """A checkpoint is kept here, until others need its room."""
        log = self.log
        self.checkpoints.keep(log.position, log.logged, log.last, self.schedule)
        log.forget_old()
        self._since_checkpoint()

    def keep_for_good(self) -> None:
        """A checkpoint is kept here, and nothing takes its room."""
        self.keep()
        self.checkpoints.pin(self.log.position)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Everything is as it was at a checkpoint."""
        self.checkpoints.restore(checkpoint)
        self.schedule = checkpoint.schedule
        self.log.restore(checkpoint.position, checkpoint.events, checkpoint.last)
        self._since_checkpoint()

    def foresee(self, made: Iterable[tuple[int, Choice | Command]], end: str) -> None:
        """History will have these entries, made by hand, at these positions; see `forget_ahead`."""
        self.forget_ahead(end)
        for position, what in made:
            self.log.foresee(position, what)

    def forget_ahead(self, end: str) -> None:
        """What lies ahead is no more.

        Args:
            end: why nothing moves any more here, "" where something does.
        """
        self.log.rewrite(end)
        self.checkpoints.forget_after(self.log.position)
        self._next = self._last + CHECKPOINT_ENTRIES

    def _since_checkpoint(self) -> None:
        self._last, self._instructions = self.log.position, 0
        behind = self.checkpoints.behind(self._last)
        most = self._last + CHECKPOINT_ENTRIES
        self._next = most if behind is None else min(behind, most)
