"""The death of a kernel: the guest sets a word, and the observer here halts the machine (panic_on_oops)."""

from __future__ import annotations

from simkernel.events import Event, Oopsed
from simkernel.hw.machine import Machine
from simkernel.hw.observer import Observer
from simkernel.hw.state import OpenRun
from simkernel.kernel import layout
from simkernel.kernel.abi import Abi
from simkernel.kernel.percpu import PerCpu
from simkernel.sentence import cpu as cpu_name
from simkernel.sentence import say


class Panic(Observer):
    """Looks at the guest's word that is not 0 once it has died."""

    def __init__(self, machine: Machine, percpu: PerCpu, abi: Abi, died: int) -> None:
        """Watch a kernel for its death.

        Args:
            machine: that will halt.
            percpu: the kernel's per-CPU words.
            abi: how the host sees the kernel.
            died: the address of the word that is not 0 once it has died.
        """
        self._machine, self._percpu, self._words = machine, percpu, abi.words
        self._died = machine.memory.words(died, 8)

    def closed(self, run: OpenRun) -> list[Event]:
        """The oops, once."""
        if not self._died[0] or self._machine.halt_reason:
            return []
        cpu = run.choice.cpu
        self._machine.halt(say("oops on {}", cpu_name(cpu)))
        return [self._oops(cpu)]

    def _oops(self, cpu: int) -> Oopsed:
        memory, words = self._machine.memory, self._words
        regs = 0 if words.oops_regs is None else self._percpu.read(cpu, words.oops_regs)
        vector = 0 if words.oops_vector is None else self._percpu.read(cpu, words.oops_vector)
        address = memory.read_u64(regs + layout.PT_RIP) if memory.holds(regs, layout.FRAME_SIZE) else 0
        return Oopsed(cpu=cpu, vector=vector, address=address)
