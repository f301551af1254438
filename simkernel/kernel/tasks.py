"""What a task_struct says of itself."""

from __future__ import annotations

from typing import Protocol

from simkernel.kernel import layout


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
