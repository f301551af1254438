"""An exception at any step of an update leaves every site old or new, or ftrace dead with its report.

The steps are the patching task's operations on the machine: each store to code, each write of a word, each sync. One
run counts them; then each of them fails once, in a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from simkernel.errors import LearnerError
from simkernel.events import Logged
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetTracer, UnregisterOps
from simkernel.hw.fetch import CodeMemory, FetchModel
from simkernel.hw.memory import GuestMemory
from simkernel.kernel import KernelImage
from simkernel.machine import Machine
from simkernel.patching.commands import Command
from simkernel.schedule import Act
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from simkernel.sim.validate import validate_records, validate_sites, validate_workload

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
    (Machine, "ask_all_to_sync"),
)


SHARDS = 8  # each takes every eighth operation


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


def run_script(fault: Fault) -> Simulation:
    """Carry the script out on running CPUs, the fault armed while the patching task acts; on until ftrace is dead."""
    simulation = Simulation.boot(Options(model=FetchModel.BYTE, patch_quantum=200, act_odds=256), IMAGE)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in OPERATIONS:
            patch.setattr(owner, name, fault(getattr(owner, name)))
        for command in SCRIPT:
            if simulation.core.ftrace_disabled:
                break
            simulation.do(command)
            for _ in range(20_000):
                fault.acting = simulation.task.ready()
                simulation.step(Act() if fault.acting else None)
                fault.acting = False
                if simulation.task.idle:
                    break
    return simulation


@pytest.fixture(scope="module")
def operations() -> int:
    """How many operations the script takes where none fails."""
    fault = Fault()
    simulation = run_script(fault)
    assert simulation.task.idle and not simulation.core.ftrace_disabled
    return fault.count


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_failed_operation_leaves_whole_sites_and_a_report(operations: int, shard: int) -> None:
    for at in range(1 + shard, operations + 1, SHARDS):
        simulation = run_script(Fault(at))
        assert simulation.core.ftrace_disabled, f"operation {at} failed and nobody noticed"
        assert simulation.task.idle, f"operation {at}: the patching task does not come to an end"
        report = [event.text for event in simulation.log if isinstance(event, Logged)]
        assert "------------[ ftrace bug ]------------" in report
        simulation.run(10_000)
        for validate in (validate_sites, validate_records, validate_workload):
            verdict = validate(simulation)
            assert verdict.holds, f"operation {at}: {verdict.detail}"
        assert not simulation.outcome
        with pytest.raises(LearnerError, match="ftrace"):
            simulation.do(SetFilter("filter", "vfs_read"))
