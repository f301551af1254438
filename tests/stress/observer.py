"""Counts what tracing should count, from nothing but RIPs at sites and the bytes that the CPU there runs.

The observer never looks at a trampoline, a handler or a buffer. A CPU's *pass* of a site begins with its RIP at the
site and ends with its RIP behind it, on the same stack. What the pass should count follows from the five bytes in that
CPU's view at its beginning: a NOP nothing; a call of an ops' own trampoline that ops; a call of a shared trampoline
each ops on the list whose hashes want the site; an int3 what the *new* instruction of the running batch counts. So it
looks at a site only while that is no NOP to memory or to some CPU.

The shared trampolines ask the list a little later than the site was passed. So where the list, a hash or what they are
to call changes meanwhile, a pass under way may count what was right at any moment of it: it has a least and a most, and
the two are equal for all other passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.ftrace import ops as fl
from simkernel.ftrace.core import FtraceCore
from simkernel.ftrace.ops import FtraceOps
from simkernel.ftrace.state import FtraceState
from simkernel.kernel.words import words_at
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

SITE = insn.CALL_INSN_SIZE
NOP = np.uint64(int.from_bytes(insn.NOP5, "little"))
Names = frozenset[str]
NOBODY: Names = frozenset()


class Wish(NamedTuple):
    """An ops on the list: whether it needs all registers, and the sites that it wants (None: all) and does not."""

    name: str
    regs: bool
    filter: frozenset[int] | None
    notrace: frozenset[int]

    @classmethod
    def of(cls, ops: FtraceOps) -> Wish:
        wanted = frozenset(ops.hash.filter.tolist()) if len(ops.hash.filter) else None
        return cls(ops.name, ops.has(fl.FTRACE_OPS_FL_SAVE_REGS), wanted, frozenset(ops.hash.notrace.tolist()))

    def wants(self, site: int, regs: bool) -> bool:
        return (regs or not self.regs) and (self.filter is None or site in self.filter) and site not in self.notrace


@dataclass(slots=True)
class Pass:
    """A CPU between a site and the place behind it: the ops that must and that may count it."""

    site: int
    least: Names = NOBODY
    most: Names = NOBODY
    shared: str = ""  # the shared trampoline that it goes through


class Observer:
    """`attach` it to a simulation, then call `update` after each action of the patching task.

    `either`: an int3 may do what the old instruction did or what the new one will do (a handler that skips may lose
    what only one of them counts). `torn`: what CPUs ran at a site that was neither a NOP, a known call nor an int3.
    """

    def __init__(self, simulation: Simulation, either: bool = False) -> None:
        self.simulation = simulation
        self.either = either
        image = simulation.image
        self._all = image.mcount_loc
        self._sites = frozenset(self._all.tolist())
        self._offsets = parts_of(simulation).machine.code.map.offsets(self._all)
        self._watch: list[Callable[[frozenset[int]], None]] = []
        self._looked_at: frozenset[int] = frozenset()
        self._shared = {image.address(name): name for name in ("ftrace_caller", "ftrace_regs_caller")}
        self._inner = frozenset(image.address(name) for name in ("ftrace_call", "ftrace_regs_call"))
        self._list_func = image.address("arch_ftrace_ops_list_func")
        self.forget()

    def attach(self) -> None:
        self._watch = [
            cpu.observer(partial(self._at, number, cpu.stack_pointer), SITE)
            for number, cpu in enumerate(parts_of(self.simulation).machine.cpus)
        ]
        self._look_where_needed()

    def _look_where_needed(self) -> None:
        """Look at each site that is no NOP to memory or to some CPU, or that a pass under way may count."""
        machine = parts_of(self.simulation).machine
        reading = {machine.cpus[cpu].rip for cpu, state in enumerate(machine.states) if state.reading}
        passing = {each.site for each in self.under_way.values() if each.most or each.shared}
        changing = self._all[self._is_no_nop(machine.code.memory)]
        for view in machine.code.views:
            if view.pending:
                changing = np.union1d(changing, self._all[self._is_no_nop(view.code)])
        sites = frozenset(changing.tolist()) | passing | reading
        if sites != self._looked_at:
            self._looked_at = sites
            for watch in self._watch:
                watch(sites)

    def _is_no_nop(self, code: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """For each site whether the buffer holds anything else there than the NOP that does nothing."""
        found: npt.NDArray[np.bool_] = words_at(code, self._offsets) != NOP
        return found

    def forget(self) -> None:
        """Begin again, where nothing is traced and no pass that counts is under way."""
        self.least: Counter[tuple[str, int]] = Counter()  # (ops, site): passes that must have counted
        self.most: Counter[tuple[str, int]] = Counter()
        self.under_way: dict[int, Pass] = {}  # by the stack pointer at the site
        self.torn: list[str] = []
        self.passes = self.open = 0  # passes seen that ended; those of them that may count one thing or another
        self._trampolines: dict[int, str] = {}
        self._wishes: tuple[Wish, ...] = ()
        now = frozenset({parts_of(self.simulation).subsystem(FtraceCore).state().trace_function})
        self._calls = dict.fromkeys(self._inner, now)  # what the inner calls may call now,
        self._next_calls: dict[int, frozenset[int]] = {}  # and will when the batch under way has ended
        self._known: FtraceState | None = None
        self._directly = True
        self.update()

    # --- the CPUs -----------------------------------------------------------------------------------------------

    def _at(self, cpu: int, stack_pointer: Callable[[], int], rip: int) -> None:
        """Before each instruction, and once more where it did not run yet: the last look is the one that holds."""
        stack = stack_pointer()
        if rip in self._sites:
            self.under_way[stack] = self._begin(cpu, rip)
        elif (ended := self.under_way.get(stack)) is not None and ended.site == rip - SITE:
            del self.under_way[stack]
            self._count(ended)

    def _count(self, ended: Pass) -> None:
        self.passes += 1
        self.open += ended.least != ended.most
        for name in ended.least:
            self.least[name, ended.site] += 1
        for name in ended.most:
            self.most[name, ended.site] += 1

    def _begin(self, cpu: int, site: int) -> Pass:
        data = parts_of(self.simulation).machine.code.view_read(cpu, site, SITE)
        if data[0] != insn.INT3:
            return self._what_does(cpu, site, data)
        old, new = self._batch_entry(site)
        if not new:
            return Pass(site)  # whether anybody answers this int3, the CPU itself will show
        found = self._what_does(cpu, site, new)
        if self.either:
            before = self._what_does(cpu, site, old)
            found.least, found.most = found.least & before.least, found.most | before.most
        return found

    def _what_does(self, cpu: int, site: int, data: bytes) -> Pass:
        if data == insn.NOP5:
            return Pass(site)
        target = insn.decode_rel32(site, data) if data[0] == insn.CALL else 0
        if target in self._trampolines:
            own = frozenset((self._trampolines[target],))
            return Pass(site, own, own)
        if target in self._shared:
            return Pass(site, *self._asked(self._shared[target], site), self._shared[target])
        self.torn.append(f"CPU{cpu} runs {data.hex(' ')} at {self.simulation.image.symbolize(site)}")
        return Pass(site)

    def _batch_entry(self, site: int) -> tuple[bytes, bytes]:
        """The old and the new instruction of a site of the running batch; nothing where it has no such site."""
        batch = parts_of(self.simulation).task.poke.state.batch
        if batch is None or site not in (sites := batch.sites.tolist()):
            return b"", b""
        row = sites.index(site)
        return batch.old[row].tobytes(), batch.new[row].tobytes()

    def _asked(self, trampoline: str, site: int) -> tuple[Names, Names]:
        """Whom the shared trampoline's function calls for a site, at least and at most."""
        regs = trampoline == "ftrace_regs_caller"
        names = frozenset(wish.name for wish in self._wishes if wish.wants(site, regs))
        # Past the list function only global_ops is ever called: all others may be freed (FTRACE_OPS_FL_DYNAMIC).
        return (NOBODY, names | {fl.GLOBAL_OPS}) if self._directly else (names, names)

    # --- the patching task --------------------------------------------------------------------------------------

    def update(self) -> None:
        """Something may have changed that a shared trampoline asks: passes under way there may see either."""
        self._look_where_needed()
        self._note_inner_calls()
        directly = any(targets != {self._list_func} for targets in self._calls.values())
        state = parts_of(self.simulation).subsystem(FtraceCore).state()
        if directly == self._directly and state is self._known:
            return
        self._known = state
        for ops in state.ops:
            if ops.trampoline:
                self._trampolines[ops.trampoline] = ops.name
        wishes = self._walk()
        if directly == self._directly and wishes == self._wishes:
            return
        self._wishes, self._directly = wishes, directly
        for each in self.under_way.values():
            if each.shared:
                least, most = self._asked(each.shared, each.site)
                each.least, each.most = each.least & least, each.most | most

    def _walk(self) -> tuple[Wish, ...]:
        """The list as the patching task has linked it, from its head along each `next`."""
        state = parts_of(self.simulation).subsystem(FtraceCore).state()
        by_address = {ops.address: ops for ops in state.ops}
        ops = state.get(state.order[0]) if state.order else None
        found = []
        while ops is not None:
            found.append(Wish.of(ops))
            ops = by_address.get(ops.next)
        return tuple(found)

    def _note_inner_calls(self) -> None:
        """What the inner calls of the shared trampolines may call, by the batch that changes them."""
        batch = parts_of(self.simulation).task.poke.state.batch
        if batch is None:
            self._calls.update(self._next_calls)
            self._next_calls.clear()
            return
        for row, at in enumerate(batch.sites.tolist()):
            if at in self._inner:
                old, new = (insn.decode_rel32(at, each[row].tobytes()) for each in (batch.old, batch.new))
                self._calls[at], self._next_calls[at] = frozenset((old, new)), frozenset((new,))

    # --- the counts ---------------------------------------------------------------------------------------------

    def ring_counts(self) -> tuple[Counter[int], Counter[int]]:
        """Per site: the records that must have been written, and that may have been."""
        least = Counter({site: n for (name, site), n in self.least.items() if name == fl.GLOBAL_OPS})
        most = Counter({site: n for (name, site), n in self.most.items() if name == fl.GLOBAL_OPS})
        return least, most

    def hits(self, name: str) -> tuple[int, int]:
        """How often an ops must and may have been called."""
        least = sum(n for (ops, _), n in self.least.items() if ops == name)
        return least, sum(n for (ops, _), n in self.most.items() if ops == name)
