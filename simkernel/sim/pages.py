"""A machine's memory at each checkpoint of its history: data page by page, code by the stores to it (`stores.py`).

Every page has the versions that it had, each from the checkpoint on at which it was found changed: those that somebody
may have written (`GuestMemory.touched` and `stored`) are compared with what they were at the last checkpoint. A
checkpoint can be forgotten: its versions then are those of the one behind it, so that memory at all others stays as it
was.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from simkernel.hw.fetch import CodeMemory
from simkernel.hw.memory import GuestMemory
from simkernel.hw.x86 import PAGE_SIZE
from simkernel.sim.stores import Stores

PageKey = tuple[int, int]  # (buffer, page)
Versions = tuple[list[int], list[bytes]]  # the checkpoints' positions, ascending, and the bytes from each on
VERSION_BYTES = PAGE_SIZE + 160  # of one version: its bytes, and what three lists and two objects need

BEGINNING = -1  # the position of a page's first version


class Pages:
    """Memory at each checkpoint; a checkpoint is named by its position in history."""

    def __init__(self, memory: GuestMemory, code: CodeMemory) -> None:
        self._memory, self._stores = memory, Stores(code)
        self._buffers = [region.data for region in memory.regions]
        self._shadow = [memoryview(bytearray(data)) for data in self._buffers]
        self._keys = {  # by a page's number
            region.base // PAGE_SIZE + page: (number, page)
            for number, region in enumerate(memory.regions)
            for page in range(region.size // PAGE_SIZE)
        }
        self._versions: dict[PageKey, Versions] = {}
        self._changed: dict[int, list[PageKey]] = {}  # by checkpoint: the pages that have a version from it on
        self._at = BEGINNING  # the checkpoint that was kept, passed or restored last: `_shadow` is memory there
        self._nbytes = 0  # of the versions

    @property
    def nbytes(self) -> int:
        """What all versions and stores take."""
        return self._nbytes + self._stores.nbytes

    @property
    def at(self) -> int:
        """The position of the checkpoint that memory was compared with last; it must not be forgotten."""
        return self._at

    def share(self, other: Pages) -> None:
        """Have what another machine's history keeps, of a memory that is at the same position: bytes are shared."""
        self._versions = {key: (kept.copy(), versions.copy()) for key, (kept, versions) in other._versions.items()}
        self._changed = {position: keys.copy() for position, keys in other._changed.items()}
        self._at, self._nbytes = other._at, other._nbytes
        for mine, theirs in zip(self._shadow, other._shadow, strict=True):
            mine[:] = theirs
        self._stores.share(other._stores)

    def keep(self, position: int, following: int | None) -> None:
        """A checkpoint is here and now.

        Args:
            position: the history entries before it.
            following: the position of the next one that is kept, if there is one.
        """
        self._changed[position] = []
        for key, now in self._differences():
            before = self._version(key, self._at)
            self._add(key, position, now)
            if following is not None and key not in self._changed[following]:
                self._add(key, following, before)
            self._part(self._shadow, key)[:] = self._part(self._buffers, key)
        self._stores.keep(position, following)
        self._is_at(position)

    def pass_by(self, position: int) -> None:
        """Memory is at a checkpoint that is kept already."""
        for key, _ in self._differences():
            self._part(self._shadow, key)[:] = self._part(self._buffers, key)
        self._stores.passed()
        self._is_at(position)

    def restore(self, position: int) -> None:
        """Memory is as it was at a checkpoint; so is what each CPU runs, once its own bytes are put back."""
        wanted: dict[PageKey, memoryview | bytes] = {
            key: self._part(self._shadow, key) for key, _ in self._differences()
        }
        for key in self._versions:
            before, then = self._version(key, self._at), self._version(key, position)
            if then is not before:
                wanted[key] = then
                self._part(self._shadow, key)[:] = then
        for key, data in wanted.items():
            self._part(self._buffers, key)[:] = data
        self._stores.restore(self._at, position)
        self._is_at(position)

    def forget(self, position: int, following: int) -> None:
        """A checkpoint is kept no longer; `following`: the position of the next one."""
        for key in self._changed.pop(position):
            positions, versions = self._versions[key]
            at = bisect_left(positions, position)
            if at + 1 < len(positions) and positions[at + 1] == following:
                del positions[at], versions[at]
                self._nbytes -= VERSION_BYTES
            else:
                positions[at] = following
                self._changed[following].append(key)
        self._stores.forget(position, following)

    def forget_after(self, position: int) -> None:
        """History took another way behind a position: the checkpoints behind it are gone."""
        for later in [one for one in self._changed if one > position]:
            for key in self._changed.pop(later):
                positions, versions = self._versions[key]
                keep = bisect_right(positions, position)
                self._nbytes -= VERSION_BYTES * (len(positions) - keep)
                del positions[keep:], versions[keep:]
        self._stores.forget_after(position)

    def _differences(self) -> Iterator[tuple[PageKey, bytes]]:
        """The pages that differ from the last checkpoint, with their bytes."""
        for page in sorted(self._memory.touched | self._memory.stored):
            key = self._keys[page]
            now = self._part(self._buffers, key).tobytes()
            if now != self._part(self._shadow, key).tobytes():
                yield key, now

    def _is_at(self, position: int) -> None:
        """Memory is at this checkpoint, and `_shadow` is what it is."""
        self._at = position
        self._memory.stored.clear()

    def _version(self, key: PageKey, position: int) -> bytes:
        """A page's bytes at a checkpoint."""
        if key not in self._versions:
            self._versions[key] = [BEGINNING], [self._part(self._shadow, key).tobytes()]
            self._nbytes += VERSION_BYTES
        positions, versions = self._versions[key]
        return versions[bisect_right(positions, position) - 1]

    def _add(self, key: PageKey, position: int, data: bytes) -> None:
        positions, versions = self._versions[key]
        at = bisect_left(positions, position)
        positions.insert(at, position)
        versions.insert(at, data)
        self._changed[position].append(key)
        self._nbytes += VERSION_BYTES

    @staticmethod
    def _part(buffers: list[memoryview], key: PageKey) -> memoryview:
        number, page = key
        return buffers[number][page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
