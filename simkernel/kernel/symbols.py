"""The symbol table: by name, by address, and without an object for each of 200,000 synthetic functions.

`find` takes the sizes of the assembled functions and objects, as a debugger takes those of the ELF file. `ksym` finds
what the running kernel knows: kallsyms has no sizes, so a symbol reaches to the next one and owns the padding behind it
(`get_symbol_pos()`, kernel/kallsyms.c).
"""

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
        self._known = _kallsyms(self._symbols)
        self._known_starts = [symbol.address for symbol in self._known]

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

    def ksym(self, address: int) -> tuple[Symbol, int] | None:
        """The symbol that kallsyms names for an address, and its size there: the distance to the next one.

        None outside of the kernel (`is_ksym_addr()`, include/linux/kallsyms.h, with CONFIG_KALLSYMS_ALL); its last
        symbol is its end.
        """
        at = bisect.bisect_right(self._known_starts, address) - 1
        if not 0 <= at < len(self._known) - 1:
            return None
        return self._known[at], self._known_starts[at + 1] - self._known_starts[at]

    def traced(self) -> list[Symbol]:
        """The traced functions, by address."""
        return [symbol for symbol in self._symbols if symbol.traced]

    def traced_names(self) -> list[str]:
        """The names of `traced()`."""
        return [symbol.name for symbol in self._symbols if symbol.traced]


def _kallsyms(symbols: Sequence[Symbol]) -> list[Symbol]:
    """One symbol an address, by address: of several the first with the fewest underscores before its name.

    `compare_symbols()` (scripts/kallsyms.c) sorts them so, and `get_symbol_pos()` takes the first.
    """
    first: dict[int, Symbol] = {}
    for symbol in sorted(symbols, key=lambda each: len(each.name) - len(each.name.lstrip("_"))):
        if symbol.kind != ".":
            first.setdefault(symbol.address, symbol)
    return [first[address] for address in sorted(first)]


class SyntheticSymbols(SymbolTable):
    """An assembled kernel's table and, behind its addresses, one of generated functions, kept as arrays."""

    GROUP = 32  # functions that share a prefix, and a call tree

    def __init__(
        self, symbols: Sequence[Symbol], addresses: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], end: int
    ) -> None:
        """Put the two together.

        Args:
            symbols: the assembled ones.
            addresses: of the generated functions, ascending, (functions,).
            sizes: theirs, (functions,).
            end: where the text of the generated functions ends.
        """
        super().__init__(symbols)
        self._base = int(addresses[0]) & 0xFFFF_FFFF_FFFF_FFFF
        self._offsets = addresses - addresses[0]
        self._sizes = sizes
        self._end = end - self._base

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
        """The symbol of that name; None where there is none."""
        digits = name.rpartition("_")[2]
        if name.startswith("synth_") and digits.isascii() and digits.isdigit() and int(digits) < len(self._sizes):
            return self._symbol(int(digits)) if self.name_of(int(digits)) == name else super().named(name)
        return super().named(name)

    def nearest(self, name: str) -> str | None:
        """The name that is most like one; None where none is."""
        digits = name.rpartition("_")[2]
        if name.startswith("synth_") and digits.isascii() and digits.isdigit():
            return self.name_of(min(int(digits), len(self._sizes) - 1))
        return super().nearest(name)

    def find(self, address: int) -> Symbol | None:
        """The symbol whose bytes an address is one of; None where there is none."""
        offset = address - self._base
        if not 0 <= offset < int(self._offsets[-1]) + int(self._sizes[-1]):
            return super().find(address)
        at = int(np.searchsorted(self._offsets, offset, side="right")) - 1
        return self._symbol(at) if offset < int(self._offsets[at]) + int(self._sizes[at]) else None

    def ksym(self, address: int) -> tuple[Symbol, int] | None:
        """What kallsyms names for an address: a symbol, and the distance to the next one."""
        offset = address - self._base
        if not 0 <= offset < self._end:
            return super().ksym(address)
        at = int(np.searchsorted(self._offsets, offset, side="right")) - 1
        end = int(self._offsets[at + 1]) if at + 1 < len(self._offsets) else self._end
        return self._symbol(at), end - int(self._offsets[at])

    def traced(self) -> list[Symbol]:
        """The functions with a site, by address."""
        return super().traced() + self._generated

    def traced_names(self) -> list[str]:
        """Their names."""
        return super().traced_names() + [self.name_of(i) for i in range(len(self._sizes))]
