"""Time travel: checkpoints of the whole state, so that every earlier state can be had again exactly.

A checkpoint is kept every so many history entries; what lies between is replayed. Data is compared page by page with
what it was at the last checkpoint, and every page has the versions that it had, from the first change on. Code names
its changes itself (`CodeMemory.changes`): they are kept in order, and undone or done again one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from simkernel.hw.fetch import Change, ViewState
from simkernel.kernel.layout import PAGE_SIZE
from simkernel.lane import MachineState
from simkernel.machine import Machine
from simkernel.patching.task import PatchingTask, TaskState
from simkernel.schedule import ScheduleState

PageKey = tuple[int, int]  # (region, page)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """All of a simulation's state at a place in history, but for memory, which `Pages` keeps.

    `entry` and `events`: how many of either had happened.
    """

    entry: int
    events: int
    schedule: ScheduleState
    machine: MachineState
    contexts: tuple[Any, ...]  # of each CPU, as `Cpu.save` made it
    views: tuple[ViewState, ...]
    task: TaskState


class Checkpoints:
    """The checkpoints of a simulation, in the order of history; an index names one."""

    def __init__(self, machine: Machine, task: PatchingTask) -> None:
        self._machine, self._task = machine, task
        self._pages = Pages(machine)
        self._kept: list[Checkpoint] = []

    def entries(self) -> list[int]:
        """The place of each."""
        return [checkpoint.entry for checkpoint in self._kept]

    def before(self, place: int) -> int:
        """Index of the last one at or before a place; -1 where there is none."""
        return bisect_right(self._kept, place, key=lambda checkpoint: checkpoint.entry) - 1

    def keep(self, entry: int, events: int, schedule: ScheduleState) -> None:
        """A checkpoint is here; one that is kept already is only passed by."""
        index = self.before(entry)
        known = index >= 0 and self._kept[index].entry == entry
        self._pages.keep(index if known else len(self._kept))
        if known:
            return
        machine = self._machine
        self._kept.append(
            Checkpoint(
                entry=entry,
                events=events,
                schedule=schedule,
                machine=machine.state(),
                contexts=tuple(cpu.save() for cpu in machine.cpus),
                views=tuple(view.state() for view in machine.code.views),
                task=self._task.state(),
            )
        )

    def restore(self, index: int) -> Checkpoint:
        """Machine and task are as they were; the rest of the checkpoint is the caller's to put back."""
        checkpoint, machine = self._kept[index], self._machine
        machine.code.forget_unsettled()
        self._pages.restore(index)
        for cpu, context in zip(machine.cpus, checkpoint.contexts, strict=True):
            cpu.restore(context)
        for view, state in zip(machine.code.views, checkpoint.views, strict=True):
            view.restore(state)
        machine.restore(checkpoint.machine)
        self._task.restore(checkpoint.task)
        return checkpoint

    def forget_after(self, place: int) -> None:
        """History took another way at `place`: the later ones are gone."""
        keep = self.before(place)
        del self._kept[keep + 1 :]
        self._pages.forget_after(keep)


class Pages:
    """A machine's memory at each checkpoint."""

    def __init__(self, machine: Machine) -> None:
        self._code = machine.code
        self._data = [region.buffer for region in machine.memory.regions]
        self._shadow = [buffer.copy() for buffer in self._data]
        pages = max(buffer.nbytes for buffer in self._data) // PAGE_SIZE
        self._differ = np.empty((pages, PAGE_SIZE // 8), dtype=np.bool_)  # one for all looks: new pages cost more
        self._versions: dict[PageKey, tuple[list[int], list[bytes]]] = {}
        self._changes: list[tuple[Change, ...]] = []  # [i]: those between checkpoint i - 1 and checkpoint i
        self._at = -1  # the checkpoint that was kept, passed or restored last
        self._code.changes.clear()

    def keep(self, index: int) -> None:
        """Checkpoint `index` is here and now; one that is kept already is only passed by."""
        new = index >= len(self._changes)
        for key in self._differences():
            if new:
                self._add(key, index)
            self._set_shadow(key)
        if new:
            self._changes.append(tuple(self._code.changes))
        self._code.changes.clear()
        self._at = index

    def _differences(self) -> Iterator[PageKey]:
        """The data pages that differ from the last checkpoint."""
        for number, (buffer, shadow) in enumerate(zip(self._data, self._shadow, strict=True)):
            words, old = (whole.view(np.uint64).reshape(-1, PAGE_SIZE // 8) for whole in (buffer, shadow))
            differ = np.not_equal(words, old, out=self._differ[: len(words)])
            for page in np.flatnonzero(differ.view(np.uint64).any(axis=1)).tolist():
                yield number, page

    def _add(self, key: PageKey, index: int) -> None:
        number, page = key
        if key not in self._versions:
            self._versions[key] = [-1], [self._shadow[number][_part(page)].tobytes()]
        places, versions = self._versions[key]
        places.append(index)
        versions.append(self._data[number][_part(page)].tobytes())

    def _set_shadow(self, key: PageKey) -> None:
        number, page = key
        self._shadow[number][_part(page)] = self._data[number][_part(page)]

    def restore(self, index: int) -> None:
        """Memory is as it was at checkpoint `index`; so is what each CPU runs, once its own bytes are put back."""
        for number, page in self._differences():  # changed since the last checkpoint: back to it first
            self._data[number][_part(page)] = self._shadow[number][_part(page)]
        for key, (places, versions) in self._versions.items():
            before, then = (versions[bisect_right(places, at) - 1] for at in (self._at, index))
            if then is not before:
                self._data[key[0]][_part(key[1])] = np.frombuffer(then, dtype=np.uint8)
                self._set_shadow(key)
        self._restore_code(index)
        self._at = index

    def _restore_code(self, index: int) -> None:
        for change in reversed(self._code.changes):
            self._code.put(change.offsets, change.old)
        for kept in reversed(self._changes[index + 1 : self._at + 1]):
            for change in reversed(kept):
                self._code.put(change.offsets, change.old)
        for kept in self._changes[self._at + 1 : index + 1]:
            for change in kept:
                self._code.put(change.offsets, change.new)
        self._code.changes.clear()

    def forget_after(self, index: int) -> None:
        """History took another way after checkpoint `index`: the later ones are gone."""
        del self._changes[index + 1 :]
        for places, versions in self._versions.values():
            keep = bisect_right(places, index)
            del places[keep:], versions[keep:]


def _part(page: int) -> slice:
    return slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
