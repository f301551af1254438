"""The primitive steps of a plan: what the patching task can do, whoever asks for it.

Verify                        every site holds what it should, or the plan fails
PokeOne, PokeMany, PokeEarly  an instruction, many sites in batches, many sites at boot
WriteCode                     a piece of code that nobody calls yet
Store                         words of guest data
OnEachCpu                     every CPU runs a function in an IPI and answers
SyncRcuTasks(Rude)            wait until no task can be in a piece of code
Note                          a line of the kernel log
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from simkernel.events import (
    EarlyPoked,
    Event,
    RcuTasksDone,
    RcuTasksRudeDone,
    RcuTasksRudeWait,
    RcuTasksWait,
    SyncEnded,
    SyncSent,
    WordsStored,
)
from simkernel.kernel import layout
from simkernel.kernel.percpu import PerCpu
from simkernel.patching.needs import Code, Memory
from simkernel.patching.patches import Patches
from simkernel.patching.plan import Failure, Step, Turn
from simkernel.patching.site import Patch
from simkernel.patching.text_poke import ACTION_PRICE, EARLY_POKE_PRICE, IPI_PRICE, TextPoke

TABLE_PRICE = 4  # instructions of the clock for each record that a pass looks at
Verdicts = npt.NDArray[np.uint8]  # (n,)
NO_VERDICTS: Verdicts = np.empty(0, np.uint8)


def _verdict(verdicts: Verdicts, row: int) -> int:
    return int(verdicts[row]) if len(verdicts) else 0


# --- code ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Verify(Step):
    """Every site that will change holds what it should (`ftrace_verify_code()`), or the plan fails.

    Attributes:
        patches: their sites, and the old bytes that each should hold.
        verdicts: what will be done with each (n,), in the subsystem's numbers, for its report; empty: it needs none.
    """

    patches: Patches
    verdicts: Verdicts = field(default_factory=NO_VERDICTS.copy)

    def act(self, poke: TextPoke, progress: Any, entries: int) -> Turn:
        """Compare all sites; the first that is wrong fails the plan."""
        failure = self.mismatch(poke.machine.code)
        return Turn(price=ACTION_PRICE + TABLE_PRICE * len(self.patches), failure=failure)

    def mismatch(self, code: Code) -> Failure | None:
        """The first site that does not hold what it should; None where all do."""
        differ = self.patches.held(code) != self.patches.old
        if not differ.any():
            return None
        row = int(np.flatnonzero(differ)[0]) // self.patches.width
        expected, _ = self.patches.change(row)
        return Failure(errno.EINVAL, int(self.patches.sites[row]), expected, _verdict(self.verdicts, row))


@dataclass(frozen=True, slots=True)
class PokeOne(Step):
    """`text_poke_bp()`: one instruction, by the protocol, as a batch of one."""

    patch: Patch
    what: str

    def act(self, poke: TextPoke, progress: Any, entries: int) -> Turn:
        """Begin the batch of one, or take its next action."""
        if not poke.busy:
            poke.begin(self.changes())
        events = poke.act(entries)
        return Turn(events, price=0, done=not poke.busy)

    def broken(self, code: Code) -> Failure:
        """About its site."""
        return Failure(errno.EPERM, self.patch.site.address)

    def changes(self) -> Patches:
        """That of its site."""
        return Patches.of([self.patch])


@dataclass(frozen=True, slots=True, eq=False)
class _Pokes(Step):
    """Many sites; `verdicts` as in `Verify`."""

    patches: Patches
    what: str
    verdicts: Verdicts = field(default_factory=NO_VERDICTS.copy)

    def broken(self, code: Code) -> Failure:
        """About the first site that is neither old nor new, else the first that is not new."""
        if not len(self.patches):
            return Failure()
        held = self.patches.held(code)
        old, new = ((held == data).all(axis=1) for data in (self.patches.old, self.patches.new))
        row = int([*np.flatnonzero(~old & ~new), *np.flatnonzero(~new), 0][0])
        return Failure(errno.EPERM, int(self.patches.sites[row]), verdict=_verdict(self.verdicts, row))

    def changes(self) -> Patches:
        """That of each site."""
        return self.patches

    @property
    def total(self) -> int:
        """How many sites it changes."""
        return len(self.patches)

    def sites_done(self, progress: int | None) -> int:
        """How many are changed, or in the batch under way."""
        return progress or 0


@dataclass(frozen=True, slots=True, eq=False)
class PokeMany(_Pokes):
    """`text_poke_queue()` for each of these sites, then `text_poke_finish()`: in batches of as many as one holds.

    What `store` changes for a site changes when its poke is queued, before its batch is published.
    """

    def act(self, poke: TextPoke, progress: int | None, entries: int) -> Turn:
        """Begin the next batch, or take the next action of the one under way."""
        done = progress or 0
        if poke.state.batch is None:
            first, done = done, min(done + poke.protocol.batched, self.total)
            if first == done:
                return Turn(price=0, progress=done)
            self.store(poke.machine.memory, first, done)
            poke.begin(self.patches.part(first, done))
        events = poke.act(entries)
        return Turn(events, price=0, progress=done, done=poke.state.batch is None and done >= self.total)

    def next_batch_at(self, progress: int | None) -> int | None:
        """The first site of the next batch; None behind the last."""
        done = progress or 0
        return int(self.patches.sites[done]) if done < len(self.patches) else None


@dataclass(frozen=True, slots=True, eq=False)
class PokeEarly(_Pokes):
    """`text_poke_early()` at boot: plain writes, since no other CPU runs yet."""

    def act(self, poke: TextPoke, progress: int | None, entries: int) -> Turn:
        """Write the next sites, all that are left where `entries` is 0."""
        first, total = progress or 0, len(self.patches)
        last = min(first + entries, total) if entries else total
        poke.machine.code.store(*self.patches.part(first, last).new_bytes(), fresh=True)
        self.store(poke.machine.memory, first, last)
        price = EARLY_POKE_PRICE * (last - first)
        if last < total:
            return Turn(price=price, progress=last, done=False)
        old, new = self.patches.change(0)
        early = EarlyPoked(count=last, site=int(self.patches.sites[0]), old=old, new=new)
        return Turn([early], price=price, progress=last)


@dataclass(frozen=True, slots=True)
class WriteCode(Step):
    """A whole piece of code is written.

    Where no CPU has ever fetched there (`fresh`), every CPU runs it at once. Otherwise its bytes are pending on every
    CPU, and an `OnEachCpu` step has to come before anybody may call it.
    """

    what: ClassVar[str] = "code"
    constants: ClassVar[int] = 0  # bytes at its end that are data, which no CPU fetches
    address: int
    data: bytes
    fresh: bool

    def act(self, poke: TextPoke, progress: Any, entries: int) -> Turn:
        """Write all of it."""
        code = len(self.data) - self.constants
        poke.machine.code.write(self.address, self.data[:code], self.fresh)
        if self.constants:
            poke.machine.code.write(self.address + code, self.data[code:], fresh=True)
        return Turn([WordsStored(what=self.what, address=self.address, size=len(self.data))])

    def code(self) -> tuple[int, bytes]:
        """(address, bytes) of it."""
        return self.address, self.data


# --- data ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Store(Step):
    """Words of guest data."""

    address: int
    data: bytes
    what: str

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Store the words."""
        memory.write(self.address, self.data)


