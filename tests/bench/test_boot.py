"""Boot: the default kernel to its first task, and one as large as a distribution's."""

from __future__ import annotations

import pytest

from simkernel.kernel import KernelImage
from simkernel.kernel.image import load_default
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.bench.table import Table, shortest


def boot_default() -> None:
    load_default.cache_clear()
    Simulation.boot(Options())


def boot_large() -> None:
    load_default.cache_clear()
    simulation = Simulation.boot(Options(), KernelImage.synthetic(50_000))
    assert len(simulation.image.function_names()) == 50_000


@pytest.mark.bench
def test_boot(table: Table) -> None:
    table.budget("boot the default kernel to its first task", 1e3 * shortest(5, boot_default), "<=", 250, "ms")


@pytest.mark.bench
def test_boot_a_large_kernel(table: Table) -> None:
    table.budget("boot a kernel of 50,000 functions", shortest(3, boot_large), "<=", 2, "s")
