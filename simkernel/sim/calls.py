"""How often each function is called, by the records that the function tracer writes; nothing of them is consumed.

`Calls` counts them in the ring buffers, from when it is made on. `CallsSoFar` counts the events of the log, and so
follows a simulation back, too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter

from simkernel.events import TraceWritten
from simkernel.sim.now import SimulationNow
from simkernel.sim.parts import parts_of
from simkernel.trace.entries import function
from simkernel.trace.ringbuffer import Ring, of_type


class Calls:
    """Counts the records of calls that a simulation writes from now on.

    Attributes:
        by_site: calls of each function, by its site.
        lost: records that were overwritten between two looks.
    """

    def __init__(self, simulation: SimulationNow) -> None:
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


MARKS = 64  # counts that are kept
Mark = tuple[int, Counter[int]]  # so many events have happened, with so many calls of each site


class CallsSoFar:
    """Counts the calls of each function up to the position of a simulation.

    It keeps the counts at some of the positions where it was asked, and counts only the events since the nearest one
    before.
    """

    def __init__(self, simulation: SimulationNow) -> None:
        """Count the calls of a simulation.

        Args:
            simulation: it may go on, back, and another way.
        """
        self._simulation = simulation
        self._marks: list[Mark] = [(0, Counter())]
        self._rewrites = 0

    def by_site(self) -> Counter[int]:
        """The calls of each function, by its site."""
        self._forget()
        log, logged = self._simulation.log, self._simulation.logged
        at = bisect_right(self._marks, logged, key=lambda mark: mark[0])
        done, counts = self._marks[at - 1]
        if done == logged:
            return counts
        counts = counts.copy()
        for part in log.parts(done, logged):
            counts.update(event.ip for event in part if isinstance(event, TraceWritten))
        self._marks.insert(at, (logged, counts))
        if len(self._marks) > MARKS:
            del self._marks[1:-1:2]
        return counts

    def _forget(self) -> None:
        """Drop what was counted of events that are no more, since history was rewritten."""
        rewrites = self._simulation.rewrites
        rewrite = rewrites.since(self._rewrites)
        self._rewrites = rewrites.count
        if rewrite is not None:
            del self._marks[bisect_right(self._marks, rewrite.events, key=lambda mark: mark[0]) :]
