"""Where code lies: the regions (kernel text, synthetic text, trampolines), one behind the other in one buffer.

`CodeMap` turns addresses into offsets of that buffer and back, for one address or for many at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simkernel.errors import GuestError

Offsets = npt.NDArray[np.int64]

PIECE = 16  # bytes of code of which is known whether there may be a translation; no instruction has more
Translated = npt.NDArray[np.bool_]  # for each piece of the buffer: whether there may be one


@dataclass(frozen=True, slots=True)
class Region:
    """Code at `base` for `size` bytes, at `start` in the buffer; all page aligned."""

    base: int
    size: int
    start: int

    @property
    def part(self) -> slice:
        """Which bytes of the buffer it is."""
        return slice(self.start, self.start + self.size)

    @property
    def pieces(self) -> slice:
        """Which pieces of the buffer it is."""
        return slice(self.start // PIECE, (self.start + self.size) // PIECE)


class CodeMap:
    """The code regions, and where each lies in the buffer."""

    def __init__(self, regions: list[tuple[int, int]]) -> None:
        """Lay the regions one behind the other.

        Args:
            regions: (base address, size in bytes) of each, ascending, page aligned.
        """
        self.regions: list[Region] = []
        start = 0
        for base, size in regions:
            self.regions.append(Region(base, size, start))
            start += size
        self.size = start
        self._bounds = np.array([(base, base + size) for base, size in regions], dtype=np.uint64).ravel()

    def offset(self, address: int) -> int:
        """The buffer's offset of an address; GuestError outside of all code."""
        for region in self.regions:
            if 0 <= address - region.base < region.size:
                return address - region.base + region.start
        raise GuestError(f"{address:#x} is not an address of code")

    def holds(self, address: int) -> bool:
        """True for an address of code."""
        return any(0 <= address - region.base < region.size for region in self.regions)

    def room(self, address: int) -> int:
        """Bytes from `address` to the end of its region (0 outside of all)."""
        for region in self.regions:
            if 0 <= address - region.base < region.size:
                return region.base + region.size - address
        return 0

    def address(self, offset: int) -> int:
        """The address at an offset of the buffer; GuestError behind its end."""
        for region in self.regions:
            if offset < region.start + region.size:
                return region.base + offset - region.start
        raise GuestError(f"{offset:#x} is not an offset of the code buffer")

    def ranges(self, low: int, high: int) -> list[tuple[int, int]]:
        """The addresses [first, last) of the offsets [low, high), by region."""
        found = []
        for region in self.regions:
            end = region.start + region.size
            if low < end:
                shift = region.base - region.start
                found.append((low + shift, min(high, end) + shift))
                if high <= end:
                    break
                low = end
        return found

    def offsets(self, addresses: npt.NDArray[np.uint64]) -> Offsets:
        """`offset` of many addresses at once; they ascend."""
        if len(addresses) and addresses[-1] - addresses[0] < self.room(int(addresses[0])):
            one: Offsets = (addresses - addresses[0]).astype(np.int64) + self.offset(int(addresses[0]))
            return one
        out = np.empty(len(addresses), dtype=np.int64)
        done = 0
        cuts = addresses.searchsorted(self._bounds).tolist()
        for region, first, last in zip(self.regions, cuts[::2], cuts[1::2], strict=True):
            if first != done:
                break
            out[first:last] = addresses[first:last] - np.uint64((region.base - region.start) & 0xFFFF_FFFF_FFFF_FFFF)
            done = last
        if done != len(addresses):
            raise GuestError(f"{int(addresses[done]):#x} is not an address of code")
        return out


def take_changed(translated: Translated, places: Offsets, width: int = 1) -> list[tuple[int, int]]:
    """The ranges [low, high) of pieces that have changed and may have a translation; from now on they have none.

    Args:
        translated: which pieces may have one.
        places: where each row of bytes that has changed begins, ascending, one at least.
        width: how many bytes each row has, no more than a piece.
    """
    first, last = int(places[0]) // PIECE, (int(places[-1]) + width - 1) // PIECE + 1
    around = translated[first:last]
    if not np.count_nonzero(around):
        return []  # nearly always: most code is never run
    changed = np.zeros_like(around)
    changed[places // PIECE - first] = changed[(places + (width - 1)) // PIECE - first] = True
    gone = np.flatnonzero(around & changed)
    if not len(gone):
        return []
    around[gone] = False
    cuts = np.flatnonzero(gone[1:] - gone[:-1] > 1)  # what lies together is forgotten together
    begin, end = (first + gone[[0, *(cuts + 1)]]) * PIECE, (first + 1 + gone[[*cuts, -1]]) * PIECE
    return list(zip(begin.tolist(), end.tolist(), strict=True))


def offsets_of(places: Offsets, width: int) -> Offsets:
    """The offset of each byte of rows of `width` bytes, which begin at `places` and do not overlap."""
    return places if width == 1 else (places[:, None] + np.arange(width)).ravel()
