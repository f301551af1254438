"""The invariants, apart from the fast path: each `validate_*` looks at a simulation and says whether one holds.

    validate_phase      what the protocol's table says of the batch under way, and that no CPU may run a mixture
    validate_sites      every site is whole in memory, and outside of a batch each CPU runs what memory holds
    validate_records    struct dyn_ftrace agrees with the ops' hashes and with the bytes
    validate_stacks     every CPU is on a stack of its own
    validate_workload   no task has seen a wrong result

Nothing here changes anything, and nothing but viewers, lessons and tests calls it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.ftrace import records as rec
from simkernel.hw.fetch import View
from simkernel.kernel import layout
from simkernel.kernel.stacks import stack_of
from simkernel.patching.poke import Batch
from simkernel.patching.words import SiteWords
from simkernel.protocol import NEW, OLD, Phase, Write
from simkernel.sim.narrate.operands import code_name
from simkernel.sim.simulation import Simulation

Sites = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]  # (n, width), as in Batch


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an invariant holds.

    Attributes:
        name: of the invariant. holds: True where it does.
        detail: in words, with addresses: what was found, or what was looked at.
        cpu, address: the CPU and the byte that break it, where there are such.
    """

    name: str
    holds: bool
    detail: str
    cpu: int | None = None
    address: int | None = None


def verdicts(simulation: Simulation, sites: Sequence[int] | None = None) -> tuple[Verdict, ...]:
    """All of them. `sites`: those of the batch that `validate_phase` looks at; None: all."""
    return (
        validate_phase(simulation, sites),
        validate_sites(simulation),
        validate_records(simulation),
        validate_stacks(simulation),
        validate_workload(simulation),
    )


# --- the batch under way -------------------------------------------------------------------------------------------


def validate_phase(simulation: Simulation, sites: Sequence[int] | None = None) -> Verdict:
    """What holds after the phase that ended last (`Phase.memory()`, `Phase.settled`), for the batch under way.

    And at any time: a CPU that comes by finds the old instruction, an int3, or the new one. `sites` bounds the check
    of what CPUs may run to some of the batch's sites; memory is checked for all.
    """
    state = simulation.task.poke.state
    if state.batch is None or state.progress is None:
        return Verdict("phase", True, "no batch is under way")
    phases = simulation.task.poke.protocol.phases
    before = phases[state.progress.phase - 1] if state.progress.phase else None
    name = before.name if before else "before the first phase"
    problems = _cpu_problems(simulation, state.batch, name, bool(before and before.settled), sites)
    broken = next(problems, None) or _memory_as_the_table_says(simulation, state.batch, name)
    looked = len(state.batch) if sites is None else len(sites)
    return broken or Verdict(name, True, f"as the table says, at {looked} of {len(state.batch)} sites")


def _memory_as_the_table_says(simulation: Simulation, batch: Batch, name: str) -> Verdict | None:
    now = _of_sites(batch, simulation.machine.code.rows(batch.sites, batch.width))
    expected = _of_sites(batch, _expected(simulation, batch))
    wrong = np.argwhere(now != expected)
    if not len(wrong):
        return None
    row, column = (int(value) for value in wrong[0])
    address = int(batch.sites[row]) + column
    found, should = int(now[row, column]), int(expected[row, column])
    place = _place(simulation, int(batch.sites[row]))
    return Verdict(
        name, False, f"byte +{column} of {place} is {found:02X} in memory, not {should:02X}", address=address
    )


def _of_sites(batch: Batch, rows: Bytes) -> Bytes:
    """The same with zeroes behind shorter sites, as in `batch.old`."""
    return rows if batch.inside is None else np.where(batch.inside, rows, np.uint8(0))


