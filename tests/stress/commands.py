"""Random commands for a stress run: sets of functions, tracers, several ops with filters of their own."""

from __future__ import annotations

import random
from collections.abc import Iterator

from simkernel.ftrace.commands import RegisterOps, SetFilter, SetOpsFilter, SetTracer, UnregisterOps
from simkernel.ftrace.ops import FTRACE_OPS_FL_SAVE_REGS
from simkernel.patching.commands import Command

# Functions that every CPU runs often, where most of a set is drawn from; some of them in interrupts and in NMIs, and
# some with interrupts off. Tracing much of the scheduler would make each tick many times as long.
BUSY = (
    "_raw_spin_lock _raw_spin_unlock raw_spin_rq_lock_nested raw_spin_rq_unlock schedule __cond_resched rcu_all_qs "
    "x64_sys_call vfs_read ksys_read rw_verify_area security_file_permission common_file_perm aa_file_perm fdget_pos "
    "mutex_lock mutex_unlock kmem_cache_free fdget up_read pick_eevdf decay_load rcu_note_context_switch "
    "nmi_handle __sysvec_call_function do_sync_core __flush_smp_call_function_queue __sysvec_apic_timer_interrupt"
).split()
NMI_FUNCTION = "nmi_handle"
GLOBS = "rcu_* vfs_* irq_*_rcu aa_* ksys_* mutex_* *file_perm* fd* __x64_sys_* _raw_spin_?ock".split()


class Script:
    """The commands of one seed, in the order in which they are to be given."""

    def __init__(self, seed: int, functions: list[str], straddling: list[str], without: str = "") -> None:
        """Args: functions: all there are; straddling: those of them across a line; without: one to be left alone."""
        self.random = random.Random(seed)
        self._without = without
        self._busy = [name for name in BUSY if name != without]
        self._functions = functions
        self._straddling = straddling
        self._latest: list[str] = []
        self._ops: list[str] = []
        self._made = 0
        self._tracing = False

    def functions(self) -> str:
        """A small set, as one writes it to set_ftrace_filter; now and then every function there is."""
        kind = self.random.random()
        if kind < 0.0007 and not self._without:
            return ""
        if kind < 0.15:
            return self.random.choice(GLOBS)
        names = [self.random.choice(self._busy) for _ in range(self.random.randint(1, 2))]
        if self._latest and kind < 0.8:
            names.append(self.random.choice(self._latest))  # traced by another already: from call to call
        if kind < 0.35:
            names.append(self.random.choice(self._functions))
        if kind > 0.7:
            names.append(self.random.choice(self._straddling))
        if self.random.random() < 0.5:
            names.append(NMI_FUNCTION)  # what a CPU can be made to run in any gap
        self._latest = sorted({*names} - {self._without})
        return " ".join(self._latest)

    def commands(self) -> Iterator[Command]:
        """Somebody begins to trace, one or two changes follow, and everything is turned off again."""
        yield SetFilter("filter", self.functions() or "vfs_*")
        if self.random.random() < 0.5:
            yield self._tracer()
        else:
            yield self._register()
        for _ in range(self.random.randint(1, 2)):
            yield self._change()
        if self._tracing:
            yield self._tracer()
        for name in self.random.sample(self._ops, len(self._ops)):
            yield UnregisterOps(name)

    def flood(self) -> str:
        """What is called most often."""
        return " ".join(self.random.sample(self._busy[:20], 8))

    def _change(self) -> Command:
        """Mostly new filters, which change sites alone; else one more or one less who traces."""
        kind = self.random.random()
        if kind < 0.2:
            return self._tracer()
        if kind < 0.6 and len(self._ops) < 3:
            return self._register()
        if kind < 0.65 and self._ops:
            return UnregisterOps(self._ops.pop(self.random.randrange(len(self._ops))))
        append = self.random.random() < 0.4
        which = "filter" if self.random.random() < 0.8 else "notrace"
        text = self.functions() or ("" if which == "filter" else "vfs_*")
        if self._ops and (not self._tracing or self.random.random() < 0.5):
            return SetOpsFilter(self.random.choice(self._ops), which, text, append)
        return SetFilter(which, text, append)

    def _tracer(self) -> SetTracer:
        self._tracing = not self._tracing
        return SetTracer("function" if self._tracing else "nop")

    def _register(self) -> RegisterOps:
        self._made += 1
        name = f"ops{self._made}"
        self._ops.append(name)
        flags = FTRACE_OPS_FL_SAVE_REGS if self.random.random() < 0.35 else 0
        notrace = self.random.choice(self._busy) if self.random.random() < 0.2 else ""
        return RegisterOps(name, "ftrace_ops_count", flags, self.functions(), notrace)
