"""Everything that can be observed, as frozen values: one vocabulary for the engine, its tests and every front end.

Events carry numbers and bytes; `narrate.py` makes sentences of them. Each has the place at which it happened:
`entry`, the index in the history of the choice or command that caused it, and `clock`, in instructions.

A *beat* is an event that changes the story of a site: people step from beat to beat. Which events are beats is a
property of the events themselves (`is_beat`), so that every front end stops at the same places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple


class Stamp(NamedTuple):
    """Where in history something happened: what all events of one entry have in common.

    `entry` counts history entries from 0, `clock` counts instructions. `during` is the phase that the patching task was
    in, "" between batches; `begun`: that phase had begun to act (before that, its sync is not sent yet, its write not
    begun).
    """

    entry: int = -1
    clock: int = 0
    during: str = ""
    begun: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, with its `Stamp`."""

    is_beat: ClassVar[bool] = False
    stamp: Stamp = field(default=Stamp(), compare=False)

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

    def sentence(self, place: Callable[[int], str]) -> str:
        """What happened, in a sentence: of an event that a subsystem brings. Those of this file have theirs in narrate.

        Args:
            place: names an address.
        """
        raise NotImplementedError(f"{type(self).__name__} has no sentence")


def stamp_all(events: list[Event], stamp: Stamp) -> None:
    """Tell new events where they happened: once, before anybody else has seen them."""
    for event in events:
        object.__setattr__(event, "stamp", stamp)


# --- the patching task ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStarted(Event):
    """The patching task begins a plan, e.g. `trace vfs_read`, of so many steps."""

    title: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEnded(Event):
    """The patching task has taken the last step of a plan."""

    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyPoked(Event):
    """Boot has written the last of `count` sites (`text_poke_early()`); `old`, `new`: the bytes of one, at `site`."""

    count: int
    site: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStarted(Event):
    """A batch of sites is published (text_poke_bp_batch, step 0)."""

    is_beat: ClassVar[bool] = True
    protocol: str
    batch: int
    sites: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStored(Event):
    """Bytes of sites were written to memory: one phase, for one entry or for all of the batch.

    `old` and `new` are those of the first site; `first` is the offset within the five bytes.
    """

    is_beat: ClassVar[bool] = True
    phase: str
    sites: tuple[int, ...]
    first: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSent(Event):
    """do_sync_core was asked of these CPUs (text_poke_sync: on_each_cpu)."""

    is_beat: ClassVar[bool] = True
    phase: str
    cpus: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncAnswered(Event):
    """A CPU has run do_sync_core: it serialized, then stored its answer."""

    is_beat: ClassVar[bool] = True
    cpu: int
    waiting_for: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncEnded(Event):
    """Every CPU has answered; the patching task goes on."""

    is_beat: ClassVar[bool] = True
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSkipped(Event):
    """A sync that this batch does not need (no entry had a tail, or none a new head)."""

    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkAsked(Event):
    """stop_machine: every CPU is asked to stand still, in a stopper thread or in the IPI."""

    is_beat: ClassVar[bool] = True
    where: str
    cpus: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked(Event):
    """A CPU stands still for stop_machine."""

    is_beat: ClassVar[bool] = True
    cpu: int
    waiting_for: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unparked(Event):
    """stop_machine is over: the CPUs go on."""

    is_beat: ClassVar[bool] = True
    serialize: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReleased(Event):
    """The batch's reference count is 0: no handler can be using it."""

    is_beat: ClassVar[bool] = True
    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsStored(Event):
    """The patching task wrote data of the guest (ops list, hashes, records, control words)."""

    what: str
    address: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RcuTasksRudeWait(Event):
    """synchronize_rcu_tasks_rude began; `cpus` are those that it waits for."""

    cpus: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RcuTasksRudeDone(Event):
    """synchronize_rcu_tasks_rude has come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RcuTasksWait(Event):
    """synchronize_rcu_tasks began; `holdouts` are the pids that it waits for."""

    holdouts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RcuTasksDone(Event):
    """synchronize_rcu_tasks has come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged(Event):
    """A line of the kernel log."""

    text: str


# --- the CPUs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceRead(Event):
    """Model `pieces`: a CPU has read so many bytes of its next instruction."""

    is_beat: ClassVar[bool] = True
    cpu: int
    address: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Event):
    """Models `line` and `byte`: an unsettled cell of code now is, for this CPU, what a later store made it."""

    is_beat: ClassVar[bool] = True
    cpu: int
    address: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Serialized(Event):
    """A CPU retired a serializing instruction (IRET, CPUID); `count` bytes of code were unsettled for it till then."""

    cpu: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRan(Event):
    """A CPU ran the instruction that it fetched at a site of the running batch."""

    is_beat: ClassVar[bool] = True
    cpu: int
    site: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Int3Taken(Event):
    """A CPU ran `cc`: exception 3 was delivered through the guest's gate."""

    is_beat: ClassVar[bool] = True
    cpu: int
    address: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Int3Claimed(Event):
    """poke_int3_handler found the address in the batch."""

    is_beat: ClassVar[bool] = True
    cpu: int
    address: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Int3Done(Event):
    """The handler returned by IRET: to `resume`, where the emulated instruction leads."""

    is_beat: ClassVar[bool] = True
    cpu: int
    address: int
    resume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionTaken(Event):
    """Any exception but int3: vector, error code, and CR2 for a page fault."""

    cpu: int
    vector: int
    error: int
    address: int
    cr2: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptTaken(Event):
    """An interrupt was delivered between two instructions (the sync IPI, the tick, an NMI)."""

    cpu: int
    vector: int
    address: int
    waited: int  # instructions of the machine's clock since it was sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched(Event):
    """Another task runs on a CPU."""

    cpu: int
    previous: int  # pids
    next: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWritten(Event):
    """Guest code finished a record in a CPU's ring buffer.

    Attributes:
        cpu: who wrote it.
        index: counts the CPU's records from 0.
        ip: the site that it is about, 0: none.
        parent_ip: where that function was called, 0: not recorded.
        pid: of the task that ran.
        type: the record's type by name.
    """

    is_beat: ClassVar[bool] = True
    cpu: int
    index: int
    ip: int
    parent_ip: int
    pid: int
    type: str = "function"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oopsed(Event):
    """The kernel died on a CPU; the run ends (panic_on_oops)."""

    is_beat: ClassVar[bool] = True
    cpu: int
    vector: int
    address: int
