"""Context switches: guest code names the task that runs, and the observer here notices another."""

from __future__ import annotations

from simkernel.events import Event, Switched
from simkernel.hw.memory import GuestMemory
from simkernel.hw.observer import Observer
from simkernel.hw.state import OpenRun
from simkernel.kernel.abi import Abi
from simkernel.kernel.percpu import PerCpu


class Sched(Observer):
    """The task that each CPU ran when it was looked at last."""

    def __init__(self, memory: GuestMemory, percpu: PerCpu, current: int, abi: Abi) -> None:
        """Watch which task each CPU runs.

        Args:
            memory: guest data.
            percpu: the kernel's per-CPU words.
            current: the offset of the word that names the task_struct.
            abi: how the host sees the kernel.
        """
        self._memory, self._areas, self._current, self._abi = memory, percpu.areas, current >> 3, abi
        self._tasks = [0] * len(percpu.areas)

    def closed(self, run: OpenRun) -> list[Event]:
        """A switch, by the tasks' numbers."""
        cpu = run.choice.cpu
        task, before = self._areas[cpu][self._current], self._tasks[cpu]
        if task == before:
            return []
        self._tasks[cpu] = task
        return [Switched(cpu=cpu, previous=self._pid(before), next=self._pid(task))]

    def _pid(self, task: int) -> int:
        return self._memory.read_u32(task + self._abi.task_pid) if task else 0

    def running(self, cpu: int) -> int:
        """The address of the task_struct that a CPU ran when it was looked at last; 0: none yet."""
        return self._tasks[cpu]

    def state(self) -> tuple[int, ...]:
        """The task of each CPU."""
        return tuple(self._tasks)

    def restore(self, state: tuple[int, ...]) -> None:
        """Put such a state back."""
        self._tasks = list(state)
