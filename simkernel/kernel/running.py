"""A kernel on a machine: what the machine is wired to, and the host's side of the kernel."""

from __future__ import annotations

from collections.abc import Sequence

from simkernel.hw.cpu import Cpu
from simkernel.hw.fetch import CodeMemory
from simkernel.hw.machine import TICK_PERIOD, Machine
from simkernel.hw.memory import GuestMemory
from simkernel.hw.observer import Observer
from simkernel.kernel.abi import Abi
from simkernel.kernel.image import KernelImage
from simkernel.kernel.panic import Panic
from simkernel.kernel.percpu import PerCpu
from simkernel.kernel.sched import Sched
from simkernel.kernel.smp import Smp
from simkernel.kernel.words import SiteWords


class Wiring:
    """`hw.observer.Platform` of a kernel, by its `Abi`."""

    def __init__(self, abi: Abi, percpu: PerCpu) -> None:
        """Take from an `Abi` what a machine asks for.

        Args:
            abi: how the host sees the kernel.
            percpu: the kernel's per-CPU words.
        """
        self.ipi_vector, self.timer_vector = abi.ipi_vector, abi.timer_vector
        self._areas, self._hlt_resume = percpu.areas, abi.hlt_resume
        self._online, self._hlt = abi.words.online >> 3, abi.words.hlt >> 3
        self._nmi_stacks = [abi.nmi_stack(cpu) for cpu in range(len(percpu.areas))]

    def online(self, cpu: int) -> bool:
        """True once the CPU runs its scheduler."""
        return self._areas[cpu][self._online] != 0

    def halted(self, cpu: int, rip: int) -> bool:
        """The guest's word `hlt` tells an HLT from an IRET to the instruction behind it."""
        return rip in self._hlt_resume and self._areas[cpu][self._hlt] == 1

    def on_nmi_stack(self, cpu: int, rsp: int) -> bool:
        """True where an RSP is on the CPU's NMI stack."""
        return rsp in self._nmi_stacks[cpu]


class Clock(Observer):
    """Sets a CPU's clock word when it begins a choice: the guest reads the machine's clock there."""

    def __init__(self, machine: Machine, percpu: PerCpu, offset: int) -> None:
        self._machine, self._percpu, self._offset = machine, percpu, offset

    def opened(self, cpu: int) -> None:
        """Store the machine's clock."""
        self._percpu.write(cpu, self._offset, self._machine.clock)


class RunningKernel:
    """A kernel that was put into a machine.

    Attributes:
        image: the kernel as it was built.
        abi: how the host sees it.
        machine: where it runs.
        percpu: its per-CPU words.
        smp: what all CPUs can be asked.
        sched: which task runs where; None: it has no tasks.
        site_words: the bytes at its call sites, as numbers.
    """

    def __init__(
        self,
        image: KernelImage,
        abi: Abi,
        memory: GuestMemory,
        code: CodeMemory,
        cpus: Sequence[Cpu],
        tick_period: int = TICK_PERIOD,
    ) -> None:
        """Make the machine, and let the kernel's own observers watch it.

        Args:
            image: the kernel as it was built.
            abi: how the host sees it.
            memory: guest data, loaded.
            code: memory's code and each CPU's view of it, loaded.
            cpus: at the kernel's entry.
            tick_period: of each CPU's timer, in instructions of the machine's clock; 0: it has none.
        """
        self.image, self.abi = image, abi
        self.percpu = PerCpu(memory, abi.percpu, abi.stride, len(cpus))
        self.machine = Machine(memory, code, cpus, Wiring(abi, self.percpu), tick_period)
        self.smp = Smp(self.machine, self.percpu, abi)
        current, died = abi.words.current, abi.oops_in_progress
        self.sched = None if current is None else Sched(memory, self.percpu, current, abi)
        self.site_words = SiteWords(code, image.mcount_loc)
        self._clock = Clock(self.machine, self.percpu, abi.words.clock)
        self._panic = None if died is None else Panic(self.machine, self.percpu, abi, died)
        self.watch_with()

    def watch_with(self, first: Sequence[Observer] = (), behind: Sequence[Observer] = ()) -> None:
        """Let others watch, too.

        Args:
            first: those who look before the kernel's own observers.
            behind: those who look behind them; only a death is noticed last of all.
        """
        own = (*first, self._clock, self.smp, self.sched, *behind, self._panic)
        self.machine.watch_with(*(observer for observer in own if observer is not None))
