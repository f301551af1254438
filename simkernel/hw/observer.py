"""The two contracts of a machine: with the kernel that it runs (`Platform`), and with who watches it (`Observer`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

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
        """True from an HLT until an interrupt, for a CPU that has come to `rip`."""
        ...

    def on_nmi_stack(self, cpu: int, rsp: int) -> bool:
        """True where an RSP is on a CPU's NMI stack."""
        ...


@dataclass(frozen=True, slots=True)
class Changing:
    """Instructions that are being changed.

    Attributes:
        sizes: how many bytes each has, by the address where it begins.
        longest: the size of the longest; 0: there are none.
        first, last: where the lowest and the highest begin.
    """

    sizes: Mapping[int, int] = field(default_factory=dict)
    longest: int = 0
    first: int = 0
    last: int = 0

    @classmethod
    def of(cls, sizes: Mapping[int, int]) -> Changing:
        """The instructions at these addresses."""
        return cls(sizes, max(sizes.values()), min(sizes), max(sizes)) if sizes else cls()

    def around(self, address: int) -> int | None:
        """Where the instruction begins that an address lies in; None: in none of them."""
        if not self.first <= address < self.last + self.longest:
            return None  # nearly always
        for start in range(address, address - self.longest, -1):
            if self.sizes.get(start, 0) > address - start:
                return start
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
