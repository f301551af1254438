"""N CPUs on one memory, and the hardware between them: the one place where a step happens.

`Machine.step` carries out a choice of a CPU: instructions run, an interrupt or an exception is delivered through the
guest's own IDT, bytes of code are read or settled. Between choices, and only there, interrupts come. What a CPU does
is guest code; this file is what hardware does around it (Intel SDM vol. 3, chapter 6).

`Simplified:` all code runs in ring 0; an NMI is held back while a CPU is on its NMI stack (hardware: until IRET).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simkernel import disasm, layout
from simkernel.cpu import (
    RFLAGS_IF,
    RFLAGS_NT,
    RFLAGS_RF,
    RFLAGS_TF,
    Cpu,
    Fault,
    Mapping,
    is_iret,
    nondeterministic,
    serializing,
)
from simkernel.errors import GuestError, OurError
from simkernel.events import (
    Event,
    ExceptionTaken,
    Int3Done,
    Int3Taken,
    InterruptTaken,
    Oopsed,
    Parked,
    PieceRead,
    Serialized,
    Settled,
    SiteRan,
    Switched,
    SyncAnswered,
    TraceWritten,
)
from simkernel.fetch import CodeMap, CodeMemory, FetchModel
from simkernel.image import KernelImage
from simkernel.memory import GuestMemory, new_buffer
from simkernel.paths import StraightPaths
from simkernel.schedule import QUANTUM, Choice, Nmi, Read, Run, Settle

ERROR_CODE_VECTORS = frozenset((8, 10, 11, 12, 13, 14, 17))
INTERRUPT_GATE, TRAP_GATE = 0xE, 0xF
MAX_INSTRUCTION = 15
TICK_PERIOD = 20_000  # instructions of the machine's clock, for each CPU


@dataclass(frozen=True, slots=True)
class Lane:
    """What the hardware remembers of a CPU besides its registers. Clocks are in instructions, None: not pending."""

    ipi_sent: int | None = None
    nmi_sent: int | None = None
    ticks_seen: int = 0
    reading: bytes = b""  # model `pieces`: the bytes read so far of the next instruction
    int3s: tuple[tuple[int, int], ...] = ()  # handlers under way: (address, RSP at the int3), outermost first
    sync_asked: bool = False
    park_asked: bool = False
    task: int = 0
    ring_head: int = 0


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A choice that is being carried out: how far, whether it came to an early end, and where it began.

    `data` holds the bytes of the instruction where the choice is of one instruction, else nothing.
    """

    choice: Run
    done: int
    ended: bool
    rip: int
    data: bytes


@dataclass(frozen=True, slots=True)
class MachineState:
    """The hardware's own part of the state; memory, code and registers are kept beside it."""

    clock: int
    lanes: tuple[Lane, ...]
    focus: tuple[int, ...]
    torn: bool
    outcome: str
    open: OpenRun | None = None


@dataclass(frozen=True, slots=True)
class _Gate:
    handler: int
    type: int
    ist: int


