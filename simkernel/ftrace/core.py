"""The ftrace core: what it knows, the plans it makes of commands, and what becomes of it where one fails.

    plan = core.plan(SetTracer("function"))     nothing has changed yet
    for each step of it, in order               the patching task takes it, and then
        core.step_done(step)                    notes it in `core.state()`
    core.fail(failure)                          a site did not hold what it should: ftrace is killed with a report

A plan is valid until anything else changes the state: build it when its turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from simkernel.errors import OurError
from simkernel.ftrace import ops as fl
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import COMMANDS, FtraceCommand
from simkernel.ftrace.files import files
from simkernel.ftrace.filters import FunctionNames
from simkernel.ftrace.needs import Kernel, Machine, site_names
from simkernel.ftrace.now import FtraceNow
from simkernel.ftrace.ops import FtraceOps, HashArena
from simkernel.ftrace.report import UPDATE_INIT, BugSite, bug_report
from simkernel.ftrace.state import FtraceState
from simkernel.ftrace.steps import (
    Booted,
    KillFtrace,
    LinkOps,
    NoteAnyway,
    PokeRecordsEarly,
    PutOps,
    SetTraceFunction,
)
from simkernel.ftrace.update import Update
from simkernel.ftrace.validate import validate_records, validate_sites
from simkernel.kernel import layout
from simkernel.kernel.running import RunningKernel
from simkernel.patching.commands import Command
from simkernel.patching.log import KernelLog
from simkernel.patching.patches import Patches
from simkernel.patching.plan import Failure, Plan, Step
from simkernel.patching.site import Site
from simkernel.patching.steps import Note, Store, Verify
from simkernel.patching.subsystem import Subsystem
from simkernel.tracefs import File
from simkernel.verdict import Verdict

NOP5 = b"\x0f\x1f\x44\x00\x00"


class FtraceCore(Subsystem):
    """One kernel's ftrace. `state()` and the guest's memory are all it knows.

    Args:
        machine: guest data and the text.
        kernel: its symbols and sites.
        nop: the five bytes that mean that nobody is called.
        log: the kernel log, which whoever reads `dmesg` finds here.
    """

    name: ClassVar[str] = "ftrace"
    commands: ClassVar[tuple[type[Command], ...]] = COMMANDS

    def __init__(self, machine: Machine, kernel: Kernel, nop: bytes = NOP5, log: KernelLog | None = None) -> None:
        self.machine = machine
        self.kernel = kernel
        self.nop = nop
        self.log = log or KernelLog()
        count = len(kernel.mcount_loc)
        self.records = rec.Records(machine.memory, count)
        arena = HashArena(*layout.hash_arena(count))
        stub = kernel.address("ftrace_stub")
        self._state = FtraceState(hashes=arena, stub=stub, trace_function=stub)

    @classmethod
    def of(cls, kernel: RunningKernel, nop: bytes, log: KernelLog) -> FtraceCore:
        """The ftrace of a machine that is powered on."""
        return cls(kernel.machine, kernel.image, nop, log)

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

    def site(self, address: int) -> Site | None:
        """The call site at the start of a traced function."""
        row = int(np.searchsorted(self.kernel.mcount_loc, np.uint64(address)))
        if row == len(self.kernel.mcount_loc) or int(self.kernel.mcount_loc[row]) != address:
            return None
        return Site(address, rec.MCOUNT_INSN_SIZE, rec.call_site(self.nop))

    def now(self) -> FtraceNow:
        """What outsiders may ask."""
        return FtraceNow(self)

    # --- control files ----------------------------------------------------------------------------------------------

    def control_files(self) -> Mapping[str, File]:
        """The files of function tracing and of its ring buffers."""
        return files(self)

    def kallsyms(self) -> Sequence[str]:
        """`ftrace_get_trampoline_kallsym()`."""
        return [f"{page:016x} t ftrace_trampoline\t[__builtin__ftrace]" for page in self._state.trampolines.used]

    # --- invariants -------------------------------------------------------------------------------------------------

    def verdicts(self, kernel: RunningKernel, batch: Patches | None, updating: bool) -> Sequence[Verdict]:
        """Those of its sites and of its records."""
        return (
            validate_sites(kernel, self._state, self.nop, batch),
            validate_records(kernel, self._state, self.records, batch, updating),
        )

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
            return Plan("ftrace_init", (Note("ftrace: No functions to be traced?"), KillFtrace()))
        old = rec.call_replace(sites, np.full(count, self.kernel.address("__fentry__"), dtype=np.uint64))
        new = np.tile(np.frombuffer(self.nop, dtype=np.uint8), (count, 1))
        patches = Patches.of_one_size(sites, old, new)
        pages, groups = rec.page_numbers(count)
        list_end = self.kernel.address(fl.LIST_END)
        flags = fl.FTRACE_OPS_FL_INITIALIZED | fl.FTRACE_OPS_FL_PID
        global_ops = FtraceOps(fl.GLOBAL_OPS, fl.ops_slot(0), self._state.stub, flags, next=list_end)
        verdicts = np.full(count, UPDATE_INIT, dtype=np.uint8)
        no_flags = rec.RecordUpdate(np.arange(count), np.zeros(count, dtype=np.uint64))
        steps: tuple[Step, ...] = (
            NoteAnyway(f"ftrace: allocating {count} entries in {-(-count // rec.ENTRIES_PER_PAGE)} pages"),
            Store(layout.DYN_FTRACE_BASE, rec.table_bytes(sites), "the dyn_ftrace records"),
            Verify(patches, verdicts),
            PokeRecordsEarly(patches, f"{count} sites", verdicts, records=no_flags),
            NoteAnyway(f"ftrace: allocated {pages} pages with {groups} groups"),
            PutOps(global_ops, fl.GLOBAL_OPS),
            LinkOps.of(self.kernel, self._state, (), "nobody is registered"),
            SetTraceFunction(self._state.stub, list_end),
            Booted(),
        )
        return Plan("ftrace_init", steps, count)

    def plan(self, command: Command) -> Plan:
        """What has to be done for a command. Nothing is changed.

        Raises:
            LearnerError: it cannot be done; a FtraceError where Linux has an errno for it.
        """
        return self._own(command).plan(self._update())

    def check(self, command: Command) -> None:
        """Refuse a command that can never be carried out.

        Raises:
            LearnerError: it never can be; nothing has changed.
        """
        self._own(command).check(self._update())

    def _update(self) -> Update:
        return Update(self.machine, self.kernel, self._state, self.records, self.nop, lambda: self.names)

    @staticmethod
    def _own(command: Command) -> FtraceCommand:
        if not isinstance(command, FtraceCommand):
            raise OurError(f"ftrace knows no command {command}")
        return command

    # --- what becomes of a plan ---------------------------------------------------------------------------------------

    def step_done(self, step: Step) -> None:
        """Note a step that is done."""
        self._state = step.after(self._state)

    # --- failure ------------------------------------------------------------------------------------------------------

    def fail(self, failure: Failure) -> list[str]:
        """`ftrace_bug()`, `ftrace_kill()`; an ops that was being registered leaves the list (`ftrace_startup()`)."""
        index = self.records.index(failure.site) if failure.site else None
        flags = None if index is None else int(self.records.flags[index])
        where = BugSite(failure.site, failure.verdict, flags)
        lines = bug_report(self.machine, self.kernel, self._state, failure.errno, where, failure.expected)
        self.step_done(KillFtrace())
        adding = {ops.name for ops in self._state.listed if ops.has(fl.FTRACE_OPS_FL_ADDING)}
        if adding:
            order = tuple(name for name in self._state.order if name not in adding)
            what = "the ops that was being registered is taken off the list"
            step = LinkOps.of(self.kernel, self._state, order, what)
            step.store(self.machine.memory)
            self.step_done(step)
        return lines

    def reconcile(self) -> None:
        """Make the records say what the sites hold: a plan was broken off between queueing and patching.

        ENABLED and the other _EN bits follow the bytes; what is wanted and the counters stay. A site that holds
        neither a NOP nor a call keeps its flags.
        """
        ips, flags = self.records.ips.copy(), self.records.flags
        actual = self.machine.code.rows(ips, rec.MCOUNT_INSN_SIZE)
        nop = (actual == np.frombuffer(self.nop, dtype=np.uint8)).all(axis=1)
        call = actual[:, 0] == 0xE8
        target = ips + rec.u64(rec.MCOUNT_INSN_SIZE) + rec.displacements(actual)
        found = np.zeros(len(ips), dtype=np.uint64)
        for address, bits in self._target_bits().items():
            found = np.where(call & (target == rec.u64(address)), rec.u64(bits), found)
        bare = flags & rec.u64(~rec.EN_FLAGS & 0xFFFF_FFFF_FFFF_FFFF)
        now = np.where(nop, bare, np.where(found > 0, bare | found, flags))
        changed = np.flatnonzero(now != flags)
        rec.RecordUpdate(changed, now[changed]).store(self.machine.memory)

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
