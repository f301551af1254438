"""The machine: the one place where a step happens.

`Machine.step` carries out a choice of a CPU: instructions run, an interrupt or an exception is delivered, bytes of
code are read or settled. Between choices, and only there, interrupts come. What a CPU does is guest code; this file
and `board.py` are what hardware does around it.
"""

from __future__ import annotations

import numpy as np

from simkernel import insn
from simkernel.board import MAX_INSTRUCTION, TICK_PERIOD, Board
from simkernel.errors import GuestError, OurError
from simkernel.events import Event, Int3Claimed, Int3Done, PieceRead, Serialized, Settled, SiteRan
from simkernel.hw.cpu import Fault
from simkernel.hw.exceptions import TRAP_GATE, read_gate
from simkernel.hw.fetch import FetchModel
from simkernel.insn import is_iret, nondeterministic, serializing
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.stacks import stack_of
from simkernel.lane import OpenRun, look, oops
from simkernel.schedule import QUANTUM, Choice, Nmi, Read, Run, Settle

HANDLER = ("asm_exc_int3", "exc_int3", "poke_int3_handler")
HANDLER_STACK = 0x400  # bytes that a handler, and an interrupt in it, have on the stack at most


class Machine(Board):
    """A board whose CPUs move; everything that moves is a choice (`schedule.py`)."""

    def __init__(self, image: KernelImage, cpus: int, model: FetchModel, tick_period: int = TICK_PERIOD) -> None:
        """Args: see `Board`."""
        super().__init__(image, cpus, model, tick_period)
        self._oops = self.memory.words(image.address("oops_in_progress"), 8)
        self._claimed = image.address("poke_int3_found")
        parts = (image.symbol(name) for name in HANDLER)
        self._handler = tuple((symbol.address, symbol.address + symbol.size) for symbol in parts)

    def step(self, choice: Choice) -> list[Event]:
        """Carry out a choice of a CPU; the events, in order. Nothing moves once there is an outcome."""
        if self.outcome:
            raise GuestError(f"the machine stands still: {self.outcome}")
        match choice:
            case Run(n=n):
                return [*self.begin(choice), *self.advance(n), *self.finish()]
            case Read(cpu=cpu, n=n):
                return self._read(cpu, n)
            case Settle(cpu=cpu, address=address):
                return self._settle(cpu, address)
            case Nmi(cpu=cpu):
                self.lanes[cpu].nmi_sent = self.clock
                return []
            case _:
                raise GuestError(f"{choice} is not a choice of a CPU")

    def _read(self, cpu: int, n: int) -> list[Event]:
        n = min(n, self.readable(cpu))
        if n == 0:
            return []
        lane = self.lanes[cpu]
        data = self.next_bytes(cpu)[len(lane.reading) : len(lane.reading) + n]
        address = self.cpus[cpu].rip + len(lane.reading)
        lane.reading += data
        return [PieceRead(cpu=cpu, address=address, data=data)]

    def _settle(self, cpu: int, address: int | None) -> list[Event]:
        if address is None:
            count = self.code.views[cpu].settle_all()
            return [Serialized(cpu=cpu, count=count)] if count else []
        shift = self.code.model.cell_shift or 0
        size = 1 << shift
        start = address >> shift << shift
        old = self.view_read(cpu, start, size)
        if not self.code.settle(cpu, start):
            return []
        new = self.view_read(cpu, start, size)
        differ = [i for i in range(size) if old[i] != new[i]]
        if not differ:
            return []
        low, high = differ[0], differ[-1] + 1
        return [Settled(cpu=cpu, address=start + low, old=old[low:high], new=new[low:high])]

    def begin(self, choice: Run) -> list[Event]:
        """Open a choice: the clock word is set, a due interrupt delivered. Then `advance`, in any number of pieces.

        Where an interrupt waits that the CPU cannot take yet, the choice is cut to what `limit` allows.
        """
        cpu = choice.cpu
        events: list[Event] = []
        self.set_percpu(cpu, layout.PCPU_CLOCK, self.clock)
        if self._interrupt_waits(cpu):
            self._interrupt_if_due(cpu, events)
            if self._interrupt_waits(cpu):
                choice = Run(cpu, min(choice.n, self.limit(cpu)))
        data = self.next_bytes(cpu) if choice.n == 1 else b""
        self.open = OpenRun(choice, 0, self.halted(cpu), self.cpus[cpu].rip, data)
        return events

    def advance(self, n: int, breakpoints: frozenset[int] = frozenset()) -> list[Event]:
        """Run up to n more instructions of the open choice; stops before an instruction at one of the breakpoints.

        Where the CPU has unsettled bytes it moves from one point of interest to the next (`_stride`); an exception,
        HLT or an outcome ends the choice.
        """
        run = self.open
        if run is None:
            raise OurError("no choice is open")
        cpu = run.choice.cpu
        events: list[Event] = []
        lane, view = self.lanes[cpu], self.code.views[cpu]
        left = min(n, run.choice.n - run.done)
        while left > 0 and not run.ended:
            stride = min(left, self._stride(cpu))
            watched = self.torn or lane.reading or view.unsettled
            fault, ran = self._execute(cpu, stride, breakpoints, events)
            if fault is not None:
                self._exception(cpu, fault, events)
            if watched:
                self.note_stray(cpu)
            run.ended = fault is not None or self.halted(cpu)
            run.done += ran
            left = 0 if ran < stride else left - ran
        if run.ended:
            run.done = run.choice.n
        return events

    def finish(self) -> list[Event]:
        """Close the open choice: what it did to the guest's words is noted, and the clock advances by its n."""
        run = self.open
        if run is None:
            raise OurError("no choice is open")
        events: list[Event] = []
        cpu = run.choice.cpu
        if run.data:
            self._note_single(run, events)
        elif self.lanes[cpu].int3s:
            self.lanes[cpu].int3s = self._handlers(cpu)
        events += look(self.memory, self._areas[cpu], self.lanes, cpu)
        if self._oops[0] and not self.outcome:
            self.outcome = f"oops on CPU{cpu}"
            events.append(oops(self.memory, cpu))
        self.clock += run.choice.n
        self.open = None
        return events

    def _handlers(self, cpu: int) -> tuple[tuple[int, int], ...]:
        """The int3 handlers that a CPU is still in after several instructions: those whose code it is in.

        Through an interrupt gate nothing comes into a handler but an NMI, on a stack of its own: the handler waits for
        its end. Through a trap gate others do; then an address of the handler stands on the stack.
        """
        engine, nmi, on_nmi = self.cpus[cpu], self.nmi_stack(cpu), self.on_nmi_stack(cpu)
        waiting = [one for one in self.lanes[cpu].int3s if on_nmi and one[1] not in nmi]
        here = [one for one in self.lanes[cpu].int3s if on_nmi == (one[1] in nmi)]
        inside = here[-1:] if self._handles(engine.rip) else []
        gate = read_gate(self.memory, engine, layout.VECTOR_BP)
        if gate is not None and gate.type == TRAP_GATE:
            stack = stack_of(engine.rsp)
            top = min(stack.top, here[0][1]) if stack and here else 0
            size = max(0, min(HANDLER_STACK, top - engine.rsp))
            words = np.frombuffer(self.memory.read(engine.rsp, size & ~7), dtype=np.uint64).tolist()
            places = [engine.rsp + 8 * at for at, word in enumerate(words) if self._handles(word)]
            inside = [one for one in here if one in inside or any(place < one[1] for place in places)]
        return (*waiting, *inside)

    def _handles(self, address: int) -> bool:
        """True within the code of the int3 handler."""
        return any(start <= address < end for start, end in self._handler)

    def _stride(self, cpu: int) -> int:
        """How far the CPU may run in one go: nothing that it meets on the way needs a look of its own."""
        if self.torn or self.lanes[cpu].reading or self.astray(cpu):
            return 1
        return self.paths.length(self.cpus[cpu].rip) if self.code.views[cpu].unsettled else QUANTUM

    def _execute(self, cpu: int, n: int, breakpoints: frozenset[int], events: list[Event]) -> tuple[Fault | None, int]:
        """Run n instructions on a CPU that is not halted: the exception that ended them, and how many ran."""
        view = self.code.views[cpu]
        data = self.next_bytes(cpu) if n == 1 else b""
        if data and nondeterministic(data):
            return Fault(layout.VECTOR_UD), 1
        if view.dirty:
            self._drop_changed(cpu)
        if self.lanes[cpu].reading:
            return self._run_reading(cpu, data), 1
        if breakpoints:
            fault, ran = self.cpus[cpu].run_watched(n, breakpoints)
        else:
            fault, ran = self.cpus[cpu].run(n), n
        if data and fault is None and view.unsettled and serializing(data):
            events.append(Serialized(cpu=cpu, count=view.settle_all()))
        return fault, ran

    def _note_single(self, run: OpenRun, events: list[Event]) -> None:
        """What one sees of a CPU that moved by one instruction: it ran a site (not by int3), its handler ended."""
        cpu = run.choice.cpu
        if run.rip in self.focus and run.data[0] != insn.INT3:
            events.insert(0, SiteRan(cpu=cpu, site=run.rip, data=run.data[:5]))
        int3s = self.lanes[cpu].int3s
        if int3s and self.cpus[cpu].rip == self._claimed:
            events.append(Int3Claimed(cpu=cpu, address=int3s[-1][0]))
        if int3s and is_iret(run.data) and abs(self.cpus[cpu].rsp - int3s[-1][1]) <= 8:
            events.append(Int3Done(cpu=cpu, address=int3s[-1][0], resume=self.cpus[cpu].rip))
            self.lanes[cpu].int3s = int3s[:-1]

    def _drop_changed(self, cpu: int) -> None:
        """Translations of changed code go before the CPU runs again: Unicorn would run the old bytes."""
        dirty, engine = self.code.views[cpu].dirty, self.cpus[cpu]
        for low, high in dirty:
            for first, last in self.code.map.ranges(low, high):
                engine.drop(first, last)
        dirty.clear()

    def _run_reading(self, cpu: int, data: bytes) -> Fault | None:
        """Model `pieces`: the instruction runs from the bytes read before and memory's for the rest."""
        engine, rip, reading = self.cpus[cpu], self.cpus[cpu].rip, self.lanes[cpu].reading
        offset, code = self.code.map.offset(rip), self.code.views[cpu].code
        kept = code[offset : offset + len(reading)].copy()
        code[offset : offset + len(reading)] = np.frombuffer(reading, dtype=np.uint8)
        engine.drop(rip, rip + MAX_INSTRUCTION)
        fault = engine.run(1)
        code[offset : offset + len(reading)] = kept
        engine.drop(rip, rip + MAX_INSTRUCTION)
        self.lanes[cpu].reading = b""
        return fault
