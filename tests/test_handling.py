"""A CPU's handlers under way (`ActiveSites.handling`) are those that it is in, however far a choice went."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simkernel import disasm
from simkernel.ftrace.commands import SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation


class Watcher:
    """Counts, instruction by instruction, how deep a CPU is in int3 handlers: entries less IRETs."""

    def __init__(self, simulation: Simulation, cpu: int) -> None:
        handler = simulation.image.symbol("asm_exc_int3")
        code = disasm.decode(simulation.image.text_of(handler), handler.address)
        self._entry = handler.address
        self._ends = [one.address for one in code if one.mnemonic.startswith("iret")]
        assert self._ends
        self._cpu = parts_of(simulation).machine.cpus[cpu]
        self._met, self._left, self._entered = 0, 0, 0  # the place met last; those so far
        self._cpu.observe(self._note(), [self._entry, *self._ends])

    def _note(self) -> Callable[[int], None]:
        def note(rip: int) -> None:
            if self._met != rip:  # it is told twice where a run ended before the instruction
                self._met = rip
                self._entered += rip == self._entry
                self._left += rip != self._entry

        return note

    @property
    def depth(self) -> int:
        """Handlers entered, less those whose IRET has run."""
        to_come = self._met in self._ends and self._cpu.rip == self._met
        about = self._cpu.rip == self._entry != self._met
        return self._entered - self._left + to_come + about


@pytest.mark.parametrize("model", [FetchModel.INSTANT, FetchModel.PIECES])
def test_a_cpu_is_in_the_handlers_that_are_known(model: FetchModel) -> None:
    simulation = Simulation.boot(Options(model=model, patch_quantum=300, act_odds=8))
    watchers = [Watcher(simulation, cpu) for cpu in simulation.cpus]
    simulation.do(SetTracer("function"))
    inside = wrong = 0
    for _ in range(30_000):
        simulation.step()
        for cpu, watcher in enumerate(watchers):
            known = len(parts_of(simulation).task.poke.active.handling(cpu))
            inside += known > 0
            wrong += known != watcher.depth
    assert inside > 20 and not wrong