class Machine:
    """1 to 8 CPUs that run a kernel image; everything that moves is a choice (`schedule.py`)."""

    def __init__(self, image: KernelImage, cpus: int, model: FetchModel, tick_period: int = TICK_PERIOD) -> None:
        """Args: image: the kernel; cpus: 1 to 8; model: what a CPU may run; tick_period: in instructions, 0: none."""
        self.image = image
        self.tick_period = tick_period
        code, data = image_regions(image)
        code_map = CodeMap(code)
        self.memory = GuestMemory([*data, (layout.BSS_BASE, bss_size(image))])
        buffers = [new_buffer(code_map.size) for _ in range(cpus + 1)]
        for segment in image.segments:
            if segment.executable:
                start = code_map.offset(segment.base)
                loaded = np.frombuffer(segment.data, dtype=np.uint8)
                for buffer in buffers:
                    buffer[start : start + len(loaded)] = loaded
            else:
                self.memory.write(segment.base, bytes(segment.data))
        self.code = CodeMemory(model, code_map, buffers[0], buffers[1:])
        shared = [Mapping(region.base, region.buffer, code=False) for region in self.memory.regions]
        self.cpus = [
            Cpu(
                number,
                [Mapping(r.base, own[r.start : r.start + r.size], code=True) for r in code_map.regions] + shared,
            )
            for number, own in enumerate(buffers[1:])
        ]
        self.paths = StraightPaths(image)
        self.clock = 0
        self.lanes = [Lane() for _ in self.cpus]
        self.focus: frozenset[int] = frozenset()
        self.torn = False  # memory holds a site that is neither old, nor int3, nor new
        self.open: OpenRun | None = None
        self.outcome = ""  # why the machine stands still for good: "" while it does not
        self._find_landmarks()
        self._power_on()

    def _find_landmarks(self) -> None:
        self._hlt_resume = frozenset(s.address for s in self.image.symbols if s.name.startswith("hlt_resume"))
        self._oops_word = self.image.address("oops_in_progress")

    def _power_on(self) -> None:
        self.memory.write_u64(self.image.address("nr_cpu_ids"), len(self.cpus))
        for cpu in self.cpus:
            cpu.reset(rip=self.image.address("startup_64"), rdi=cpu.number, eflags=2)

    # --- what one may ask -----------------------------------------------------------------------------------

    def percpu(self, cpu: int, offset: int) -> int:
        """The word at `offset` of a CPU's per-CPU area."""
        return self.memory.read_u64(layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + offset)

    def set_percpu(self, cpu: int, offset: int, value: int) -> None:
        self.memory.write_u64(layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + offset, value)

    def text_read(self, address: int, size: int) -> bytes:
        """What memory holds at an address of code."""
        return self.code.read(address, size)

    def text_sites(self, sites: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The five bytes in memory at each of the sites: shape (n, 5)."""
        offsets = self.code.map.offsets(sites)
        return self.code.memory[offsets[:, None] + np.arange(5)]

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
        if lane.ipi_sent is not None or lane.nmi_sent is not None or self.code.views[cpu].unsettled:
            return self.paths.length(rip)
        if self.tick_due(cpu):
            return self.paths.length(rip)
        return QUANTUM

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
        self.lanes[cpu] = replace(self.lanes[cpu], **fields)

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
        """Open a choice: the clock word is set, a due interrupt delivered. Then `advance`, in as many pieces as one likes.

        A choice that gives the CPU more than `limit` allows after that is cut to the limit.
        """
        cpu = choice.cpu
        events: list[Event] = []
        self.set_percpu(cpu, layout.PCPU_CLOCK, self.clock)
        self._interrupt_if_due(cpu, events)
        if choice.n > (limit := self.limit(cpu)):
            choice = Run(cpu, limit)
        single = choice.n == 1
        data = self.next_bytes(cpu) if single else b""
        self.open = OpenRun(choice, 0, self.halted(cpu), self.cpus[cpu].rip, data)
        return events

    def advance(self, n: int, breakpoints: frozenset[int] = frozenset()) -> list[Event]:
        """Run up to n more instructions of the open choice; stops before an instruction at one of the breakpoints."""
        run = self.open
        if run is None:
            raise OurError("no choice is open")
        n = min(n, run.choice.n - run.done)
        if run.ended or n <= 0:
            self.open = replace(run, done=run.done + max(n, 0))
            return []
        events: list[Event] = []
        cpu = run.choice.cpu
        self._drop_changed(cpu)
        fault: Fault | None
        if run.data and nondeterministic(run.data):
            fault = Fault(layout.VECTOR_UD)
        elif self.lanes[cpu].reading:
            fault = self._run_reading(cpu, run.data)
        elif breakpoints:
            fault, n = self.cpus[cpu].run_watched(n, breakpoints)
        else:
            fault = self.cpus[cpu].run(n)
        if run.data:
            self._note_single(run, fault, events)
        if fault is not None:
            self._exception(cpu, fault, events)
        ended = fault is not None or self.halted(cpu)
        self.open = replace(run, done=run.done + n, ended=ended)
        return events

    def finish(self) -> list[Event]:
        """Close the open choice: what it did to the guest's words is noted, and the clock advances by its n."""
        run = self.open
        if run is None:
            raise OurError("no choice is open")
        events: list[Event] = []
        cpu = run.choice.cpu
        if not run.data and self.lanes[cpu].int3s:
            rsp = self.cpus[cpu].rsp
            kept = tuple(one for one in self.lanes[cpu].int3s if one[1] - 0x400 < rsp < one[1] - 8)
            self._change(cpu, int3s=kept)
        self._observe(cpu, events)
        self.clock += run.choice.n
        self.open = None
        return events

    def _note_single(self, run: OpenRun, fault: Fault | None, events: list[Event]) -> None:
        """What one sees of a CPU that moves by one instruction: it ran a site, it serialized, its handler ended."""
        cpu = run.choice.cpu
        if run.rip in self.focus:
            events.append(SiteRan(cpu=cpu, site=run.rip, data=run.data[:5]))
        if fault is not None or not serializing(run.data):
            return
        if cells := self.code.views[cpu].settle_all():
            events.append(Serialized(cpu=cpu, cells=cells))
        int3s = self.lanes[cpu].int3s
        if int3s and is_iret(run.data) and abs(self.cpus[cpu].rsp - int3s[-1][1]) <= 8:
            events.append(Int3Done(cpu=cpu, address=int3s[-1][0], resume=self.cpus[cpu].rip))
            self._change(cpu, int3s=int3s[:-1])

    def _drop_changed(self, cpu: int) -> None:
        """Translations of changed code go before the CPU runs again: Unicorn would run the old bytes."""
        dirty = self.code.views[cpu].dirty
        if dirty:
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
        self._deliver(cpu, vector, None, rip)
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
        self._deliver(cpu, fault.vector, fault.error, rip)

    def _gate(self, cpu: int, vector: int) -> _Gate | None:
        """The guest's gate for a vector; None where it is not there (SDM vol. 3, figure 6-8)."""
        base, limit = self.cpus[cpu].idt()
        if vector * 16 + 15 > limit:
            return None
        low, high = (self.memory.read_u64(base + vector * 16 + at) for at in (0, 8))
        if not low >> 47 & 1:
            return None
        handler = low & 0xFFFF | low >> 32 & 0xFFFF0000 | (high & 0xFFFF_FFFF) << 32
        return _Gate(handler, low >> 40 & 0xF, low >> 32 & 7)

    def _deliver(self, cpu: int, vector: int, error: int | None, rip: int) -> None:
        """Push the frame, enter the handler (SDM vol. 3, 6.12 and 6.14); no gate: #GP; none for that: triple fault."""
        engine = self.cpus[cpu]
        gate = self._gate(cpu, vector)
        if gate is None:
            if vector in (layout.VECTOR_GP, layout.VECTOR_DF):
                self.outcome = f"triple fault on CPU{cpu} at {rip:#x}"
                return
            self._deliver(cpu, layout.VECTOR_GP, vector * 8 + 2, rip)
            return
        stack = engine.rsp
        if gate.ist:
            stack = self.memory.read_u64(engine.task_register() + 0x24 + 8 * (gate.ist - 1))
        frame = [rip, layout.KERNEL_CS, engine.flags, engine.rsp, layout.KERNEL_DS]
        if vector in ERROR_CODE_VECTORS:
            frame.insert(0, error or 0)
        stack = (stack & ~0xF) - 8 * len(frame)
        try:
            self.memory.write(stack, b"".join(word.to_bytes(8, "little") for word in frame))
        except GuestError:
            if vector == layout.VECTOR_DF:
                self.outcome = f"triple fault on CPU{cpu} at {rip:#x}"
            else:
                self._deliver(cpu, layout.VECTOR_DF, 0, rip)
            return
        flags = engine.flags & ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF)
        if gate.type == INTERRUPT_GATE:
            flags &= ~RFLAGS_IF
        engine.transfer(gate.handler, stack, flags)

    # --- what the guest did, seen from its memory -------------------------------------------------------------

    def _observe(self, cpu: int, events: list[Event]) -> None:
        lane = self.lanes[cpu]
        if lane.sync_asked and self.percpu(cpu, layout.PCPU_CSD) == 0:
            self._change(cpu, sync_asked=False)
            waiting = tuple(i for i, other in enumerate(self.lanes) if other.sync_asked)
            events.append(SyncAnswered(cpu=cpu, waiting_for=waiting))
        if lane.park_asked and self.percpu(cpu, layout.PCPU_STOP) == 2:
            self._change(cpu, park_asked=False)
            waiting = tuple(i for i, other in enumerate(self.lanes) if other.park_asked)
            events.append(Parked(cpu=cpu, waiting_for=waiting))
        task = self.percpu(cpu, layout.PCPU_CURRENT)
        if task != lane.task:
            pids = [self.memory.read_u32(t + layout.TASK_PID) if t else 0 for t in (lane.task, task)]
            self._change(cpu, task=task)
            events.append(Switched(cpu=cpu, previous=pids[0], next=pids[1]))
        if self.percpu(cpu, layout.PCPU_RING_HEAD) != lane.ring_head:
            self._observe_ring(cpu, events)
        if self.memory.read_u64(self._oops_word) and not self.outcome:
            address = 0
            regs = self.percpu(cpu, layout.PCPU_OOPS_REGS)
            if self.memory.holds(regs, layout.FRAME_SIZE):
                address = self.memory.read_u64(regs + layout.PT_RIP)
            vector = self.percpu(cpu, layout.PCPU_OOPS_VECTOR)
            self.outcome = f"oops on CPU{cpu}"
            events.append(Oopsed(cpu=cpu, vector=vector, address=address))

    def _observe_ring(self, cpu: int, events: list[Event]) -> None:
        """Records finished since last time; one still being written waits for the next look."""
        head = self.percpu(cpu, layout.PCPU_RING_HEAD)
        first = self.lanes[cpu].ring_head
        if head < first:
            first = 0  # the buffer was reset
        for index in range(max(first, head - layout.RING_ENTRIES), head):
            slot = layout.RING_BASE + cpu * layout.RING_STRIDE + index % layout.RING_ENTRIES * layout.RING_ENTRY_SIZE
            if not self.memory.read_u32(slot + layout.REC_FLAGS) & layout.REC_VALID:
                head = index
                break
            ip, parent = (self.memory.read_u64(slot + at) for at in (layout.REC_IP, layout.REC_PARENT))
            pid = self.memory.read_u32(slot + layout.REC_PID)
            events.append(TraceWritten(cpu=cpu, index=index, ip=ip, parent_ip=parent, pid=pid))
        self._change(cpu, ring_head=head)

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


def image_regions(image: KernelImage) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(code regions, data regions) of an image as (base, size), the trampolines' region among the code."""
    code: list[tuple[int, int]] = [(layout.TRAMP_BASE, layout.TRAMP_SIZE)]
    data: list[tuple[int, int]] = []
    for segment in image.segments:
        size = -(-len(segment.data) // layout.PAGE_SIZE) * layout.PAGE_SIZE
        (code if segment.executable else data).append((segment.base, size))
    return sorted(code), sorted(data)


def bss_size(image: KernelImage) -> int:
    """Bytes from BSS_BASE: the fixed structures, then records and hashes for as many sites as the image has."""
    sites = len(image.mcount_loc)
    records = layout.DYN_FTRACE_BASE - layout.BSS_BASE + sites * layout.DYN_FTRACE_SIZE
    return records + hash_arena_size(sites) + layout.PAGE_SIZE


def hash_arena_size(sites: int) -> int:
    """Bytes for ftrace hashes: room for 16 full ones of a small kernel, four of a large one."""
    return max(0x4_0000, 4 * (8 * sites + 16))
