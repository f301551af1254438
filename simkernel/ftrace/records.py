"""struct dyn_ftrace: one record a site, 16 bytes in guest memory, read and changed as arrays.

Mirrors include/linux/ftrace.h and kernel/trace/ftrace.c (6.12). `ip` is the site; `flags` holds how many ops want it
(the low 19 bits) and what is wanted and done. A bit such as TRAMP says what is *wanted*, TRAMP_EN what the five bytes
at the site *are* now: where the two differ, the site has to be patched. `ftrace_check_record()` decides so, and does
it here for all records in a few vector operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.kernel import layout
from simkernel.patching.needs import Memory
from simkernel.patching.site import Form, Kind, Patch, Site

FTRACE_FL_ENABLED = 1 << 31
FTRACE_FL_REGS = 1 << 30
FTRACE_FL_REGS_EN = 1 << 29
FTRACE_FL_TRAMP = 1 << 28
FTRACE_FL_TRAMP_EN = 1 << 27
FTRACE_FL_IPMODIFY = 1 << 26
FTRACE_FL_DISABLED = 1 << 25
FTRACE_FL_DIRECT = 1 << 24
FTRACE_FL_DIRECT_EN = 1 << 23
FTRACE_FL_CALL_OPS = 1 << 22
FTRACE_FL_CALL_OPS_EN = 1 << 21
FTRACE_FL_TOUCHED = 1 << 20
FTRACE_FL_MODIFIED = 1 << 19
FTRACE_REF_MAX_SHIFT = 19
FTRACE_REF_MAX = (1 << FTRACE_REF_MAX_SHIFT) - 1
FTRACE_NOCLEAR_FLAGS = FTRACE_FL_DISABLED | FTRACE_FL_TOUCHED | FTRACE_FL_MODIFIED
EN_FLAGS = FTRACE_FL_ENABLED | FTRACE_FL_REGS_EN | FTRACE_FL_TRAMP_EN | FTRACE_FL_DIRECT_EN | FTRACE_FL_CALL_OPS_EN

_WANTED, _DONE = np.uint32(FTRACE_FL_REGS | FTRACE_FL_TRAMP), np.uint32(FTRACE_FL_REGS_EN | FTRACE_FL_TRAMP_EN)
_EN = np.uint32(1)  # what is done lies one bit below what is wanted

# What is to be done with a record (enum of FTRACE_UPDATE_*)
UPDATE_IGNORE, UPDATE_MAKE_CALL, UPDATE_MODIFY_CALL, UPDATE_MAKE_NOP = range(4)

DYN_FTRACE = np.dtype([("ip", "<u8"), ("flags", "<u8")])
ENTRIES_PER_PAGE = layout.PAGE_SIZE // layout.DYN_FTRACE_SIZE
MCOUNT_INSN_SIZE = 5  # of what the compiler puts at the start of a traced function (asm/ftrace.h)

_INNER_CALL = Kind("call of a trampoline", (Form("call", bytes((insn.CALL,))),))

Flags = npt.NDArray[np.uint64]
AnyFlags = npt.NDArray[np.uint64] | npt.NDArray[np.uint32]
Indices = npt.NDArray[np.intp]


def call_site(nop: bytes) -> Kind:
    """What a traced function begins with: the NOP that the kernel was booted with, or a call."""
    return Kind("call site", (Form("NOP", nop), Form("call", bytes((insn.CALL,)))))


def inner_call(address: int, old: bytes, new: bytes) -> Patch:
    """A change of the call within a trampoline: of `ftrace_call`, `ftrace_regs_call`, or that of a copy."""
    return Patch(Site(address, MCOUNT_INSN_SIZE, _INNER_CALL), old, new)


def u64(value: int) -> np.uint64:
    """The number as NumPy's, for arithmetic with arrays."""
    return np.uint64(value)


def has(flags: AnyFlags, bit: int) -> npt.NDArray[np.bool_]:
    """Which of the flags have a bit."""
    found: npt.NDArray[np.bool_] = (flags & flags.dtype.type(bit)) != 0
    return found


def counts(flags: Flags) -> npt.NDArray[np.int64]:
    """How many ops want each record (`ftrace_rec_count()`)."""
    return (flags & u64(FTRACE_REF_MAX)).astype(np.int64)


