"""What ftrace needs of others, and nothing more: guest data, the text, the kernel's symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from simkernel.patching.needs import Code, Memory


class Machine(Protocol):
    """Guest data, and what memory holds as code."""

    @property
    def memory(self) -> Memory:
        """Guest data."""
        ...

    @property
    def code(self) -> Code:
        """What memory holds as code."""
        ...

    @property
    def cpus(self) -> Sequence[Any]:
        """One of each CPU."""
        ...


class Symbol(Protocol):
    """A symbol of the kernel."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def address(self) -> int:
        """Where it begins."""
        ...

    @property
    def size(self) -> int:
        """Its size in bytes; 0 for a label."""
        ...

    @property
    def kind(self) -> str:
        """Its letter in kallsyms."""
        ...


class Kernel(Protocol):
    """The symbols of the running kernel and its patch sites, ascending."""

    @property
    def mcount_loc(self) -> npt.NDArray[np.uint64]:
        """The sites, ascending, (n,)."""
        ...

    @property
    def symbols(self) -> Sequence[Symbol]:
        """All symbols."""
        ...

    def address(self, name: str, /) -> int:
        """The address of the symbol of that name."""
        ...

    def find(self, address: int, /) -> Symbol | None:
        """The symbol whose bytes an address is one of; None where there is none."""
        ...

    def ksym(self, address: int, /) -> tuple[Symbol, int] | None:
        """What kallsyms names for an address: a symbol, and the distance to the next one."""
        ...


class Named(Protocol):
    """Whatever knows the symbols of a kernel as kallsyms does."""

    def ksym(self, address: int, /) -> tuple[Symbol, int] | None:
        """What kallsyms names for an address: a symbol, and the distance to the next one."""
        ...


def symbol_text(kernel: Named, address: int, before: int = 0) -> str:
    """An address as printk's `%pS` prints it: name+offset/size, or the number where no symbol is known.

    `before` 1 is `%pB`, for a return address: the symbol is that of the byte before, where the call stands.
    """
    known = kernel.ksym(address - before)
    if known is None:
        return f"0x{address:x}"
    symbol, size = known
    return f"{symbol.name}+0x{address - symbol.address:x}/0x{size:x}"


def site_names(kernel: Kernel) -> list[str]:
    """The name of the function of each site, in the order of `mcount_loc`."""
    text = sorted((s for s in kernel.symbols if s.kind in "Tt" and s.size), key=lambda s: s.address)
    starts = np.array([s.address for s in text], dtype=np.uint64)
    at = np.searchsorted(starts, kernel.mcount_loc, side="right") - 1
    return [text[i].name for i in at.tolist()]
