"""Tracing off costs one instruction a call, the NOP: the same sources assembled with sites and without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from simkernel import insn
from simkernel.hw.exceptions import deliver
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.loader import power_on
from simkernel.kernel.sources import guest_sources
from simkernel.kernel.toy import toy
from tests.bench.table import Table

BOOT = 2_000_000  # instructions, more than boot takes


@dataclass
class Counted:
    """What a workload came to: instructions, calls of traced functions, system calls of all tasks."""

    instructions: int = 0
    calls: int = 0
    syscalls: int = 0


def workload(image: KernelImage, called: frozenset[int]) -> Counted:
    """All that the tasks do from the end of ftrace_init() until each of them sleeps, on one CPU without ticks.

    The CPU runs by itself: the clock word is never set, so it shows how often it was read, in both kernels the same.
    `called`: the addresses at which a call of a traced function begins.
    """
    machine = power_on(toy(image), 1, FetchModel.INSTANT, tick_period=0).machine
    cpu, memory, stage, counted = machine.cpus[0], machine.memory, image.address("boot_stage"), Counted()
    for _ in range(BOOT):
        if memory.read_u64(stage) == 1:
            break
        if (fault := cpu.run(1)) is not None:
            deliver(memory, cpu, fault.vector, fault.error)
    sites = image.mcount_loc
    machine.code.write_rows(sites, np.tile(np.frombuffer(insn.NOP5, dtype=np.uint8), (len(sites), 1)), fresh=True)
    memory.write_u64(stage, 2)

    def note(rip: int) -> None:
        counted.instructions += 1
        counted.calls += rip in called

    end = cpu.observe(note)  # this drops all translations, those of the sites as well
    assert cpu.run(BOOT) is None and machine.halted(0)
    end()
    tasks = memory.array(layout.TASKS_BASE, "<u8", (layout.TASKS_MAX, layout.TASK_SIZE // 8))
    counted.syscalls = int(tasks[:, layout.TASK_SYSCALLS // 8].sum())
    assert not tasks[:, layout.TASK_ERRORS // 8].any()
    return counted


@pytest.mark.bench
@pytest.mark.needs("keystone")  # the kernel without sites is assembled
def test_off_is_one_instruction_a_call(table: Table) -> None:
    core, subsystems = guest_sources()
    bare = KernelImage.from_sources([*core, *subsystems], sites=False)
    assert not len(bare.mcount_loc)
    image = KernelImage.default()
    traced = [symbol.name for symbol in image.functions()]
    off = workload(image, frozenset(image.mcount_loc.tolist()))
    none = workload(bare, frozenset(bare.address(name) for name in traced))
    assert off.calls == none.calls > 200 and off.syscalls == none.syscalls > 10
    more = (off.instructions - none.instructions) / off.calls
    table.budget(f"tracing off, in {off.calls:,} calls: more instructions a call", more, "==", 1)
