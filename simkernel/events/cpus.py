"""What CPUs do, and what happens to them: bytes fetched and run, exceptions, interrupts, answers, records."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from simkernel.events.event import CpuEvent, InstructionEvent


class PieceRead(InstructionEvent, frozen=True, kw_only=True):
    """Model `pieces`: a CPU has read so many bytes of its next instruction."""

    stop: ClassVar[bool] = True
    data: bytes


class Resolved(InstructionEvent, frozen=True, kw_only=True):
    """Models `line` and `byte`: a pending cell of code now is, for this CPU, what a later store made it."""

    stop: ClassVar[bool] = True
    old: bytes
    new: bytes


class Serialized(CpuEvent, frozen=True, kw_only=True):
    """A CPU retired a serializing instruction (IRET, CPUID); `count` bytes of code were pending for it till then."""

    count: int


class SiteRan(CpuEvent, frozen=True, kw_only=True):
    """A CPU ran the instruction that it fetched at a site of the running batch."""

    stop: ClassVar[bool] = True
    site: int
    data: bytes

    @property
    def at(self) -> int:
        """The site."""
        return self.site


class Int3Taken(InstructionEvent, frozen=True, kw_only=True):
    """A CPU ran `cc`: exception 3 was delivered through the guest's gate."""

    stop: ClassVar[bool] = True


class Int3Claimed(InstructionEvent, frozen=True, kw_only=True):
    """poke_int3_handler found the address in the batch."""

    stop: ClassVar[bool] = True


class Emulated(Enum):
    """Which instruction the int3 handler has done the work of: what CPUs show of it, whatever the batch says.

    `poke_int3_handler()` emulates a NOP as a jump by nothing; a handler that skips the site does the same.
    """

    NOP = "NOP"
    JUMP = "jump"
    CALL = "call"
    RETURN = "return"


class Int3Done(InstructionEvent, frozen=True, kw_only=True):
    """The handler returned by IRET: to `resume`, where the emulated instruction leads."""

    stop: ClassVar[bool] = True
    resume: int
    emulated: Emulated


class ExceptionTaken(InstructionEvent, frozen=True, kw_only=True):
    """Any exception but int3: vector, error code, and CR2 for a page fault."""

    vector: int
    error: int
    cr2: int


class InterruptTaken(InstructionEvent, frozen=True, kw_only=True):
    """An interrupt was delivered between two instructions (the sync IPI, the tick, an NMI)."""

    vector: int
    waited: int  # instructions of the machine's clock since it was sent


class SyncAnswered(CpuEvent, frozen=True, kw_only=True):
    """A CPU has run do_sync_core: it serialized, then stored its answer."""

    stop: ClassVar[bool] = True
    waiting_for: tuple[int, ...]


class Parked(CpuEvent, frozen=True, kw_only=True):
    """A CPU stands still for stop_machine."""

    stop: ClassVar[bool] = True
    waiting_for: tuple[int, ...]


class Switched(CpuEvent, frozen=True, kw_only=True):
    """Another task runs on a CPU."""

    previous: int  # pids
    next: int


class TraceWritten(CpuEvent, frozen=True, kw_only=True):
    """Guest code finished a record in a CPU's ring buffer.

    Attributes:
        cpu: who wrote it.
        index: counts the CPU's records from 0.
        ip: the site that it is about, 0: none.
        parent_ip: where that function was called, 0: not recorded.
        pid: of the task that ran.
        type: the record's type by name.
    """

    stop: ClassVar[bool] = True
    index: int
    ip: int
    parent_ip: int
    pid: int
    type: str = "function"

    @property
    def at(self) -> int | None:
        """The site that the record is about."""
        return self.ip or None


class Oopsed(InstructionEvent, frozen=True, kw_only=True):
    """The kernel died on a CPU; the run ends (panic_on_oops)."""

    stop: ClassVar[bool] = True
    vector: int
