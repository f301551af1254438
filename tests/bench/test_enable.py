"""Enabling every site of a kernel: 4 CPUs, batches of 256, each sync taken by the guest's handler on each CPU.

The unit is a *run*: what Unicorn takes, counting nothing, for the 313 instructions of a sync on one CPU. 50,000 sites
need 2,416 runs; the budget allows 15 times their time, and leaves **no room**: with four other processes on two
processors it was 14.3 to 16.1 times, the more the more they use the caches. The rows above say where the time goes.
Each of these is there for a reason, two thirds of it is Python's interpreter, and no part is large by itself:

* *CPUs that answer*, nearly half of all. A third of it is the instructions, counted by blocks, on caches that the
  patching task has used in between: that alone takes two runs, 1.3 where nothing comes between. A quarter is the way
  into the handler, by the guest's own gate to a frame on its stack. The rest asks before the run what may come
  (interrupts, observers), looks for HLT, asks five observers behind it, and notes an entry of history with its events.
* *Writes of code*, a seventh: three of 256 sites for each batch. Nobody has looked at most of that code, so that
  to read the old bytes is to wait for memory; history keeps them.
* *Batches published*, a twelfth: the records' flags, the vector for the handler, the addresses for observers and
  events.
* *Other actions of the patching task*, an eighth: eight for each batch. A sync has one that sends it and one that ends
  it. If that went on with the next write, it would save a twenty-fifth, and history had no moment between the two.
* *The plan*, a thirtieth: what is to be done with each record, and the bytes of each site.
* *The rest*, a seventh: to ask who is waited for, the loop itself, and the clock that these rows are told by.

Within these rows are checkpoints (a thirtieth: of the pages that may have changed since the last one, history keeps
those that did), what CPUs translate anew because batches change the functions of the handler (a thirtieth: of each CPU
only the blocks that hold a changed piece of code are forgotten), and new memory: history keeps the plan, the events and
the pages, so that an update meets 1,900 pages that the process has not had before, half of them with its plan. On a
virtual machine within another, where such a page costs 5 us and more, that is a tenth. Python's garbage collector runs
two to four times; without it an update takes as long.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median
from typing import Any, cast

import numpy as np
import pytest

from simkernel import insn
from simkernel.events import BatchStarted, Event, SiteStored, SyncAnswered, SyncSent
from simkernel.ftrace.commands import SetTracer, TracingOn
from simkernel.hw.engine import Engine
from simkernel.hw.exceptions import deliver
from simkernel.kernel.layout import TP_VEC_MAX
from simkernel.overhead.quiet import IPI, at_rest, carry_out
from simkernel.patching.commands import Command
from simkernel.schedule import Choice, Run
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.bench.table import Table, seconds

CPUS = 4
ROUNDS = 5


class UncountedSyncs:
    """What CPUs at rest do in a sync, from the handler's first instruction to HLT, by engines that count nothing."""

    def __init__(self, simulation: Simulation) -> None:
        self._parts = parts_of(simulation)
        machine, abi = self._parts.machine, self._parts.kernel.abi
        self._csd, self._engines = abi.words.csd, [Engine(cpu.number, *cpu._memory) for cpu in machine.cpus]
        self._entered, self._frames = list[Any](), list[tuple[int, bytes]]()
        self._rip = 0
        for cpu, engine in zip(machine.cpus, self._engines, strict=True):
            self._of_simulation(simulation, cpu.number)
            while not simulation.cpu(cpu.number).halted:  # a task was due
                simulation.step(Run(cpu.number, IPI))
            at_rest_now = cpu.save()
            deliver(machine.memory, cpu, abi.ipi_vector, None)
            self._rip = cpu.rip
            self._entered.append(cpu.save())
            self._frames.append((cpu.rsp, machine.memory.read(cpu.rsp, 40)))
            cpu.restore(at_rest_now)
            assert self._instructions(engine) == self._of_simulation(simulation, cpu.number)

    def _enter(self, number: int, engine: Engine) -> None:
        """The word is set, the frame is pushed, the registers are as the CPU enters the handler."""
        self._parts.kernel.percpu.write(number, self._csd, 1)
        self._parts.machine.memory.write(*self._frames[number])
        engine.restore(self._entered[number])

    def _instructions(self, engine: Engine) -> list[int]:
        """The addresses of what an engine runs in a sync."""
        addresses: list[int] = []
        hook = engine.hook_code(addresses.append)
        self._enter(engine.number, engine)
        engine.start(self._rip, 0, 0)
        engine.unhook(hook)
        return addresses

    def _of_simulation(self, simulation: Simulation, cpu: int) -> list[int]:
        """The addresses of what the simulation's CPU runs in one."""
        self._parts.kernel.percpu.write(cpu, self._csd, 1)
        self._parts.machine.send_ipi(cpu)
        return simulation.step_through(Run(cpu, IPI))

    def run(self, syncs: int) -> float:
        """Seconds that the instructions of so many syncs take, without what it takes to enter the handlers."""
        for engine in self._engines:
            engine.flush()  # nobody tells it of changes
        self._run(1, True)
        return seconds(lambda: self._run(syncs, True)) - seconds(lambda: self._run(syncs, False))

    def _run(self, syncs: int, instructions: bool) -> None:
        for _ in range(syncs):
            for number, engine in enumerate(self._engines):
                self._enter(number, engine)
                if instructions:
                    engine.start(self._rip, 0, 0)


