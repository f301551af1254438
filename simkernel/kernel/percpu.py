"""The per-CPU areas of a running kernel, read and written by the host."""

from __future__ import annotations

from simkernel.hw.memory import GuestMemory


class PerCpu:
    """Words of eight bytes at offsets in each CPU's area."""

    def __init__(self, memory: GuestMemory, base: int, stride: int, cpus: int) -> None:
        """Find the areas in guest memory.

        Args:
            memory: guest data.
            base: the area of CPU 0.
            stride: bytes from one CPU's area to the next.
            cpus: how many there are.
        """
        self._memory, self._base, self._stride = memory, base, stride
        self.areas = [memory.words(base + cpu * stride, stride) for cpu in range(cpus)]

    def address(self, cpu: int, offset: int) -> int:
        """The address of the word at `offset` of a CPU's area."""
        return self._base + cpu * self._stride + offset

    def read(self, cpu: int, offset: int) -> int:
        """The word at `offset` of a CPU's area."""
        return self.areas[cpu][offset >> 3]

    def write(self, cpu: int, offset: int, value: int) -> None:
        """Set the word at `offset` of a CPU's area."""
        if self._memory.watch:
            self._memory.watch(self.address(cpu, offset), 8)
        self.areas[cpu][offset >> 3] = value