@dataclass(frozen=True, slots=True)
class Note(Step):
    """A line of the kernel log, without time and newline."""

    text: str

    def act(self, poke: TextPoke, progress: Any, entries: int) -> Turn:
        """Print the line."""
        return Turn(lines=self.lines())

    def lines(self) -> tuple[str, ...]:
        """The line."""
        return (self.text,)


# --- waiting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OnEachCpu(Step):
    """`on_each_cpu()`: every CPU runs a function in an IPI and answers; the task waits for all of them.

    `Simplified:` whatever the function is, the CPUs run `do_sync_core()`, which does what a read barrier would, too.

    Attributes:
        why: the function's name, or why the CPUs have to serialize.
    """

    why: str

    def act(self, poke: TextPoke, progress: bool | None, entries: int) -> Turn:
        """Send the IPIs, then note that each CPU has answered."""
        if progress:
            return Turn([SyncEnded(phase=self.why)], price=0)
        poke.smp.sync_on_each_cpu()
        sent = SyncSent(phase=self.why, cpus=tuple(range(len(poke.machine.cpus))))
        return Turn([sent], price=IPI_PRICE, progress=True, done=False)

    def waits_for(self, poke: TextPoke, progress: bool | None) -> tuple[int, ...]:
        """The CPUs that have not answered."""
        return poke.smp.not_synced() if progress else ()


