"""A fixed piece of work: what every task of one CPU does between two long sleeps.

All tasks sleep. One timer interrupt, late enough for every timer, wakes them; each makes its system calls and sleeps
again; the work is done when the CPU halts. Ticks are off meanwhile: with them, one instruction more a call would move
every preemption, and nothing could be compared.

For the same reason the clock does not count instructions here: it goes on by one at each reading only, which the
guest does itself. So the kernel takes the same way through its code in every variant that does not read the clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simkernel.errors import GuestError
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.layout import PCPU_CLOCK
from simkernel.patching.commands import Command
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.options import Options
from simkernel.sim.parts import Parts
from simkernel.sim.snapshot.cpus import task_name

LATE = 1 << 40  # nanoseconds of the guest's clock: every timer is due
MOST_CHOICES = 20_000  # of a workload, a hundred times what the default kernel needs


@dataclass
class Counts:
    """What a CPU did, counted one by one.

    Attributes:
        executed: address -> how often the instruction there ran.
        reads, writes: accesses to memory by instructions.
        spans: function's site -> instructions from the site to site+5, of each of its calls.
    """

    executed: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    reads: int = 0
    writes: int = 0
    spans: dict[int, list[int]] = field(default_factory=dict)

    @property
    def instructions(self) -> int:
        """How many ran in all."""
        return sum(self.executed.values())


class Workload:
    """One CPU with its kernel booted and every task asleep; `run` wakes them all.

    It sets the clock and writes code, which no entry of a history does: so it has the parts of a simulation, and no
    history.
    """

    def __init__(self, image: KernelImage) -> None:
        self.image = image
        self.parts = Parts(image, Options(cpus=1, tick_period=0))
        self._until(lambda: self.parts.booted() and self.parts.task.idle and self._asleep())

    @property
    def sites(self) -> dict[int, str]:
        """Address of each site -> name of its function; empty for a kernel without sites."""
        return {self.image.site_of(symbol): symbol.name for symbol in self.image.functions()}

    def _asleep(self) -> bool:
        return self.parts.machine.asleep(0)

    def _step(self, act: bool = True) -> None:
        """The patching task's next action where it has one, else the CPU's next instructions; the clock stands."""
        machine, task = self.parts.machine, self.parts.task
        machine.clock = self.parts.kernel.percpu.read(0, PCPU_CLOCK)
        if act and not task.idle and task.ready():
            task.act()
        else:
            machine.step(Run(0, QUANTUM))

    def _until(self, done: Callable[[], bool], act: bool = True) -> None:
        for _ in range(MOST_CHOICES):
            if self.parts.machine.halt_reason:
                raise GuestError(f"the toy kernel died: {self.parts.machine.halt_reason}")
            if done():
                return
            self._step(act)
        raise GuestError("the tasks of this kernel do not all come to sleep: it has no fixed workload")

    def do(self, *commands: Command) -> None:
        """Carry out commands while the tasks sleep."""
        for command in commands:
            self.parts.task.command(command)
        self._until(lambda: self.parts.task.idle and self._asleep())

    def write(self, code: npt.NDArray[np.uint8]) -> None:
        """Put these bytes (sites, 5) at the call sites; no CPU holds back what stood there."""
        self.parts.machine.code.write_rows(np.asarray(self.image.mcount_loc, dtype=np.uint64), code, fresh=True)

    def hold_before(self, phase: str, *commands: Command) -> None:
        """Carry a command out up to where that phase would begin with a batch of sites, and hold the task there."""
        poke = self.parts.task.poke
        sites = frozenset(self.sites)
        for command in commands:
            self.parts.task.command(command)

        def there() -> bool:
            batch, now = poke.state.batch, poke.phase
            mine = batch is not None and not sites.isdisjoint(batch.sites.tolist())
            return mine and now is not None and now.name == phase

        self._until(there)
        self._until(self._asleep, act=False)

    def run(self) -> Counts:
        """Wake every task once, and count until all sleep again; the patching task does not move."""
        machine = self.parts.machine
        cpu = machine.cpus[0]
        counts = Counts()
        ends = (cpu.observe(_observer(counts, frozenset(self.sites))), cpu.observe_memory(_accesses(counts)))
        machine.interrupts.tick_period = LATE
        machine.clock = LATE
        machine.step(Run(0, QUANTUM))
        machine.interrupts.tick_period = 0
        for _ in range(MOST_CHOICES):
            if self._asleep() or machine.halt_reason:
                break
            machine.clock = self.parts.kernel.percpu.read(0, PCPU_CLOCK)
            machine.step(Run(0, QUANTUM))
        for end in ends:
            end()
        if machine.halt_reason or not self._asleep():
            raise GuestError(f"the workload did not come to its end: {machine.halt_reason or 'it runs on and on'}")
        return counts

    def system_calls(self) -> dict[str, int]:
        """System calls that each task has completed, by name and pid."""
        machine = self.parts.machine
        tasks = range(layout.TASKS_BASE, layout.TASKS_BASE + layout.TASKS_MAX * layout.TASK_SIZE, layout.TASK_SIZE)
        made = {task: machine.memory.read_u64(task + layout.TASK_SYSCALLS) for task in tasks}
        return {task_name(machine, task)[0]: calls for task, calls in made.items() if calls}


def _observer(counts: Counts, sites: frozenset[int]) -> Callable[[int], None]:
    """Looks at each instruction: where it stands, and how long a call's first five bytes take.

    It is called a million times: what it needs is local to it.
    """
    executed, spans = counts.executed, counts.spans
    under_way: list[tuple[int, int]] = []  # site, instructions so far when it was met; innermost last
    seen, end = 0, -1  # end: where the innermost goes on

    def instruction(rip: int) -> None:
        nonlocal seen, end
        if rip == end:
            site, since = under_way.pop()
            spans.setdefault(site, []).append(seen - since)
            end = under_way[-1][0] + MCOUNT_INSN_SIZE if under_way else -1
        if rip in sites:
            under_way.append((rip, seen))
            end = rip + MCOUNT_INSN_SIZE
        seen += 1
        executed[rip] += 1

    return instruction


def _accesses(counts: Counts) -> Callable[[bool], None]:
    """Counts the accesses to memory."""

    def access(write: bool) -> None:
        if write:
            counts.writes += 1
        else:
            counts.reads += 1

    return access
