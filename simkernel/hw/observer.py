"""The two contracts of a machine: with the kernel that it runs (`Platform`), and with who watches it (`Observer`)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from simkernel.events import Event
from simkernel.hw.state import OpenRun
from simkernel.schedule import QUANTUM


class Platform(Protocol):
    """What a machine has to know of the kernel that it is wired for; it knows no symbol itself."""

    @property
    def ipi_vector(self) -> int:
        """The vector of an inter-processor interrupt."""
        ...

    @property
    def timer_vector(self) -> int:
        """The vector of a CPU's timer."""
        ...

    def online(self, cpu: int) -> bool:
        """True once a CPU has its handlers and its timer: before that neither tick nor NMI comes."""
        ...

    def halted(self, cpu: int, rip: int) -> bool:
        """True from an HLT until an interrupt, for a CPU that has come to `rip`.

        `Simplified:` hardware waits at any HLT. Here one that the kernel does not name ends a choice, and the CPU goes
        on behind it with its next.
        """
        ...

    def on_nmi_stack(self, cpu: int, rsp: int) -> bool:
        """True where an RSP is on a CPU's NMI stack."""
        ...


class Changing(Struct, frozen=True):
    """Instructions that are being changed.

    Attributes:
        starts: the address where each begins, ascending.
        sizes: how many bytes each has.
        longest: the size of the longest; 0: there are none.
        first, end: all of them lie between these addresses.
    """

    starts: Sequence[int] = ()
    sizes: bytes = b""
    longest: int = 0
    first: int = 0
    end: int = 0

    @classmethod
    def of(cls, starts: Sequence[int], sizes: bytes) -> Changing:
        """The instructions that begin at these addresses, which ascend."""
        if not starts:
            return cls()
        longest = sizes[0] if sizes.count(sizes[0]) == len(sizes) else max(sizes)
        return cls(starts, sizes, longest, starts[0], starts[-1] + longest)

    def size_at(self, address: int) -> int:
        """The size of the instruction that begins at an address; 0: none of them does."""
        if not self.first <= address < self.end:
            return 0
        at = bisect_left(self.starts, address)
        return self.sizes[at] if at < len(self.starts) and self.starts[at] == address else 0

    def around(self, address: int) -> int | None:
        """Where the instruction begins that an address lies in; None: in none of them."""
        if not self.first <= address < self.end:
            return None  # nearly always
        at = bisect_right(self.starts, address) - 1
        while at >= 0 and address - self.starts[at] < self.longest:
            if address - self.starts[at] < self.sizes[at]:
                return self.starts[at]
            at -= 1
        return None


class Observer:
    """Who watches what CPUs do: between two choices, and only there. Each method may be left as it is here.

    An observer says how far a CPU may run before it has to look, and makes events of what it finds. What it has to
    remember is part of the machine's state.
    """

    def limit(self, cpu: int) -> int:
        """How many instructions a CPU may run in one go; at least 1."""
        return QUANTUM

    def opened(self, cpu: int) -> None:
        """A CPU begins a choice."""

    def closed(self, run: OpenRun) -> list[Event]:
        """A choice has come to its end: what its CPU has done, in order."""
        return []

    def state(self) -> Any:
        """All that it has to remember, as a frozen value."""
        return None

    def restore(self, state: Any) -> None:
        """Put such a value back."""
