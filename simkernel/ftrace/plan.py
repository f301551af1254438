"""A plan: what an update of ftrace does, as frozen steps in order.

The core makes a plan of a command at the moment the patching task begins it; the task then takes it step by step.
Steps of the first group touch code or wait for CPUs, and are the patching task's: it knows how. All others are data
of the kernel, and `FtraceCore.apply()` carries each out in one action. Nothing in a step refers to anything that
changes later, so a plan can be kept, shown, copied and replayed.

In a plan that patches sites the order is Linux's (`ftrace_modify_all_code()` and x86's `ftrace_replace_code()`):
data, then `Verify` of every site that will change, then the pokes. `Verify` is the only step that may fail: with a
report and a dead ftrace. Of the rest of the plan only steps of `SURVIVES` are taken then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simkernel.ftrace.ops import FtraceOps

Bytes5 = npt.NDArray[np.uint8]  # (n, 5)
Sites = npt.NDArray[np.uint64]  # (n,)


@dataclass(frozen=True, slots=True, eq=False)
class RecordUpdate:
    """New flags of some dyn_ftrace records: indices into the table, and what each `flags` becomes."""

    indices: npt.NDArray[np.intp]
    flags: npt.NDArray[np.uint64]

    def part(self, first: int, last: int) -> RecordUpdate:
        """Entries first..last-1: those of one batch."""
        return RecordUpdate(self.indices[first:last], self.flags[first:last])

    def __len__(self) -> int:
        return len(self.indices)


# --- steps of the patching task -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PokeBatch:
    """`text_poke_bp()`: one instruction of five bytes that is no site, by the protocol, as a batch of one."""

    site: int
    old: bytes
    new: bytes
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class PokeMany:
    """`text_poke_queue()` for each of these sites, then `text_poke_finish()`.

    `sites` ascend; `old` and `new` are (n, 5). The task cuts them into batches of at most 256. As on x86 a record's
    flags change when its poke is queued: before each batch, `core.update_records(step.records.part(i, j))`.
    `verdicts` say what is done to each (UPDATE_*).
    """

    sites: Sites
    old: Bytes5
    new: Bytes5
    records: RecordUpdate
    verdicts: npt.NDArray[np.uint8]
    what: str

    def __len__(self) -> int:
        return len(self.sites)


@dataclass(frozen=True, slots=True, eq=False)
class PokeEarly:
    """`text_poke_early()` at boot: plain writes, since no other CPU runs yet. Fields as in `PokeMany`."""

    sites: Sites
    old: Bytes5
    new: Bytes5
    records: RecordUpdate
    what: str

    def __len__(self) -> int:
        return len(self.sites)


@dataclass(frozen=True, slots=True)
class WriteTrampoline:
    """A whole trampoline is written. `fresh`: no CPU has ever fetched there, so it is delivered at once.

    Otherwise the bytes are pending on every CPU, and a `SyncCores` step follows before any site may call them.
    """

    address: int
    data: bytes
    fresh: bool


@dataclass(frozen=True, slots=True)
class SyncCores:
    """Every CPU runs `do_sync_core()` and answers."""

    why: str


@dataclass(frozen=True, slots=True)
class SmpCallFunction:
    """Every CPU runs a function in an IPI and answers: `ftrace_sync_ipi()`, a read barrier."""

    function: str


@dataclass(frozen=True, slots=True)
class SyncRcuTasksRude:
    """`synchronize_rcu_tasks_rude()`: wait until every CPU has switched tasks.

    It covers callbacks where RCU does not look, and idle tasks, which Tasks RCU leaves out. `Simplified:` Linux makes
    every CPU switch, by a work for each (`schedule_on_each_cpu(rcu_tasks_be_rude)`, kernel/rcu/tasks.h); here the
    patching task waits for a switch that comes by itself, and for no CPU that is halted or in user mode.
    """


@dataclass(frozen=True, slots=True)
class SyncRcuTasks:
    """`synchronize_rcu_tasks()`: wait until every task has scheduled of its own accord, been idle or in user mode."""


# --- steps that FtraceCore.apply() carries out ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Verify:
    """`ftrace_verify_code()` of every site that will change: bytes must be as expected, or ftrace is killed.

    `indices` are the sites' records, `verdicts` what is to be done with each (FTRACE_UPDATE_*).
    """

    sites: Sites
    expected: Bytes5
    indices: npt.NDArray[np.intp]
    verdicts: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.sites)


@dataclass(frozen=True, slots=True, eq=False)
class UpdateRecords:
    """`ftrace_hash_rec_enable()`, `_disable()`: counters and wanted bits change; no code does."""

    records: RecordUpdate
    what: str


@dataclass(frozen=True, slots=True)
class Store:
    """Words of guest data."""

    address: int
    data: bytes
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class PutHash:
    """A new ftrace_hash at a place that nobody points to yet."""

    address: int
    data: bytes
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class PutOps:
    """One struct ftrace_ops as it is from now on."""

    ops: FtraceOps
    what: str


@dataclass(frozen=True, slots=True)
class LinkOps:
    """The head of `ftrace_ops_list`; `order` are the names of the ops from it on."""

    order: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class FreeOps:
    """An ops that is not `global_ops` is no more; its struct may be used again."""

    name: str


@dataclass(frozen=True, slots=True)
class SetTraceFunction:
    """`update_ftrace_function()`: what the shared trampolines are to call, and for which ops (addresses)."""

    func: int
    op: int


@dataclass(frozen=True, slots=True)
class FreeTrampoline:
    """The trampoline at `address` is no more; its place may be used again."""

    address: int


@dataclass(frozen=True, slots=True)
class FreeHashes:
    """Nobody reads these hashes any more; their places may be used again."""

    addresses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetCurrentTracer:
    """`tr->current_trace`."""

    name: str


@dataclass(frozen=True, slots=True)
class ResetRings:
    """`tracing_reset_online_cpus()`: whatever the ring buffers hold now is gone."""


@dataclass(frozen=True, slots=True)
class KillFtrace:
    """`ftrace_kill()`: no more updates until the next boot; the sites stay as they are."""


@dataclass(frozen=True, slots=True)
class Booted:
    """ftrace_init() has come to its end."""


@dataclass(frozen=True, slots=True)
class Log:
    """A line of the kernel log, without time and newline."""

    text: str


CodeStep = (
    PokeBatch | PokeMany | PokeEarly | WriteTrampoline | SyncCores | SmpCallFunction | SyncRcuTasksRude | SyncRcuTasks
)
DataStep = (
    Verify
    | UpdateRecords
    | Store
    | PutHash
    | PutOps
    | LinkOps
    | FreeOps
    | SetTraceFunction
    | FreeTrampoline
    | FreeHashes
    | SetCurrentTracer
    | ResetRings
    | KillFtrace
    | Booted
    | Log
)
Step = CodeStep | DataStep


# What is still done of a plan in which ftrace is killed, for it does not ask ftrace: the tracer is set all the same,
# since trace_functions.c ignores what register_ftrace_function() returns, and ftrace_init() tells of its pages.
SURVIVES = (SetCurrentTracer, ResetRings, Log)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an update does, in order. `title` says what it is for."""

    title: str
    steps: tuple[Step, ...] = ()

    def after(self, index: int, failed: bool) -> int:
        """The index of the step after one, `len(self)` behind the last; once the plan has failed of SURVIVES only."""
        later = range(index + 1, len(self.steps))
        return next((at for at in later if not failed or isinstance(self.steps[at], SURVIVES)), len(self.steps))

    def __len__(self) -> int:
        return len(self.steps)
