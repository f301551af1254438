"""A machine's memory at each checkpoint of its history, data and code, page by page.

Every page has the versions that it had, each from the checkpoint on at which it was found changed. Data is compared
with what it was at the last checkpoint; code names what is stored to it (`CodeMemory.touched`). A checkpoint can be
forgotten: its versions then are those of the one behind it, so that memory at all others stays as it was.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import groupby

import numpy as np

from simkernel.hw.fetch import Bytes, CodeMemory
from simkernel.hw.memory import GuestMemory
from simkernel.hw.x86 import PAGE_SIZE

PageKey = tuple[int, int]  # (buffer, page)
Versions = tuple[list[int], list[bytes]]  # the checkpoints' positions, ascending, and the bytes from each on
VERSION_BYTES = PAGE_SIZE + 160  # of one version: its bytes, and what three lists and two objects need

BEGINNING = -1  # the position of a page's first version


class Pages:
    """Memory at each checkpoint; a checkpoint is named by its position in history.

    Attributes:
        nbytes: what all versions take.
    """

    def __init__(self, memory: GuestMemory, code: CodeMemory) -> None:
        self._code = code
        self._buffers = [*(region.buffer for region in memory.regions), code.memory]
        self._shadow = [buffer.copy() for buffer in self._buffers]
        pages = max(buffer.nbytes for buffer in self._buffers[:-1]) // PAGE_SIZE
        self._differ = np.empty((pages, PAGE_SIZE // 8), dtype=np.bool_)  # one for all looks: new pages cost more
        self._versions: dict[PageKey, Versions] = {}
        self._changed: dict[int, list[PageKey]] = {}  # by checkpoint: the pages that have a version from it on
        self._at = BEGINNING  # the checkpoint that was kept, passed or restored last: `_shadow` is memory there
        self.nbytes = 0
        code.touched.clear()

    @property
    def at(self) -> int:
        """The position of the checkpoint that memory was compared with last; it must not be forgotten."""
        return self._at

    def share(self, other: Pages) -> None:
        """Have what another machine's history keeps, of a memory that is at the same position: bytes are shared."""
        self._versions = {key: (kept.copy(), versions.copy()) for key, (kept, versions) in other._versions.items()}
        self._changed = {position: keys.copy() for position, keys in other._changed.items()}
        self._at, self.nbytes = other._at, other.nbytes
        for mine, theirs in zip(self._shadow, other._shadow, strict=True):
            np.copyto(mine, theirs)
        self._code.touched[:] = other._code.touched

    def keep(self, position: int, following: int | None) -> None:
        """A checkpoint is here and now.

        Args:
            position: the history entries before it.
            following: the position of the next one that is kept, if there is one.
        """
        self._changed[position] = []
        for key in self._differences():
            before = self._version(key, self._at)
            self._add(key, position, self._part(self._buffers, key).tobytes())
            if following is not None and key not in self._changed[following]:
                self._add(key, following, before)
            self._part(self._shadow, key)[:] = self._part(self._buffers, key)
        self._code.touched.clear()
        self._at = position

    def pass_by(self, position: int) -> None:
        """Memory is at a checkpoint that is kept already."""
        for key in self._differences():
            self._part(self._shadow, key)[:] = self._part(self._buffers, key)
        self._code.touched.clear()
        self._at = position

    def restore(self, position: int) -> None:
        """Memory is as it was at a checkpoint; so is what each CPU runs, once its own bytes are put back."""
        wanted = {key: self._part(self._shadow, key) for key in self._differences()}
        for key in self._versions:
            before, then = self._version(key, self._at), self._version(key, position)
            if then is not before:
                wanted[key] = np.frombuffer(then, dtype=np.uint8)
                self._part(self._shadow, key)[:] = wanted[key]
        code = len(self._buffers) - 1
        for key, data in wanted.items():
            if key[0] != code:
                self._part(self._buffers, key)[:] = data
        self._put_code({page: data for (buffer, page), data in wanted.items() if buffer == code})
        self._code.touched.clear()
        self._at = position

    def forget(self, position: int, following: int) -> None:
        """A checkpoint is kept no longer; `following`: the position of the next one."""
        for key in self._changed.pop(position):
            positions, versions = self._versions[key]
            at = bisect_left(positions, position)
            if at + 1 < len(positions) and positions[at + 1] == following:
                del positions[at], versions[at]
                self.nbytes -= VERSION_BYTES
            else:
                positions[at] = following
                self._changed[following].append(key)

    def forget_after(self, position: int) -> None:
        """History took another way behind a position: the checkpoints behind it are gone."""
        for later in [one for one in self._changed if one > position]:
            for key in self._changed.pop(later):
                positions, versions = self._versions[key]
                keep = bisect_right(positions, position)
                self.nbytes -= VERSION_BYTES * (len(positions) - keep)
                del positions[keep:], versions[keep:]

    def _differences(self) -> Iterator[PageKey]:
        """The pages that differ from the last checkpoint."""
        for number, (buffer, shadow) in enumerate(zip(self._buffers[:-1], self._shadow[:-1], strict=True)):
            words, old = (whole.view(np.uint64).reshape(-1, PAGE_SIZE // 8) for whole in (buffer, shadow))
            differ = np.not_equal(words, old, out=self._differ[: len(words)])
            for page in np.flatnonzero(differ.view(np.uint64).any(axis=1)).tolist():
                yield number, page
        if self._code.touched:
            code = len(self._buffers) - 1
            for page in np.unique(np.concatenate(self._code.touched) // PAGE_SIZE).tolist():
                if (self._part(self._buffers, (code, page)) != self._part(self._shadow, (code, page))).any():
                    yield code, page

    def _version(self, key: PageKey, position: int) -> bytes:
        """A page's bytes at a checkpoint."""
        if key not in self._versions:
            self._versions[key] = [BEGINNING], [self._part(self._shadow, key).tobytes()]
            self.nbytes += VERSION_BYTES
        positions, versions = self._versions[key]
        return versions[bisect_right(positions, position) - 1]

    def _add(self, key: PageKey, position: int, data: bytes) -> None:
        positions, versions = self._versions[key]
        at = bisect_left(positions, position)
        positions.insert(at, position)
        versions.insert(at, data)
        self._changed[position].append(key)
        self.nbytes += VERSION_BYTES

    def _put_code(self, pages: dict[int, Bytes]) -> None:
        """Memory and every CPU hold these bytes of code: those that differ are put there, neighbours in one go."""
        ascending = sorted(pages)
        for _, run in groupby(enumerate(ascending), lambda item: item[1] - item[0]):
            offsets, values = [], []
            for _, page in run:
                start = page * PAGE_SIZE
                differ = np.flatnonzero(self._code.memory[start : start + PAGE_SIZE] != pages[page])
                offsets.append(differ + start)
                values.append(pages[page][differ])
            self._code.put(np.concatenate(offsets), np.concatenate(values))

    @staticmethod
    def _part(buffers: list[Bytes], key: PageKey) -> Bytes:
        number, page = key
        return buffers[number][page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
