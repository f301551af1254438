"""Which function a site's call goes to, and how the records count who wants it; for many records at once.

`ftrace_get_addr_new()`: one ops alone that has a trampoline (TRAMP): that; else, where somebody wants all registers
(REGS), `ftrace_regs_caller`; else `ftrace_caller`. `ftrace_get_addr_curr()` says the same of what is there now, by the
_EN bits. Mirrors kernel/trace/ftrace.c (6.12); direct calls are not built.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from simkernel.ftrace import ops as fl
from simkernel.ftrace import records as rec
from simkernel.ftrace.needs import Kernel
from simkernel.ftrace.ops import FtraceOps, Ips, OpsHash
from simkernel.ftrace.records import Flags
from simkernel.ftrace.state import FtraceState

Targets = npt.NDArray[np.uint64]


def count_in(flags: Flags, wanted: npt.NDArray[np.bool_], ops: FtraceOps) -> Flags:
    """`__ftrace_hash_rec_update(ops, inc=true)`: all flags, where the `wanted` records have one user more."""
    more = flags + rec.u64(1)  # changed in place: of a large kernel each array more is new memory
    alone = (more & rec.u64(rec.FTRACE_REF_MAX)) == rec.u64(1)
    tramp = rec.u64(rec.FTRACE_FL_TRAMP)
    more &= ~tramp
    if ops.trampoline:
        np.bitwise_or(more, tramp, out=more, where=alone)
    if ops.has(fl.FTRACE_OPS_FL_SAVE_REGS):
        more |= rec.u64(rec.FTRACE_FL_REGS)
    np.copyto(more, flags, where=~wanted)
    return more


def count_out(
    flags: Flags, wanted: npt.NDArray[np.bool_], ops: FtraceOps, others: Sequence[FtraceOps], ips: Ips
) -> Flags:
    """`__ftrace_hash_rec_update(ops, inc=false)`: the same with one user less; `others` are those that stay."""
    less = np.where(wanted, flags - rec.u64(1), flags)
    left = rec.counts(less)
    if ops.has(fl.FTRACE_OPS_FL_SAVE_REGS):
        regs = _any_matches((o.hash for o in others if o.has(fl.FTRACE_OPS_FL_SAVE_REGS)), ips)
        less = np.where((left > 0) & ~regs, less & ~rec.u64(rec.FTRACE_FL_REGS), less)
    alone = (left == 1) & _any_matches((o.hash for o in others if o.trampoline), ips)
    tramp = rec.u64(rec.FTRACE_FL_TRAMP)
    less = np.where(alone, less | tramp, less & ~tramp)
    return np.where(wanted, less, flags)


def _any_matches(hashes: Iterable[OpsHash], ips: Ips) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(ips), dtype=bool)
    for each in hashes:
        found |= each.matches(ips)
    return found


def new_targets(kernel: Kernel, state: FtraceState, flags: Flags, ips: Ips) -> Targets:
    """`ftrace_get_addr_new()` of these records: what their sites should call."""
    targets = _shared(kernel, flags, rec.FTRACE_FL_REGS)
    tramp = rec.has(flags, rec.FTRACE_FL_TRAMP)
    for ops in reversed(state.listed):
        np.copyto(targets, rec.u64(ops.trampoline), where=tramp & ops.hash.matches(ips))
    return targets


def current_targets(
    kernel: Kernel, state: FtraceState, flags: Flags, ips: Ips, removed: FtraceOps | None = None
) -> Targets:
    """`ftrace_get_addr_curr()`: what their sites call now. `removed`: the ops that is being unregistered."""
    targets = _shared(kernel, flags, rec.FTRACE_FL_REGS_EN)
    tramp = rec.has(flags, rec.FTRACE_FL_TRAMP_EN)
    for ops in reversed(state.listed):
        if ops.trampoline and not ops.has(fl.FTRACE_OPS_FL_ADDING):
            had = ops.old_hash if ops.has(fl.FTRACE_OPS_FL_MODIFYING) and ops.old_hash else ops.hash
            np.copyto(targets, rec.u64(ops.trampoline), where=tramp & had.matches(ips))
    if removed is not None and removed.old_hash is not None:
        np.copyto(targets, rec.u64(removed.trampoline), where=tramp & removed.old_hash.matches(ips))
    return targets


def _shared(kernel: Kernel, flags: Flags, regs: int) -> Targets:
    callers = rec.u64(kernel.address("ftrace_regs_caller")), rec.u64(kernel.address("ftrace_caller"))
    return np.where(rec.has(flags, regs), *callers)
