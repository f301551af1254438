"""One stress run: random commands on a running machine, everything off at the end, and what must hold meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from simkernel.errors import LearnerError
from simkernel.events import TraceWritten
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetTracer, UnregisterOps
from simkernel.ftrace.core import FtraceCore
from simkernel.ftrace.ops import GLOBAL_OPS
from simkernel.ftrace.steps import ResetRings
from simkernel.hw.fetch import FetchModel
from simkernel.hw.memory import GuestMemory
from simkernel.kernel import KernelImage, layout
from simkernel.patching.commands import Command, UseProtocol
from simkernel.protocol import INT3_PROTOCOL, Variant, parse
from simkernel.schedule import Act, Nmi, Policy, Read, Resolve, Run, ScheduleState
from simkernel.sim.oops import MESSAGES
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.trace.ringbuffer import Ring
from tests.stress import checks
from tests.stress.checks import Problem
from tests.stress.commands import NMI_FUNCTION, Script
from tests.stress.coverage import Bins, Coverage, across_a_line
from tests.stress.observer import Observer
from tests.stress.pace import Pace, Paces
from tests.stress.record import UNCLAIMED, Record

INT3 = Variant(INT3_PROTOCOL)
STUCK = 100_000  # history entries without an action of the patching task: it waits for something that will never come
DRAIN = 2_000_000  # instructions within which every pass that is under way comes to its end
FLOOD = 3_000_000  # instructions within which a buffer is full, when much is traced
TICK = 20_000  # instructions for each CPU


@dataclass(frozen=True)
class Setting:
    """What a machine is booted with; runs of many seeds begin at the same place.

    `kept`: somebody traces all the while a function that hardly ever runs. Then the shared trampolines call
    `arch_ftrace_ops_list_func` throughout, and an update patches sites alone; else most of its batches are theirs.
    `tick`: instructions for each CPU.
    """

    cpus: int
    model: FetchModel
    policy: Policy = Policy.SEEDED
    kept: bool = False
    tick: int = TICK

    def boot(self, image: KernelImage, variant: Variant = INT3) -> Simulation:
        options = Options(
            self.cpus,
            model=self.model,
            policy=self.policy,
            protocol=variant,
            quantum=200,
            tick_period=self.tick * self.cpus,
        )
        simulation = Simulation.boot(options, image)
        if self.kept:
            simulation.do(RegisterOps("keeper", "ftrace_ops_count", filter="multi_cpu_stop"))
            simulation.run_until_idle()
        return simulation


@dataclass
class Outcome:
    """What a run found (None: nothing is wrong), and how much it was."""

    problem: Problem | None = None
    passes: int = 0
    open: int = 0  # passes that may have counted one thing or another
    entries: int = 0


class Stress:
    """Many runs on one booted machine. Its state at a run's beginning is always the same, but for the seed."""

    def __init__(
        self,
        simulation: Simulation,
        setting: Setting,
        bins: Bins,
        either: bool = False,
        overlooks: str = "",
    ) -> None:
        """Args: either: see `Observer`; overlooks: the name of a problem that is not looked for."""
        self.simulation, self.setting, self.bins, self._overlooks = simulation, setting, bins, overlooks
        simulation.keep_checkpoint()  # so that going back to it replays nothing
        self.booted = simulation.position
        self.observer = Observer(simulation, either)
        self.observer.attach()
        self._record = Record(simulation, bins, overlooks)
        image = simulation.image
        self._functions = image.function_names()
        sites = image.mcount_loc.tolist()
        self._straddling = [name for name, at in zip(self._functions, sites, strict=True) if across_a_line(at)]

    def run(self, seed: int, parking: str = "", floods: bool = False) -> Outcome:
        """One run of a seed; the machine stays as it is at its end or at the first problem, to be looked at.

        Args:
            parking: a protocol in the place of the machine's, under which CPUs stand still. Nobody keeps an NMI from
                running what is changed then, so its function is traced all the while and left out of the changes.
            floods: in the end somebody traces until a ring buffer has lost events.
        """
        script = Script(seed, self._functions, self._straddling, without=NMI_FUNCTION if parking else "")
        self._rewind(seed, script.random, parking != "")
        problem = None
        try:
            if parking:
                self._alone(RegisterOps("nmi", "ftrace_ops_count", filter=NMI_FUNCTION), UseProtocol(parse(parking)))
            for command in script.commands():
                self._carry_out(command, script.random)
            if floods:
                self._flood(script)
            if parking:
                self._alone(UseProtocol(self.simulation.options.protocol), UnregisterOps("nmi"))
            self._drain()
            self._finally()
        except Problem as found:
            problem = found
        observer = self.observer
        return Outcome(problem, observer.passes, observer.open, self.simulation.position - self.booted)

    def _rewind(self, seed: int, random: Random, parked: bool) -> None:
        simulation = self.simulation
        simulation.goto(self.booted)
        simulation.forget_ahead()
        simulation._history.schedule = ScheduleState(random=seed)
        paces = Paces.drawn(random, self.setting.policy, parked)
        simulation._driver.schedule = Pace(simulation, self.setting, Random(seed), paces)
        self.observer.forget()
        self.coverage = Coverage(simulation, self.bins)
        self._acted = self.booted
        self._written_at = Counter[int]()
        self._written = -self._recorded()
        self._ops = {ops.name: ops.address for ops in parts_of(simulation).subsystem(FtraceCore).state().ops}
        self._hits = {name: self._hits_of(address) for name, address in self._ops.items()}
        self._syscalls = checks.total(simulation, layout.TASK_SYSCALLS)

    # --- forward ------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One history entry. Raises: Problem."""
        simulation = self.simulation
        resets = isinstance(parts_of(simulation).task.step, ResetRings)
        before = self._recorded() if resets else 0
        events = simulation.step()
        self._written_at.update(event.ip for event in events if isinstance(event, TraceWritten))
        what = simulation.entries[-1].what
        if isinstance(what, Act):
            self._acted = simulation.position
            if resets and not isinstance(parts_of(simulation).task.step, ResetRings):
                self._written += before
            self.observer.update()
            self.coverage.acted(events)
            self._record.acted(events)
            self._freed_ops()
        elif isinstance(what, Run | Read | Resolve | Nmi):
            self.coverage.ran(what.cpu, events)
        if not simulation.patching.idle and simulation.position > self._acted + STUCK:
            raise Problem("hang", f"CPUs {simulation.patching.waits_for} keep the patching task from going on")
        if self.observer.torn:
            raise Problem("torn bytes", self.observer.torn[0])
        if simulation.halt_reason:
            raise self._died()

    def _died(self) -> Problem:
        """Of what the kernel has died."""
        oops = self.simulation.oops
        if oops and oops.vector == layout.VECTOR_BP and self._record.is_lost():
            return Problem(UNCLAIMED, self.simulation.halt_reason)
        return Problem(f"oops: {MESSAGES[oops.vector]}" if oops else "triple fault", self.simulation.halt_reason)

    def _carry_out(self, command: Command, random: Random) -> None:
        """A command, until it is done, and a while of the work that goes on meanwhile."""
        simulation = self.simulation
        try:
            simulation.do(command)
        except LearnerError:
            return  # e.g. a filter that wants what another refuses: nothing has changed
        if random.random() < 0.15:
            return  # the next command is queued behind it
        while not simulation.patching.idle:
            self.step()
        checks.settled(simulation, self._overlooks)
        self._go_on(random.randrange(1_500_000) if random.random() < 0.03 else random.randrange(6_000))

    def _alone(self, *commands: Command) -> None:
        """Commands one after the other, each when the one before has come to its end."""
        for command in commands:
            while not self.simulation.patching.idle:
                self.step()
            self.simulation.do(command)

    def _flood(self, script: Script) -> None:
        """Trace what is called most until a buffer is full and the oldest events are lost; they must be counted."""
        self._alone(SetFilter("notrace", ""), SetFilter("filter", script.flood()), SetTracer("function"))
        end = self.simulation.clock + FLOOD
        while not any(ring.overrun for ring in self._rings()) and self.simulation.clock < end:
            self._go_on(10_000)
        self._alone(SetTracer("nop"))
        self.bins["run that lost events"] += any(ring.overrun for ring in self._rings())

    def _go_on(self, instructions: int) -> None:
        end = self.simulation.clock + instructions
        while self.simulation.clock < end:
            self.step()

    def _drain(self) -> None:
        """Until no task stands between a site and the place behind it that counts."""
        simulation = self.simulation
        while not simulation.patching.idle:
            self.step()
        end = simulation.clock + DRAIN
        while any(each.most for each in self.observer.under_way.values()):
            if simulation.clock > end:
                raise Problem("hang", "a pass of a site never came to its end")
            self.step()
        checks.settled(simulation, self._overlooks)

    # --- what is counted ----------------------------------------------------------------------------------------

    def _freed_ops(self) -> None:
        """An ops that is no more was called as often as it should; nobody is on the way to it."""
        state = parts_of(self.simulation).subsystem(FtraceCore).state()
        if len(state.ops) >= len(self._ops):
            self._ops = {ops.name: ops.address for ops in state.ops} if len(state.ops) > len(self._ops) else self._ops
            return
        names = {ops.name: ops.address for ops in state.ops}
        for name in self._ops.keys() - names.keys():
            if any(name in each.most for each in self.observer.under_way.values()):
                raise Problem("freed too early", f"{name}, which a task is about to call")
            self._check_hits(name)
        self._ops = names

    def _check_hits(self, name: str) -> None:
        hits = self._hits_of(self._ops[name]) - self._hits.get(name, 0)
        checks.count(f"calls of {name}", hits, *self.observer.hits(name))

    def _hits_of(self, ops: int) -> int:
        return self._memory.read_u64(ops + layout.OPS_HITS)

    def _finally(self) -> None:
        simulation, observer = self.simulation, self.observer
        least, most = observer.ring_counts()
        checks.count("events recorded or lost", self._written + self._recorded(), least.total(), most.total())
        self._each_site(least, most)
        for name in self._ops.keys() - {GLOBAL_OPS}:
            self._check_hits(name)
        checks.workload(simulation)
        self.bins["system calls"] += checks.total(simulation, layout.TASK_SYSCALLS) - self._syscalls

    def _each_site(self, least: Counter[int], most: Counter[int]) -> None:
        seen = self._written_at
        for site in seen.keys() | most.keys():
            name = self.simulation.image.symbolize(site)
            checks.count(f"records of {name}", seen[site], least[site], most[site])

    @property
    def _memory(self) -> GuestMemory:
        return parts_of(self.simulation).machine.memory

    def _rings(self) -> list[Ring]:
        return [Ring.of(self._memory, cpu) for cpu in range(self.setting.cpus)]

    def _recorded(self) -> int:
        """Events in the ring buffers, and those that the buffers count as lost."""
        return sum(len(ring.written(self._memory)) + ring.overrun for ring in self._rings())
