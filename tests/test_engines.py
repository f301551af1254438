"""What tests leave behind does not pile up in a worker."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.engines import MORE, give_back, size

MACHINES = 12  # of eight CPUs: more than MORE


def machines() -> None:
    Simulation.boot(Options(cpus=8))


def webs() -> None:
    web: list[object] = [[] for _ in range(MORE[1] // 3)]
    web.append(web)


@pytest.mark.parametrize("frozen", [False, True], ids=["", "set aside"])
@pytest.mark.parametrize(("at", "leave_behind"), [(0, machines), (1, webs)])
def test_what_is_left_behind_is_given_back(at: int, leave_behind: Callable[[], None], frozen: bool) -> None:
    if not size()[at]:
        pytest.skip("the system does not say what a process takes")
    gc.collect()
    gc.disable()  # as where Python sees no reason
    try:
        give_back()
        before = most = size()[at]
        for _ in range(MACHINES):
            leave_behind()
            if frozen:
                gc.freeze()
            most = max(most, size()[at])
            give_back()
        assert before + MORE[at] < most < before + 2 * MORE[at]
    finally:
        gc.enable()
        gc.unfreeze()
