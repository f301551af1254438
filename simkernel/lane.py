"""What the hardware remembers besides memory and registers, and what a look at the guest's words tells.

The guest says in memory what it has done: it clears a word when it has synchronised, counts the records it wrote, names
the task that runs. `look` compares those words with what was known before and makes events of the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simkernel.events import Event, Oopsed, Parked, Switched, SyncAnswered, TraceWritten
from simkernel.hw.memory import GuestMemory
from simkernel.kernel import layout
from simkernel.schedule import Run


@dataclass(slots=True)
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


@dataclass(slots=True)
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
    strayed: bool
    outcome: str
    open: OpenRun | None = None


def percpu(cpu: int, offset: int) -> int:
    """The address of a word in a CPU's per-CPU area."""
    return layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + offset


def look(memory: GuestMemory, area: memoryview, lanes: Sequence[Lane], cpu: int) -> list[Event]:
    """What CPU `cpu` has done to the guest's words since the last look, as events; its lane is as it is now.

    `area`: the words of its per-CPU area.
    """
    lane = lanes[cpu]
    events: list[Event] = []
    if lane.sync_asked and area[layout.PCPU_CSD >> 3] == 0:
        lane.sync_asked = False
        waiting = tuple([i for i, other in enumerate(lanes) if other.sync_asked])
        events.append(SyncAnswered(cpu=cpu, waiting_for=waiting))
    if lane.park_asked and area[layout.PCPU_STOP >> 3] == 2:
        lane.park_asked = False
        waiting = tuple([i for i, other in enumerate(lanes) if other.park_asked])
        events.append(Parked(cpu=cpu, waiting_for=waiting))
    task = area[layout.PCPU_CURRENT >> 3]
    if task != lane.task:
        pids = [memory.read_u32(t + layout.TASK_PID) if t else 0 for t in (lane.task, task)]
        lane.task = task
        events.append(Switched(cpu=cpu, previous=pids[0], next=pids[1]))
    head = area[layout.PCPU_RING_HEAD >> 3]
    if head != lane.ring_head:
        lane.ring_head = _finished_records(memory, cpu, lane.ring_head, head, events)
    return events


def _finished_records(memory: GuestMemory, cpu: int, first: int, head: int, events: list[Event]) -> int:
    """An event for each record finished since `first`; one still being written waits for the next look."""
    if head < first:
        first = 0  # the buffer was reset
    for index in range(max(first, head - layout.RING_ENTRIES), head):
        slot = layout.RING_BASE + cpu * layout.RING_STRIDE + index % layout.RING_ENTRIES * layout.RING_ENTRY_SIZE
        flags = memory.read_u32(slot + layout.REC_FLAGS)
        if not flags & layout.REC_VALID or flags >> 16 & 0x7FFF != index // layout.RING_ENTRIES & 0x7FFF:
            return index  # reserved, not yet written (guest/trace.S says how one tells)
        ip, parent = (memory.read_u64(slot + at) for at in (layout.REC_IP, layout.REC_PARENT))
        pid = memory.read_u32(slot + layout.REC_PID)
        events.append(TraceWritten(cpu=cpu, index=index, ip=ip, parent_ip=parent, pid=pid))
    return head


def oops(memory: GuestMemory, cpu: int) -> Oopsed:
    """The event of an oops that CPU `cpu` has noted in its per-CPU area."""
    regs = memory.read_u64(percpu(cpu, layout.PCPU_OOPS_REGS))
    address = memory.read_u64(regs + layout.PT_RIP) if memory.holds(regs, layout.FRAME_SIZE) else 0
    return Oopsed(cpu=cpu, vector=memory.read_u64(percpu(cpu, layout.PCPU_OOPS_VECTOR)), address=address)
