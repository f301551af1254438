"""An exception at any step of an update leaves every site old or new, or ftrace dead with its report.

The steps are the patching task's operations on the machine: each store to code, each write of a word, each sync. One
run counts them; then each of them fails once, the last one first: history goes back to the action before, and forgets
what came after it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from simkernel.errors import LearnerError
from simkernel.events import Logged
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetTracer, UnregisterOps
from simkernel.ftrace.core import FtraceCore
from simkernel.hw.fetch import CodeMemory, FetchModel
from simkernel.hw.memory import GuestMemory
from simkernel.kernel import KernelImage
from simkernel.kernel.smp import Smp
from simkernel.patching.commands import Command
from simkernel.schedule import Act
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.validate import verdicts

IMAGE = KernelImage.default()
SCRIPT: tuple[Command, ...] = (
    SetFilter("filter", "vfs_read schedule"),
    SetTracer("function"),
    RegisterOps("count", "ftrace_ops_count", filter="schedule"),
    UnregisterOps("count"),
    SetTracer("nop"),
)
OPERATIONS = (
    (CodeMemory, "store"),
    (GuestMemory, "write"),
    (GuestMemory, "write_u64"),
    (GuestMemory, "array"),
    (Smp, "sync_on_each_cpu"),
)


class Injected(Exception):
    """The fault of this test."""


@dataclass
class Fault:
    """Counts the patching task's operations while it acts, and fails at number `at`."""

    at: int = -1
    count: int = 0
    acting: bool = False

    def __call__(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self.acting and kwargs.get("write", True):  # `array` without it only looks
                self.count += 1
                if self.count == self.at:
                    raise Injected(f"operation {self.at}")
            return operation(*args, **kwargs)

        return counted


class Script:
    """The script carried out once on running CPUs, with a checkpoint before each action of the patching task."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.simulation = Simulation.boot(Options(model=FetchModel.BYTE, patch_quantum=200, act_odds=256), IMAGE)
        self.fault = Fault()
        self._actions: list[tuple[int, int]] = []  # (operations before it, position in history)
        for owner, name in OPERATIONS:
            patch.setattr(owner, name, self.fault(getattr(owner, name)))
        for command in SCRIPT:
            self.simulation.do(command)
            self._go_on()
        assert self.simulation.patching.idle and not parts_of(self.simulation).subsystem(FtraceCore).ftrace_disabled
        self.operations = self.fault.count

    def _go_on(self) -> None:
        """To the end of the update."""
        simulation, fault = self.simulation, self.fault
        for _ in range(20_000):
            fault.acting = simulation.patching.ready
            if fault.acting and fault.at < 0:
                self._actions.append((fault.count, simulation.position))
                simulation.keep_checkpoint()
            simulation.step(Act() if fault.acting else None)
            fault.acting = False
            if simulation.patching.idle:
                break

    def fail(self, at: int) -> None:
        """Let operation `at` fail, and go on as far as things then go; ftrace takes no more commands."""
        before, position = self._actions[bisect_left(self._actions, (at, 0)) - 1]
        self.simulation.goto(position)
        self.simulation.forget_ahead()  # a failure is no part of history: it must not meet what it is known to do
        self.fault.count, self.fault.at = before, at
        self._go_on()


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    with pytest.MonkeyPatch.context() as patch:
        yield Script(patch)


def test_a_failed_operation_leaves_whole_sites_and_a_report(script: Script) -> None:
    simulation = script.simulation
    assert script.operations > 200
    for at in range(script.operations, 0, -1):
        script.fail(at)
        assert script.fault.count >= at and parts_of(simulation).subsystem(FtraceCore).ftrace_disabled, (
            f"operation {at} failed: nobody noticed"
        )
        assert simulation.patching.idle, f"operation {at}: the patching task does not come to an end"
        report = [event.text for event in simulation.log if isinstance(event, Logged)]
        assert "------------[ ftrace bug ]------------" in report
        simulation.run(10_000)
        broken = [verdict for verdict in verdicts(simulation) if not verdict.holds]
        assert not broken, f"operation {at}: {broken}"
        assert not simulation.halt_reason
        with pytest.raises(LearnerError, match="ftrace"):
            simulation.do(SetFilter("filter", "vfs_read"))
