"""What the patching task does: plans, batches, stores, syncs, waits, lines of the kernel log."""

from __future__ import annotations

from typing import ClassVar

from simkernel.events.event import Event, PhaseEvent


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