class Timed:
    """A simulation that notes how long its entries take, by what they are.

    Attributes:
        spent: seconds.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.spent = defaultdict[str, float](float)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulation, name)

    def do(self, command: Command) -> list[Event]:
        events: list[Event] = []
        self.spent["the plan"] += seconds(lambda: events.extend(self._simulation.do(command)))
        return events

    def step(self, choice: Choice) -> list[Event]:
        events: list[Event] = []
        took = seconds(lambda: events.extend(self._simulation.step(choice)))
        first = events[0] if events else None
        match choice, first:
            case Run(), _:
                self.spent["CPUs that answer"] += took
            case _, SiteStored():
                self.spent["writes of code"] += took
            case _, BatchStarted():
                self.spent["batches published"] += took
            case _:
                self.spent["other actions of the patching task"] += took
        return events


def enable(simulation: Simulation) -> tuple[float, int]:
    """Seconds from the command to the end of its plan; syncs on the way.

    Checks that every sync was answered and every site calls.
    """
    events: list[Event] = []
    took = seconds(lambda: events.extend(carry_out(simulation, SetTracer("function"))))
    seen, sites = Counter(map(type, events)), simulation.image.mcount_loc
    assert seen[SyncAnswered] == CPUS * seen[SyncSent]
    assert seen[BatchStarted] >= len(sites) // TP_VEC_MAX and seen[SyncSent] >= 3 * seen[BatchStarted]
    assert np.all(parts_of(simulation).machine.code.rows(sites, 5)[:, 0] == insn.CALL)
    return took, seen[SyncSent]


def measure(simulation: Simulation, repeats: int) -> float:
    """The shortest of several times, the sites disabled again in between; records are not written meanwhile."""
    carry_out(simulation, TracingOn(False))
    times = []
    for _ in range(repeats):
        times.append(enable(simulation)[0])
        carry_out(simulation, SetTracer("nop"))
    return min(times)


@pytest.mark.bench
def test_enable_50_000_sites(table: Table) -> None:
    simulation = at_rest(50_000, CPUS)
    carry_out(simulation, TracingOn(False))
    enable(simulation)  # with its first batch, the functions of the handler call the tracer
    uncounted = UncountedSyncs(simulation)
    times, ratios = [], []
    for _ in range(ROUNDS):
        carry_out(simulation, SetTracer("nop"))
        took, syncs = enable(simulation)
        times.append(took)
        ratios.append(took / uncounted.run(syncs))
    table.note("enable 50,000 sites on 4 CPUs, each sync by its IPI", 1e3 * min(times), "ms")
    carry_out(simulation, SetTracer("nop"))
    timed = Timed(simulation)
    whole = seconds(lambda: carry_out(cast(Simulation, timed), SetTracer("function")))
    for what, took in [*timed.spent.items(), ("the rest", whole - sum(timed.spent.values()))]:
        table.note(f"  {what}, of these", took / whole * median(ratios), "runs")
    table.budget("the same to an uncounted run of its syncs' instructions", median(ratios), "<=", 15)


@pytest.mark.bench
def test_time_per_site(table: Table) -> None:
    kernels = {sites: at_rest(sites, CPUS) for sites in (10_000, 200_000)}
    each = {sites: 1e6 * measure(kernel, 3) / sites for sites, kernel in kernels.items()}
    for sites, took in each.items():
        table.note(f"of {sites:,} sites, each takes", took, "us")
    table.budget("time a site at 200,000 to that at 10,000", each[200_000] / each[10_000], "<=", 1.5)
