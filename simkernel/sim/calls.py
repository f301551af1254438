"""How often each function is called, by the records that the function tracer writes; nothing of them is consumed."""

from __future__ import annotations

from collections import Counter

from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.trace import function
from simkernel.trace.ringbuffer import Ring, of_type


class Calls:
    """Counts the records of calls that a simulation writes from now on.

    Attributes:
        by_site: calls of each function, by its site.
        lost: records that were overwritten between two looks.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.by_site: Counter[int] = Counter()
        self.lost = 0
        self._memory = parts_of(simulation).machine.memory
        self._next = [Ring.of(self._memory, cpu).head for cpu in range(simulation.options.cpus)]

    def look(self) -> None:
        """Count the records that have come since the last look."""
        for cpu, seen in enumerate(self._next):
            ring = Ring.of(self._memory, cpu)
            written = ring.written(self._memory)
            self.lost += max(0, ring.first - seen)
            new = written[max(0, seen - ring.first) :]
            self.by_site.update(of_type(new, function.TYPE)["ip"].tolist())
            self._next[cpu] = max(seen, ring.first + len(written))
