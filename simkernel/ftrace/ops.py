"""struct ftrace_ops: one for each party that wants to be called, with the functions it wants.

Mirrors include/linux/ftrace.h (6.12). The structs, their list and their hashes lie in guest memory, where the guest's
`arch_ftrace_ops_list_func` reads them; the values here are the patching task's own knowledge of them, and frozen.

A hash is written once, at a place of its own, and then pointed to: guest code may be reading the one before. That one
is *retired*, and its place used again only when Tasks RCU has shown that nobody can be reading it.
`Simplified:` Linux's hash is a hash table, freed by `call_rcu()`; ours is a sorted array.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from simkernel.errors import LearnerError
from simkernel.kernel import layout

Ips = npt.NDArray[np.uint64]

# enum of FTRACE_OPS_FL_* (include/linux/ftrace.h)
FTRACE_OPS_FL_ENABLED = 1 << 0
FTRACE_OPS_FL_DYNAMIC = 1 << 1
FTRACE_OPS_FL_SAVE_REGS = 1 << 2
FTRACE_OPS_FL_SAVE_REGS_IF_SUPPORTED = 1 << 3
FTRACE_OPS_FL_RECURSION = 1 << 4
FTRACE_OPS_FL_STUB = 1 << 5
FTRACE_OPS_FL_INITIALIZED = 1 << 6
FTRACE_OPS_FL_DELETED = 1 << 7
FTRACE_OPS_FL_ADDING = 1 << 8
FTRACE_OPS_FL_REMOVING = 1 << 9
FTRACE_OPS_FL_MODIFYING = 1 << 10
FTRACE_OPS_FL_ALLOC_TRAMP = 1 << 11
FTRACE_OPS_FL_IPMODIFY = 1 << 12
FTRACE_OPS_FL_PID = 1 << 13
FTRACE_OPS_FL_RCU = 1 << 14
FTRACE_OPS_FL_TRACE_ARRAY = 1 << 15
FTRACE_OPS_FL_PERMANENT = 1 << 16
FTRACE_OPS_FL_DIRECT = 1 << 17
FTRACE_OPS_FL_SUBOP = 1 << 18

GLOBAL_OPS = "global_ops"  # the ops of the tracer that tracefs controls
LIST_END = "ftrace_list_end"


def hash_of(ips: Ips | list[int] | None = None) -> Ips:
    """A read-only, sorted array of distinct addresses: what an ftrace_hash holds."""
    out = np.unique(np.asarray([] if ips is None else ips, dtype=np.uint64))
    out.flags.writeable = False
    return out


EMPTY_HASH = hash_of()


def in_hash(ips: Ips, table: Ips) -> npt.NDArray[np.bool_]:
    """Which of `ips` are in the hash (`ftrace_lookup_ip()`)."""
    if not len(table):
        return np.zeros(len(ips), dtype=bool)
    at = np.minimum(np.searchsorted(table, ips), len(table) - 1)
    return np.asarray(table[at] == ips)


class FtraceError(LearnerError):
    """ftrace refuses, as Linux would with this errno."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        self.errno = errno


@dataclass(frozen=True, slots=True, eq=False)
class OpsHash:
    """struct ftrace_ops_hash: a function is wanted iff the filter is empty or has it, and notrace has it not."""

    filter: Ips = field(default_factory=lambda: EMPTY_HASH)
    notrace: Ips = field(default_factory=lambda: EMPTY_HASH)

    def matches(self, ips: Ips) -> npt.NDArray[np.bool_]:
        """Which of `ips` are wanted (`hash_contains_ip()`)."""
        wanted = in_hash(ips, self.filter) if len(self.filter) else np.ones(len(ips), dtype=bool)
        return wanted & ~in_hash(ips, self.notrace) if len(self.notrace) else wanted

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OpsHash):
            return NotImplemented
        return np.array_equal(self.filter, other.filter) and np.array_equal(self.notrace, other.notrace)

    def __hash__(self) -> int:
        return hash((self.filter.tobytes(), self.notrace.tobytes()))


