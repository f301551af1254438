"""What must hold where nothing is being patched: of every site, of the counts, and of the work that the tasks do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.ftrace import ops as fl
from simkernel.ftrace import records as rec
from simkernel.ftrace.core import FtraceCore
from simkernel.kernel import layout
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation


class Problem(Exception):
    """What a run found wrong: a name of its own, and the details."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


BYTES_DIFFER = "bytes differ"


def settled(simulation: Simulation, overlooks: str = "") -> None:
    """Every CPU runs what memory holds at each site: a call where somebody wants the function, else a NOP.

    Args: overlooks: BYTES_DIFFER, to see what comes of it.
    """
    if parts_of(simulation).subsystem(FtraceCore).ftrace_disabled:
        raise Problem("ftrace is dead", parts_of(simulation).subsystem(FtraceCore).log.lines[-1][1])
    code = parts_of(simulation).machine.code
    sites = simulation.image.mcount_loc
    offsets = code.map.offsets(sites)[:, None] + np.arange(5)
    memory = code.memory[offsets]
    for cpu, view in enumerate(code.views if overlooks != BYTES_DIFFER else ()):
        _none(simulation, BYTES_DIFFER, f"CPU{cpu} runs other bytes than memory's", (view.code[offsets] != memory))
    calls = memory[:, 0] == insn.CALL
    nops = (memory == np.frombuffer(insn.NOP5, dtype=np.uint8)).all(axis=1)
    wanted = sum(
        (_wants(ops, sites) for ops in parts_of(simulation).subsystem(FtraceCore).state().listed),
        np.zeros(len(sites), dtype=int),
    )
    _none(simulation, "wrong bytes", "is neither a call nor a NOP", ~calls & ~nops)
    _none(simulation, "wrong bytes", "is a call and nobody wants it, or the reverse", calls != (wanted > 0))
    flags = parts_of(simulation).subsystem(FtraceCore).records.flags
    _none(simulation, "wrong record", "is counted otherwise", rec.counts(flags) != wanted)
    _none(simulation, "wrong record", "is enabled otherwise", rec.has(flags, rec.FTRACE_FL_ENABLED) != calls)


def _wants(ops: fl.FtraceOps, sites: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """1 at each site that the ops' hashes want, else 0."""
    wanted = np.isin(sites, ops.hash.filter) if len(ops.hash.filter) else np.ones(len(sites), dtype=bool)
    return (wanted & ~np.isin(sites, ops.hash.notrace)).astype(int)


def _none(simulation: Simulation, name: str, what: str, wrong: npt.NDArray[np.bool_]) -> None:
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    if len(rows):
        raise Problem(name, f"{simulation.image.symbolize(int(simulation.image.mcount_loc[rows[0]]))} {what}")


def count(what: str, found: int, least: int, most: int) -> None:
    """Raises: Problem where `found` is not what the observer's passes say."""
    if found < least:
        raise Problem("events missing", f"{found} {what}, passes say {least}")
    if found > most:
        raise Problem("events too many", f"{found} {what}, passes say {most}")


def workload(simulation: Simulation) -> None:
    """Every task compares what its system calls gave it, byte for byte (guest/user.S)."""
    if errors := total(simulation, layout.TASK_ERRORS):
        raise Problem("wrong results", f"{errors} were seen by the tasks")


def total(simulation: Simulation, offset: int) -> int:
    """The sum of a word of every task."""
    memory = parts_of(simulation).machine.memory
    return sum(memory.read_u64(layout.TASKS_BASE + n * layout.TASK_SIZE + offset) for n in range(layout.TASKS_MAX))
