"""Interrupts and exceptions: what is on its way to a CPU, when the CPU takes it, and how it enters the handler.

Between two instructions a CPU takes an NMI, then the IPI, then the tick; the last two only with IF set and outside of
an interrupt shadow. It enters through the guest's own IDT (`exceptions.py`).

`Simplified:` all code runs in ring 0; an NMI is held back while a CPU is on its NMI stack (hardware: until IRET).
"""

from __future__ import annotations

from collections.abc import Sequence

from simkernel.events import Event, ExceptionTaken, Int3Taken, InterruptTaken
from simkernel.hw.cpu import RFLAGS_IF, Cpu
from simkernel.hw.exceptions import deliver
from simkernel.hw.fault import Fault
from simkernel.hw.memory import GuestMemory
from simkernel.hw.observer import Platform
from simkernel.hw.state import CpuState
from simkernel.hw.x86 import VECTOR_BP, VECTOR_NMI, VECTOR_PF


class Interrupts:
    """The interrupt lines of some CPUs."""

    def __init__(self, memory: GuestMemory, cpus: Sequence[Cpu], platform: Platform, tick_period: int) -> None:
        """Make the lines.

        Args:
            memory: where frames are pushed.
            cpus: to whom they lead.
            platform: which vectors there are, and when a CPU takes none.
            tick_period: of each CPU's timer, in instructions of the machine's clock; 0: it has none.
        """
        self.tick_period = tick_period
        self._memory, self._cpus, self._platform = memory, cpus, platform

    def tick_due(self, cpu: int, state: CpuState, clock: int) -> bool:
        """True where the clock has passed a multiple of the period since this CPU's last tick."""
        period = self.tick_period
        return period > 0 and clock // period > state.ticks_seen and self._platform.online(cpu)

    def waits(self, cpu: int, state: CpuState, clock: int) -> bool:
        """True where an interrupt is on its way that the CPU has not taken."""
        if state.ipi_sent is not None or state.nmi_sent is not None:
            return True
        return self.tick_period > 0 and self.tick_due(cpu, state, clock)

    def deliverable(self, cpu: int, state: CpuState, clock: int) -> int | None:
        """The vector that this CPU takes now, between two instructions; None: none."""
        engine, platform = self._cpus[cpu], self._platform
        if state.reading:
            return None
        if state.nmi_sent is not None and not platform.on_nmi_stack(cpu, engine.rsp) and platform.online(cpu):
            return VECTOR_NMI
        if not engine.flags & RFLAGS_IF:
            return None
        if not platform.halted(cpu, engine.rip) and engine.in_shadow():  # HLT has ended the shadow of an STI before it
            return None
        if state.ipi_sent is not None:
            return platform.ipi_vector
        return platform.timer_vector if self.tick_due(cpu, state, clock) else None

    def take(self, cpu: int, vector: int, state: CpuState, clock: int) -> tuple[list[Event], str]:
        """The CPU takes the interrupt that is deliverable.

        Returns:
            The events, and why the machine halts ("": it does not).
        """
        if vector == VECTOR_NMI:
            sent, state.nmi_sent = state.nmi_sent, None
        elif vector == self._platform.ipi_vector:
            sent, state.ipi_sent = state.ipi_sent, None
        else:
            state.ticks_seen = clock // self.tick_period
            sent = state.ticks_seen * self.tick_period
        taken = InterruptTaken(cpu=cpu, vector=vector, address=self._cpus[cpu].rip, waited=clock - (sent or 0))
        return self._enter(cpu, taken, vector, None)

    def fault(self, cpu: int, fault: Fault) -> tuple[list[Event], str]:
        """The CPU takes an exception.

        Returns:
            The events, and why the machine halts ("": it does not).
        """
        engine = self._cpus[cpu]
        rip = engine.rip
        if fault.vector == VECTOR_PF:
            engine.set_cr2(fault.cr2)
        taken: Event
        if fault.vector == VECTOR_BP:
            taken = Int3Taken(cpu=cpu, address=rip - 1)
        else:
            taken = ExceptionTaken(cpu=cpu, vector=fault.vector, error=fault.error or 0, address=rip, cr2=fault.cr2)
        return self._enter(cpu, taken, fault.vector, fault.error)

    def _enter(self, cpu: int, taken: Event, vector: int, error: int | None) -> tuple[list[Event], str]:
        """Enter the handler, behind `taken`. Where that faults, the CPU is in another: an exception of its own."""
        engine = self._cpus[cpu]
        rip = engine.rip
        entered = deliver(self._memory, engine, vector, error)
        if entered is None:
            return [taken], f"triple fault on CPU{cpu} at {rip:#x}"
        if entered[0] == vector:
            return [taken], ""
        cr2 = engine.registers()["cr2"]
        return [taken, ExceptionTaken(cpu=cpu, vector=entered[0], error=entered[1], address=rip, cr2=cr2)], ""
