"""Simulations that tests leave behind do not pile up in a worker."""

from __future__ import annotations

import gc

import pytest

from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.engines import MORE, address_space, give_back

MACHINES = 12  # of eight CPUs: more than MORE


@pytest.mark.skipif(not address_space(), reason="the system does not say what a process takes")
@pytest.mark.parametrize("frozen", [False, True], ids=["", "set aside"])
def test_what_is_left_behind_is_given_back(frozen: bool) -> None:
    gc.collect()
    gc.disable()  # as where Python sees no reason
    try:
        give_back()
        before = most = address_space()
        for _ in range(MACHINES):
            Simulation.boot(Options(cpus=8))
            if frozen:
                gc.freeze()
            most = max(most, address_space())
            give_back()
        assert most < before + 2 * MORE
    finally:
        gc.enable()
        gc.unfreeze()
