"""Rules that are looked at after every choice of a run, as seldom as they can have come to another verdict.

What a CPU may run at a site depends on memory's bytes, the CPU's own, what is pending for it and what it has read of an
instruction; what it should run depends on what the patching task does. Of a thousand choices nearly all change none of
these: a CPU runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simkernel.kernel.validate import validate_stacks
from simkernel.schedule import Act
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.verdict import Verdict

Rules = Callable[[Simulation], Iterable[Verdict]]


class Watch:
    """Looks at a simulation's rules, under protocols that park no CPU."""

    def __init__(self, simulation: Simulation, rules: Rules) -> None:
        self._simulation, self._rules, self._parts = simulation, rules, parts_of(simulation)
        self._seen: object = None

    def broken(self) -> list[Verdict]:
        """After a choice: the verdicts that do not hold. CPUs' stacks are looked at each time."""
        machine = self._parts.machine
        own = [
            (view.version, len(view.pending), state.reading)
            for view, state in zip(machine.code.views, machine.states, strict=True)
        ]
        now = (machine.code.version, own)
        acted = isinstance(self._simulation.entries[-1].what, Act)
        if now == self._seen and not acted:
            verdicts: Iterable[Verdict] = (validate_stacks(self._parts.kernel),)
        else:
            verdicts = self._rules(self._simulation)
        self._seen = now
        return [verdict for verdict in verdicts if not verdict.holds]

    def all_broken(self) -> list[Verdict]:
        """The same of every rule: what tasks have counted stays, so that it may be asked for at the end."""
        return [verdict for verdict in self._rules(self._simulation) if not verdict.holds]
