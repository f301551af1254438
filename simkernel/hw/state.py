"""What a machine remembers besides memory, code and registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec import Struct

from simkernel.schedule import Run


@dataclass(slots=True)
class CpuState:
    """What a machine remembers of a CPU besides its registers.

    Attributes:
        ipi_sent: the clock when the IPI that it has not taken was sent; None: there is none. In instructions.
        nmi_sent: the same of an NMI.
        ticks_seen: how many periods of its timer it has taken a tick for.
        reading: model `pieces`: the bytes that it has read of its next instruction.
    """

    ipi_sent: int | None = None
    nmi_sent: int | None = None
    ticks_seen: int = 0
    reading: bytes = b""


class Trap(NamedTuple):
    """An exception that ended a choice: the vector, the instruction's address, and RSP before the frame."""

    vector: int
    address: int
    rsp: int


class OpenRun(Struct):
    """A choice that is being carried out.

    Attributes:
        choice: what the CPU was given.
        done: how many instructions of it have run.
        ended: an exception, HLT, a halt of the machine or, where it is watched, the code ahead has ended it.
        rip: where it began.
        data: the bytes of the instruction there, where the choice is of one instruction; else nothing.
        trap: the exception that ended it.
        watched: an interrupt waits that the CPU cannot take yet: the choice ends with the instruction that
            ends straight code, or before it while code is being changed.
    """

    choice: Run
    done: int
    ended: bool
    rip: int
    data: bytes
    trap: Trap | None = None
    watched: bool = False


@dataclass(frozen=True, slots=True)
class MachineState:
    """A copy of all that memory, code and registers do not tell; `observers`: what each of them has to remember."""

    clock: int
    cpus: tuple[CpuState, ...]
    halt_reason: str
    observers: tuple[Any, ...]
    open: OpenRun | None = None
