"""`simkernel overhead`: how long it takes and how much memory, alone, with the plots, and with what it measures."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from simkernel.overhead import native
from tests.bench.table import Table


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one command: seconds of its own CPU time, seconds by the clock, and its peak memory in MB."""

    cpu: float
    wall: float
    memory: float


def cost(*arguments: str) -> Cost:
    """Run a command to its end, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        memory = Path(folder, "peak")
        command = [sys.executable, "-m", "tests.bench.memory", str(memory), "overhead", *arguments]
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _pid, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        wall = time.perf_counter() - began
        return Cost(used.ru_utime + used.ru_stime, wall, int(memory.read_text()) / 1e6)


@pytest.mark.bench
def test_without_the_plots(table: Table) -> None:
    took = cost()
    table.budget("simkernel overhead", took.cpu, "<=", 5, "s")
    table.budget("simkernel overhead, peak memory", took.memory, "<=", 300, "MB")


@pytest.mark.bench
def test_with_the_plots(table: Table) -> None:
    took = cost("--plot")
    table.budget("simkernel overhead --plot", took.cpu, "<=", 60, "s")
    table.budget("simkernel overhead --plot, peak memory", took.memory, "<=", 1000, "MB")


@pytest.mark.bench
@pytest.mark.skipif(bool(native.why_not()), reason="needs x86-64 Linux")
def test_with_measurements(table: Table) -> None:
    took = cost("--measure")
    table.budget("simkernel overhead --measure, by the clock", took.wall, "<=", 60, "s")
    table.note("of which on the CPU", took.cpu, "s")
    table.note("its peak memory", took.memory, "MB")