class Records:
    """The table, in guest memory. `count` records, in the order of their sites."""

    def __init__(self, memory: Memory, count: int) -> None:
        self._memory = memory
        self.count = count
        self._sites, self._numbers = np.empty(0, dtype=np.uint64), np.empty(0, dtype=object)

    @property
    def ips(self) -> npt.NDArray[np.uint64]:
        """The sites (count,), read-only."""
        return self._memory.array(layout.DYN_FTRACE_BASE, DYN_FTRACE, self.count)["ip"]

    @property
    def sites(self) -> npt.NDArray[np.uint64]:
        """A copy of `ips` (count,), read-only: one for all plans, as long as the table has these."""
        ips = self.ips
        if not np.array_equal(self._sites, ips):
            self._sites, self._numbers = ips.copy(), np.empty(0, dtype=object)
            self._sites.flags.writeable = False
        return self._sites

    @property
    def numbers(self) -> npt.NDArray[np.object_]:
        """The sites as Python's numbers (count,): one object for each, whoever asks, as long as the table has it."""
        sites = self.sites
        if len(self._numbers) < len(sites):
            self._numbers = np.array(sites.tolist(), dtype=object)
        return self._numbers

    @property
    def flags(self) -> Flags:
        """A copy of all flags (count,)."""
        return self._memory.array(layout.DYN_FTRACE_BASE, DYN_FTRACE, self.count)["flags"].copy()

    def index(self, ip: int) -> int | None:
        """The index of the record of a site (`lookup_rec()`)."""
        ips = self.ips
        at = int(np.searchsorted(ips, u64(ip)))
        return at if at < self.count and int(ips[at]) == ip else None


@dataclass(frozen=True, slots=True, eq=False)
class RecordUpdate:
    """New flags of some records: indices into the table, ascending, and what each `flags` becomes."""

    indices: Indices
    flags: AnyFlags

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Store those of entries first..last-1 (`ftrace_update_record()`)."""
        indices = self.indices[first:last]
        if len(indices):
            start, end = int(indices[0]), int(indices[-1]) + 1
            part = layout.DYN_FTRACE_BASE + start * layout.DYN_FTRACE_SIZE
            rows = slice(None) if len(indices) == end - start else indices - start
            memory.array(part, np.uint64, (end - start, 2), write=True)[rows, 1] = self.flags[first:last]  # ip, flags


def table_bytes(sites: npt.NDArray[np.uint64]) -> bytes:
    """The table as `ftrace_process_locs()` leaves it: no flags yet."""
    table = np.zeros(len(sites), dtype=DYN_FTRACE)
    table["ip"] = sites
    return table.tobytes()


def check_records(flags: Flags) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """`ftrace_check_record(rec, enable=true)` for all: what is to be done with each, and its flags afterwards.

    Returns:
        Verdicts (n,) of UPDATE_*; flags (n,), unchanged where the verdict is UPDATE_IGNORE.
    """
    low = flags.astype(np.uint32)  # no bit is above: half the memory to go through
    enabled, wanted = has(low, FTRACE_FL_ENABLED), has(low, FTRACE_REF_MAX)
    is_wanted = (low & _WANTED) >> _EN  # where the _EN bits are
    differs = is_wanted != low & _DONE
    change = np.where(wanted, ~enabled | differs, enabled) & ~has(low, FTRACE_FL_DISABLED)
    calls = np.where(enabled, np.uint8(UPDATE_MODIFY_CALL), np.uint8(UPDATE_MAKE_CALL))
    verdicts = np.where(wanted, calls, np.uint8(UPDATE_MAKE_NOP))
    verdicts[~change] = UPDATE_IGNORE
    done = low & ~_DONE | np.uint32(FTRACE_FL_ENABLED | FTRACE_FL_TOUCHED) | is_wanted
    done[has(low, FTRACE_FL_DIRECT | FTRACE_FL_IPMODIFY)] |= np.uint32(FTRACE_FL_MODIFIED)
    after = np.where(wanted, done, low & np.uint32(FTRACE_NOCLEAR_FLAGS))
    return verdicts, np.where(change, after, low)


def call_replace(sites: npt.NDArray[np.uint64], targets: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """`ftrace_call_replace()`: the five bytes of `call target` at each site, (n, 5)."""
    out = np.empty((len(sites), MCOUNT_INSN_SIZE), dtype=np.uint8)
    out[:, 0] = insn.CALL
    distance = (targets - (sites + u64(MCOUNT_INSN_SIZE))).astype("<u4")
    out[:, 1:] = distance.view(np.uint8).reshape(-1, 4)
    return out


def displacements(sites: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """The displacements in the five bytes of each site (n, 5), to be added with wrap-around."""
    tails = np.ascontiguousarray(sites[:, 1:]).view("<i4")[:, 0]
    return tails.astype(np.int64).view(np.uint64)


def page_numbers(records: int) -> tuple[int, int]:
    """How `ftrace_allocate_pages()` gets memory for so many records: (pages, groups).

    Each group is the largest power of two of pages that is not too much for what is left: 195 = 128 + 64 + 2 + 1.
    """
    pages = groups = 0
    while records > 0:
        order = (-(-records // ENTRIES_PER_PAGE)).bit_length() - 1
        pages += 1 << order
        groups += 1
        records -= ENTRIES_PER_PAGE << order
    return pages, groups


def group_text(data: Sequence[int]) -> str:
    """Bytes as printk's `%*phC` prints them."""
    return ":".join(f"{byte:02x}" for byte in data)