def _expected(simulation: Simulation, batch: Batch) -> Bytes:
    """What memory is to hold at each site: the last phase's bytes, and those that the phase under way has written."""
    state = simulation.task.poke.state
    assert state.progress is not None
    phases = simulation.task.poke.protocol.phases
    number = state.progress.phase
    out = _bytes_after(batch, phases[number - 1]) if number else batch.old.copy()
    if isinstance(phases[number].action, Write) and (done := state.progress.entry):
        out[:done] = _bytes_after(batch, phases[number])[:done]
    return out


def _bytes_after(batch: Batch, phase: Phase) -> Bytes:
    """The bytes at each site once a phase is done."""
    by_site = isinstance(phase.action, Write) and phase.action.word is not None
    sites = batch.sites.tolist() if by_site else batch.sites[:1].tolist()
    parts = np.array([[part.value for part in phase.memory(batch.width, site)] for site in sites])
    return np.where(parts == NEW.value, batch.new, np.where(parts == OLD.value, batch.old, np.uint8(insn.INT3)))


def _cpu_problems(
    simulation: Simulation, batch: Batch, name: str, settled: bool, sites: Sequence[int] | None
) -> Iterator[Verdict]:
    """A verdict for each CPU and site where the CPU may run what it must not."""
    code = simulation.machine.code
    chosen = range(len(batch)) if sites is None else np.flatnonzero(np.isin(batch.sites, _array(sites))).tolist()
    for cpu in range(len(simulation.machine.cpus)):
        if simulation.kernel.smp.parked(cpu) and not simulation.machine.on_nmi_stack(cpu):
            continue  # it runs its waiting loop and no site
        for row in chosen:
            site = int(batch.sites[row])
            old, new = batch.change(row)
            options = fetchable(code.views[cpu], code.map.offset(site), len(old))
            reading = _reading(simulation, cpu, site)[: len(old)]
            if reading:
                options = {reading + one[len(reading) :] for one in options}
            for one in sorted(options):
                if one not in (old, new) and one[0] != insn.INT3:
                    yield _mixture(simulation, name, cpu, site, one, old, new)
            if settled and not _written_now(simulation, row) and options != {code.read(site, len(old))}:
                yield _unsettled(simulation, name, cpu, site, options)


def _written_now(simulation: Simulation, row: int) -> bool:
    """True where the phase under way has written this entry already: what its CPUs run is open again."""
    state = simulation.task.poke.state
    return state.progress is not None and row < state.progress.entry


def _reading(simulation: Simulation, cpu: int, site: int) -> bytes:
    """Model `pieces`: the bytes that the CPU has read of the instruction at the site."""
    machine = simulation.machine
    return machine.states[cpu].reading if machine.cpus[cpu].rip == site else b""


def _mixture(simulation: Simulation, name: str, cpu: int, site: int, one: bytes, old: bytes, new: bytes) -> Verdict:
    byte = next((at for at in range(1, len(old)) if one[: at + 1] not in (old[: at + 1], new[: at + 1])), 0)
    text = (
        f"CPU{cpu} may run {one.hex(' ').upper()} at {_place(simulation, site)}, half old and half new at byte +{byte}"
    )
    return Verdict(name, False, text, cpu, site + byte)


def _unsettled(simulation: Simulation, name: str, cpu: int, site: int, options: set[bytes]) -> Verdict:
    memory = simulation.machine.code.read(site, len(next(iter(options))))
    other = min(option for option in options if option != memory)
    byte = next(at for at in range(len(memory)) if other[at] != memory[at])
    text = f"CPU{cpu} may still run {other[byte]:02X} at byte +{byte} of {_place(simulation, site)}"
    return Verdict(name, False, f"{text}; memory holds {memory[byte]:02X}", cpu, site + byte)


