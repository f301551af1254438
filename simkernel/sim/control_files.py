"""The tree of control files of a running kernel: what each subsystem brings, and what the kernel has besides.

`kallsyms` is /proc/kallsyms, and `dmesg` what that command prints; they are here because a learner looks for them here.
"""

from __future__ import annotations

from collections.abc import Sequence

from simkernel.ftrace.needs import Kernel
from simkernel.patching.log import KernelLog
from simkernel.patching.subsystem import Subsystem
from simkernel.sim.now import SimulationNow
from simkernel.sim.parts import parts_of
from simkernel.tracefs import Directory, File, lines, text_file


def control_files(simulation: SimulationNow) -> Directory:
    """The root of a simulation's tree (in Linux /sys/kernel/tracing)."""
    task = parts_of(simulation).task
    return tree(task.subsystems, simulation.image, task.log)


def tree(subsystems: Sequence[Subsystem], kernel: Kernel, log: KernelLog) -> Directory:
    """The root of the tree of a kernel with these subsystems."""
    found: dict[str, File] = {
        "dmesg": text_file("dmesg", "the kernel log", lambda: _dmesg(log)),
        "kallsyms": text_file("kallsyms", "the kernel's symbols", lambda: _kallsyms(subsystems, kernel)),
    }
    for one in subsystems:
        found |= one.control_files()
    return Directory(dict(sorted(found.items())))


def _kallsyms(subsystems: Sequence[Subsystem], kernel: Kernel) -> str:
    """/proc/kallsyms as root reads it: the kernel's symbols, then those of code that was made at run time."""
    own = [f"{one.address:016x} {one.kind} {one.name}" for one in kernel.symbols if one.kind != "."]
    return lines([*own, *(line for one in subsystems for line in one.kallsyms())])


def _dmesg(log: KernelLog) -> str:
    return lines(f"[{now // 10**9:5d}.{now % 10**9 // 1_000:06d}] {text}" for now, text in log.lines)
