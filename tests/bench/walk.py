"""A walk through all functions of a synthetic kernel, on one CPU, without ticks.

It begins where the walker starts over with its first root. Each time it runs the same instructions but for a few: how
long the scheduler thinks depends on the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from simkernel import disasm
from simkernel.kernel import KernelImage
from simkernel.machine import Machine
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation


def _start_over(image: KernelImage) -> int:
    """Where user_walker sets its index to 0 for the second time: the last root has been called."""
    walker = image.symbol("user_walker")
    code = disasm.decode(image.text_of(walker), walker.address)
    return [line.address for line in code if line.text.split() == ["xor", "%r12d,%r12d"]][1]


@dataclass
class Walk:
    """A kernel whose CPU is on the walk; each method goes on for as many instructions as the walk has."""

    simulation: Simulation
    start: int
    length: int = 0

    @classmethod
    def of(cls, functions: int) -> Walk:
        image = KernelImage.synthetic(functions)
        simulation = Simulation.boot(Options(cpus=1, tick_period=0), image)
        walk = cls(simulation, _start_over(image))
        walk.uncounted()
        walk.length = walk.count()
        return walk

    @property
    def machine(self) -> Machine:
        return self.simulation.machine

    def count(self) -> int:
        """Its instructions, counted one by one."""
        seen = 0

        def note(_rip: int) -> None:
            nonlocal seen
            seen += 1

        end = self.machine.cpus[0].observe(note)
        self.uncounted()
        end()
        return seen

    def in_quanta(self) -> None:
        """By the machine, a choice after the other."""
        for at in range(0, self.length, QUANTUM):
            self.machine.step(Run(0, min(QUANTUM, self.length - at)))

    def in_one_run(self) -> None:
        """By Unicorn alone, with its counter."""
        cpu = self.machine.cpus[0]
        cpu._engine.uc.emu_start(cpu.rip, 0, 0, self.length)
        cpu._reload()

    def uncounted(self) -> None:
        """By Unicorn alone, to the place where the walk begins: it counts nothing."""
        cpu = self.machine.cpus[0]
        if cpu.rip == self.start:
            cpu._engine.uc.emu_start(cpu.rip, self.start + 3)  # the instruction there: 3 bytes
        cpu._reload()
        cpu._engine.uc.emu_start(cpu.rip, self.start)
        cpu._reload()
