"""What registering, unregistering and filtering change: kernel/trace/ftrace.c (6.12), as a plan in the making.

The order is Linux's. To register (`ftrace_startup()`): link the ops at the head of the list, make its trampoline,
choose what the shared trampolines call, count it in the records of its functions, patch. To unregister
(`ftrace_shutdown()`): unlink, choose, count out, patch, wait for Tasks RCU, free. New hashes
(`ftrace_hash_move_and_update_ops()`): point to them, count out the old and in the new, patch once.

"Patch" is `ftrace_modify_all_code()`. Where the function that the shared trampolines call changes, they first call
`arch_ftrace_ops_list_func`, which asks each ops' hashes; then the sites are patched; then comes the final
function.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from simkernel.ftrace import ops as fl
from simkernel.ftrace import records as rec
from simkernel.ftrace.filters import FunctionNames
from simkernel.ftrace.needs import Kernel, Machine
from simkernel.ftrace.ops import FtraceError, FtraceOps, Ips, OpsHash
from simkernel.ftrace.records import RecordUpdate
from simkernel.ftrace.state import FtraceState
from simkernel.ftrace.steps import (
    FreeHashes,
    FreeOps,
    FreeTrampoline,
    LinkOps,
    PokeRecords,
    PutHash,
    PutOps,
    ResetRings,
    SetCurrentTracer,
    SetTraceFunction,
    UpdateRecords,
    WriteTrampoline,
)
from simkernel.ftrace.targets import Targets, count_in, count_out, current_targets, new_targets
from simkernel.ftrace.trampolines import CallerCode, call_bytes, call_target, create_trampoline
from simkernel.patching.patches import Patches, SiteBytes, Sites
from simkernel.patching.plan import Plan, Step
from simkernel.patching.steps import OnEachCpu, PokeOne, Store, SyncRcuTasks, SyncRcuTasksRude, Verify


def dead_tracer(name: str) -> tuple[Step, ...]:
    """`tracing_set_tracer()` where ftrace has disabled itself: the tracer is another, and no site changes.

    trace_functions.c ignores the -ENODEV of register_ftrace_function() and unregister_ftrace_function().
    `Simplified:` in Linux sites that still are calls record nothing while the tracer is nop (tr->function_enabled).
    """
    steps: tuple[Step, ...] = (SetCurrentTracer("nop"), ResetRings())
    return steps if name == "nop" else (*steps, SetCurrentTracer(name))


class Update:
    """A plan in the making: each step is noted, with the state and the records' flags as they will be after it."""

    def __init__(
        self,
        machine: Machine,
        kernel: Kernel,
        state: FtraceState,
        records: rec.Records,
        nop: bytes,
        names: Callable[[], FunctionNames],
    ) -> None:
        self.machine = machine
        self.kernel = kernel
        self.state = state
        self.names = names
        self.nop = np.frombuffer(nop, dtype=np.uint8)
        self.steps: list[Step] = []
        self._records = records
        self._inner: dict[str, int] = {}  # what the shared trampolines' calls will go to

    @cached_property
    def ips(self) -> Sites:
        """The sites of the records (n,)."""
        return self._records.sites

    @cached_property
    def flags(self) -> rec.Flags:
        """The flags of the records, as the steps noted so far leave them."""
        return self._records.flags

    def plan(self, title: str, steps: Sequence[Step] | None = None) -> Plan:
        """The steps noted so far, or others, as a plan."""
        return Plan(title, tuple(self.steps if steps is None else steps), self._records.count)

    def require_ftrace(self) -> None:
        """Refuse where ftrace can do nothing.

        Raises:
            FtraceError: ENODEV where it has not booted, or has disabled itself.
        """
        if self.state.disabled:
            raise FtraceError(errno.ENODEV, "ftrace has disabled itself (see dmesg): only a new boot brings it back")
        if not self.state.booted:
            raise FtraceError(errno.ENODEV, "ftrace is not there yet: let the kernel boot first")

    def find(self, name: str) -> FtraceOps:
        """The ops of that name.

        Raises:
            FtraceError: ENOENT where there is none.
        """
        ops = self.state.get(name)
        if ops is None:
            there = ", ".join(each.name for each in self.state.ops)
            raise FtraceError(errno.ENOENT, f"there is no ops {name!r}; there are: {there}")
        return ops

    def do(self, step: Step) -> None:
        """Note a step; `state` is what it will be after it."""
        self.steps.append(step)
        self.state = step.after(self.state)

    def count(self, step: UpdateRecords | PokeRecords) -> None:
        """Note a step that changes records; `flags` are what they will be after it."""
        self.do(step)
        self.flags[step.records.indices] = step.records.flags

    def link(self, order: Sequence[str], what: str) -> None:
        """The list will be of these ops."""
        self.do(LinkOps.of(self.kernel, self.state, tuple(order), what))

    def put(self, ops: FtraceOps, what: str) -> FtraceOps:
        """Note that an ops' struct is stored.

        Returns:
            The same ops.
        """
        self.do(PutOps(ops, what))
        return ops

    # --- register_ftrace_function() -----------------------------------------------------------------------------

    def startup(self, ops: FtraceOps) -> None:
        """`ftrace_startup()` of an ops whose hashes are set.

        Raises:
            FtraceError: it cannot be; nothing has begun.
        """
        if ops.has(fl.FTRACE_OPS_FL_ENABLED):
            raise FtraceError(errno.EBUSY, f"the ops {ops.name!r} is registered already")
        self._check_ipmodify(ops, OpsHash(), ops.hash, first=True)
        before = self.state.trace_function
        head = self.state.listed[0].address if self.state.order else self.kernel.address(fl.LIST_END)
        ops = self.put(replace(ops, next=head), "add_ftrace_ops")
        self.link((ops.name, *self.state.order), f"{ops.name} is the first of the list")
        ops = self._update_trampoline(ops)
        self._update_ftrace_function()
        ops = self.put(ops.flagged(on=fl.FTRACE_OPS_FL_ENABLED | fl.FTRACE_OPS_FL_ADDING), "ENABLED, ADDING")
        self._mark_ipmodify(ops, OpsHash(), ops.hash)
        self._set_flags(count_in(self.flags, ops.hash.matches(self.ips), ops), f"{ops.name} is counted in")
        self._run_update_code(self.state.trace_function != before)
        self.put(ops.flagged(off=fl.FTRACE_OPS_FL_ADDING), "no longer ADDING")

    def _update_trampoline(self, ops: FtraceOps) -> FtraceOps:
        """`arch_ftrace_update_trampoline()`: a new one, or the inner call of the one there is."""
        func = self._ops_func(ops)
        save_regs = ops.has(fl.FTRACE_OPS_FL_SAVE_REGS)
        if ops.trampoline:
            site = ops.trampoline + CallerCode.of(self.kernel, save_regs).call_offset
            old, new = self.machine.code.read(site, rec.MCOUNT_INSN_SIZE), call_bytes(site, func)
            self.do(PokeOne(rec.inner_call(site, old, new), f"the trampoline of {ops.name} calls its function"))
            return ops
        size = CallerCode.of(self.kernel, save_regs).size
        address, fresh = self.state.trampolines.free_page(size)
        data, _ = create_trampoline(self.machine, self.kernel, address, ops.address, func, save_regs)
        self.do(WriteTrampoline(address, data, fresh))
        if not fresh:
            self.do(OnEachCpu("a page of code is used again"))
        ops = replace(ops, trampoline=address, trampoline_size=size)
        return self.put(ops.flagged(on=fl.FTRACE_OPS_FL_ALLOC_TRAMP), "it has a trampoline")

    def _ops_func(self, ops: FtraceOps) -> int:
        """`ftrace_ops_get_func()`. RECURSION asks for protection since 5.11 (commit a25d036d939a)."""
        if ops.flags & (fl.FTRACE_OPS_FL_RECURSION | fl.FTRACE_OPS_FL_RCU):
            return self.kernel.address("ftrace_ops_assist_func")
        return ops.func

    def _update_ftrace_function(self) -> None:
        """`update_ftrace_function()`: nobody: the stub; one ops that stays: its function; else the list function."""
        listed = self.state.listed
        end = self.kernel.address(fl.LIST_END)
        if not listed:
            func, op = self.state.stub, end
        elif len(listed) == 1:
            dynamic = listed[0].flags & (fl.FTRACE_OPS_FL_DYNAMIC | fl.FTRACE_OPS_FL_RCU)
            func, op = self._list_func() if dynamic else self._ops_func(listed[0]), listed[0].address
        else:
            func, op = self._list_func(), end
        if (func, op) != (self.state.trace_function, self.state.trace_op):
            self.do(SetTraceFunction(func, op))

    def _list_func(self) -> int:
        return self.kernel.address("arch_ftrace_ops_list_func")

    # --- unregister_ftrace_function() ---------------------------------------------------------------------------

    def shutdown(self, name: str) -> None:
        """`ftrace_shutdown()`.

        Raises:
            FtraceError: EBUSY where it is not registered.
        """
        ops = self.state.find(name)
        if not ops.has(fl.FTRACE_OPS_FL_ENABLED):
            raise FtraceError(errno.EBUSY, f"the ops {name!r} is not registered")
        before = self.state.trace_function
        self._unlink(ops)
        self._update_ftrace_function()
        self._mark_ipmodify(ops, ops.hash, OpsHash())
        counted = count_out(self.flags, ops.hash.matches(self.ips), ops, self.state.listed, self.ips)
        self._set_flags(counted, f"{name} is counted out")
        ops = replace(ops.flagged(on=fl.FTRACE_OPS_FL_REMOVING, off=fl.FTRACE_OPS_FL_ENABLED), old_hash=ops.hash)
        self.put(ops, "REMOVING, not ENABLED")
        self._run_update_code(self.state.trace_function != before, removed=ops)
        self.put(replace(ops.flagged(off=fl.FTRACE_OPS_FL_REMOVING), old_hash=None), "no longer REMOVING")
        if ops.has(fl.FTRACE_OPS_FL_DYNAMIC):
            self._free(ops)

    def _unlink(self, ops: FtraceOps) -> None:
        """`remove_ftrace_ops()`: the one before it points past it; its own `next` stays, somebody may be there."""
        order = list(self.state.order)
        at = order.index(ops.name)
        if at:
            self.put(replace(self.state.find(order[at - 1]), next=ops.next), f"{ops.name} is passed by")
        self.link((*order[:at], *order[at + 1 :]), f"{ops.name} is taken off the list")

    def _free(self, ops: FtraceOps) -> None:
        """A CPU may be in the callback, or a task preempted in the trampoline: wait for all of them first."""
        self.do(SyncRcuTasksRude())
        self.do(SyncRcuTasks())
        if ops.trampoline:
            self.do(FreeTrampoline(ops.trampoline))
        self.do(FreeOps(ops.name))
        self._free_hashes()

    def _free_hashes(self) -> None:
        if retired := self.state.hashes.retired:
            self.do(FreeHashes(tuple(address for address, _ in retired)))

    # --- ftrace_set_filter(), ftrace_set_notrace() ----------------------------------------------------------------

    def store_hashes(self, ops: FtraceOps, wanted: OpsHash) -> FtraceOps:
        """New hashes at places that nobody reads yet; the ops as it will point to them. No step points to them."""
        return replace(
            ops,
            hash=wanted,
            filter_hash=self._store_hash(ops.filter_hash, ops.hash.filter, wanted.filter, f"{ops.name}'s filter"),
            notrace_hash=self._store_hash(ops.notrace_hash, ops.hash.notrace, wanted.notrace, f"{ops.name}'s notrace"),
        )

    def _store_hash(self, address: int, before: Ips, ips: Ips, what: str) -> int:
        if not len(ips):
            return 0
        if address and np.array_equal(before, ips):
            return address
        data = fl.hash_bytes(ips)
        place = self.state.hashes.allocate(len(data))
        if place is None and self.state.hashes.retired:
            self.do(SyncRcuTasks())
            self._free_hashes()
            place = self.state.hashes.allocate(len(data))
        if place is None:
            raise FtraceError(
                errno.ENOMEM, f"no room for a hash of {len(ips)} functions: use fewer, or unregister an ops"
            )
        self.do(PutHash(place[0], data, what))
        return place[0]

    def move_hash(self, name: str, wanted: OpsHash) -> None:
        """`ftrace_hash_move_and_update_ops()`.

        Raises:
            FtraceError: it cannot be; nothing has begun.
        """
        ops = self.state.find(name)
        if ops.has(fl.FTRACE_OPS_FL_IPMODIFY) and len(wanted.notrace):
            raise FtraceError(errno.EINVAL, f"{name!r} changes RIP (IPMODIFY): it cannot have a notrace hash")
        if not ops.has(fl.FTRACE_OPS_FL_ENABLED):
            self.put(self.store_hashes(ops, wanted), f"{name} has new hashes")
            return
        self._check_ipmodify(ops, ops.hash, wanted, first=False)
        moved = self.store_hashes(ops, wanted)
        self._mark_ipmodify(ops, ops.hash, wanted)
        others = tuple(other for other in self.state.listed if other.name != name)
        flags = count_out(self.flags, ops.hash.matches(self.ips), ops, others, self.ips)
        flags = count_in(flags, wanted.matches(self.ips), ops)
        moved = replace(moved, old_hash=ops.hash).flagged(on=fl.FTRACE_OPS_FL_MODIFYING)
        self.put(moved, f"{name} has new hashes; MODIFYING")
        self._set_flags(flags, f"{name} is counted by its new hashes")
        self._run_update_code(False)
        self.put(replace(moved, old_hash=None).flagged(off=fl.FTRACE_OPS_FL_MODIFYING), "no longer MODIFYING")

    # --- IPMODIFY ---------------------------------------------------------------------------------------------------

    def _check_ipmodify(self, ops: FtraceOps, old: OpsHash, new: OpsHash, first: bool) -> None:
        """`__ftrace_hash_update_ipmodify()`: who changes RIP names its functions, and is the only one there."""
        if not ops.has(fl.FTRACE_OPS_FL_IPMODIFY):
            return
        if not len(new.filter) or not (first or len(old.filter)) or len(new.notrace):
            raise FtraceError(
                errno.EINVAL, f"{ops.name!r} changes RIP (IPMODIFY): it must name its functions in a filter"
            )
        added = new.matches(self.ips) & ~(fl.in_hash(self.ips, old.filter))
        taken = np.flatnonzero(added & rec.has(self.flags, rec.FTRACE_FL_IPMODIFY))
        if len(taken):
            symbol = self.kernel.find(int(self.ips[taken[0]]))
            name = symbol.name if symbol else hex(int(self.ips[taken[0]]))
            raise FtraceError(errno.EBUSY, f"another ops changes RIP (IPMODIFY) at {name} already: unregister it first")

    def _mark_ipmodify(self, ops: FtraceOps, old: OpsHash, new: OpsHash) -> None:
        if not ops.has(fl.FTRACE_OPS_FL_IPMODIFY):
            return
        bit = rec.u64(rec.FTRACE_FL_IPMODIFY)
        flags = np.where(fl.in_hash(self.ips, old.filter), self.flags & ~bit, self.flags)
        flags = np.where(fl.in_hash(self.ips, new.filter), flags | bit, flags)
        self._set_flags(flags, f"{ops.name} may change RIP")

    # --- patching ---------------------------------------------------------------------------------------------------

    def _set_flags(self, flags: rec.Flags, what: str) -> None:
        changed = np.flatnonzero(flags != self.flags)
        if len(changed):
            self.count(UpdateRecords(RecordUpdate(changed, flags[changed]), what))

    def _run_update_code(self, new_function: bool, removed: FtraceOps | None = None) -> None:
        """`ftrace_run_update_code()`, `ftrace_modify_all_code()`."""
        if new_function:
            self._update_ftrace_func(self._list_func())
        self._replace_code(removed)
        if new_function and self.state.trace_function != self._list_func():
            op = self.state.trace_op.to_bytes(8, "little")
            self.do(Store(self.kernel.address("function_trace_op"), op, "function_trace_op"))
            self.do(OnEachCpu("ftrace_sync_ipi"))
            self._update_ftrace_func(self.state.trace_function)

    def _update_ftrace_func(self, func: int) -> None:
        """`ftrace_update_ftrace_func()`: what the shared trampolines call, one `text_poke_bp()` each."""
        for label in ("ftrace_call", "ftrace_regs_call"):
            site = self.kernel.address(label)
            now = self._inner.get(label) or call_target(site, self.machine.code.read(site, rec.MCOUNT_INSN_SIZE)) or 0
            if now != func:
                old, new = call_bytes(site, now), call_bytes(site, func)
                name = symbol.name if (symbol := self.kernel.find(func)) else hex(func)
                self.do(PokeOne(rec.inner_call(site, old, new), f"{label}: call {name}"))
                self._inner[label] = func

    def _replace_code(self, removed: FtraceOps | None) -> None:
        """x86's `ftrace_replace_code()`: verify every site that changes, then queue the pokes of all."""
        verdicts, after = rec.check_records(self.flags)
        at = np.flatnonzero(verdicts)
        if not len(at):
            return
        rows = slice(None) if len(at) == len(verdicts) else at  # of all: no copies
        sites, verdicts, flags = self.ips[rows], verdicts[rows], self.flags[rows]
        called = np.flatnonzero(verdicts != rec.UPDATE_MAKE_CALL)  # these are calls now, and
        calls = np.flatnonzero(verdicts != rec.UPDATE_MAKE_NOP)  # these will be
        now = current_targets(self.kernel, self.state, flags[called], sites[called], removed)
        then = new_targets(self.kernel, self.state, flags[calls], sites[calls])
        old, new = self._calls_and_nops(sites, called, now), self._calls_and_nops(sites, calls, then)
        patches = Patches.of_one_size(sites, old, new, self._records.numbers[rows])
        self.do(Verify(patches, verdicts))
        records = RecordUpdate(at, after[rows])
        what = "1 site" if len(at) == 1 else f"{len(at)} sites"
        self.count(PokeRecords(patches, what, verdicts, records=records))

    def _calls_and_nops(self, sites: Sites, calls: rec.Indices, targets: Targets) -> SiteBytes:
        """The bytes of sites, of which some are calls to these targets, and the others NOPs: (n, 5)."""
        called = rec.call_replace(sites[calls], targets)
        if len(calls) == len(sites):
            return called
        nops = np.frombuffer(self.nop.tobytes() * len(sites), dtype=np.uint8).reshape(-1, rec.MCOUNT_INSN_SIZE)
        if not len(calls):
            return nops
        rows = nops.copy()
        rows[calls] = called
        return rows

    # --- the tracer ---------------------------------------------------------------------------------------------------

    def set_tracer(self, name: str, callback: int) -> None:
        """`tracing_set_tracer()`: the old tracer's reset, empty buffers, the new one's init. `callback` 0: nop."""
        if name == self.state.tracer:
            return
        if self.state.find(fl.GLOBAL_OPS).has(fl.FTRACE_OPS_FL_ENABLED):
            self.shutdown(fl.GLOBAL_OPS)
        self.do(SetCurrentTracer("nop"))
        self.do(ResetRings())
        if callback:
            self.startup(replace(self.state.find(fl.GLOBAL_OPS), func=callback))
            self.do(SetCurrentTracer(name))
