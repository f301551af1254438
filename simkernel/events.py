"""Everything that can be observed, as frozen values: one vocabulary for the engine, its tests and every front end.

Events carry numbers and bytes; `narrate` makes sentences of them. Each tells which CPU it is about (`cpu`) and which
address (`at`), and when it happened: `entry`, the index in the history of the choice or command that caused it, and
`clock`, in instructions.

A *stop* is an event that changes the story of a site: people step from stop to stop. Which events are stops is a
property of the events themselves (`stop`), so that every front end stops at the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from simkernel.errors import LearnerError, nearest
from simkernel.sentence import Sentence


class Stamp(Struct, frozen=True, order=True, gc=False):
    """Where in history something happened: what all events of one entry have in common.

    `entry` counts history entries from 0, `clock` counts instructions. `during` is the phase that the patching task was
    in, "" between batches; `begun`: that phase had begun to act (before that, its sync is not sent yet, its write not
    begun).
    """

    entry: int = -1
    clock: int = 0
    during: str = ""
    begun: bool = True


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened.

    Attributes:
        stop: it changes the story of a site.
        stamp: when it happened.
    """

    stop: ClassVar[bool] = False
    stamp: Stamp = Stamp()

    @property
    def cpu(self) -> int | None:
        """The CPU that it is about; None where it is about the patching task, or all CPUs."""
        return None

    @property
    def at(self) -> int | None:
        """The site, or the address, that it is about; None where it is about none, or about many."""
        return None

    @property
    def entry(self) -> int:
        """The index of the history entry that caused it."""
        return self.stamp.entry

    @property
    def clock(self) -> int:
        """The machine's clock there, in instructions."""
        return self.stamp.clock

    @property
    def during(self) -> str:
        """The phase that the patching task was in; "" between batches."""
        return self.stamp.during

    @property
    def begun(self) -> bool:
        """True where that phase had begun to act."""
        return self.stamp.begun

    def sentence(self, place: Callable[[int], Sentence]) -> Sentence:
        """What happened, in a sentence: of an event that a subsystem brings. Those of this file have theirs in narrate.

        Args:
            place: names an address.
        """
        raise NotImplementedError(f"{type(self).__name__} has no sentence")


def with_stamp(events: Iterable[Event], stamp: Stamp) -> list[Event]:
    """The same events, with their stamp."""
    return [replace(event, stamp=stamp) for event in events]


def event_types() -> dict[str, type[Event]]:
    """All events that there are by their names, those that a subsystem brings too."""
    found = dict[str, type[Event]]()
    left = [Event]
    while left:
        kind = left.pop()
        below: list[type[Event]] = kind.__subclasses__()
        if not below:
            found[kind.__name__] = kind
        left += below
    return found


def event_kinds() -> set[str]:
    """The names of all events that there are, those that a subsystem brings too."""
    return set(event_types())


def event_named(name: str) -> type[Event]:
    """The type of event of that name.

    Raises:
        LearnerError: there is none; the message has the names there are.
    """
    types = event_types()
    if name not in types:
        raise LearnerError(f"no event is called {name!r}; there are: {', '.join(sorted(types))}.{nearest(name, types)}")
    return types[name]


class CpuEvent(Event, frozen=True, kw_only=True):
    """Something that a CPU did, or that happened to it."""

    cpu: int


class InstructionEvent(CpuEvent, frozen=True, kw_only=True):
    """Something that a CPU did, or that happened to it, at the instruction at `address`."""

    address: int

    @property
    def at(self) -> int:
        """The address."""
        return self.address


class PhaseEvent(Event, frozen=True, kw_only=True):
    """Something that a phase of a protocol did; of a sync between batches, `phase` says why it is sent."""

    phase: str


# --- the patching task ---------------------------------------------------------------------------------------


class PlanStarted(Event, frozen=True, kw_only=True):
    """The patching task begins a plan, e.g. `trace vfs_read`, of so many steps."""

    title: str
    steps: int


