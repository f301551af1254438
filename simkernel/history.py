"""Time travel: checkpoints of pages that changed, so that every earlier state can be had again exactly.

A checkpoint is kept every so many history entries; what lies between is replayed. `Pages` keeps the bytes: every page
has the versions that it had at the checkpoints, from the first change on. Data is compared page by page with what it
was at the last checkpoint; code names its changed pages itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import numpy as np

from simkernel.layout import PAGE_SIZE
from simkernel.machine import Machine

PageKey = tuple[int, int]  # (buffer, page)


class Pages:
    """The pages of a machine's memory at each checkpoint."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._data = [region.buffer for region in machine.memory.regions]
        self._code = [machine.code.memory, *(view.code for view in machine.code.views)]
        self._shadow = [buffer.copy() for buffer in self._data]
        self._versions: dict[PageKey, tuple[list[int], list[bytes]]] = {}
        self._code_shadow: dict[PageKey, bytes] = {}
        self._base_code = machine.code.memory.copy()  # all views are equal to it when history begins
        self._count = 0
        for changed in self._changed_sets():
            changed.clear()

    def _changed_sets(self) -> list[set[int]]:
        code = self._machine.code
        return [code.changed_pages, *(view.changed_pages for view in code.views)]

    def keep(self, index: int) -> None:
        """Checkpoint `index` is here and now; one that is kept already is only passed by."""
        new = index >= self._count
        for key, now in self._differences():
            if new:
                self._add(key, index, now)
            self._set_shadow(key, now)
        self._count = max(self._count, index + 1)

    def _differences(self) -> Iterable[tuple[PageKey, bytes]]:
        """The pages that differ from the checkpoint before: key, and bytes as they are now."""
        out: list[tuple[PageKey, bytes]] = []
        for number, (buffer, shadow) in enumerate(zip(self._data, self._shadow, strict=True)):
            words, old = buffer.view(np.uint64), shadow.view(np.uint64)
            for page in np.flatnonzero((words != old).reshape(-1, PAGE_SIZE // 8).any(axis=1)).tolist():
                out.append(((number, page), self._bytes(buffer, page)))
        for at, (buffer, changed) in enumerate(zip(self._code, self._changed_sets(), strict=True)):
            for page in sorted(changed):
                out.append(((len(self._data) + at, page), self._bytes(buffer, page)))
            changed.clear()
        return out

    @staticmethod
    def _bytes(buffer: Any, page: int) -> bytes:
        return bytes(buffer[page * PAGE_SIZE : (page + 1) * PAGE_SIZE].tobytes())

    def _shadow_of(self, key: PageKey) -> bytes:
        number, page = key
        if number < len(self._data):
            return self._bytes(self._shadow[number], page)
        return self._code_shadow.get(key) or self._bytes(self._base_code, page)

    def _set_shadow(self, key: PageKey, now: bytes) -> None:
        number, page = key
        if number < len(self._data):
            self._shadow[number][page * PAGE_SIZE : (page + 1) * PAGE_SIZE] = np.frombuffer(now, dtype=np.uint8)
        else:
            self._code_shadow[key] = now

    def _add(self, key: PageKey, index: int, now: bytes) -> None:
        places, versions = self._versions.setdefault(key, ([-1], [self._shadow_of(key)]))
        places.append(index)
        versions.append(now)

    def restore(self, index: int) -> None:
        """Every page is as it was at checkpoint `index`; the CPUs drop their translations of changed code."""
        for key, _ in self._differences():  # changed since the last checkpoint: back to it first
            self._write(key, self._shadow_of(key))
        for key, (places, versions) in self._versions.items():
            then = versions[bisect_right(places, index) - 1]
            if then != self._shadow_of(key):
                self._write(key, then)
                self._set_shadow(key, then)

    def _write(self, key: PageKey, data: bytes) -> None:
        number, page = key
        low, high = page * PAGE_SIZE, (page + 1) * PAGE_SIZE
        if number < len(self._data):
            self._data[number][low:high] = np.frombuffer(data, dtype=np.uint8)
            return
        self._code[number - len(self._data)][low:high] = np.frombuffer(data, dtype=np.uint8)
        if number > len(self._data):
            self._machine.code.views[number - len(self._data) - 1].dirty.append((low, high))

    def forget_after(self, index: int) -> None:
        """History took another way after checkpoint `index`: the later ones are gone."""
        self._count = min(self._count, index + 1)
        for places, versions in self._versions.values():
            keep = bisect_right(places, index)
            del places[keep:], versions[keep:]