def fetchable(view: View, offset: int, size: int) -> set[bytes]:
    """Every run of `size` bytes from `offset` of the code buffer that a CPU with this view may run now.

    Stores to one cell arrive in order and a store's bytes of one cell together; cells are independent.
    """
    start = view.code[offset : offset + size].tobytes()
    if not view.unsettled:
        return {start}
    states: dict[int, list[dict[int, int]]] = {}
    for item in view.unsettled:
        part = item.store.within(offset, offset + size)
        bytes_of: dict[int, dict[int, int]] = {}
        for at in range(part.start, part.stop):
            if item.taken is None or not item.taken[at]:
                bytes_of.setdefault(int(item.store.cells[at]), {})[int(item.store.offsets[at])] = int(
                    item.store.values[at]
                )
        for cell, values in bytes_of.items():
            known = states.setdefault(cell, [{}])
            known.append(known[-1] | values)
    out: set[bytes] = set()
    for combination in itertools.product(*states.values()):
        data = bytearray(start)
        for values in combination:
            for at, value in values.items():
                data[at - offset] = value
        out.add(bytes(data))
    return out


# --- all sites -----------------------------------------------------------------------------------------------------


def validate_sites(simulation: Simulation) -> Verdict:
    """Every site holds a NOP, a call to a known target, or is in the batch; outside of it each CPU runs just that."""
    machine, task = simulation.machine, simulation.task
    sites = np.asarray(simulation.image.mcount_loc, dtype=np.uint64)
    if not len(sites) or not simulation.core.booted:
        return Verdict("sites", True, f"{len(sites)} sites, as built")
    now = simulation.site_words.in_memory()
    outside = _outside(sites, task.poke.state.batch)
    bad = np.flatnonzero(outside & ~_whole(simulation, sites, now))
    if len(bad):
        site, data = int(sites[bad[0]]), now[bad[0]].tobytes()[: rec.MCOUNT_INSN_SIZE].hex(" ").upper()
        return Verdict("sites", False, f"{_place(simulation, site)} holds {data}: no NOP, no known call", address=site)
    offsets = machine.code.map.offsets(sites)
    for cpu, view in enumerate(machine.code.views):
        differ = simulation.site_words.of_cpu(cpu) != now
        for item in view.unsettled:
            left = item.store.offsets if item.taken is None else item.store.offsets[~item.taken]
            at = np.searchsorted(offsets, left, "right") - 1
            within = (at >= 0) & (left - offsets[at] < rec.MCOUNT_INSN_SIZE)
            differ[at[within]] = True
        if len(bad := np.flatnonzero(outside & differ)):
            site = int(sites[bad[0]])
            text = f"CPU{cpu} may run other bytes than memory holds at {_place(simulation, site)}, which is in no batch"
            return Verdict("sites", False, text, cpu, site)
    return Verdict("sites", True, f"all {len(sites)} sites are whole")


def _outside(sites: Sites, batch: Batch | None) -> npt.NDArray[np.bool_]:
    """Which of the sites are in no batch. Both ascend."""
    outside = np.ones(len(sites), dtype=np.bool_)
    if batch is not None:
        at = np.minimum(np.searchsorted(sites, batch.sites), len(sites) - 1)
        outside[at[sites[at] == batch.sites]] = False
    return outside


