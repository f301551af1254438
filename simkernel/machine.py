"""N CPUs on one memory, and the hardware between them: the one place where a step happens.

`Machine.step` carries out a choice of a CPU: instructions run, an interrupt or an exception is delivered through the
guest's own IDT, bytes of code are read or settled. Between choices, and only there, interrupts come. What a CPU does
is guest code; this file is what hardware does around it (Intel SDM vol. 3, chapter 6).

`Simplified:` all code runs in ring 0; an NMI is held back while a CPU is on its NMI stack (hardware: until IRET).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from simkernel import disasm, insn, layout
from simkernel.cpu import (
    RFLAGS_IF,
    Fault,
    is_iret,
    nondeterministic,
    serializing,
)
from simkernel.errors import GuestError, OurError
from simkernel.events import (
    Event,
    ExceptionTaken,
    Int3Claimed,
    Int3Done,
    Int3Taken,
    InterruptTaken,
    PieceRead,
    Serialized,
    Settled,
    SiteRan,
)
from simkernel.exceptions import deliver
from simkernel.fetch import FetchModel
from simkernel.image import KernelImage
from simkernel.lane import Lane, MachineState, OpenRun, look, oops, percpu
from simkernel.loader import load
from simkernel.paths import StraightPaths
from simkernel.schedule import QUANTUM, Choice, Nmi, Read, Run, Settle

MAX_INSTRUCTION = 15
TICK_PERIOD = 20_000  # instructions of the machine's clock, for each CPU


class Machine:
    """1 to 8 CPUs that run a kernel image; everything that moves is a choice (`schedule.py`)."""

    def __init__(self, image: KernelImage, cpus: int, model: FetchModel, tick_period: int = TICK_PERIOD) -> None:
        """Args: image: the kernel; cpus: 1 to 8; model: what a CPU may run; tick_period: in instructions, 0: none."""
        self.image = image
        self.tick_period = tick_period
        self.memory, self.code, self.cpus = load(image, cpus, model)
        self.paths = StraightPaths(image)
        self.clock = 0
        self.lanes = [Lane() for _ in self.cpus]
        self.focus: frozenset[int] = frozenset()
        self.torn = False  # memory holds a site that is neither old, nor int3, nor new
        self.open: OpenRun | None = None
        self.outcome = ""  # why the machine stands still for good: "" while it does not
        self._hlt_resume = frozenset(s.address for s in image.symbols if s.name.startswith("hlt_resume"))
        self._oops_word = image.address("oops_in_progress")
        self._claimed = image.address("poke_int3_found")

    # --- what one may ask -----------------------------------------------------------------------------------

    def percpu(self, cpu: int, offset: int) -> int:
        """The word at `offset` of a CPU's per-CPU area."""
        return self.memory.read_u64(percpu(cpu, offset))

    def set_percpu(self, cpu: int, offset: int, value: int) -> None:
        self.memory.write_u64(percpu(cpu, offset), value)

    def text_read(self, address: int, size: int) -> bytes:
        """What memory holds at an address of code."""
        return self.code.read(address, size)

    def text_sites(self, sites: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
        """The five bytes in memory at each of the sites: shape (n, 5)."""
        offsets = self.code.map.offsets(sites)
        found: npt.NDArray[np.uint8] = self.code.memory[offsets[:, None] + np.arange(5)]
        return found

    def write_code(self, address: int, data: bytes, fresh: bool) -> None:
        """Store bytes to code; `fresh`: no CPU has ever fetched there, so each runs them at once."""
        addresses = np.uint64(address) + np.arange(len(data), dtype=np.uint64)
        self.code.store(addresses, np.frombuffer(data, dtype=np.uint8), fresh)

    def write_sites(self, sites: npt.NDArray[np.uint64], values: npt.NDArray[np.uint8]) -> None:
        """Boot's plain writes of five bytes at each site (n, 5), while one CPU runs, which serializes itself."""
        columns: npt.NDArray[np.uint64] = np.arange(5, dtype=np.uint64)
        addresses = (sites[:, None] + columns).ravel()
        self.code.store(addresses, np.ascontiguousarray(values).ravel(), fresh=True)

    def view_read(self, cpu: int, address: int, size: int) -> bytes:
        """The bytes that a CPU runs at an address if nothing settles first; shorter at the end of a region."""
        size = min(size, self.code.map.room(address))
        if size <= 0:
            return b""
        offset = self.code.map.offset(address)
        return self.code.views[cpu].code[offset : offset + size].tobytes()

    def halted(self, cpu: int) -> bool:
        """True from an HLT until an interrupt (the guest's PCPU_HLT word tells HLT from an IRET to the same place)."""
        return self.cpus[cpu].rip in self._hlt_resume and self.percpu(cpu, layout.PCPU_HLT) == 1

    def asleep(self, cpu: int) -> bool:
        """True where the CPU is halted and nothing waits that would wake it."""
        return self.halted(cpu) and self.deliverable(cpu) is None

    def interrupts_on(self, cpu: int) -> bool:
        return bool(self.cpus[cpu].flags & RFLAGS_IF)

    def on_nmi_stack(self, cpu: int) -> bool:
        top = layout.IRQ_STACKS + cpu * layout.IRQ_STACK_STRIDE + 2 * layout.PAGE_SIZE
        return top - layout.PAGE_SIZE < self.cpus[cpu].rsp <= top

    def tick_due(self, cpu: int) -> bool:
        if not self.tick_period or not self.percpu(cpu, layout.PCPU_ONLINE):
            return False
        return self.clock // self.tick_period > self.lanes[cpu].ticks_seen

    def limit(self, cpu: int) -> int:
        """How many instructions a choice may give this CPU now.

        All of a quantum where nothing can come between; else as far as straight code leads that touches no site and
        cannot change what may come: so IRET, CPUID and the first instruction with interrupts on are seen one by one.
        """
        lane = self.lanes[cpu]
        if self.halted(cpu):
            return QUANTUM
        rip = self.cpus[cpu].rip
        if lane.reading or self.torn or not self.paths.is_start(rip):
            return 1
        if self._interrupt_waits(cpu):
            return QUANTUM if self.deliverable(cpu) is not None else self.paths.length(rip)
        return self.paths.length(rip) if self.code.views[cpu].unsettled else QUANTUM

    def _interrupt_waits(self, cpu: int) -> bool:
        lane = self.lanes[cpu]
        return lane.ipi_sent is not None or lane.nmi_sent is not None or self.tick_due(cpu)

    def next_bytes(self, cpu: int) -> bytes:
        """The bytes that the CPU's next instruction would be made of, up to 15."""
        rip = self.cpus[cpu].rip
        data = self.view_read(cpu, rip, MAX_INSTRUCTION)
        reading = self.lanes[cpu].reading
        return reading + data[len(reading) :]

    def readable(self, cpu: int) -> int:
        """Model `pieces`: how many bytes of its next instruction the CPU may still read before it runs it."""
        rip = self.cpus[cpu].rip
        if self.code.model is not FetchModel.PIECES or not any(0 <= rip - site < 5 for site in self._near(rip)):
            return 0
        if self.halted(cpu):
            return 0
        length = disasm.length(self.next_bytes(cpu), rip)
        return max(0, length - len(self.lanes[cpu].reading))

    def _near(self, rip: int) -> Iterator[int]:
        return (rip - k for k in range(5) if rip - k in self.focus)

    def unsettled_at_rip(self, cpu: int) -> Sequence[int]:
        if not self.code.views[cpu].unsettled:
            return ()
        return self.code.unsettled_cells(cpu, self.cpus[cpu].rip, 5)

    # --- a step ---------------------------------------------------------------------------------------------

    def step(self, choice: Choice) -> list[Event]:
        """Carry out a choice of a CPU; the events, in order. Nothing moves once there is an outcome."""
        if self.outcome:
            raise GuestError(f"the machine stands still: {self.outcome}")
        match choice:
            case Run(cpu=cpu, n=n):
                return self._run(cpu, n)
            case Read(cpu=cpu, n=n):
                return self._read(cpu, n)
            case Settle(cpu=cpu, address=address):
                return self._settle(cpu, address)
            case Nmi(cpu=cpu):
                self._change(cpu, nmi_sent=self.clock)
                return []
            case _:
                raise GuestError(f"{choice} is not a choice of a CPU")

    def _change(self, cpu: int, **fields: Any) -> None:
        self.lanes[cpu] = self.lanes[cpu]._replace(**fields)

    def _read(self, cpu: int, n: int) -> list[Event]:
        n = min(n, self.readable(cpu))
        if n == 0:
            return []
        lane = self.lanes[cpu]
        data = self.next_bytes(cpu)[len(lane.reading) : len(lane.reading) + n]
        address = self.cpus[cpu].rip + len(lane.reading)
        self._change(cpu, reading=lane.reading + data)
        return [PieceRead(cpu=cpu, address=address, data=data)]

    def _settle(self, cpu: int, address: int | None) -> list[Event]:
        if address is None:
            cells = self.code.views[cpu].settle_all()
            return [Serialized(cpu=cpu, cells=cells)] if cells else []
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

    def _run(self, cpu: int, n: int) -> list[Event]:
        events = self.begin(Run(cpu, n))
        events += self.advance(n)
        return events + self.finish()

    def begin(self, choice: Run) -> list[Event]:
        """Open a choice: the clock word is set, a due interrupt delivered. Then `advance`, in any number of pieces.

        Where an interrupt waits that the CPU cannot take yet, the choice is cut to what `limit` allows.
        """
        cpu = choice.cpu
        events: list[Event] = []
        self.set_percpu(cpu, layout.PCPU_CLOCK, self.clock)
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
        cpu, events = run.choice.cpu, list[Event]()
        left = min(n, run.choice.n - run.done)
        done, ended = run.done, run.ended
        while left > 0 and not ended:
            stride = min(left, self._stride(cpu))
            fault, ran = self._execute(cpu, stride, breakpoints, events)
            if fault is not None:
                self._exception(cpu, fault, events)
            ended = fault is not None or self.halted(cpu)
            done += ran
            left = 0 if ran < stride else left - ran
        self.open = run._replace(done=run.choice.n if ended else done, ended=ended)
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
            rsp = self.cpus[cpu].rsp
            kept = tuple(one for one in self.lanes[cpu].int3s if one[1] - 0x400 < rsp < one[1] - 8)
            self._change(cpu, int3s=kept)
        self.lanes[cpu], seen = look(self.memory, self.lanes, cpu)
        events += seen
        if self.memory.read_u64(self._oops_word) and not self.outcome:
            self.outcome = f"oops on CPU{cpu}"
            events.append(oops(self.memory, cpu))
        self.clock += run.choice.n
        self.open = None
        return events

    def _stride(self, cpu: int) -> int:
        """How far the CPU may run in one go: nothing that it meets on the way needs a look of its own."""
        rip = self.cpus[cpu].rip
        if self.torn or self.lanes[cpu].reading or not self.paths.is_start(rip):
            return 1
        return self.paths.length(rip) if self.code.views[cpu].unsettled else QUANTUM

    def _execute(self, cpu: int, n: int, breakpoints: frozenset[int], events: list[Event]) -> tuple[Fault | None, int]:
        """Run n instructions on a CPU that is not halted: the exception that ended them, and how many ran."""
        data = self.next_bytes(cpu) if n == 1 else b""
        if data and nondeterministic(data):
            return Fault(layout.VECTOR_UD), 1
        if self.code.views[cpu].dirty:
            self._drop_changed(cpu)
        if self.lanes[cpu].reading:
            return self._run_reading(cpu, data), 1
        if breakpoints:
            fault, ran = self.cpus[cpu].run_watched(n, breakpoints)
        else:
            fault, ran = self.cpus[cpu].run(n), n
        if data and fault is None and self.code.views[cpu].unsettled and serializing(data):
            events.append(Serialized(cpu=cpu, cells=self.code.views[cpu].settle_all()))
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
            self._change(cpu, int3s=int3s[:-1])

    def _drop_changed(self, cpu: int) -> None:
        """Translations of changed code go before the CPU runs again: Unicorn would run the old bytes."""
        dirty = self.code.views[cpu].dirty
        for low, high in dirty:
            for region in self.code.map.regions:
                first, last = max(low, region.start), min(high, region.start + region.size)
                if first < last:
                    shift = region.base - region.start
                    self.cpus[cpu].drop(first + shift, last + shift)
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
        self._change(cpu, reading=b"")
        return fault

    # --- interrupts and exceptions --------------------------------------------------------------------------

    def send_ipi(self, cpu: int) -> None:
        """The sync IPI (CALL_FUNCTION_VECTOR) is sent to a CPU."""
        if self.lanes[cpu].ipi_sent is None:
            self._change(cpu, ipi_sent=self.clock)

    def ask_sync(self, cpu: int) -> None:
        """The IPI that asks for do_sync_core; its answer is noted when the guest clears PCPU_CSD."""
        self._change(cpu, sync_asked=True)
        self.send_ipi(cpu)

    def ask_all_to_sync(self) -> None:
        """on_each_cpu(do_sync_core): the word of each CPU is set, then its IPI sent."""
        for cpu in range(len(self.cpus)):
            self.set_percpu(cpu, layout.PCPU_CSD, 1)
            self.ask_sync(cpu)

    def ask_park(self, cpu: int) -> None:
        """The IPI of stop_machine; noted as parked when the guest says so in PCPU_STOP."""
        self._change(cpu, park_asked=True)
        self.send_ipi(cpu)

    def deliverable(self, cpu: int) -> int | None:
        """The vector that this CPU would take now, between two instructions: NMI, sync IPI, tick; else None."""
        lane = self.lanes[cpu]
        if lane.reading:
            return None
        if lane.nmi_sent is not None and not self.on_nmi_stack(cpu) and self.percpu(cpu, layout.PCPU_ONLINE):
            return layout.VECTOR_NMI
        if lane.ipi_sent is None and not self.tick_due(cpu):
            return None
        if not self.interrupts_on(cpu) or self.cpus[cpu].rip in self.paths.after_sti:
            return None
        return layout.VECTOR_CALL_FUNCTION if lane.ipi_sent is not None else layout.VECTOR_TIMER

    def _interrupt_if_due(self, cpu: int, events: list[Event]) -> None:
        vector = self.deliverable(cpu)
        if vector is None:
            return
        lane = self.lanes[cpu]
        sent = self.clock
        if vector == layout.VECTOR_NMI:
            sent = lane.nmi_sent or 0
            self._change(cpu, nmi_sent=None)
        elif vector == layout.VECTOR_CALL_FUNCTION:
            sent = lane.ipi_sent or 0
            self._change(cpu, ipi_sent=None)
        else:
            sent = self.clock // self.tick_period * self.tick_period
            self._change(cpu, ticks_seen=self.clock // self.tick_period)
        rip = self.cpus[cpu].rip
        self._enter(cpu, vector, None)
        events.append(InterruptTaken(cpu=cpu, vector=vector, address=rip, waited=self.clock - sent))

    def _exception(self, cpu: int, fault: Fault, events: list[Event]) -> None:
        engine = self.cpus[cpu]
        rip = engine.rip
        if fault.vector == layout.VECTOR_PF:
            engine.set_cr2(fault.cr2)
        if fault.vector == layout.VECTOR_BP:
            self._change(cpu, int3s=(*self.lanes[cpu].int3s, (rip - 1, engine.rsp)))
            events.append(Int3Taken(cpu=cpu, address=rip - 1))
        else:
            events.append(
                ExceptionTaken(cpu=cpu, vector=fault.vector, error=fault.error or 0, address=rip, cr2=fault.cr2)
            )
        self._enter(cpu, fault.vector, fault.error)

    def _enter(self, cpu: int, vector: int, error: int | None) -> None:
        if not deliver(self.memory, self.cpus[cpu], vector, error):
            self.outcome = f"triple fault on CPU{cpu} at {self.cpus[cpu].rip:#x}"

    # --- state ----------------------------------------------------------------------------------------------

    def state(self) -> MachineState:
        return MachineState(
            self.clock, tuple(self.lanes), tuple(sorted(self.focus)), self.torn, self.outcome, self.open
        )

    def restore(self, state: MachineState) -> None:
        self.clock, self.torn, self.outcome = state.clock, state.torn, state.outcome
        self.lanes = list(state.lanes)
        self.open = state.open
        self.focus = frozenset(state.focus)