@dataclass(frozen=True, slots=True)
class SyncRcuTasksRude(Step):
    """`synchronize_rcu_tasks_rude()`: wait until every CPU has switched tasks.

    It covers callbacks where RCU does not look, and idle tasks, which Tasks RCU leaves out. `Simplified:` Linux makes
    every CPU switch, by a work for each (`schedule_on_each_cpu(rcu_tasks_be_rude)`, kernel/rcu/tasks.h); here the
    patching task waits for a switch that happens anyway, and for no CPU that is halted or in user mode.

    Its progress is how often each CPU had switched tasks when the wait began.
    """

    def act(self, poke: TextPoke, progress: tuple[int, ...] | None, entries: int) -> Turn:
        """Note how often each CPU has switched, then that each has switched since."""
        if progress is not None:
            return Turn([RcuTasksRudeDone()], price=0)
        switches = _switches(poke.percpu)
        waits: list[Event] = [RcuTasksRudeWait(cpus=self.waits_for(poke, switches))]
        return Turn(waits, progress=switches, done=False)

    def waits_for(self, poke: TextPoke, progress: tuple[int, ...] | None) -> tuple[int, ...]:
        """The CPUs that have not switched tasks since, and are neither halted nor in user mode."""
        if progress is None:
            return ()
        machine, now = poke.machine, _switches(poke.percpu)
        same = [cpu for cpu, switches in enumerate(progress) if now[cpu] == switches]
        current = {cpu: poke.percpu.read(cpu, layout.PCPU_CURRENT) for cpu in same}
        return tuple(cpu for cpu in same if not machine.memory.read_u64(current[cpu] + layout.TASK_IN_USER))


def _switches(percpu: PerCpu) -> tuple[int, ...]:
    """How often each CPU has switched tasks."""
    cpus = range(len(percpu.areas))
    return tuple(percpu.read(cpu, layout.PCPU_RQ + layout.RQ_NR_SWITCHES) for cpu in cpus)


@dataclass(frozen=True, slots=True)
class SyncRcuTasks(Step):
    """`synchronize_rcu_tasks()`: wait until every task has scheduled of its own accord, been idle or in user mode.

    Its progress is the holdouts when the wait began, as (task, switches of its own accord till then).
    """

    def act(self, poke: TextPoke, progress: tuple[tuple[int, int], ...] | None, entries: int) -> Turn:
        """Note which tasks hold out, then that none does."""
        if progress is not None:
            return Turn([RcuTasksDone()], price=0)
        memory = poke.machine.memory
        slots = (layout.TASKS_BASE + i * layout.TASK_SIZE for i in range(layout.TASKS_MAX))
        found = tuple((task, _nvcsw(memory, task)) for task in slots if _holds_out(memory, task))
        return Turn([RcuTasksWait(holdouts=self.holdouts(poke, found))], progress=found, done=False)

    def holdouts(self, poke: TextPoke, progress: tuple[tuple[int, int], ...] | None) -> tuple[int, ...]:
        """The pids of the tasks that have not passed such a state since."""
        memory = poke.machine.memory
        waiting = [
            task for task, switches in progress or () if _holds_out(memory, task) and _nvcsw(memory, task) == switches
        ]
        return tuple(memory.read_u32(task + layout.TASK_PID) for task in waiting)


def _nvcsw(memory: Memory, task: int) -> int:
    return memory.read_u64(task + layout.TASK_NVCSW)


def _holds_out(memory: Memory, task: int) -> bool:
    """rcu_tasks_is_holdout(): on a run queue, and neither idle nor in user mode."""
    return bool(memory.read_u64(task + layout.TASK_ON_RQ)) and not memory.read_u64(task + layout.TASK_IN_USER)
