"""A walk through all functions of a synthetic kernel, on one CPU, without ticks.

It begins where the walker starts over with its first root. Each time it runs the same instructions but for a few: how
long the scheduler thinks depends on the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from simkernel import disasm
from simkernel.hw.engine import Engine
from simkernel.hw.machine import Machine
from simkernel.kernel.image import KernelImage
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation


def _start_over(image: KernelImage) -> int:
    """Where user_walker sets its index to 0 for the second time: the last root has been called."""
    walker = image.symbol("user_walker")
    code = disasm.decode(image.text_of(walker), walker.address)
    return [line.address for line in code if line.text.split() == ["xor", "%r12d,%r12d"]][1]


@dataclass
class Walk:
    """A kernel whose CPU is on the walk; each method goes on for as many instructions as the walk has.

    Attributes:
        free: an engine over the memory of that CPU which counts nothing. Where code changes it is told by `flush`.
    """

    simulation: Simulation
    start: int
    free: Engine
    length: int = 0

    @classmethod
    def of(cls, functions: int) -> Walk:
        image = KernelImage.synthetic(functions)
        simulation = Simulation.boot(Options(cpus=1, tick_period=0), image)
        free = Engine(0, *parts_of(simulation).machine.cpus[0]._memory)
        walk = cls(simulation, _start_over(image), free)
        walk.uncounted()
        walk.length = walk.count()
        return walk

    @property
    def machine(self) -> Machine:
        return parts_of(self.simulation).machine

    def count(self) -> int:
        """Its instructions, counted one by one."""
        seen, cpu = 0, self.machine.cpus[0]

        def note(_rip: int) -> None:
            nonlocal seen
            seen += 1

        handles = [self.free.hook_code(note)]
        self.free.flush()
        assert cpu.rip == self.start
        self.uncounted()
        for handle in handles:
            self.free.unhook(handle)
        self.free.flush()
        return seen

    def to_start(self) -> None:
        """Go on to the place where the walk begins."""
        if self.machine.cpus[0].rip != self.start:
            self.uncounted()

    def in_quanta(self, quantum: int = QUANTUM) -> None:
        """By the machine, a choice after the other."""
        for at in range(0, self.length, quantum):
            self.machine.step(Run(0, min(quantum, self.length - at)))

    def one_by_one(self) -> None:
        """By the CPU's own engine that counts one by one, in one run."""
        self.machine.cpus[0]._start(0, self.length)

    def uncounted(self) -> None:
        """By an engine that counts nothing, to the place where the walk begins."""
        cpu = self.machine.cpus[0]
        cpu._engine.hand_over(self.free)
        rip = cpu.rip
        if rip == self.start:
            rip += 3  # the instruction there: 3 bytes
            self.free.start(self.start, rip, 0)
        self.free.start(rip, self.start, 0)
        self.free.hand_over(cpu._engine)
        cpu._reload()
