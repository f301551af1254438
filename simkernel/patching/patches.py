"""Patches of many sites as arrays, and the vector by which the guest's handler knows those of a batch."""

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
from simkernel.patching.needs import Code
from simkernel.patching.site import Patch
from simkernel.protocol import NEW, OLD, POKE_MAX_OPCODE_SIZE, Part

Sites = npt.NDArray[np.uint64]  # (n,)
Numbers = npt.NDArray[np.object_]  # (n,): addresses as Python's numbers
SiteBytes = npt.NDArray[np.uint8]  # (n, the widest site's size); zeroes behind a shorter site's bytes

_TEXT = ("text", "u1", (POKE_MAX_OPCODE_SIZE,))
TP_LOC = np.dtype([("rel_addr", "<i4"), ("disp", "<i4"), ("len", "u1"), ("opcode", "u1"), _TEXT, ("old", "u1")])
"""struct text_poke_loc"""
assert TP_LOC.itemsize == layout.TP_LOC_SIZE


@dataclass(frozen=True, eq=False)
class Patches:
    """Changes of many sites, of one size or of several. A batch is those that text_poke makes together (`part`).

    Attributes:
        sites: their addresses, ascending, (n,).
        sizes: how many bytes change at each, (n,).
        old: what they should hold now, (n, width).
        new: what they will hold, likewise.
        of_whole: the patches that these are a part of, and which rows of them; None: they are no part.
        known: the addresses once more, of who has the objects already; None: they are made.
    """

    sites: Sites
    sizes: npt.NDArray[np.uint8]
    old: SiteBytes
    new: SiteBytes
    of_whole: tuple[Patches, slice] | None = field(default=None, compare=False)
    known: Numbers | None = field(default=None, compare=False)

    @classmethod
    def of(cls, patches: Sequence[Patch]) -> Patches:
        """These patches, in the order of their addresses."""
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
    def of_one_size(cls, sites: Sites, old: SiteBytes, new: SiteBytes, known: Numbers | None = None) -> Patches:
        """Patches of sites of the same size: (n,), ascending, and their bytes (n, size); `known` as the attribute."""
        return cls(sites, np.full(len(sites), old.shape[1], dtype=np.uint8), old, new, None, known)

    def part(self, first: int, last: int) -> Patches:
        """The patches first to last - 1; what is worked out once for all of these serves all of their parts."""
        rows = slice(first, last)
        return Patches(self.sites[rows], self.sizes[rows], self.old[rows], self.new[rows], (self, rows))

    @property
    def cut(self) -> tuple[Patches, slice]:
        """The patches that these are a part of, else themselves; and which rows of them."""
        return self.of_whole or (self, slice(None))

    def __len__(self) -> int:
        return len(self.sites)

    @property
    def width(self) -> int:
        """The size of the widest site."""
        return int(self.old.shape[1])

    def at(self, address: int) -> tuple[bytes, bytes] | None:
        """(old, new): the bytes of the site at an address; None where none of the sites is there."""
        row = int(np.searchsorted(self.sites, np.uint64(address)))
        return self.change(row) if row < len(self) and int(self.sites[row]) == address else None

    def change(self, row: int) -> tuple[bytes, bytes]:
        """(old, new): the bytes of one site."""
        size = int(self.sizes[row])
        return self.old[row, :size].tobytes(), self.new[row, :size].tobytes()

    @cached_property
    def inside(self) -> npt.NDArray[np.bool_] | None:
        """Which bytes of the rows are a site's, (n, width); None where all are, of the whole too."""
        whole, rows = self.cut
        inside = whole._inside
        return None if inside is None else inside[rows]

    @cached_property
    def _inside(self) -> npt.NDArray[np.bool_] | None:
        return None if (self.sizes == self.width).all() else np.arange(self.width) < self.sizes[:, None]

    def held(self, code: Code) -> SiteBytes:
        """What code holds at each site, (n, width), as `old` has it. Nothing behind a shorter site is read."""
        if self.inside is None:
            return code.rows(self.sites, self.width)
        held = np.zeros_like(self.old)
        for size in np.unique(self.sizes).tolist():
            rows = self.sizes == size
            held[rows, :size] = code.rows(self.sites[rows], size)
        return held

    def new_bytes(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
        """(addresses, values): where each byte of the new instructions goes, ascending, and which it is."""
        columns: npt.NDArray[np.uint64] = np.arange(self.width, dtype=np.uint64)
        inside = slice(None) if self.inside is None else self.inside
        return (self.sites[:, None] + columns)[inside].ravel(), self.new[inside].ravel()

    @cached_property
    def _emulated(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """Of each site `text_poke_loc.opcode` and `disp`."""
        text = np.zeros((len(self), POKE_MAX_OPCODE_SIZE), dtype=np.uint8)
        text[:, : self.width] = self.new
        return emulated(text, self.sizes)

    @property
    def opcodes(self) -> npt.NDArray[np.uint8]:
        """What the handler emulates at each site (n,): `text_poke_loc.opcode` (`emulation.py`)."""
        whole, rows = self.cut
        return whole._emulated[0][rows]

    @property
    def has_jcc8(self) -> bool:
        """True where some new instruction is a conditional jump of two bytes."""
        whole, rows = self.cut
        return whole._jcc8 is not None and bool(whole._jcc8[rows].any())

    @cached_property
    def _jcc8(self) -> npt.NDArray[np.bool_] | None:
        found: npt.NDArray[np.bool_] = self.opcodes & 0xF0 == JCC8.start
        return found if found.any() else None

    def entries(self, text: int) -> npt.NDArray[Any]:
        """text_poke_loc_init(): what is published, (n,) of TP_LOC.

        Args:
            text: _stext of the kernel, from which `rel_addr` counts.
        """
        whole, rows = self.cut
        entries = np.zeros(len(self), dtype=TP_LOC)
        entries["rel_addr"] = (self.sites - np.uint64(text)).astype(np.int64)
        entries["opcode"], entries["disp"] = (values[rows] for values in whole._emulated)
        entries["len"], entries["old"] = self.sizes, self.old[:, 0]
        entries["text"][:, : self.width] = self.new
        return entries

    @cached_property
    def addresses(self) -> tuple[int, ...]:
        """`sites` as plain numbers: one tuple, which every event of a batch shares."""
        whole, rows = self.cut
        return tuple(whole._numbers[rows].tolist())

    @cached_property
    def _numbers(self) -> Numbers:
        return np.array(self.sites.tolist(), dtype=object) if self.known is None else self.known

    @cached_property
    def has_head(self) -> bool:
        """True where some new byte 0 is not int3."""
        whole, rows = self.cut
        return whole._int3_heads is None or not whole._int3_heads[rows].all()

    @cached_property
    def _int3_heads(self) -> npt.NDArray[np.bool_] | None:
        found: npt.NDArray[np.bool_] = self.new[:, 0] == insn.INT3
        return found if found.any() else None

    @cached_property
    def has_tail(self) -> bool:
        """True where some site has more than one byte."""
        return self.width > 1 and (self.inside is None or bool((self.sizes > 1).any()))

    @cached_property
    def _int3(self) -> SiteBytes:
        return np.full_like(self.old, insn.INT3)

    def bytes_of(self, part: Part) -> SiteBytes:
        """The bytes at each site (n, width) that a write may take from: the old, the new, or int3."""
        if part is NEW:
            return self.new
        if part is OLD:
            return self.old
        whole, rows = self.cut
        return whole._int3[rows]
