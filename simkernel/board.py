"""The board that the CPUs sit on: N CPUs, one memory, and the interrupts on their way between them.

Nothing here runs an instruction: that is `machine.py`. This is what can be seen between two steps, who may run how
far before something must be looked at, and how a CPU enters a handler through the guest's own IDT (Intel SDM vol. 3,
chapter 6).

`Simplified:` all code runs in ring 0; an NMI is held back while a CPU is on its NMI stack (hardware: until IRET).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from copy import copy

import numpy as np
import numpy.typing as npt

from simkernel import disasm
from simkernel.events import Event, ExceptionTaken, Int3Taken, InterruptTaken
from simkernel.hw.cpu import RFLAGS_IF, Fault
from simkernel.hw.exceptions import deliver
from simkernel.hw.fetch import FetchModel, words_at
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.loader import load
from simkernel.lane import Lane, MachineState, OpenRun, percpu
from simkernel.paths import StraightPaths
from simkernel.protocol import POKE_MAX_OPCODE_SIZE
from simkernel.schedule import QUANTUM

MAX_INSTRUCTION = 15
TICK_PERIOD = 20_000  # instructions of the machine's clock, for each CPU


class Board:
    """1 to 8 CPUs with a kernel image loaded and powered on."""

    def __init__(self, image: KernelImage, cpus: int, model: FetchModel, tick_period: int = TICK_PERIOD) -> None:
        """Args: image: the kernel; cpus: 1 to 8; model: what a CPU may run; tick_period: in instructions, 0: none."""
        self.image = image
        self.tick_period = tick_period
        self.memory, self.code, self.cpus = load(image, cpus, model)
        self._areas = [self.memory.words(percpu(cpu, 0), layout.PERCPU_SIZE) for cpu in range(cpus)]
        self.paths = StraightPaths(image)
        self.clock = 0
        self.lanes = [Lane() for _ in self.cpus]
        self.focus: frozenset[int] = frozenset()
        self.torn = False  # memory holds a site that is neither old, nor int3, nor new
        self.strayed = False  # some CPU has stood within an instruction; until then nobody has to look
        self.open: OpenRun | None = None
        self._site_words: dict[int | None, tuple[int, npt.NDArray[np.uint64]]] = {}  # by CPU; with the code's version
        self.outcome = ""  # why the machine stands still for good: "" while it does not
        self._hlt_resume = frozenset(symbol.address for symbol in image.labels("hlt_resume"))

    # --- what one may ask -----------------------------------------------------------------------------------

    def percpu(self, cpu: int, offset: int) -> int:
        """The word at `offset` of a CPU's per-CPU area."""
        return self._areas[cpu][offset >> 3]

    def set_percpu(self, cpu: int, offset: int, value: int) -> None:
        """Set the word at `offset` of a CPU's per-CPU area."""
        if self.memory.watch:
            self.memory.watch(percpu(cpu, offset), 8)
        self._areas[cpu][offset >> 3] = value

    def text_read(self, address: int, size: int) -> bytes:
        """What memory holds at an address of code."""
        return self.code.read(address, size)

    def text_sites(self, sites: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
        """The five bytes in memory at each of the sites, which ascend: shape (n, 5)."""
        return self.text_words(sites).view(np.uint8).reshape(-1, 8)[:, :5]

    def text_words(self, sites: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """The same as numbers (n,), first byte lowest."""
        return words_at(self.code.memory, self.code.map.offsets(sites))

    def site_words(self, cpu: int | None = None) -> npt.NDArray[np.uint64]:
        """The same at every site of the image, as a CPU runs it if nothing settles first (None: in memory); read-only.

        Kept until the code changes: on a large kernel the bytes lie far apart, and reading them takes a millisecond.
        """
        code = self.code.memory if cpu is None else self.code.views[cpu].code
        version = self.code.version if code is self.code.memory else self.code.views[cpu or 0].version
        key = None if code is self.code.memory else cpu
        known = self._site_words.get(key)
        if known is None or known[0] != version:
            words = words_at(code, self.code.map.offsets(self.image.mcount_loc))
            words.flags.writeable = False
            known = self._site_words[key] = version, words
        return known[1]

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
        """IF: the CPU takes maskable interrupts."""
        return bool(self.cpus[cpu].flags & RFLAGS_IF)

    def on_nmi_stack(self, cpu: int) -> bool:
        """True while an NMI's frame, or what came on top of it, is on the CPU's NMI stack."""
        return self.cpus[cpu].rsp in self.nmi_stack(cpu)

    def nmi_stack(self, cpu: int) -> range:
        """The values of RSP on a CPU's NMI stack."""
        top = layout.IRQ_STACKS + cpu * layout.IRQ_STACK_STRIDE + layout.NMI_STACK_TOP
        return range(top - layout.PAGE_SIZE + 1, top + 1)

    def tick_due(self, cpu: int) -> bool:
        """True where the clock has passed a multiple of the period since this CPU's last tick."""
        if not self.tick_period or self.clock // self.tick_period <= self.lanes[cpu].ticks_seen:
            return False
        return self.percpu(cpu, layout.PCPU_ONLINE) != 0

    def limit(self, cpu: int) -> int:
        """How many instructions a choice may give this CPU now.

        All of a quantum where nothing can come between; else as far as straight code leads that touches no site and
        cannot change what may come: so IRET, CPUID and the first instruction with interrupts on are seen one by one.
        """
        lane = self.lanes[cpu]
        if self.halted(cpu):
            return QUANTUM
        rip = self.cpus[cpu].rip
        if lane.reading or self.torn or self.astray(cpu):
            return 1
        if self._interrupt_waits(cpu):
            return QUANTUM if self.deliverable(cpu) is not None else self.paths.length(rip)
        return self.paths.length(rip) if self.code.views[cpu].unsettled else QUANTUM

    def astray(self, cpu: int) -> bool:
        """True where a CPU stands within an instruction: it has run torn bytes, or code has changed under it."""
        return self.strayed and not self.paths.is_start(self.cpus[cpu].rip)

    def note_strays(self, sites: Sequence[int]) -> None:
        """Code has changed at these sites, which ascend: a CPU within one may now stand within an instruction."""
        for cpu in self.cpus:
            at = bisect_left(sites, cpu.rip - POKE_MAX_OPCODE_SIZE + 1)
            if at < len(sites) and sites[at] < cpu.rip:
                self.note_stray(cpu.number)

    def note_stray(self, cpu: int) -> None:
        """A CPU may have left the instructions' beginnings."""
        self.strayed = self.strayed or not self.paths.is_start(self.cpus[cpu].rip)

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
        """Addresses of the unsettled cells under the CPU's next instruction, ascending."""
        if not self.code.views[cpu].unsettled:
            return ()
        return self.code.unsettled_cells(cpu, self.cpus[cpu].rip, 5)

    # --- interrupts and exceptions --------------------------------------------------------------------------

    def send_ipi(self, cpu: int) -> None:
        """The sync IPI (CALL_FUNCTION_VECTOR) is sent to a CPU."""
        if self.lanes[cpu].ipi_sent is None:
            self.lanes[cpu].ipi_sent = self.clock

    def ask_sync(self, cpu: int) -> None:
        """The IPI that asks for do_sync_core; its answer is noted when the guest clears PCPU_CSD."""
        self.lanes[cpu].sync_asked = True
        self.send_ipi(cpu)

    def ask_all_to_sync(self) -> None:
        """on_each_cpu(do_sync_core): the word of each CPU is set, then its IPI sent."""
        for cpu in range(len(self.cpus)):
            self.set_percpu(cpu, layout.PCPU_CSD, 1)
            self.ask_sync(cpu)

    def not_synced(self) -> tuple[int, ...]:
        """The CPUs that have not answered yet (Linux waits in csd_lock_wait() for each)."""
        return tuple([cpu for cpu, area in enumerate(self._areas) if area[layout.PCPU_CSD >> 3]])

    def ask_park(self, cpu: int) -> None:
        """The IPI of stop_machine; noted as parked when the guest says so in PCPU_STOP."""
        self.lanes[cpu].park_asked = True
        self.send_ipi(cpu)

    def deliverable(self, cpu: int) -> int | None:
        """The vector that this CPU would take now, between two instructions: NMI, sync IPI, tick; else None."""
        lane, engine = self.lanes[cpu], self.cpus[cpu]
        if lane.reading:
            return None
        if lane.nmi_sent is not None and not self.on_nmi_stack(cpu) and self.percpu(cpu, layout.PCPU_ONLINE):
            return layout.VECTOR_NMI
        if not engine.flags & RFLAGS_IF or engine.rip in self.paths.after_sti:
            return None
        if lane.ipi_sent is not None:
            return layout.VECTOR_CALL_FUNCTION
        return layout.VECTOR_TIMER if self.tick_due(cpu) else None

    def _interrupt_if_due(self, cpu: int, events: list[Event]) -> None:
        vector = self.deliverable(cpu)
        if vector is None:
            return
        lane, clock = self.lanes[cpu], self.clock
        if vector == layout.VECTOR_CALL_FUNCTION:
            sent, lane.ipi_sent = lane.ipi_sent, None
        elif vector == layout.VECTOR_NMI:
            sent, lane.nmi_sent = lane.nmi_sent, None
        else:
            lane.ticks_seen = clock // self.tick_period
            sent = lane.ticks_seen * self.tick_period
        rip = self.cpus[cpu].rip
        events.append(InterruptTaken(cpu=cpu, vector=vector, address=rip, waited=clock - (sent or 0)))
        self._enter(cpu, vector, None, events)

    def _exception(self, cpu: int, fault: Fault, events: list[Event]) -> None:
        engine = self.cpus[cpu]
        rip = engine.rip
        if fault.vector == layout.VECTOR_PF:
            engine.set_cr2(fault.cr2)
        if fault.vector == layout.VECTOR_BP:
            self.lanes[cpu].int3s += ((rip - 1, engine.rsp),)
            events.append(Int3Taken(cpu=cpu, address=rip - 1))
        else:
            events.append(
                ExceptionTaken(cpu=cpu, vector=fault.vector, error=fault.error or 0, address=rip, cr2=fault.cr2)
            )
        self._enter(cpu, fault.vector, fault.error, events)

    def _enter(self, cpu: int, vector: int, error: int | None, events: list[Event]) -> None:
        """Enter the handler. Where that faults, the CPU is in another handler: that is an exception of its own."""
        engine = self.cpus[cpu]
        rip = engine.rip
        entered = deliver(self.memory, engine, vector, error)
        if entered is None:
            self.outcome = f"triple fault on CPU{cpu} at {rip:#x}"
        elif entered[0] != vector:
            cr2 = engine.registers()["cr2"]
            events.append(ExceptionTaken(cpu=cpu, vector=entered[0], error=entered[1], address=rip, cr2=cr2))

    # --- state ----------------------------------------------------------------------------------------------

    def state(self) -> MachineState:
        """A copy of all that memory, code and registers do not tell."""
        return MachineState(
            self.clock,
            tuple(map(copy, self.lanes)),
            tuple(sorted(self.focus)),
            self.torn,
            self.strayed,
            self.outcome,
            copy(self.open),
        )

    def restore(self, state: MachineState) -> None:
        """Put such a copy back."""
        self.clock, self.torn, self.strayed, self.outcome = state.clock, state.torn, state.strayed, state.outcome
        self.lanes = [copy(lane) for lane in state.lanes]
        self.open = copy(state.open)
        self.focus = frozenset(state.focus)
