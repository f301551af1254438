"""Time travel: checkpoints of the whole state, so that every earlier state can be had again exactly.

Checkpoints are kept at a distance of some history entries; what lies between is replayed. They have a limit in bytes:
beyond it, one after the other is forgotten, so that going back costs little near the present and never more than a
fixed part of the way back (`_thin`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from simkernel.events import Event
from simkernel.hw.fetch import ViewState
from simkernel.hw.machine import Machine
from simkernel.hw.state import MachineState
from simkernel.patching.task import PatchingTask, TaskState
from simkernel.schedule import ScheduleState
from simkernel.sim.pages import Pages

INSTRUCTIONS_AN_ENTRY = 400  # that take about as long as an entry does besides
STATE_BYTES = 8_192  # of a checkpoint, without what is counted: registers and states of every part
CONTEXT_BYTES = 6_144  # of a CPU's registers: Unicorn's context is 5,608 bytes


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """All of a simulation's state at a position in history, but for memory, which `Pages` keeps.

    Attributes:
        position: the history entries before it.
        events: those before it.
        last: of each kind of event, the last one before it.
    """

    position: int
    events: int
    last: dict[type[Event], Event]
    schedule: ScheduleState
    machine: MachineState
    contexts: tuple[Any, ...]  # of each CPU, as `Cpu.save` made it
    views: tuple[ViewState, ...]
    task: TaskState

    @property
    def way(self) -> int:
        """How much work it is to come here from the beginning, in entries."""
        return self.position + self.machine.clock // INSTRUCTIONS_AN_ENTRY

    @property
    def nbytes(self) -> int:
        """What it takes, without memory's pages."""
        pending = sum(values.nbytes + item.store.offsets.nbytes for view in self.views for item, values in view)
        return STATE_BYTES + CONTEXT_BYTES * len(self.contexts) + pending


class Checkpoints:
    """The checkpoints of a simulation, in the order of history; a position names one.

    Attributes:
        bound: bytes that they may take. Those that are pinned are kept all the same, and so are the first and the last.
    """

    def __init__(self, machine: Machine, task: PatchingTask, bound: int) -> None:
        self._machine, self._task = machine, task
        self.bound = bound
        self._pages = Pages(machine.memory, machine.code)
        self._kept: list[Checkpoint] = []
        self._pinned: set[int] = set()
        self._nbytes = 0  # without memory's pages

    @property
    def nbytes(self) -> int:
        """What all of them take."""
        return self._nbytes + self._pages.nbytes

    def share(self, other: Checkpoints) -> None:
        """Be in the state that another simulation is in, and have its checkpoints; nothing that changes is shared."""
        copy_state(other._machine, self._machine)
        self._task.restore(other._task.state())
        self._pages.share(other._pages)
        self._kept, self._pinned, self._nbytes = other._kept.copy(), other._pinned.copy(), other._nbytes

    def positions(self) -> list[int]:
        """The position of each, ascending."""
        return [checkpoint.position for checkpoint in self._kept]

    def before(self, position: int) -> Checkpoint:
        """The last one at or before a position."""
        return self._kept[self._index(position)]

    def before_event(self, event: int) -> Checkpoint:
        """The last one with at most `event` events before it."""
        return self._kept[bisect_right(self._kept, event, key=lambda one: one.events) - 1]

    def behind(self, position: int) -> int | None:
        """The position of the first one behind a position; None where there is none."""
        index = self._index(position) + 1
        return self._kept[index].position if index < len(self._kept) else None

    def _index(self, position: int) -> int:
        return bisect_right(self._kept, position, key=lambda one: one.position) - 1

    def keep(self, position: int, events: int, last: dict[type[Event], Event], schedule: ScheduleState) -> None:
        """A checkpoint is here; one that is kept already is only passed by."""
        index = self._index(position)
        if index >= 0 and self._kept[index].position == position:
            self._pages.pass_by(position)
            return
        self._pages.keep(position, self.behind(position))
        machine = self._machine
        checkpoint = Checkpoint(
            position=position,
            events=events,
            last=last.copy(),
            schedule=schedule,
            machine=machine.state(),
            contexts=tuple(cpu.save() for cpu in machine.cpus),
            views=tuple(view.state() for view in machine.code.views),
            task=self._task.state(),
        )
        self._kept.insert(index + 1, checkpoint)
        self._nbytes += checkpoint.nbytes
        self._thin()

    def pin(self, position: int) -> None:
        """The checkpoint at a position is kept whatever it takes."""
        self._pinned.add(position)

    @contextmanager
    def pin_meanwhile(self, position: int) -> Iterator[None]:
        """Keep the checkpoint before a position while the caller is elsewhere in history: it comes back soon."""
        here = self.before(position).position
        if here in self._pinned:
            yield
            return
        self._pinned.add(here)
        try:
            yield
        finally:
            self._pinned.discard(here)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Machine and task are as they were; the rest of the checkpoint is the caller's to put back."""
        machine = self._machine
        machine.code.forget_pending()
        self._pages.restore(checkpoint.position)
        for cpu, context in zip(machine.cpus, checkpoint.contexts, strict=True):
            cpu.restore(context)
        for view, state in zip(machine.code.views, checkpoint.views, strict=True):
            view.restore(state)
        machine.restore(checkpoint.machine)
        self._task.restore(checkpoint.task)

    def forget_after(self, position: int) -> None:
        """History took another way at `position`: the later ones are gone."""
        keep = self._index(position) + 1
        self._nbytes -= sum(checkpoint.nbytes for checkpoint in self._kept[keep:])
        self._pinned.difference_update(checkpoint.position for checkpoint in self._kept[keep:])
        del self._kept[keep:]
        self._pages.forget_after(position)

    def _thin(self) -> None:
        """Forget checkpoints until the rest takes no more than it may.

        The one to go is where the way between its neighbours, which a return to there may then have to be replayed,
        is the smallest part of the way from there to the present. So distances grow as powers do.
        """
        while self.nbytes > self.bound:
            now = self._kept[self._index(self._pages.at)].way
            ways = [checkpoint.way for checkpoint in self._kept]
            costs = [
                ((ways[at + 1] - ways[at - 1]) / (1 + abs(now - ways[at])), at)
                for at in range(1, len(self._kept) - 1)
                if self._kept[at].position not in self._pinned and self._kept[at].position != self._pages.at
            ]
            if not costs:
                return
            _, at = min(costs)
            checkpoint = self._kept.pop(at)
            self._nbytes -= checkpoint.nbytes
            self._pages.forget(checkpoint.position, self._kept[at].position)


def copy_state(source: Machine, machine: Machine) -> None:
    """A machine, just powered on with the same kernel, is in the state of another one.

    Its engines have translated nothing yet: there is nothing to drop.
    """
    for mine, theirs in zip(machine.memory.regions, source.memory.regions, strict=True):
        np.copyto(mine.buffer, theirs.buffer)
    machine.memory.touched |= source.memory.touched
    machine.memory.stored |= source.memory.stored
    np.copyto(machine.code.memory, source.code.memory)
    machine.code.version += 1
    for view, other in zip(machine.code.views, source.code.views, strict=True):
        if view.code is not machine.code.memory:
            np.copyto(view.code, other.code)
        view.version += 1
        view.pending = [item.copy() for item in other.pending]
    for cpu, running in zip(machine.cpus, source.cpus, strict=True):
        cpu.restore(running.save())
    machine.restore(source.state())
