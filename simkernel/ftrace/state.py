"""All that ftrace knows besides guest memory: one frozen value.

Plans are made on a copy of it, by the same transition that carries them out (`Step.after`); so what a plan expects and
what its steps do cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from simkernel.ftrace.ops import FtraceOps, HashArena
from simkernel.ftrace.trampolines import TrampolinePages


@dataclass(frozen=True, slots=True)
class FtraceState:
    """The variables of kernel/trace/ftrace.c, and the allocators.

    Attributes:
        hashes: who has which bytes for hashes.
        ops: all known, in the order of their structs.
        order: `ftrace_ops_list`, names from its head.
        trace_function: `ftrace_trace_function`, what the shared trampolines call or are to call.
        trace_op: `set_function_trace_op`.
        trampolines: the pages in use.
        tracer: `tr->current_trace`.
        booted: ftrace_init() has ended, well or not.
        disabled: `ftrace_disabled`.
        stub: address of `ftrace_stub`.
    """

    hashes: HashArena
    stub: int
    ops: tuple[FtraceOps, ...] = ()
    order: tuple[str, ...] = ()
    trace_function: int = 0
    trace_op: int = 0
    trampolines: TrampolinePages = field(default_factory=TrampolinePages)
    tracer: str = "nop"
    booted: bool = False
    disabled: bool = False

    def get(self, name: str) -> FtraceOps | None:
        """The ops of that name, registered or not."""
        return next((ops for ops in self.ops if ops.name == name), None)

    def find(self, name: str) -> FtraceOps:
        """The same where it is known to exist."""
        ops = self.get(name)
        assert ops is not None, name
        return ops

    def at(self, address: int) -> FtraceOps | None:
        """The ops whose struct is at an address."""
        return next((ops for ops in self.ops if ops.address == address), None)

    @property
    def listed(self) -> tuple[FtraceOps, ...]:
        """The ops of `ftrace_ops_list`, from its head."""
        return tuple(self.find(name) for name in self.order)

    def with_ops(self, ops: FtraceOps) -> FtraceState:
        """One struct ftrace_ops is so from now on."""
        before = self.get(ops.name)
        others = tuple(other for other in self.ops if other.name != ops.name)
        known = tuple(sorted((*others, ops), key=lambda each: each.address))
        return replace(self, ops=known, hashes=self._retired(before, ops))

    def without_ops(self, name: str) -> FtraceState:
        """An ops is no more."""
        gone = self.find(name)
        others = tuple(other for other in self.ops if other.name != name)
        return replace(self, ops=others, hashes=self._retired(gone, None))

    def _retired(self, before: FtraceOps | None, after: FtraceOps | None) -> HashArena:
        """Hashes that the ops pointed to before and not after are nobody's any more, but may still be read."""
        arena = self.hashes
        if before is not None:
            kept = () if after is None else (after.filter_hash, after.notrace_hash)
            for address in (before.filter_hash, before.notrace_hash):
                if address and address not in kept:
                    arena = arena.retire(address)
        return arena
