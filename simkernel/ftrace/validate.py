"""What has to be true of ftrace's sites and records, apart from the fast path. Nothing here changes anything.

validate_sites     every site is whole in memory, and outside of a batch each CPU runs what memory holds
validate_records   struct dyn_ftrace agrees with the ops' hashes and with the bytes
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.ftrace import records as rec
from simkernel.ftrace.state import FtraceState
from simkernel.kernel.running import RunningKernel
from simkernel.kernel.words import SiteWords, Words
from simkernel.patching.patches import Patches
from simkernel.patching.validate import name_at, outside
from simkernel.sentence import Sentence, say
from simkernel.sentence import cpu as cpu_name
from simkernel.sentence import data as data_of
from simkernel.verdict import Verdict


def validate_sites(kernel: RunningKernel, state: FtraceState, nop: bytes, batch: Patches | None) -> Verdict:
    """Every site holds a NOP, a call to a known target, or is in the batch; outside of it each CPU runs just that."""
    code, words = kernel.machine.code, kernel.site_words
    sites = words.sites
    if not len(sites) or not state.booted:
        return Verdict("sites", True, say("{} sites, as built", len(sites)))
    now, without = words.in_memory(), outside(words.sites, batch)
    bad = np.flatnonzero(without & ~_whole(sites, now, nop, _targets(kernel, state)))
    if len(bad):
        site, held = int(sites[bad[0]]), now[bad[0]].tobytes()[: rec.MCOUNT_INSN_SIZE]
        text = say("{} holds {}: no NOP, no known call", name_at(kernel.image, site), data_of(held))
        return Verdict("sites", False, text, address=site)
    offsets = code.map.offsets(sites)
    for cpu, view in enumerate(code.views):
        differ = words.of_cpu(cpu) != now
        for item in view.pending:
            left, _ = item.left()
            at = np.searchsorted(offsets, left, "right") - 1
            within = (at >= 0) & (left - offsets[at] < rec.MCOUNT_INSN_SIZE)
            differ[at[within]] = True
        if len(bad := np.flatnonzero(without & differ)):
            site = int(sites[bad[0]])
            where = say("{}, which is in no batch", name_at(kernel.image, site))
            text = say("{} may run other bytes than memory holds at {}", cpu_name(cpu), where)
            return Verdict("sites", False, text, cpu, site)
    return Verdict("sites", True, say("all {} sites are whole", len(sites)))


def _targets(kernel: RunningKernel, state: FtraceState) -> set[int]:
    """What a site may call: ftrace_caller, ftrace_regs_caller, and the trampolines in use."""
    callers = {kernel.image.address(name) for name in ("ftrace_caller", "ftrace_regs_caller")}
    return callers | {ops.trampoline for ops in state.ops if ops.trampoline}


def _whole(sites: Words, now: Words, nop: bytes, targets: set[int]) -> npt.NDArray[np.bool_]:
    """Which sites hold the NOP or a call to one of the targets; `now`: their bytes as numbers."""
    whole = now == int.from_bytes(nop, "little")
    for target in targets:
        displacements = (np.uint64(target - rec.MCOUNT_INSN_SIZE) - sites) & np.uint64(0xFFFF_FFFF)
        whole |= now == (displacements << np.uint64(8) | np.uint64(insn.CALL))
    return np.asarray(whole)


def validate_records(
    kernel: RunningKernel, state: FtraceState, records: rec.Records, batch: Patches | None, updating: bool
) -> Verdict:
    """A record is ENABLED iff its site is a call; between updates its count is that of the ops that want it."""
    if not state.booted or not records.count:
        return Verdict("records", True, Sentence("no records yet"))
    ips, flags = records.ips, records.flags
    words = kernel.site_words
    if not np.array_equal(ips, words.sites):
        words = SiteWords(kernel.machine.code, ips)
    call = words.in_memory() & 0xFF == insn.CALL
    bad = np.flatnonzero(outside(ips, batch) & (rec.has(flags, rec.FTRACE_FL_ENABLED) != call))
    if len(bad):
        ip = int(ips[bad[0]])
        found, held = f"{int(flags[bad[0]]):#x}", "a call" if call[bad[0]] else "no call"
        text = say("the record of {} has flags {}, but its site is {}", name_at(kernel.image, ip), found, held)
        return Verdict("records", False, text, address=ip)
    if updating or state.disabled:
        return Verdict("records", True, say("ENABLED is as the bytes are, in {} records", len(ips)))
    wanted = np.zeros(len(ips), dtype=np.int64)
    for ops in state.listed:
        wanted += ops.hash.matches(ips)
    bad = np.flatnonzero(wanted != rec.counts(flags))
    if len(bad):
        ip = int(ips[bad[0]])
        counted, wants = int(rec.counts(flags)[bad[0]]), int(wanted[bad[0]])
        text = say("the record of {} counts {} ops, {} want it", name_at(kernel.image, ip), counted, wants)
        return Verdict("records", False, text, address=ip)
    return Verdict("records", True, say("{} records agree with the ops and with the bytes", len(ips)))
