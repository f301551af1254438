"""The two contracts of a machine: with the kernel that it runs (`Platform`), and with who watches it (`Observer`)."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

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

    def in_shadow(self, rip: int) -> bool:
        """True right behind STI, MOV SS and POP SS, where no interrupt is taken (SDM vol. 3A, 6.8.3)."""
        ...

    def on_nmi_stack(self, cpu: int, rsp: int) -> bool:
        """True where an RSP is on a CPU's NMI stack."""
        ...


class Changing(NamedTuple):
    """Instructions that are being changed: where each begins, and the size in bytes of the longest."""

    starts: frozenset[int] = frozenset()
    size: int = 0


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
