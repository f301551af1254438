"""The sites that are being changed now, and what CPUs do there: an observer of the machine.

It notices that a CPU has run a site, that it has taken an int3, that the handler has found the site in the batch, and
that the handler has ended. Where it would miss something it lets CPUs run one instruction at a time only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simkernel import disasm, insn
from simkernel.events import Emulated, Event, Int3Claimed, Int3Done, SiteRan
from simkernel.hw.exceptions import TRAP_GATE, read_gate
from simkernel.hw.observer import Changing, Observer
from simkernel.hw.state import OpenRun
from simkernel.hw.x86 import MAX_INSTRUCTION, VECTOR_BP
from simkernel.insn import is_iret
from simkernel.kernel.running import RunningKernel
from simkernel.schedule import QUANTUM

HANDLER_STACK = 0x400  # bytes that a handler, and an interrupt in it, have on the stack at most


class Int3(NamedTuple):
    """A handler that is under way: the address of its int3, and RSP when it was taken."""

    address: int
    rsp: int


class ActiveState(NamedTuple):
    """All that `ActiveSites` has to remember; `int3s`: of each CPU, outermost first."""

    changing: Changing
    torn: bool
    int3s: tuple[tuple[Int3, ...], ...]


class ActiveSites(Observer):
    """The sites of the batch under way.

    Attributes:
        torn: memory holds a site that is neither old, nor int3, nor new.
    """

    def __init__(self, kernel: RunningKernel) -> None:
        self._machine, self._abi = kernel.machine, kernel.abi
        self.torn = False
        self._int3s: list[tuple[Int3, ...]] = [()] * len(kernel.machine.cpus)

    def begin(self, sites: Sequence[int], sizes: bytes) -> None:
        """Sites are being changed from now on.

        Args:
            sites: their addresses, ascending.
            sizes: of each, in bytes.
        """
        self._machine.changing = Changing.of(sites, sizes)

    def end(self) -> None:
        """None is being changed from now on."""
        self._machine.changing = Changing()

    def handling(self, cpu: int) -> tuple[Int3, ...]:
        """The int3s whose handlers a CPU is in, outermost first."""
        return self._int3s[cpu]

    def off_boundary(self, cpu: int) -> bool:
        """True where a CPU's RIP is inside an instruction that is being changed."""
        rip = self._machine.cpus[cpu].rip
        return self._machine.changing.around(rip) not in (None, rip)

    # --- the observer ------------------------------------------------------------------------------------------

    def limit(self, cpu: int) -> int:
        """One instruction where memory is torn or the CPU is between two instructions of the old code."""
        if self.torn:
            return 1
        rip = self._machine.cpus[cpu].rip
        return QUANTUM if self._machine.changing.around(rip) in (None, rip) else 1

    def closed(self, run: OpenRun) -> list[Event]:
        """What the CPU did at a site; of several instructions only whether handlers are still under way."""
        cpu = run.choice.cpu
        if run.trap is not None and run.trap.vector == VECTOR_BP:
            self._int3s[cpu] += (Int3(run.trap.address, run.trap.rsp),)
        if run.data:
            return self._single(cpu, run)
        if self._int3s[cpu]:
            self._int3s[cpu] = self._still_handling(cpu)
        return []

    def _single(self, cpu: int, run: OpenRun) -> list[Event]:
        events: list[Event] = []
        size = self._machine.changing.size_at(run.rip)
        if size and run.data[0] != insn.INT3:
            events.append(SiteRan(cpu=cpu, site=run.rip, data=run.data[:size]))
        int3s, engine = self._int3s[cpu], self._machine.cpus[cpu]
        if int3s and engine.rip == self._abi.int3_claimed:
            events.append(Int3Claimed(cpu=cpu, address=int3s[-1].address))
        if int3s and is_iret(run.data) and abs(engine.rsp - int3s[-1].rsp) <= 8:
            did = self._emulated(cpu, int3s[-1])
            events.append(Int3Done(cpu=cpu, address=int3s[-1].address, resume=engine.rip, emulated=did))
            self._int3s[cpu] = int3s[:-1]
        return events

    def _emulated(self, cpu: int, int3: Int3) -> Emulated:
        """What a handler that has just returned has done: RSP tells a call and a return from the rest, RIP a jump."""
        engine = self._machine.cpus[cpu]
        if engine.rsp != int3.rsp:
            return Emulated.CALL if engine.rsp < int3.rsp else Emulated.RETURN
        size = self._machine.changing.size_at(int3.address)
        if not size:  # the batch did not wait for its handlers
            data = self._machine.code.view_read(cpu, int3.address, MAX_INSTRUCTION)
            size = disasm.length(data, int3.address)
        return Emulated.NOP if engine.rip == int3.address + size else Emulated.JUMP

    def _still_handling(self, cpu: int) -> tuple[Int3, ...]:
        """The int3 handlers that a CPU is still in after several instructions: those whose code it is in.

        Through an interrupt gate nothing comes into a handler but an NMI, on a stack of its own: the handler waits for
        its end. Through a trap gate others do; then an address of the handler stands on the stack.
        """
        machine, engine, nmi = self._machine, self._machine.cpus[cpu], self._abi.nmi_stack(cpu)
        on_nmi = machine.on_nmi_stack(cpu)
        waiting = [one for one in self._int3s[cpu] if on_nmi and one.rsp not in nmi]
        here = [one for one in self._int3s[cpu] if on_nmi == (one.rsp in nmi)]
        inside = here[-1:] if self._in_handler(engine.rip) else []
        gate = read_gate(machine.memory, engine, VECTOR_BP)
        if gate is not None and gate.type == TRAP_GATE:
            stack = self._abi.stack_of(engine.rsp)
            top = min(stack.top, here[0].rsp) if stack and here else 0
            size = max(0, min(HANDLER_STACK, top - engine.rsp))
            words = np.frombuffer(machine.memory.read(engine.rsp, size & ~7), dtype=np.uint64).tolist()
            places = [engine.rsp + 8 * at for at, word in enumerate(words) if self._in_handler(word)]
            inside = [one for one in here if one in inside or any(place < one.rsp for place in places)]
        return (*waiting, *inside)

    def _in_handler(self, address: int) -> bool:
        """True within the code of the int3 handler."""
        return any(start <= address < end for start, end in self._abi.int3_handler)

    def state(self) -> ActiveState:
        """The sites of the batch, whether memory is torn, and the handlers that each CPU is in."""
        return ActiveState(self._machine.changing, self.torn, tuple(self._int3s))

    def restore(self, state: ActiveState) -> None:
        """Put such a state back."""
        self._machine.changing, self.torn, self._int3s = state.changing, state.torn, list(state.int3s)
