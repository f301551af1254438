"""What a task_struct says of itself."""

from __future__ import annotations

import struct
from typing import NamedTuple, Protocol

from simkernel.kernel import layout

ROW = struct.Struct("<16sIIQQQ")  # of `init_tasks`
EVERY_CPU = 0xFF


class Memory(Protocol):
    """Guest data, as it is read here."""

    def read(self, address: int, size: int, /) -> bytes:
        """`size` bytes from an address."""
        ...

    def read_u32(self, address: int, /) -> int:
        """A word of four bytes."""
        ...


def comm(memory: Memory, task: int) -> str:
    """The name of the task whose struct is at an address, "" where there is none."""
    return memory.read(task + layout.TASK_COMM, 16).partition(b"\0")[0].decode("ascii", "replace")


def pid(memory: Memory, task: int) -> int:
    """The number of the task whose struct is at an address."""
    return memory.read_u32(task + layout.TASK_PID)


def comms(memory: Memory) -> dict[int, str]:
    """The comm of each task there is, by pid.

    `Simplified:` Linux saves names as it traces, and forgets the oldest (kernel/trace/trace_sched_switch.c).
    """
    slots = (layout.TASKS_BASE + at * layout.TASK_SIZE for at in range(layout.TASKS_MAX))
    return {pid(memory, task): name for task in slots if (name := comm(memory, task))}


class _Row(NamedTuple):
    """A row of the guest's `init_tasks` (`simkernel/guest/macros.S`)."""

    comm: bytes
    pid: int
    cpu: int  # EVERY_CPU: there is one on each, with pids from this one on
    entry: int
    arg: int
    flags: int


def made_at_boot(rows: bytes) -> dict[int, str]:
    """The comm of each task in the rows of `init_tasks`, by pid: a name that ends in "/" gets the CPU's digit."""
    named: dict[int, str] = {}
    for row in map(_Row._make, ROW.iter_unpack(rows)):
        comm = row.comm.partition(b"\0")[0].decode("ascii", "replace")
        every = row.cpu == EVERY_CPU
        for cpu in range(layout.NR_CPUS) if every else (row.cpu,):
            named[row.pid + every * cpu] = f"{comm}{cpu}" if comm.endswith("/") else comm
    return named
