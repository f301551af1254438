"""A machine's code at each checkpoint of its history: the stores to it from one checkpoint to the next.

Sites are few bytes each and lie far apart, so that pages of them would be mostly bytes that never change. Code names
what is stored to it (`CodeMemory.stored`); to go from one checkpoint to another the stores between are done again, or
undone. A checkpoint can be forgotten: the stores up to it and those behind it are then merged to one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from simkernel.hw.fetch import CodeMemory, Stored
from simkernel.hw.x86 import PAGE_SIZE

STORE_BYTES = 512  # of a store, without its arrays' bytes


class Stores:
    """The stores up to each checkpoint from the one before it; a checkpoint is named by its position in history.

    Attributes:
        nbytes: what all of them take.
    """

    def __init__(self, code: CodeMemory) -> None:
        self._code = code
        self._before: dict[int, tuple[Stored, ...]] = {}  # by checkpoint: the stores since the one before it
        self.nbytes = 0
        code.stored.clear()

    def share(self, other: Stores) -> None:
        """Have what another machine's history keeps; the stores themselves never change."""
        self._before, self.nbytes = other._before.copy(), other.nbytes
        self._code.stored[:] = other._code.stored

    def keep(self, position: int, following: int | None) -> None:
        """A checkpoint is here and now.

        Args:
            position: the history entries before it.
            following: the position of the next one that is kept, if there is one.
        """
        here = tuple(self._code.stored)
        self._put(position, here)
        if following is not None and here:
            self._put(following, _merged([*_undone(here), *self._before[following]]))
        self._code.stored.clear()

    def passed(self) -> None:
        """Code is at a checkpoint that is kept already."""
        self._code.stored.clear()

    def restore(self, start: int, position: int) -> None:
        """Code is as it was at a checkpoint.

        Args:
            start: the checkpoint that it was at last.
            position: the one that it is to be at.
        """
        way = [*_undone(self._code.stored)]
        for at in sorted(self._before, reverse=position < start):
            if position < at <= start:
                way += _undone(self._before[at])
            elif start < at <= position:
                way += self._before[at]
        for store in _merged(way):
            far = np.flatnonzero(np.diff(store.places) > PAGE_SIZE) + 1  # what lies together is dropped together
            for offsets, values in zip(np.split(store.places, far), np.split(store.new.ravel(), far), strict=True):
                self._code.put(offsets, values)
        self._code.stored.clear()

    def forget(self, position: int, following: int) -> None:
        """A checkpoint is kept no longer; `following`: the position of the next one."""
        both = (*self._before[position], *self._before[following])
        self._take(position)
        self._put(following, _merged(both))

    def forget_after(self, position: int) -> None:
        """History took another way behind a position: the checkpoints behind it are gone."""
        for later in [one for one in self._before if one > position]:
            self._take(later)

    def _put(self, position: int, stores: tuple[Stored, ...]) -> None:
        if position in self._before:
            self._take(position)
        self._before[position] = stores
        self.nbytes += _nbytes(stores)

    def _take(self, position: int) -> None:
        self.nbytes -= _nbytes(self._before.pop(position))


def _nbytes(stores: Iterable[Stored]) -> int:
    return sum([STORE_BYTES + store.places.nbytes + 2 * store.old.nbytes for store in stores])


def _undone(stores: Sequence[Stored]) -> list[Stored]:
    """The stores that take these back."""
    return [Stored(store.places, store.new, store.old) for store in reversed(stores)]


def _merged(stores: Sequence[Stored]) -> tuple[Stored, ...]:
    """One store, in rows of one byte, that does what several do one after the other.

    None where they leave all bytes as they were.
    """
    if not stores:
        return ()
    every = np.concatenate([store.offsets() for store in stores])
    olds, news = (np.concatenate([rows.ravel() for rows in arrays]) for arrays in list(zip(*stores, strict=True))[1:])
    order = np.argsort(every, kind="stable")  # by byte; of each the stores in their order
    offsets = every[order]
    last = np.append(np.flatnonzero(np.diff(offsets)), len(offsets) - 1)
    first = np.append(0, last[:-1] + 1)
    old, new = olds[order[first]], news[order[last]]
    differ = old != new
    return (Stored(offsets[last][differ], old[differ, None], new[differ, None]),) if differ.any() else ()
