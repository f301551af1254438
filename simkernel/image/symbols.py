"""The symbol table: by name, by address, and without an object for each of 200,000 synthetic functions."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt

from simkernel.asm import Symbol

SUBSYSTEMS = ("vfs", "mm", "net", "block", "tcp", "ext4", "sched", "crypto", "usb", "pci", "drm", "cgroup")


class SymbolTable(Sequence[Symbol]):
    """The assembled symbols, in the order of their addresses."""

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self._symbols = tuple(symbols)
        self._names = {symbol.name: symbol for symbol in self._symbols}
        self._sized = [symbol for symbol in self._symbols if symbol.size]
        self._starts = [symbol.address for symbol in self._sized]

    @overload
    def __getitem__(self, index: int) -> Symbol: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Symbol]: ...
    def __getitem__(self, index: int | slice) -> Symbol | Sequence[Symbol]:
        return self._symbols[index]

    def __len__(self) -> int:
        return len(self._symbols)

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self._symbols)

    def named(self, name: str) -> Symbol | None:
        """The symbol of that name."""
        return self._names.get(name)

    def nearest(self, name: str) -> str | None:
        """The known name most like `name`."""
        return next(iter(difflib.get_close_matches(name, self._names, n=1)), None)

    def labels(self, prefix: str) -> list[Symbol]:
        """The assembled symbols whose names begin with `prefix`."""
        return [symbol for symbol in self._symbols if symbol.name.startswith(prefix)]

    def find(self, address: int) -> Symbol | None:
        """The sized symbol that `address` lies in."""
        at = bisect.bisect_right(self._starts, address) - 1
        if at >= 0 and address < self._sized[at].address + self._sized[at].size:
            return self._sized[at]
        return None

    def traced(self) -> list[Symbol]:
        """The traced functions, by address."""
        return [symbol for symbol in self._symbols if symbol.traced]

    def traced_names(self) -> list[str]:
        """The names of `traced()`."""
        return [symbol.name for symbol in self._symbols if symbol.traced]


class SyntheticSymbols(SymbolTable):
    """An assembled kernel's table and, behind its addresses, one of generated functions, kept as arrays.

    Args:
        symbols: the assembled ones. first: how many of them lie below the generated functions.
        addresses, sizes: (functions,), of the generated functions, in the order of addresses.
    """

    GROUP = 32  # functions that share a prefix, and a call tree

    def __init__(
        self, symbols: Sequence[Symbol], addresses: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
    ) -> None:
        super().__init__(symbols)
        self._base = int(addresses[0]) & 0xFFFF_FFFF_FFFF_FFFF
        self._offsets = addresses - addresses[0]
        self._sizes = sizes

    @classmethod
    def name_of(cls, index: int) -> str:
        """The name of the generated function of that index."""
        return f"synth_{SUBSYSTEMS[index // cls.GROUP % len(SUBSYSTEMS)]}_{index:06d}"

    def _symbol(self, index: int) -> Symbol:
        address = self._base + int(self._offsets[index])
        return Symbol(address, self.name_of(index), int(self._sizes[index]), "T", True)

    @overload
    def __getitem__(self, index: int) -> Symbol: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Symbol]: ...
    def __getitem__(self, index: int | slice) -> Symbol | Sequence[Symbol]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        own = super().__len__()
        return self._symbols[at] if at < own else self._symbol(at - own)

    def __len__(self) -> int:
        return super().__len__() + len(self._sizes)

    def __iter__(self) -> Iterator[Symbol]:
        yield from self._symbols
        yield from self._generated

    @cached_property
    def _generated(self) -> list[Symbol]:
        starts = (self._offsets.astype(np.uint64) + np.uint64(self._base)).tolist()
        rows = enumerate(zip(starts, self._sizes.tolist(), strict=True))
        return [Symbol(start, self.name_of(i), size, "T", True) for i, (start, size) in rows]

    def named(self, name: str) -> Symbol | None:
        digits = name.rpartition("_")[2]
        if name.startswith("synth_") and digits.isascii() and digits.isdigit() and int(digits) < len(self._sizes):
            return self._symbol(int(digits)) if self.name_of(int(digits)) == name else super().named(name)
        return super().named(name)

    def nearest(self, name: str) -> str | None:
        digits = name.rpartition("_")[2]
        if name.startswith("synth_") and digits.isascii() and digits.isdigit():
            return self.name_of(min(int(digits), len(self._sizes) - 1))
        return super().nearest(name)

    def find(self, address: int) -> Symbol | None:
        offset = address - self._base
        if not 0 <= offset < int(self._offsets[-1]) + int(self._sizes[-1]):
            return super().find(address)
        at = int(np.searchsorted(self._offsets, offset, side="right")) - 1
        return self._symbol(at) if offset < int(self._offsets[at]) + int(self._sizes[at]) else None

    def traced(self) -> list[Symbol]:
        return super().traced() + self._generated

    def traced_names(self) -> list[str]:
        return super().traced_names() + [self.name_of(i) for i in range(len(self._sizes))]
