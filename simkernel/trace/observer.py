"""Notices the records that guest code has finished in its CPU's ring buffer."""

from __future__ import annotations

from simkernel.events import Event
from simkernel.hw.memory import GuestMemory
from simkernel.hw.observer import Observer
from simkernel.hw.state import OpenRun
from simkernel.kernel import layout
from simkernel.kernel.percpu import PerCpu
from simkernel.trace import event_of
from simkernel.trace.ringbuffer import finished


class FinishedRecords(Observer):
    """How many records of each CPU are known to be finished."""

    def __init__(self, memory: GuestMemory, percpu: PerCpu) -> None:
        self._memory, self._areas = memory, percpu.areas
        self._heads = [0] * len(percpu.areas)

    def closed(self, run: OpenRun) -> list[Event]:
        """An event for each record that the CPU has finished; one that it is still writing waits."""
        cpu = run.choice.cpu
        head = self._areas[cpu][layout.PCPU_RING_HEAD >> 3]
        if head == self._heads[cpu]:
            return []
        first = self._heads[cpu] if head >= self._heads[cpu] else 0  # the buffer was reset
        found = finished(self._memory, cpu, first, head)
        self._heads[cpu] = found[-1].number + 1 if found else max(first, head - layout.RING_ENTRIES)
        return [event_of(one) for one in found]

    def state(self) -> tuple[int, ...]:
        """How many records of each CPU are known to be finished."""
        return tuple(self._heads)

    def restore(self, state: tuple[int, ...]) -> None:
        """Put such a state back."""
        self._heads = list(state)
