"""Python's garbage collector: it visits no history, so no key waits for it; and what is gone is given back."""

from __future__ import annotations

import gc
from weakref import ref

import pytest

from simkernel.hw.cpu import Cpu
from simkernel.sim.log import Entry
from simkernel.sim.parts import parts_of
from tests.tui.app.screens import Hand, drive
from tui.app.aside import ACTIONS


@pytest.fixture
def lent() -> None:
    """No scenario is lent here: who lends one keeps it."""


def test_the_collector_does_not_visit_history() -> None:
    async def check(hand: Hand) -> None:
        await hand.press(*["right"] * (ACTIONS + 4))
        known = len(hand.stepper.simulation.entries)
        assert sum(isinstance(one, Entry) for one in gc.get_objects()) < known / 10

    drive(check)


def test_a_machine_that_is_gone_is_given_back() -> None:
    gone: list[ref[Cpu]] = []

    async def check(hand: Hand) -> None:
        for _ in range(3):
            gone.append(ref(parts_of(hand.stepper.simulation).machine.cpus[0]))
            await hand.do("scenario", "naive")
            await hand.press("right")
        assert [one() for one in gone] == [None] * 3

    drive(check)
