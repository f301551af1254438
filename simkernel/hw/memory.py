"""Guest memory that every CPU shares: data, never code. Addresses in, bytes and words out.

All of the host's writes go through `write` and its word forms, or through an `array` asked for with `write=True`, or
are of a per-CPU word (`kernel.percpu.PerCpu`). `watch` is called for each, so that a test can hold them against
the list of what the host may write after boot.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from simkernel.errors import GuestError
from simkernel.hw.x86 import PAGE_SIZE

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DataRegion:
    """Shared data at `base`: a buffer of whole pages, `size` bytes, and the same as bytes and as words of eight."""

    base: int
    size: int
    buffer: Bytes
    data: memoryview
    words: memoryview


def new_buffer(size: int) -> Bytes:
    """A zeroed buffer of `size` bytes (rounded up to whole pages) that begins on a page, as Unicorn needs it."""
    size = -(-size // PAGE_SIZE) * PAGE_SIZE
    raw = np.zeros(size + PAGE_SIZE, dtype=np.uint8)
    skip = -raw.ctypes.data % PAGE_SIZE
    return raw[skip : skip + size]


class GuestMemory:
    """The data regions. `read_u64` and its like raise GuestError for an address that is not mapped.

    Attributes:
        touched: the numbers of the pages that may change at any time: a CPU has accessed them, or the host writes them
            unseen (`words`).
        stored: those that the host has stored to since history looked last. Bytes of all other pages are what they
            were then.
    """

    def __init__(self, regions: list[tuple[int, int]], guards: Collection[int] = ()) -> None:
        """Make zeroed memory.

        Args:
            regions: (base, size in bytes) of each, page aligned.
            guards: addresses of pages in them that are not mapped.
        """
        self.regions: list[DataRegion] = []
        self._regions: dict[int, DataRegion] = {}  # by the number of each page that is mapped
        for base, size in regions:
            buffer = new_buffer(size)
            data = memoryview(buffer.data).cast("B")
            region = DataRegion(base, buffer.nbytes, buffer, data, data.cast("Q"))
            self.regions.append(region)
            self._regions |= dict.fromkeys(range(base // PAGE_SIZE, (base + region.size) // PAGE_SIZE), region)
        for page in guards:
            self._regions.pop(page // PAGE_SIZE, None)
        self.touched, self.stored = set[int](), set[int]()
        self.watch: Callable[[int, int], None] | None = None  # called for each write of the host: address, size

    def _at(self, address: int, size: int, write: bool = False) -> tuple[DataRegion, int]:
        """The region that holds the bytes, and the offset there: of two pages at most, or of none that is guarded.

        With `write` the host stores there.
        """
        first = address // PAGE_SIZE
        last = (address + size - 1) // PAGE_SIZE if size else first
        region = self._regions.get(first)
        if region is None or (last != first and self._regions.get(last) is not region):
            raise GuestError(f"{size} bytes at {address:#x} are not guest data")
        if write:
            self.stored.add(first)
            if first != last:
                self.stored.update(range(first, last + 1))
            if self.watch:
                self.watch(address, size)
        return region, address - region.base

    def holds(self, address: int, size: int = 1) -> bool:
        """True where all of the bytes are data."""
        try:
            self._at(address, size)
        except GuestError:
            return False
        return True

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes from an address."""
        region, offset = self._at(address, size)
        return bytes(region.data[offset : offset + size])

    def write(self, address: int, data: bytes) -> None:
        """Store bytes; they lie in one region."""
        size = len(data)
        region, offset = self._at(address, size, write=True)
        region.data[offset : offset + size] = data

    def read_u64(self, address: int) -> int:
        """A word of eight bytes, little endian, as all words here."""
        region = self._regions.get(address // PAGE_SIZE)
        if region is None or address & 7:
            return int.from_bytes(self.read(address, 8), "little")
        return region.words[address - region.base >> 3]

    def words(self, address: int, size: int) -> memoryview:
        """The words of eight bytes from an aligned address on, `size` bytes: a view, not a copy.

        Who writes one tells `watch` of it.
        """
        region, offset = self._at(address, size)
        self.touched.update(range(address // PAGE_SIZE, (address + size - 1) // PAGE_SIZE + 1))
        return region.words[offset >> 3 : offset + size >> 3]

    def write_u64(self, address: int, value: int) -> None:
        """Store a word of eight bytes."""
        if address & 7:
            self.write(address, value.to_bytes(8, "little"))
        else:
            region, offset = self._at(address, 8, write=True)
            region.words[offset >> 3] = value

    def read_u32(self, address: int) -> int:
        """A word of four bytes."""
        region = self._regions.get(address // PAGE_SIZE)
        if region is None or address & 3:
            return int.from_bytes(self.read(address, 4), "little")
        return region.words[address - region.base >> 3] >> 8 * (address & 4) & 0xFFFF_FFFF

    def write_u32(self, address: int, value: int) -> None:
        """Store a word of four bytes."""
        self.write(address, value.to_bytes(4, "little"))

    def array(self, address: int, dtype: Any, shape: int | tuple[int, ...], write: bool = False) -> npt.NDArray[Any]:
        """A NumPy view of guest memory, not a copy; read-only unless `write`."""
        dtype = np.dtype(dtype)
        count = shape if isinstance(shape, int) else prod(shape)
        region, offset = self._at(address, count * dtype.itemsize, write)
        view: npt.NDArray[Any] = np.ndarray(shape, dtype, region.data, offset)
        view.flags.writeable = write
        return view
