"""The machine: CPUs, the memory that they share, and the one place where a step happens.

`Machine.step` carries out a choice of a CPU: instructions run, an interrupt or an exception is delivered, bytes of
code are read or resolved. Between choices, and only there, interrupts come, and observers look at what was done. What a
CPU does is guest code; the machine is what hardware does around it, and knows no symbol of any kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from simkernel import disasm
from simkernel.errors import GuestError, OurError
from simkernel.events import Event, PieceRead, Resolved, Serialized
from simkernel.hw.cpu import RFLAGS_IF, Cpu
from simkernel.hw.fault import Fault
from simkernel.hw.fetch import CodeMemory, FetchModel
from simkernel.hw.interrupts import Interrupts
from simkernel.hw.memory import GuestMemory
from simkernel.hw.observer import Changing, Observer, Platform
from simkernel.hw.state import CpuState, MachineState, OpenRun, Trap
from simkernel.hw.straight import Straight
from simkernel.hw.x86 import MAX_INSTRUCTION, VECTOR_BP
from simkernel.insn import ends_straight_code, serializing
from simkernel.schedule import QUANTUM, Choice, Nmi, Read, Resolve, Run

TICK_PERIOD = 20_000  # instructions of the machine's clock, for each CPU


class Machine:
    """CPUs that move; everything that moves is a choice (`schedule.py`).

    Attributes:
        memory: the data that all CPUs share.
        code: memory's code, and what each CPU runs of it.
        cpus: by number.
        clock: in instructions of all CPUs together.
        states: what it remembers of each CPU.
        changing: the instructions that somebody is changing now.
        halt_reason: why the machine halted for good ("oops on CPU1"); "" while it runs.
        open: the choice that is being carried out.
    """

    def __init__(
        self,
        memory: GuestMemory,
        code: CodeMemory,
        cpus: Sequence[Cpu],
        platform: Platform,
        tick_period: int = TICK_PERIOD,
    ) -> None:
        """Make a machine of CPUs that are powered on.

        Args:
            memory: the data that all CPUs share.
            code: memory's code, and what each CPU runs of it.
            cpus: by number.
            platform: what it has to know of the kernel.
            tick_period: of each CPU's timer, in instructions of the clock; 0: it has none.
        """
        self.memory, self.code, self.cpus = memory, code, cpus
        self.clock = 0
        self.states = [CpuState() for _ in cpus]
        self.changing = Changing()
        self.halt_reason = ""
        self.open: OpenRun | None = None
        self.interrupts = Interrupts(memory, cpus, platform, tick_period)
        self.straight = Straight(code)
        self._platform = platform
        self.observers: tuple[Observer, ...] = ()
        self.watch_with()

    def watch_with(self, *observers: Observer) -> None:
        """Let these observers watch, in this order, in the place of those before."""
        self.observers = observers
        self._limits = [one.limit for one in observers if type(one).limit is not Observer.limit]
        self._opened = [one.opened for one in observers if type(one).opened is not Observer.opened]
        self._closed = [one.closed for one in observers if type(one).closed is not Observer.closed]

    # --- what one may ask -----------------------------------------------------------------------------------

    def halted(self, cpu: int) -> bool:
        """True from an HLT until an interrupt."""
        return self._platform.halted(cpu, self.cpus[cpu].rip)

    def asleep(self, cpu: int) -> bool:
        """True where the CPU is halted and nothing waits that would wake it."""
        return self.halted(cpu) and self.deliverable(cpu) is None

    def interrupts_on(self, cpu: int) -> bool:
        """IF: the CPU takes maskable interrupts."""
        return bool(self.cpus[cpu].flags & RFLAGS_IF)

    def on_nmi_stack(self, cpu: int) -> bool:
        """True while an NMI's frame, or what came on top of it, is on the CPU's NMI stack."""
        return self._platform.on_nmi_stack(cpu, self.cpus[cpu].rsp)

    def tick_due(self, cpu: int) -> bool:
        """True where the clock has passed a multiple of the period since this CPU's last tick."""
        return self.interrupts.tick_due(cpu, self.states[cpu], self.clock)

    def deliverable(self, cpu: int) -> int | None:
        """The vector that this CPU would take now, between two instructions: NMI, IPI, tick; else None."""
        return self.interrupts.deliverable(cpu, self.states[cpu], self.clock)

    def limit(self, cpu: int) -> int:
        """How many instructions a choice may give this CPU now.

        All of a quantum where nothing can come between. Where bytes are pending, as far as straight code leads, which
        cannot change what may come: so IRET, CPUID and the first instruction with interrupts on are seen one by one.
        While an interrupt waits and no bytes are pending, a choice ends by itself, with the instruction that ends
        straight code (`OpenRun.watched`); while code is being changed before it, so that observers see it by itself.
        """
        vector, waits = self._due(cpu)
        return self._limit(cpu, waits, vector is not None)

    def _due(self, cpu: int) -> tuple[int | None, bool]:
        """The vector that a CPU would take now, and whether an interrupt waits at all."""
        state, clock = self.states[cpu], self.clock
        if not self.interrupts.waits(cpu, state, clock):
            return None, False
        return self.interrupts.deliverable(cpu, state, clock), True

    def _limit(self, cpu: int, waits: bool, deliverable: bool) -> int:
        """`limit`, for who knows whether an interrupt waits, and whether the CPU can take it."""
        if self._platform.halted(cpu, self.cpus[cpu].rip):
            return QUANTUM
        limit = self._observed_limit(cpu)
        if limit > 1 and waits:
            if deliverable:
                return limit
            if self.cpus[cpu].flags & RFLAGS_IF or self._alone(cpu):  # a shadow ends with the next instruction
                return 1
        return min(limit, self._straight(cpu)) if self.code.views[cpu].pending else limit

    def _alone(self, cpu: int) -> bool:
        """True where the next instruction of a CPU that an interrupt waits for will have a choice of its own."""
        return bool(self.changing.starts) and ends_straight_code(self.next_bytes(cpu))

    def _straight(self, cpu: int) -> int:
        """How far straight code leads from where the CPU is."""
        return self.straight.length(cpu, self.cpus[cpu].rip, self.changing)

    def _observed_limit(self, cpu: int) -> int:
        """How far observers let the CPU run, in an instruction that it has read in part no further."""
        if self.states[cpu].reading:
            return 1
        found = QUANTUM
        for limit in self._limits:
            if (most := limit(cpu)) < found:
                found = most
        return found

    def next_bytes(self, cpu: int) -> bytes:
        """The bytes that the CPU's next instruction would be made of, up to 15."""
        rip = self.cpus[cpu].rip
        data = self.code.view_read(cpu, rip, MAX_INSTRUCTION)
        reading = self.states[cpu].reading
        return reading + data[len(reading) :]

    def readable(self, cpu: int) -> int:
        """Model `pieces`: how many bytes of its next instruction the CPU may still read before it runs it."""
        rip = self.cpus[cpu].rip
        if self.code.model is not FetchModel.PIECES or self.changing.around(rip) is None:
            return 0
        if self.halted(cpu):
            return 0
        length = disasm.length(self.next_bytes(cpu), rip)
        return max(0, length - len(self.states[cpu].reading))

    def pending_at_rip(self, cpu: int) -> Sequence[int]:
        """Addresses of the pending cells under the CPU's next instruction, ascending."""
        if not self.code.views[cpu].pending:
            return ()
        rip = self.cpus[cpu].rip
        return self.code.pending_cells(cpu, rip, self.changing.longest or disasm.length(self.next_bytes(cpu), rip))

    # --- a step -----------------------------------------------------------------------------------------------

    def step(self, choice: Choice) -> list[Event]:
        """Carry out a choice of a CPU; the events, in order. Nothing moves once the machine has halted."""
        if self.halt_reason:
            raise GuestError(f"the machine has halted: {self.halt_reason}")
        if isinstance(choice, Run):
            events = self.begin(choice)
            events += self.advance(choice.n)
            events += self.finish()
            return events
        match choice:
            case Read(cpu=cpu, n=n):
                return self._read(cpu, n)
            case Resolve(cpu=cpu, address=address):
                return self._resolve(cpu, address)
            case Nmi(cpu=cpu):
                self.states[cpu].nmi_sent = self.clock
                return []
            case _:
                raise GuestError(f"{choice} is not a choice of a CPU")

    def send_ipi(self, cpu: int) -> None:
        """An inter-processor interrupt is sent to a CPU."""
        if self.states[cpu].ipi_sent is None:
            self.states[cpu].ipi_sent = self.clock

    def _read(self, cpu: int, n: int) -> list[Event]:
        n = min(n, self.readable(cpu))
        if n == 0:
            return []
        state = self.states[cpu]
        data = self.next_bytes(cpu)[len(state.reading) : len(state.reading) + n]
        address = self.cpus[cpu].rip + len(state.reading)
        state.reading += data
        return [PieceRead(cpu=cpu, address=address, data=data)]

    def _resolve(self, cpu: int, address: int | None) -> list[Event]:
        if address is None:
            count = self.code.views[cpu].resolve_all()
            return [Serialized(cpu=cpu, count=count)] if count else []
        shift = self.code.model.cell_shift or 0
        size = 1 << shift
        start = address >> shift << shift
        old = self.code.view_read(cpu, start, size)
        if not self.code.resolve(cpu, start):
            return []
        new = self.code.view_read(cpu, start, size)
        differ = [i for i in range(size) if old[i] != new[i]]
        if not differ:
            return []
        low, high = differ[0], differ[-1] + 1
        return [Resolved(cpu=cpu, address=start + low, old=old[low:high], new=new[low:high])]

    def begin(self, choice: Run) -> list[Event]:
        """Open a choice: a due interrupt is delivered. Then `advance`, in any number of pieces.

        Where an interrupt waits that the CPU cannot take yet, the choice is cut to what `limit` allows, or is watched.
        """
        cpu, state, interrupts = choice.cpu, self.states[choice.cpu], self.interrupts
        events: list[Event] = []
        for opened in self._opened:
            opened(cpu)
        waits = interrupts.waits(cpu, state, self.clock)
        vector = interrupts.deliverable(cpu, state, self.clock) if waits else None
        if vector is not None:
            events, reason = interrupts.take(cpu, vector, state, self.clock)
            if reason:
                self.halt(reason)
            vector, waits = self._due(cpu)
        if waits and choice.n > 1 and (limit := self._limit(cpu, waits, vector is not None)) < choice.n:
            choice = Run(cpu, limit)
        data = self.next_bytes(cpu) if choice.n == 1 else b""
        rip = self.cpus[cpu].rip
        watched = waits and vector is None and choice.n > 1 and not self.code.views[cpu].pending
        self.open = OpenRun(choice, 0, self._platform.halted(cpu, rip), rip, data, None, watched)
        return events

    def advance(self, n: int, breakpoints: frozenset[int] = frozenset()) -> list[Event]:
        """Run up to n more instructions of the open choice; stops before an instruction at one of the breakpoints.

        Where the CPU has pending bytes it moves from one point of interest to the next (`_stride`); an exception,
        HLT or a halt of the machine ends the choice.
        """
        run = self.open
        if run is None:
            raise OurError("no choice is open")
        cpu, engine = run.choice.cpu, self.cpus[run.choice.cpu]
        events: list[Event] = []
        rest = run.choice.n - run.done
        left = n if n < rest else rest
        while left > 0 and not run.ended:
            last = run.watched and not self.changing.starts and ends_straight_code(self.next_bytes(cpu))
            stride = 1 if last else self._stride(run, left, bool(breakpoints))
            fault, ran = self._execute(run, stride, breakpoints, events)
            if fault is not None:
                self._fault(run, fault, events)
            run.ended = fault is not None or engine.hlt or self._platform.halted(cpu, engine.rip)
            run.done += ran
            if run.watched and ran and not run.ended and (last or self._alone(cpu)):
                run.choice, run.ended = Run(cpu, run.done), True
            left = 0 if engine.rip in breakpoints else left - ran
        if run.ended:
            run.done = run.choice.n
        return events

    def finish(self) -> list[Event]:
        """Close the open choice: observers look at what it did, and the clock advances by its n."""
        run = self.open
        if run is None:
            raise OurError("no choice is open")
        events: list[Event] = []
        for closed in self._closed:
            if found := closed(run):
                events += found
        self.clock += run.choice.n
        self.open = None
        return events

    def halt(self, reason: str) -> None:
        """Nothing moves any more; the first reason stands."""
        self.halt_reason = self.halt_reason or reason

    def _stride(self, run: OpenRun, left: int, breakpoints: bool) -> int:
        """How many of the instructions left may run in one go: none of them needs a look of its own."""
        if left == 1:
            return 1
        cpu = run.choice.cpu
        limit = self._observed_limit(cpu)
        stride = limit if limit < left else left
        if self.code.views[cpu].pending or (run.watched and (breakpoints or not self.cpus[cpu].runs_straight())):
            return min(stride, self._straight(cpu))
        return stride

    def _fault(self, run: OpenRun, fault: Fault, events: list[Event]) -> None:
        engine = self.cpus[run.choice.cpu]
        run.trap = Trap(fault.vector, engine.rip - (fault.vector == VECTOR_BP), engine.rsp)
        taken, reason = self.interrupts.fault(run.choice.cpu, fault)
        events += taken
        self.halt(reason)

    def _execute(
        self, run: OpenRun, n: int, breakpoints: frozenset[int], events: list[Event]
    ) -> tuple[Fault | None, int]:
        """Run n instructions on a CPU that is not halted: the exception that ended them, and how many ran."""
        cpu, engine = run.choice.cpu, self.cpus[run.choice.cpu]
        view, state = self.code.views[cpu], self.states[cpu]
        data = self.next_bytes(cpu) if n == 1 and view.pending else b""
        if view.dirty:
            self._drop_changed(cpu)
        if state.reading:
            return self._run_reading(cpu, state), 1
        if breakpoints and n > 1:
            fault, ran = engine.run_watched(n, breakpoints)
        elif run.watched and n > 1 and engine.runs_straight():
            fault, ran = engine.run_straight(n)
            if not ran and fault is None:  # straight code ends in the block that comes next
                ran = min(n, self._straight(cpu))
                fault = engine.run(ran)
        else:
            fault, ran = engine.run(n), n
        if data and fault is None and serializing(data):
            events.append(Serialized(cpu=cpu, count=view.resolve_all()))
        return fault, ran

    def _drop_changed(self, cpu: int) -> None:
        """Translations of changed code go before the CPU runs again: Unicorn would run the old bytes."""
        dirty, engine = self.code.views[cpu].dirty, self.cpus[cpu]
        for low, high in dirty:
            for first, last in self.code.map.ranges(low, high):
                engine.drop(first, last)
        dirty.clear()

    def _run_reading(self, cpu: int, state: CpuState) -> Fault | None:
        """Model `pieces`: the instruction runs from the bytes read before and memory's for the rest."""
        engine, rip, reading = self.cpus[cpu], self.cpus[cpu].rip, state.reading
        offset, code = self.code.map.offset(rip), self.code.views[cpu].code
        kept = code[offset : offset + len(reading)].copy()
        code[offset : offset + len(reading)] = np.frombuffer(reading, dtype=np.uint8)
        engine.drop(rip, rip + MAX_INSTRUCTION)
        fault = engine.run(1)
        code[offset : offset + len(reading)] = kept
        engine.drop(rip, rip + MAX_INSTRUCTION)
        state.reading = b""
        return fault

    # --- state ----------------------------------------------------------------------------------------------

    def state(self) -> MachineState:
        """A copy of all that memory, code and registers do not tell."""
        watching = tuple([one.state() for one in self.observers])
        return MachineState(self.clock, tuple(map(copy, self.states)), self.halt_reason, watching, copy(self.open))

    def restore(self, state: MachineState) -> None:
        """Put such a copy back."""
        self.clock, self.halt_reason = state.clock, state.halt_reason
        self.states = [copy(one) for one in state.cpus]
        self.open = copy(state.open)
        for observer, watching in zip(self.observers, state.observers, strict=True):
            observer.restore(watching)
