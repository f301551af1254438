"""Python's garbage collector: it visits no history, so no key waits for it; and what is gone is given back."""

from __future__ import annotations

import gc
from weakref import ref

import pytest

from simkernel.hw.cpu import Cpu
from simkernel.sim.log import Entry
from simkernel.sim.parts import parts_of
from tests.tui.app.screens import Hand, drive
from tui.app.aside import ACTIONS, CHANGES


@pytest.fixture
def lent() -> None:
    """No scenario is lent here: who lends one keeps it."""


def test_the_collector_does_not_visit_history() -> None:
    async def check(hand: Hand) -> None:
        await hand.press(*["right"] * (ACTIONS + 4))
        known = len(hand.stepper.simulation.entries)
        assert sum(isinstance(one, Entry) for one in gc.get_objects()) < known / 10

    drive(check)


def test_machines_that_are_gone_are_given_back_a_few_at_a_time() -> None:
    gone: list[ref[Cpu]] = []
    kept: list[int] = []

    async def check(hand: Hand) -> None:
        for _ in range(2 * CHANGES):
            gone.append(ref(parts_of(hand.stepper.simulation).machine.cpus[0]))
            await hand.do("scenario", "naive")
            await hand.press("right")
            kept.append(sum(one() is not None for one in gone))
        assert max(kept) < CHANGES and kept[CHANGES - 1 :: CHANGES] == [0, 0]

    drive(check)
