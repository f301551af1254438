"""The example of a learner's kernel boots, works, and works the same while it is traced."""

from __future__ import annotations

from pathlib import Path

import pytest

import simkernel
from simkernel import insn
from simkernel.ftrace.commands import SetTracer
from simkernel.kernel import KernelImage, layout
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

HELLO = Path(simkernel.__file__).parent / "guest" / "examples" / "hello.S"

pytestmark = pytest.mark.keystone


def word(simulation: Simulation, name: str) -> int:
    return parts_of(simulation).machine.memory.read_u64(simulation.image.address(name))


def errors(simulation: Simulation) -> int:
    """Wrong results that any task has seen."""
    tasks = range(layout.TASKS_BASE, layout.TASKS_BASE + layout.TASKS_MAX * layout.TASK_SIZE, layout.TASK_SIZE)
    return sum(parts_of(simulation).machine.memory.read_u64(task + layout.TASK_ERRORS) for task in tasks)


@pytest.mark.parametrize("ibt", [False, True], ids=["plain", "ibt"])
def test_it_boots_and_works_untraced_traced_and_untraced_again(ibt: bool) -> None:
    simulation = Simulation.boot(Options(cpus=2, kernel=str(HELLO), ibt=ibt, patch_quantum=64))
    for tracer in ("nop", "function", "nop"):
        simulation.do(SetTracer(tracer))
        assert simulation.run_until_idle()
        before = word(simulation, "hello_count")
        simulation.run(50_000)
        assert word(simulation, "hello_count") > before + 20
        assert errors(simulation) == 0


def test_its_functions_are_traced_beside_the_cores() -> None:
    image = KernelImage.from_source(HELLO)
    names = image.function_names()
    assert {"x64_sys_call", "sys_hello", "square", "count_hello", "schedule", "_raw_spin_lock"} <= set(names)
    assert "user_hello" not in names and "vfs_read" not in names
    assert image.site_of(image.symbol("count_hello")) % layout.CACHE_LINE == 0x3D
    assert image.text_of(image.symbol("sys_hello"))[insn.CALL_INSN_SIZE :].startswith(insn.push("rbp"))