def _whole(simulation: Simulation, sites: Sites, now: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Which sites hold the NOP or a call to a place that ftrace knows; `now`: their bytes as numbers."""
    whole = now == int.from_bytes(simulation.core.nop, "little")
    for target in _targets(simulation):
        displacements = (np.uint64(target - rec.MCOUNT_INSN_SIZE) - sites) & np.uint64(0xFFFF_FFFF)
        whole |= now == (displacements << np.uint64(8) | np.uint64(insn.CALL))
    return np.asarray(whole)


def _targets(simulation: Simulation) -> set[int]:
    """What a site may call: ftrace_caller, ftrace_regs_caller, and the trampolines in use."""
    out = {simulation.image.address(name) for name in ("ftrace_caller", "ftrace_regs_caller")}
    return out | {ops.trampoline for ops in simulation.core.state().ops if ops.trampoline}


def validate_records(simulation: Simulation) -> Verdict:
    """A record is ENABLED iff its site is a call; between updates its count is that of the ops that want it."""
    core, task = simulation.core, simulation.task
    if not core.booted or not core.records.count:
        return Verdict("records", True, "no records yet")
    ips, flags = core.records.ips, core.records.flags
    machine = simulation.machine
    now = (
        simulation.site_words if np.array_equal(ips, simulation.image.mcount_loc) else SiteWords(machine.code, ips)
    ).in_memory()
    call = now & 0xFF == insn.CALL
    outside = _outside(ips, task.poke.state.batch)
    bad = np.flatnonzero(outside & (rec.has(flags, rec.FTRACE_FL_ENABLED) != call))
    if len(bad):
        ip = int(ips[bad[0]])
        is_call = "a call" if call[bad[0]] else "no call"
        text = f"the record of {_place(simulation, ip)} has flags {int(flags[bad[0]]):#x}, but its site is {is_call}"
        return Verdict("records", False, text, address=ip)
    if task.plan is not None or core.ftrace_disabled:
        return Verdict("records", True, f"ENABLED is as the bytes are, in {len(ips)} records")
    wanted = np.zeros(len(ips), dtype=np.int64)
    for ops in core.state().listed:
        wanted += ops.hash.matches(ips)
    bad = np.flatnonzero(wanted != rec.counts(flags))
    if len(bad):
        ip = int(ips[bad[0]])
        counted, wants = int(rec.counts(flags)[bad[0]]), int(wanted[bad[0]])
        text = f"the record of {_place(simulation, ip)} counts {counted} ops, {wants} want it"
        return Verdict("records", False, text, address=ip)
    return Verdict("records", True, f"{len(ips)} records agree with the ops and with the bytes")


# --- CPUs and tasks ------------------------------------------------------------------------------------------------


def validate_stacks(simulation: Simulation) -> Verdict:
    """Every CPU that runs tasks has its RSP on a stack, and no two CPUs are on the same one."""
    machine = simulation.machine
    bases: dict[int, int] = {}
    for cpu, engine in enumerate(machine.cpus):
        if not simulation.kernel.percpu.read(cpu, layout.PCPU_ONLINE):
            continue
        stack = stack_of(engine.rsp)
        if stack is None:
            return Verdict("stacks", False, f"RSP of CPU{cpu} is {engine.rsp:#x}: on no stack", cpu, engine.rsp)
        if stack.base in bases:
            text = f"CPU{bases[stack.base]} and CPU{cpu} are both on the stack at {stack.base:#x}"
            return Verdict("stacks", False, text, cpu, engine.rsp)
        bases[stack.base] = cpu
    return Verdict("stacks", True, f"{len(bases)} CPUs, each on a stack of its own")


def validate_workload(simulation: Simulation) -> Verdict:
    """No task has counted a wrong result (TASK_ERRORS)."""
    words = simulation.machine.memory.array(layout.TASKS_BASE, "<u8", (layout.TASKS_MAX, layout.TASK_SIZE // 8))
    errors = words[:, layout.TASK_ERRORS // 8]
    bad = np.flatnonzero(errors)
    if len(bad):
        task = layout.TASKS_BASE + int(bad[0]) * layout.TASK_SIZE
        pid = simulation.machine.memory.read_u32(task + layout.TASK_PID)
        text = f"task {pid} has seen {int(errors[bad[0]])} wrong results"
        return Verdict("workload", False, text, address=task + layout.TASK_ERRORS)
    calls = int(words[:, layout.TASK_SYSCALLS // 8].sum())
    return Verdict("workload", True, f"{calls} system calls, every result right")


def _place(simulation: Simulation, address: int) -> str:
    return f"{code_name(simulation.image, address)} ({address:#x})"


def _array(sites: Sequence[int]) -> Sites:
    return np.array(sites, dtype=np.uint64)
