"""What a simulation is made of, wired: a kernel on its machine, the patching task with its subsystems, and observers.

Parts have no history: what is done to them directly is no entry of one, and nothing takes it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from simkernel.errors import LearnerError
from simkernel.ftrace.core import FtraceCore
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.loader import power_on
from simkernel.kernel.toy import toy
from simkernel.patching.log import KernelLog
from simkernel.patching.subsystem import Subsystem
from simkernel.patching.task import PatchingTask
from simkernel.sim.options import Options
from simkernel.trace.observer import FinishedRecords

SUBSYSTEMS: tuple[type[Subsystem], ...] = (  # who patches code, in the order in which they boot
    FtraceCore,
)
Kind = TypeVar("Kind")


class HasParts(Protocol):
    """A simulation, as seen from here."""

    _parts: Parts


def parts_of(simulation: HasParts) -> Parts:
    """The parts of a simulation, for sim's own rooms and for tests that look inside.

    Everybody else asks the simulation: `cpu`, `site`, `patching`, `subsystem`, `read`.
    """
    return simulation._parts


class Parts:
    """The parts; to a schedule they say what it may know (`schedule.Candidates`).

    Attributes:
        kernel: on its machine.
        machine: the CPUs, memory and interrupts.
        task: the patching task, with the subsystems.
    """

    def __init__(
        self, image: KernelImage, options: Options, subsystems: Sequence[type[Subsystem]] = SUBSYSTEMS
    ) -> None:
        """Power a machine on with the image, and wire it.

        Args:
            image: the kernel.
            options: valid ones.
            subsystems: those that patch code, in the order in which they boot.
        """
        self.kernel = power_on(toy(image), options.cpus, options.model, options.tick_period)
        self.machine = self.kernel.machine
        log = KernelLog()
        made = [kind.of(self.kernel, options.protocol.table.nop, log) for kind in subsystems]
        self.task = PatchingTask(self.kernel, options.protocol, log, made)
        records = FinishedRecords(self.machine.memory, self.kernel.percpu)
        theirs = [observer for one in made if (observer := one.observer()) is not None]
        self.kernel.watch_with([self.task.poke.active, *theirs], behind=[records])
        self._smp_go = self.machine.memory.words(image.address("smp_go"), 8)
        self._all_cpus = tuple(range(options.cpus))

    def subsystem(self, kind: type[Kind]) -> Kind:
        """The subsystem of a kind.

        Raises:
            LearnerError: there is none.
        """
        for one in self.task.subsystems:
            if isinstance(one, kind):
                return one
        raise LearnerError(f"this simulation has no {kind.__name__}")

    def booted(self) -> bool:
        """True once every CPU runs tasks."""
        return all(self.kernel.percpu.read(cpu, layout.PCPU_ONLINE) for cpu in self._all_cpus)

    # --- schedule.Candidates ---------------------------------------------------------------------------------------

    @property
    def cpus(self) -> Sequence[int]:
        """The CPUs that are powered on: CPU 0 alone until the guest starts the others."""
        return self._all_cpus if self._smp_go[0] else self._all_cpus[:1]

    def limit(self, cpu: int) -> int:
        """How many instructions the CPU may be given at most now."""
        return self.machine.limit(cpu)

    def idle(self, cpu: int) -> bool:
        """True where the CPU is halted and nothing would wake it."""
        return self.machine.asleep(cpu)

    def task_ready(self) -> bool:
        """True where the patching task has an action that it can take."""
        return self.task.ready()

    def patching(self) -> bool:
        """True from the first to the last action of a batch."""
        return self.task.poke.busy

    def pending_at_rip(self, cpu: int) -> Sequence[int]:
        """Addresses of the pending cells under the CPU's next instruction, ascending."""
        return self.machine.pending_at_rip(cpu)

    def readable(self, cpu: int) -> int:
        """How many more bytes of its next instruction the CPU may read before it runs."""
        return self.machine.readable(cpu)