class PlanEnded(Event, frozen=True, kw_only=True):
    """The patching task has taken the last step of a plan."""

    title: str


class EarlyPoked(Event, frozen=True, kw_only=True):
    """Boot has written the last of `count` sites (`text_poke_early()`); `old`, `new`: the bytes of one, at `site`."""

    count: int
    site: int
    old: bytes
    new: bytes

    @property
    def at(self) -> int:
        """The site."""
        return self.site


class BatchStarted(Event, frozen=True, kw_only=True):
    """A batch of sites is published (text_poke_bp_batch, step 0)."""

    stop: ClassVar[bool] = True
    protocol: str
    batch: int
    sites: tuple[int, ...]


class SiteStored(PhaseEvent, frozen=True, kw_only=True):
    """Bytes of sites were written to memory: one phase, for one entry or for all of the batch.

    Attributes:
        sites: their addresses.
        first: the offset of the first byte within each site.
        old, new: the bytes of the first of the sites.
        alike: each of the sites got as many bytes as the first.
    """

    stop: ClassVar[bool] = True
    sites: tuple[int, ...]
    first: int
    old: bytes
    new: bytes
    alike: bool = True


class SyncSent(PhaseEvent, frozen=True, kw_only=True):
    """do_sync_core was asked of these CPUs (text_poke_sync: on_each_cpu)."""

    stop: ClassVar[bool] = True
    cpus: tuple[int, ...]


class SyncAnswered(CpuEvent, frozen=True, kw_only=True):
    """A CPU has run do_sync_core: it serialized, then stored its answer."""

    stop: ClassVar[bool] = True
    waiting_for: tuple[int, ...]


class SyncEnded(PhaseEvent, frozen=True, kw_only=True):
    """Every CPU has answered; the patching task goes on."""

    stop: ClassVar[bool] = True


class SyncSkipped(PhaseEvent, frozen=True, kw_only=True):
    """A sync that this batch does not need (no entry had a tail, or none a new head)."""


class ParkAsked(Event, frozen=True, kw_only=True):
    """stop_machine: every CPU is asked to stand still, in a stopper thread or in the IPI."""

    stop: ClassVar[bool] = True
    where: str
    cpus: tuple[int, ...]


class Parked(CpuEvent, frozen=True, kw_only=True):
    """A CPU stands still for stop_machine."""

    stop: ClassVar[bool] = True
    waiting_for: tuple[int, ...]


class Unparked(Event, frozen=True, kw_only=True):
    """stop_machine is over: the CPUs go on."""

    stop: ClassVar[bool] = True
    serialize: bool


class BatchReleased(Event, frozen=True, kw_only=True):
    """The batch's reference count is 0: no handler can be using it."""

    stop: ClassVar[bool] = True
    batch: int


class WordsStored(Event, frozen=True, kw_only=True):
    """The patching task wrote data of the guest (ops list, hashes, records, control words)."""

    what: str
    address: int
    size: int

    @property
    def at(self) -> int:
        """The address."""
        return self.address


class RcuTasksRudeWait(Event, frozen=True, kw_only=True):
    """synchronize_rcu_tasks_rude began; `cpus` are those that it waits for."""

    cpus: tuple[int, ...]


class RcuTasksRudeDone(Event, frozen=True, kw_only=True):
    """synchronize_rcu_tasks_rude has come to its end."""


class RcuTasksWait(Event, frozen=True, kw_only=True):
    """synchronize_rcu_tasks began; `holdouts` are the pids that it waits for."""

    holdouts: tuple[int, ...]


class RcuTasksDone(Event, frozen=True, kw_only=True):
    """synchronize_rcu_tasks has come to its end."""


class Logged(Event, frozen=True, kw_only=True):
    """A line of the kernel log."""

    text: str


# --- the CPUs ------------------------------------------------------------------------------------------------


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
