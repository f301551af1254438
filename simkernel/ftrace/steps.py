"""The steps of a plan that are ftrace's own: each changes its guest data, its state, or both.

The rest of a plan are steps that anybody may use (`patching/steps.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from simkernel.ftrace import ops as fl
from simkernel.ftrace.needs import Kernel
from simkernel.ftrace.ops import FtraceOps
from simkernel.ftrace.records import RecordUpdate
from simkernel.ftrace.state import FtraceState
from simkernel.kernel import layout
from simkernel.patching.needs import Memory
from simkernel.patching.plan import Step
from simkernel.patching.steps import Note, PokeEarly, PokeMany, Store, WriteCode
from simkernel.patching.text_poke import TextPoke
from simkernel.trace.ringbuffer import Ring

# --- code ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PokeRecords(PokeMany):
    """`ftrace_replace_code()`: as on x86 a record's flags change when the poke of its site is queued."""

    records: RecordUpdate

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Store the records of entries first to last - 1."""
        self.records.store(memory, first, last)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PokeRecordsEarly(PokeEarly):
    """`ftrace_nop_initialize()` of every record."""

    records: RecordUpdate

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Store the records of entries first to last - 1."""
        self.records.store(memory, first, last)


@dataclass(frozen=True, slots=True)
class WriteTrampoline(WriteCode):
    """A whole trampoline is written; its last eight bytes are the address of the ops."""

    what: ClassVar[str] = "trampoline"
    constants: ClassVar[int] = 8

    def after(self, state: FtraceState) -> FtraceState:
        """The state with its page taken."""
        return replace(state, trampolines=state.trampolines.take(self.address))


@dataclass(frozen=True, slots=True)
class FreeTrampoline(Step):
    """The trampoline at `address` is no more; its page may be used again."""

    address: int

    def after(self, state: FtraceState) -> FtraceState:
        """The state with its page free."""
        return replace(state, trampolines=state.trampolines.free(self.address))


# --- records and hashes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class UpdateRecords(Step):
    """`ftrace_hash_rec_enable()`, `_disable()`: counters and wanted bits change; no code does."""

    records: RecordUpdate
    what: str

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Store the records of entries first to last - 1."""
        self.records.store(memory, first, last)


@dataclass(frozen=True, slots=True)
class PutHash(Store):
    """A new ftrace_hash at an address that nobody points to yet."""

    def after(self, state: FtraceState) -> FtraceState:
        """The state with the hash's bytes taken."""
        used = (*state.hashes.used, (self.address, len(self.data)))
        return replace(state, hashes=replace(state.hashes, used=used))


@dataclass(frozen=True, slots=True)
class FreeHashes(Step):
    """Nobody reads these hashes any more; their memory may be used again."""

    addresses: tuple[int, ...]

    def after(self, state: FtraceState) -> FtraceState:
        """The state with the hashes' bytes free."""
        return replace(state, hashes=state.hashes.release(self.addresses))


# --- the ops ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class PutOps(Step):
    """One struct ftrace_ops as it is from now on."""

    ops: FtraceOps
    what: str

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Store the struct."""
        memory.write(self.ops.address, self.ops.struct())

    def after(self, state: FtraceState) -> FtraceState:
        """The state with the ops as it is now."""
        return state.with_ops(self.ops)


@dataclass(frozen=True, slots=True)
class FreeOps(Step):
    """An ops that is not `global_ops` is no more; its struct may be used again."""

    name: str

    def after(self, state: FtraceState) -> FtraceState:
        """The state without the ops."""
        return state.without_ops(self.name)


@dataclass(frozen=True, slots=True)
class LinkOps(Step):
    """The head of `ftrace_ops_list`, a word at `address`; `order` are the names of the ops from it on."""

    address: int
    head: int
    order: tuple[str, ...]
    what: str

    @classmethod
    def of(cls, kernel: Kernel, state: FtraceState, order: tuple[str, ...], what: str) -> LinkOps:
        """The step that makes a list of these ops, which the state knows."""
        head = state.find(order[0]).address if order else kernel.address(fl.LIST_END)
        return cls(kernel.address("ftrace_ops_list"), head, order, what)

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Store the head."""
        memory.write_u64(self.address, self.head)

    def after(self, state: FtraceState) -> FtraceState:
        """The state with the list in this order."""
        return replace(state, order=self.order)


@dataclass(frozen=True, slots=True)
class SetTraceFunction(Step):
    """`update_ftrace_function()`: what the shared trampolines will call, and for which ops (addresses)."""

    func: int
    op: int

    def after(self, state: FtraceState) -> FtraceState:
        """The state with the function and the ops for it."""
        return replace(state, trace_function=self.func, trace_op=self.op)


# --- the tracer ------------------------------------------------------------------------------------------------------
# These are taken even where ftrace has been killed: they do not ask it. trace_functions.c ignores what
# register_ftrace_function() returns, so the tracer is set all the same.


@dataclass(frozen=True, slots=True)
class SetCurrentTracer(Step):
    """`tr->current_trace`."""

    survives: ClassVar[bool] = True
    name: str

    def after(self, state: FtraceState) -> FtraceState:
        """The state with the tracer."""
        return replace(state, tracer=self.name)


@dataclass(frozen=True, slots=True)
class ResetRings(Step):
    """`tracing_reset_online_cpus()`: whatever the ring buffers hold now is gone.

    `Simplified:` Linux forbids new records and waits for all CPUs (synchronize_rcu() in tracing_reset_online_cpus(),
    kernel/trace/trace.c); here the task waits for those that have reserved a record and not written it yet.
    """

    survives: ClassVar[bool] = True

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Move each reader's position to the writer's, and forget what was lost."""
        for cpu in range(layout.NR_CPUS):
            area = layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE
            memory.write_u64(area + layout.PCPU_RING_TAIL, memory.read_u64(area + layout.PCPU_RING_HEAD))
            memory.write_u64(area + layout.PCPU_RING_OVERRUN, 0)

    def waits_for(self, poke: TextPoke, progress: Any) -> tuple[int, ...]:
        """The CPUs that have reserved a record and not written it yet."""
        memory = poke.machine.memory
        rings = [Ring.of(memory, cpu) for cpu in range(len(poke.machine.cpus))]
        return tuple(ring.cpu for ring in rings if ring.under_way(memory))


# --- the beginning and the end ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoteAnyway(Note):
    """A line that ftrace_init() prints whether or not it could initialize the sites."""

    survives: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class KillFtrace(Step):
    """`ftrace_kill()`: no more updates until the next boot; the sites stay as they are."""

    def after(self, state: FtraceState) -> FtraceState:
        """The state of an ftrace that has disabled itself."""
        return replace(state, booted=True, disabled=True, trace_function=state.stub)


@dataclass(frozen=True, slots=True)
class Booted(Step):
    """ftrace_init() has come to its end."""

    def after(self, state: FtraceState) -> FtraceState:
        """The state once ftrace_init() has ended."""
        return replace(state, booted=True)
