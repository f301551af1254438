"""The ftrace core: what it knows, the plans it makes of commands, and the steps of them that need no CPU.

    plan = core.plan(SetTracer("function"))     nothing has changed yet
    for each step of it, in order               the patching task takes its own; the rest goes to
        core.apply(step)                        which changes guest data and `core.state()`
        if core.ftrace_disabled: ...            a site did not hold what it should: take those of SURVIVES only

A plan holds only from the moment it is made to the first change by another: make it when its turn comes.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from simkernel.errors import OurError
from simkernel.ftrace import ops as fl
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import (
    Command,
    RegisterOps,
    ResetBuffer,
    SetFilter,
    SetOpsFilter,
    SetTracer,
    TracingOn,
    UnregisterOps,
    UseProtocol,
)
from simkernel.ftrace.filters import FunctionNames, apply_filter, split_tokens
from simkernel.ftrace.needs import Kernel, Machine, site_names
from simkernel.ftrace.ops import FtraceError, FtraceOps, HashArena, Ips, OpsHash
from simkernel.ftrace.plan import (
    Booted,
    KillFtrace,
    LinkOps,
    Log,
    Plan,
    PokeBatch,
    PokeEarly,
    PokeMany,
    PutHash,
    PutOps,
    RecordUpdate,
    ResetRings,
    SetTraceFunction,
    Step,
    Store,
    UpdateRecords,
    Verify,
)
from simkernel.ftrace.report import UPDATE_INIT, BugSite, bug_report
from simkernel.ftrace.state import FtraceState
from simkernel.ftrace.tracers import TRACERS
from simkernel.ftrace.update import Update, dead_tracer
from simkernel.kernel import layout

NOP5 = b"\x0f\x1f\x44\x00\x00"
UNSUPPORTED = {
    fl.FTRACE_OPS_FL_DIRECT: "direct calls",
    fl.FTRACE_OPS_FL_SUBOP: "ops within ops",
    fl.FTRACE_OPS_FL_PID: "filters by pid",
}
CHOOSABLE = (  # flags that one may ask for
    fl.FTRACE_OPS_FL_SAVE_REGS
    | fl.FTRACE_OPS_FL_SAVE_REGS_IF_SUPPORTED
    | fl.FTRACE_OPS_FL_RECURSION
    | fl.FTRACE_OPS_FL_RCU
    | fl.FTRACE_OPS_FL_IPMODIFY
    | fl.FTRACE_OPS_FL_PERMANENT
)


class FtraceCore:
    """One kernel's ftrace. `state()` and the guest's memory are all it knows.

    Args:
        machine: guest data and the text. kernel: its symbols and sites. nop: the five bytes that mean "nobody".
    """

    def __init__(self, machine: Machine, kernel: Kernel, nop: bytes = NOP5) -> None:
        self.machine = machine
        self.kernel = kernel
        self.nop = nop
        count = len(kernel.mcount_loc)
        self.records = rec.Records(machine.memory, count)
        arena = HashArena(*layout.hash_arena(count))
        stub = kernel.address("ftrace_stub")
        self._state = FtraceState(hashes=arena, stub=stub, trace_function=stub)
        self._checked: tuple[Command, FtraceState, Plan] | None = None

    def state(self) -> FtraceState:
        """All that the next step depends on besides the guest's memory."""
        return self._state

    def restore(self, state: FtraceState) -> None:
        """Put such a state back; the guest's memory is the caller's to put back."""
        self._state = state

    @cached_property
    def names(self) -> FunctionNames:
        """The traced functions, by record."""
        return FunctionNames(site_names(self.kernel), np.asarray(self.kernel.mcount_loc, dtype=np.uint64))

    # --- plans ------------------------------------------------------------------------------------------------------

    @property
    def booted(self) -> bool:
        """ftrace_init() has come to its end, well or not."""
        return self._state.booted

    @property
    def ftrace_disabled(self) -> bool:
        """Ftrace has found something that it does not understand, and does nothing any more."""
        return self._state.disabled

    def boot_plan(self) -> Plan:
        """`ftrace_init()`: verify each `call __fentry__`, make it a NOP, build the records.

        `Simplified:` all sites are verified before the first is written; Linux does both site by site.
        """
        sites = np.asarray(self.kernel.mcount_loc, dtype=np.uint64)
        count = len(sites)
        if not count:
            return Plan("ftrace_init", (Log("ftrace: No functions to be traced?"), KillFtrace()))
        old = rec.call_replace(sites, np.full(count, self.kernel.address("__fentry__"), dtype=np.uint64))
        new = np.tile(np.frombuffer(self.nop, dtype=np.uint8), (count, 1))
        pages, groups = rec.page_numbers(count)
        list_end = self.kernel.address(fl.LIST_END)
        flags = fl.FTRACE_OPS_FL_INITIALIZED | fl.FTRACE_OPS_FL_PID
        global_ops = FtraceOps(fl.GLOBAL_OPS, fl.ops_slot(0), self._state.stub, flags, next=list_end)
        verdicts = np.full(count, UPDATE_INIT, dtype=np.uint8)
        no_flags = RecordUpdate(np.arange(count), np.zeros(count, dtype=np.uint64))
        steps: tuple[Step, ...] = (
            Log(f"ftrace: allocating {count} entries in {-(-count // rec.ENTRIES_PER_PAGE)} pages"),
            Store(layout.DYN_FTRACE_BASE, rec.table_bytes(sites), "the dyn_ftrace records"),
            Verify(sites, old, np.arange(count), verdicts),
            PokeEarly(sites, old, new, no_flags, f"{count} sites"),
            Log(f"ftrace: allocated {pages} pages with {groups} groups"),
            PutOps(global_ops, fl.GLOBAL_OPS),
            LinkOps((), "nobody is registered"),
            SetTraceFunction(self._state.stub, list_end),
            Booted(),
        )
        return Plan("ftrace_init", steps)

    def begin(self, command: Command) -> Plan:
        """`plan` of a command whose turn has come: the one that `check` has made, if nothing has changed since."""
        if self._checked is None or self._checked[0] is not command or self._checked[1] is not self._state:
            return self.plan(command)
        plan, self._checked = self._checked[2], None
        return plan

    def plan(self, command: Command) -> Plan:
        """What has to be done for a command. Nothing is changed.

        Raises: LearnerError (FtraceError where Linux has an errno for it) where it cannot be done.
        """
        match command:
            case SetTracer(name=name):
                return self._set_tracer(name)
            case SetFilter(kind=kind, text=text, append=append):
                return self._set_filter(fl.GLOBAL_OPS, kind, text, append)
            case SetOpsFilter(name=name, kind=kind, text=text, append=append):
                return self._set_filter(name, kind, text, append)
            case RegisterOps():
                return self._register(command)
            case UnregisterOps(name=name):
                return self._unregister(name)
            case TracingOn(on=on):
                word = int(on).to_bytes(8, "little")
                store = Store(self.kernel.address("tracing_on"), word, "tracing_on")
                return Plan(f"echo {int(on)} > tracing_on", (store,))
            case ResetBuffer():
                return Plan("echo > trace", (ResetRings(),))
            case UseProtocol(name=name):
                raise OurError(f"{name}: the patching task takes up a protocol at once, without a plan")

    def _update(self) -> Update:
        if self._state.disabled:
            raise FtraceError(errno.ENODEV, "ftrace has disabled itself (see dmesg): only a new boot brings it back")
        if not self._state.booted:
            raise FtraceError(errno.ENODEV, "ftrace is not there yet: let the kernel boot first")
        return Update(self.machine, self.kernel, self._state, self.records, self.nop)

    def _known(self, name: str) -> FtraceOps:
        ops = self._state.get(name)
        if ops is None:
            there = ", ".join(each.name for each in self._state.ops)
            raise FtraceError(errno.ENOENT, f"there is no ops {name!r}; there are: {there}")
        return ops

    def _callback(self, name: str) -> int:
        """The address of the callback of a tracer, 0 for nop."""
        if name not in TRACERS:
            raise FtraceError(errno.EINVAL, f"there is no tracer {name!r}; there are: {' '.join(TRACERS)}")
        callback = TRACERS[name].callback
        return self.kernel.address(callback) if callback else 0

    def _set_tracer(self, name: str) -> Plan:
        callback, title = self._callback(name), f"echo {name} > current_tracer"
        if self._state.disabled:
            return Plan(title, () if name == self._state.tracer else dead_tracer(name))
        update = self._update()
        update.set_tracer(name, callback)
        return Plan(title, tuple(update.steps))

    def _set_filter(self, name: str, kind: str, text: str, append: bool) -> Plan:
        update = self._update()
        update.move_hash(name, self._new_hash(self._known(name).hash, kind, text, append))
        title = f"echo {text.strip()} {'>>' if append else '>'} set_ftrace_{kind}"
        return Plan(title if name == fl.GLOBAL_OPS else f"{title} of {name}", tuple(update.steps))

    def _new_hash(self, old: OpsHash, kind: str, text: str, append: bool) -> OpsHash:
        """What writing a text makes of an ops' hashes."""
        if kind == "filter":
            return OpsHash(self._applied(text, old.filter if append else fl.EMPTY_HASH), old.notrace)
        if kind == "notrace":
            return OpsHash(old.filter, self._applied(text, old.notrace if append else fl.EMPTY_HASH))
        raise FtraceError(errno.EINVAL, f"there is no kind of filter {kind!r}; there are: filter, notrace")

    def _new_hashes(self, command: RegisterOps) -> OpsHash:
        return OpsHash(self._applied(command.filter), self._applied(command.notrace))

    def _applied(self, text: str, start: Ips = fl.EMPTY_HASH) -> Ips:
        """`apply_filter`; a text without a token needs no names, of which there may be 200,000."""
        return apply_filter(self.names, text, start) if split_tokens(text) else start

    def _new_ops(self, command: RegisterOps, address: int) -> FtraceOps:
        """A DYNAMIC ops with the callback and flags that are asked for."""
        for flag, what in UNSUPPORTED.items():
            if command.flags & flag:
                raise FtraceError(errno.EOPNOTSUPP, f"this kernel's ftrace has no {what}")
        if command.flags & ~CHOOSABLE:
            raise FtraceError(errno.EINVAL, f"the flags {command.flags & ~CHOOSABLE:#x} are ftrace's own to set")
        flags = command.flags | fl.FTRACE_OPS_FL_INITIALIZED | fl.FTRACE_OPS_FL_DYNAMIC
        if flags & fl.FTRACE_OPS_FL_SAVE_REGS_IF_SUPPORTED:
            flags |= fl.FTRACE_OPS_FL_SAVE_REGS
        return FtraceOps(command.name, address, self.kernel.address(command.func), flags)

    def _register(self, command: RegisterOps) -> Plan:
        update = self._update()
        if self._state.get(command.name) is not None:
            raise FtraceError(errno.EBUSY, f"there is an ops {command.name!r} already: unregister it or choose another")
        address = fl.free_slot({ops.address for ops in self._state.ops})
        ops, wanted = self._new_ops(command, address), self._new_hashes(command)
        update.do(Store(address, bytes(layout.FTRACE_OPS_SIZE), f"struct ftrace_ops of {command.name}"))
        update.startup(update.store_hashes(ops, wanted))
        return Plan(f"register_ftrace_function({command.name})", tuple(update.steps))

    def _unregister(self, name: str) -> Plan:
        update = self._update()
        self._known(name)
        if name == fl.GLOBAL_OPS:
            raise FtraceError(errno.EBUSY, "global_ops belongs to the tracer: echo nop > current_tracer")
        update.shutdown(name)
        return Plan(f"unregister_ftrace_function({name})", tuple(update.steps))

    def check(self, command: Command, idle: bool = False) -> None:
        """Refuse a command that can never be carried out; with `idle` (nothing else is queued) any that cannot be now.

        Raises: LearnerError, with nothing changed.
        """
        if idle:
            self._checked = command, self._state, self.plan(command)
        match command:
            case SetTracer(name=name):
                self._callback(name)
            case SetFilter(kind=kind, text=text) | SetOpsFilter(kind=kind, text=text):
                self._new_hash(OpsHash(), kind, text, False)
            case RegisterOps():
                self._new_ops(command, fl.ops_slot(1))
                self._new_hashes(command)

    # --- steps ------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The time of a line of the log, in nanoseconds: the CPUs run side by side."""
        return self.machine.clock // max(1, len(self.machine.cpus))

    def apply(self, step: Step) -> list[str]:
        """Carry out a step of data, or note one of code that the patching task has carried out.

        Returns: the lines that this adds to the kernel log. Where a `Verify` finds a site that is not as expected,
        those are the report; ftrace is killed then (`ftrace_disabled`), and of the plan only SURVIVES may be done.
        """
        memory = self.machine.memory
        match step:
            case Verify():
                return self._verify(step)
            case Log(text=text):
                return self.log([text])
            case UpdateRecords(records=records):
                self.update_records(records)
            case Store(address=address, data=data) | PutHash(address=address, data=data):
                memory.write(address, data)
            case PutOps(ops=ops):
                memory.write(ops.address, ops.struct())
            case LinkOps(order=order):
                head = self._state.find(order[0]).address if order else self.kernel.address(fl.LIST_END)
                memory.write_u64(self.kernel.address("ftrace_ops_list"), head)
            case ResetRings():
                self._reset_rings()
        self._state = self._state.after(step)
        return []

    def update_records(self, records: RecordUpdate) -> None:
        """Give records their new flags: those of a batch, when its pokes are queued (`ftrace_update_record()`)."""
        if len(records):
            self.records.set_flags(records.indices, records.flags)

    def log(self, lines: Sequence[str]) -> list[str]:
        """Add lines to the kernel log; whoever else has something to say uses it too."""
        for line in lines:
            self._state = self._state.after(Log(line), self.now)
        return list(lines)

    def _reset_rings(self) -> None:
        memory = self.machine.memory
        for cpu in range(layout.NR_CPUS):
            area = layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE
            memory.write_u64(area + layout.PCPU_RING_TAIL, memory.read_u64(area + layout.PCPU_RING_HEAD))
            memory.write_u64(area + layout.PCPU_RING_OVERRUN, 0)

    # --- failure ------------------------------------------------------------------------------------------------------

    def _verify(self, step: Verify) -> list[str]:
        actual = self.machine.text_sites(step.sites)
        wrong = np.flatnonzero((actual != step.expected).any(axis=1))
        if not len(wrong):
            return []
        first = int(wrong[0])
        where = BugSite(int(step.sites[first]), int(step.verdicts[first]), int(self.records.flags[step.indices[first]]))
        expected = step.expected[first].tobytes()
        return self._bug(errno.EINVAL, where, expected)

    def _bug(self, failed: int, where: BugSite, expected: bytes = b"") -> list[str]:
        """`ftrace_bug()`, `ftrace_kill()`; an ops that was being registered leaves the list (`ftrace_startup()`)."""
        lines = self.log(bug_report(self.machine, self.kernel, self._state, failed, where, expected))
        self._state = self._state.after(KillFtrace())
        adding = {ops.name for ops in self._state.listed if ops.has(fl.FTRACE_OPS_FL_ADDING)}
        if adding:
            order = tuple(name for name in self._state.order if name not in adding)
            self.apply(LinkOps(order, "the ops that was being registered is taken off the list"))
        return lines

    def abort(self, error: Exception, step: Step | None = None) -> list[str]:
        """The patching task failed, at `step` if it can say so: ftrace is killed with its report.

        The report is about the first site of the step that is neither old nor new, else the first that is not new.
        Returns: the lines of the report. Bring a batch that has begun to its end, then call `reconcile`.
        """
        failed, where = 0, BugSite(0, rec.UPDATE_IGNORE, None)
        if isinstance(step, PokeBatch):
            failed, where = errno.EPERM, BugSite(step.site, rec.UPDATE_IGNORE, None)
        elif isinstance(step, PokeMany | PokeEarly) and len(step):
            actual = self.machine.text_sites(step.sites)
            old = (actual == step.old).all(axis=1)
            new = (actual == step.new).all(axis=1)
            first = int([*np.flatnonzero(~old & ~new), *np.flatnonzero(~new), 0][0])
            ip, index = int(step.sites[first]), int(step.records.indices[first])
            verdict = int(step.verdicts[first]) if isinstance(step, PokeMany) else UPDATE_INIT
            failed, where = errno.EPERM, BugSite(ip, verdict, int(self.records.flags[index]))
        return self._bug(failed, where)

    def reconcile(self) -> None:
        """Make the records say what the sites hold: a plan was broken off between queueing and patching.

        ENABLED and the other _EN bits follow the bytes; what is wanted and the counters stay. A site that holds
        neither a NOP nor a call keeps its flags.
        """
        ips, flags = self.records.ips.copy(), self.records.flags
        actual = self.machine.text_sites(ips)
        nop = (actual == np.frombuffer(self.nop, dtype=np.uint8)).all(axis=1)
        call = actual[:, 0] == 0xE8
        target = ips + rec.u64(rec.MCOUNT_INSN_SIZE) + rec.displacements(actual)
        found = np.zeros(len(ips), dtype=np.uint64)
        for address, bits in self._target_bits().items():
            found = np.where(call & (target == rec.u64(address)), rec.u64(bits), found)
        bare = flags & rec.u64(~rec.EN_FLAGS & 0xFFFF_FFFF_FFFF_FFFF)
        now = np.where(nop, bare, np.where(found > 0, bare | found, flags))
        changed = np.flatnonzero(now != flags)
        self.update_records(RecordUpdate(changed, now[changed]))

    def _target_bits(self) -> dict[int, int]:
        """What a record's _EN bits are where its site calls these addresses."""
        enabled = rec.FTRACE_FL_ENABLED | rec.FTRACE_FL_TOUCHED
        bits = {
            self.kernel.address("ftrace_caller"): enabled,
            self.kernel.address("ftrace_regs_caller"): enabled | rec.FTRACE_FL_REGS_EN,
        }
        for ops in self._state.ops:
            if ops.trampoline:
                regs = rec.FTRACE_FL_REGS_EN if ops.trampoline_regs else 0
                bits[ops.trampoline] = enabled | rec.FTRACE_FL_TRAMP_EN | regs
        return bits