@dataclass(frozen=True, slots=True)
class FtraceOps:
    """What the patching task knows of one struct ftrace_ops.

    Attributes:
        name: ours; Linux's structs have none.
        address: of the struct in guest memory.
        func: address of the callback.
        flags: FTRACE_OPS_FL_*.
        hash: the functions it wants.
        filter_hash, notrace_hash: where they lie in guest memory, 0 for empty.
        old_hash: the functions it wanted before the update under way.
        next: address of the next struct in the list.
        trampoline: address, 0 for none.
        trampoline_size: in bytes.
    """

    name: str
    address: int
    func: int
    flags: int = 0
    hash: OpsHash = field(default_factory=OpsHash)
    filter_hash: int = 0
    notrace_hash: int = 0
    old_hash: OpsHash | None = None
    next: int = 0
    trampoline: int = 0
    trampoline_size: int = 0

    def has(self, flag: int) -> bool:
        """True where a flag is set."""
        return bool(self.flags & flag)

    @property
    def trampoline_regs(self) -> bool:
        """True where its trampoline is a copy of ftrace_regs_caller."""
        return self.has(FTRACE_OPS_FL_SAVE_REGS)

    def flagged(self, on: int = 0, off: int = 0) -> FtraceOps:
        """The same with some flags set and some cleared."""
        return replace(self, flags=(self.flags | on) & ~off)

    def struct(self) -> bytes:
        """The bytes of the guest's struct, all but the count of its hits, which the guest owns."""
        words = {
            layout.OPS_FUNC: self.func,
            layout.OPS_NEXT: self.next,
            layout.OPS_FLAGS: self.flags,
            layout.OPS_SAVED_FUNC: self.func,
            layout.OPS_NOTRACE_HASH: self.notrace_hash,
            layout.OPS_FILTER_HASH: self.filter_hash,
            layout.OPS_TRAMPOLINE: self.trampoline,
            layout.OPS_TRAMPOLINE_SIZE: self.trampoline_size,
        }
        return b"".join(words.get(at, 0).to_bytes(8, "little") for at in range(0, layout.OPS_HITS, 8))


def hash_bytes(ips: Ips) -> bytes:
    """A struct ftrace_hash as guest code reads it: the count, then the addresses, sorted."""
    return len(ips).to_bytes(8, "little") + ips.astype("<u8").tobytes()


@dataclass(frozen=True, slots=True)
class HashArena:
    """Who has which bytes of the arena: (address, size) pairs. First fit, lowest address first.

    `retired` are hashes that no ops points to any more, and that guest code may still be reading.
    """

    base: int
    size: int
    used: tuple[tuple[int, int], ...] = ()
    retired: tuple[tuple[int, int], ...] = ()

    def allocate(self, size: int) -> tuple[int, HashArena] | None:
        """A place for `size` bytes, and the arena with it taken; None where there is none now."""
        at = self.base
        for start, length in sorted((*self.used, *self.retired)):
            if start - at >= size:
                break
            at = -(-(start + length) // 8) * 8
        if at + size > self.base + self.size:
            return None
        return at, replace(self, used=(*self.used, (at, size)))

    def retire(self, address: int) -> HashArena:
        """No ops points to the hash at `address` any more (0: nothing happens)."""
        gone = tuple(block for block in self.used if block[0] == address)
        return replace(
            self,
            used=tuple(block for block in self.used if block[0] != address),
            retired=(*self.retired, *gone),
        )

    def release(self, addresses: tuple[int, ...]) -> HashArena:
        """Nobody reads these retired hashes any more."""
        return replace(self, retired=tuple(block for block in self.retired if block[0] not in addresses))


def ops_slot(slot: int) -> int:
    """The address of a struct ftrace_ops; slot 0 is global_ops."""
    return layout.FTRACE_OPS_BASE + slot * layout.FTRACE_OPS_SIZE


def free_slot(taken: set[int]) -> int:
    """The address of the first free struct ftrace_ops after global_ops.

    Raises:
        FtraceError: ENOMEM where all are taken.
    """
    for slot in range(1, layout.FTRACE_OPS_MAX):
        if (address := ops_slot(slot)) not in taken:
            return address
    raise FtraceError(errno.ENOMEM, f"all {layout.FTRACE_OPS_MAX} ftrace_ops are in use: unregister one first")
