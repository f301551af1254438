"""A batch: the sites that text_poke changes together, and the vector by which the guest's handler knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.kernel import layout
from simkernel.patching.emulation import JCC8, emulated
from simkernel.patching.site import Patch
from simkernel.protocol import POKE_MAX_OPCODE_SIZE, Part

_TEXT = ("text", "u1", (POKE_MAX_OPCODE_SIZE,))
TP_LOC = np.dtype([("rel_addr", "<i4"), ("disp", "<i4"), ("len", "u1"), ("opcode", "u1"), _TEXT, ("old", "u1")])
"""struct text_poke_loc"""
assert TP_LOC.itemsize == layout.TP_LOC_SIZE


@dataclass(frozen=True, eq=False)
class Batch:
    """Sites that change together, ascending; text_poke takes at most 256 of them at a time (`part`).

    Attributes:
        sites: their addresses, (n,).
        sizes: how many bytes change at each, (n,).
        old: what they should hold now, (n, width): the widest site's size. A shorter site's row ends in zeroes.
        new: what they will hold, likewise.
        of_whole: the batch that this is a part of, and the rows that it has of it; None: it is no part.
    """

    sites: npt.NDArray[np.uint64]
    sizes: npt.NDArray[np.uint8]
    old: npt.NDArray[np.uint8]
    new: npt.NDArray[np.uint8]
    of_whole: tuple[Batch, slice] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, patches: Sequence[Patch]) -> Batch:
        """A batch of patches, in the order of their addresses."""
        ordered = sorted(patches, key=lambda patch: patch.site.address)
        sizes = np.array([patch.site.size for patch in ordered], dtype=np.uint8)
        width = int(sizes.max(initial=1))
        old, new = (
            b"".join(data.ljust(width, b"\0") for data in column)
            for column in ([patch.old for patch in ordered], [patch.new for patch in ordered])
        )
        return cls(
            np.array([patch.site.address for patch in ordered], dtype=np.uint64),
            sizes,
            np.frombuffer(old, dtype=np.uint8).reshape(-1, width),
            np.frombuffer(new, dtype=np.uint8).reshape(-1, width),
        )

    @classmethod
    def of_one_size(
        cls, sites: npt.NDArray[np.uint64], old: npt.NDArray[np.uint8], new: npt.NDArray[np.uint8]
    ) -> Batch:
        """A batch of sites of the same size: (n,), and their bytes (n, size)."""
        return cls(sites, np.full(len(sites), old.shape[1], dtype=np.uint8), old, new)

    def part(self, first: int, last: int) -> Batch:
        """The sites first to last - 1; what is worked out for all of this batch serves all of its parts."""
        rows = slice(first, last)
        return Batch(self.sites[rows], self.sizes[rows], self.old[rows], self.new[rows], (self, rows))

    @property
    def cut(self) -> tuple[Batch, slice]:
        """The batch that this is a part of, else itself; and which rows of it this has."""
        return self.of_whole or (self, slice(None))

    def __len__(self) -> int:
        return len(self.sites)

    @property
    def width(self) -> int:
        """The size of the widest site."""
        return int(self.old.shape[1])

    def find(self, address: int) -> int | None:
        """The row of the site at an address; None where there is none."""
        row = int(np.searchsorted(self.sites, np.uint64(address)))
        return row if row < len(self) and int(self.sites[row]) == address else None

    def change(self, row: int) -> tuple[bytes, bytes]:
        """(old, new): the bytes of one site."""
        size = int(self.sizes[row])
        return self.old[row, :size].tobytes(), self.new[row, :size].tobytes()

    @cached_property
    def inside(self) -> npt.NDArray[np.bool_] | None:
        """Which bytes of the rows are a site's, (n, width); None where all are."""
        if self.of_whole is not None and self.of_whole[0].inside is None:
            return None
        if (self.sizes == self.width).all():
            return None
        return np.arange(self.width) < self.sizes[:, None]

    @cached_property
    def _entries(self) -> npt.NDArray[Any]:
        if self.of_whole is not None:
            whole, rows = self.of_whole
            part: npt.NDArray[Any] = whole._entries[rows]
            return part
        entries = np.zeros(len(self), dtype=TP_LOC)
        entries["len"] = self.sizes
        entries["text"][:, : self.width] = self.new
        entries["old"] = self.old[:, 0]
        entries["opcode"], entries["disp"] = emulated(entries["text"], self.sizes)
        return entries

    @property
    def opcodes(self) -> npt.NDArray[np.uint8]:
        """What the handler emulates at each site (n,): `text_poke_loc.opcode` (`emulation.py`)."""
        opcodes: npt.NDArray[np.uint8] = self._entries["opcode"]
        return opcodes

    @cached_property
    def has_jcc8(self) -> bool:
        """True where some new instruction is a conditional jump of two bytes."""
        if self.of_whole is not None and not self.of_whole[0].has_jcc8:
            return False
        return bool((self.opcodes & 0xF0 == JCC8.start).any())

    def entries(self, text: int) -> npt.NDArray[Any]:
        """text_poke_loc_init(): what is published, (n,) of TP_LOC.

        Args:
            text: _stext of the kernel, from which `rel_addr` counts.
        """
        entries = self._entries.copy()
        entries["rel_addr"] = (self.sites - np.uint64(text)).astype(np.int64)
        return entries

    @cached_property
    def addresses(self) -> tuple[int, ...]:
        """`sites` as plain numbers: one tuple, which every event of the batch shares."""
        return tuple(self.sites.tolist())

    @cached_property
    def has_head(self) -> bool:
        """True where some new byte 0 is not int3."""
        return self.new[:, 0].tobytes().count(insn.INT3) < len(self)

    @cached_property
    def _int3(self) -> npt.NDArray[np.uint8]:
        if self.of_whole is not None:
            whole, rows = self.of_whole
            return whole._int3[rows]
        return np.full_like(self.old, insn.INT3)

    def bytes_of(self, part: Part) -> npt.NDArray[np.uint8]:
        """The bytes at each site (n, width) that a write may take from: the old, the new, or int3."""
        if part is Part.NEW:
            return self.new
        return self.old if part is Part.OLD else self._int3
