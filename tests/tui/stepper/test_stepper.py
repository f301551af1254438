"""Moving in a story: back undoes forward, phases, goto; what cannot be done says so and moves nothing."""

from __future__ import annotations

import pytest

from simkernel.digest import state_digest
from tui.stepper.actions import ACTIONS, action_named
from tui.stepper.stepper import Stepper


@pytest.fixture(scope="module")
def one() -> Stepper:
    return Stepper.start("one")


def test_back_undoes_next_bit_for_bit(one: Stepper) -> None:
    digests = [state_digest(one.simulation)]
    for _ in range(12):
        assert not one.apply("next").error
        digests.append(state_digest(one.simulation))
    assert len(set(digests)) == len(digests)
    for digest in reversed(digests[:-1]):
        assert not one.apply("back").error
        assert state_digest(one.simulation) == digest
    assert one.apply("back").error
    assert state_digest(one.simulation) == digests[0]


def test_names_keys_and_words_name_one_action_each() -> None:
    names = [name for action in ACTIONS for name in {action.name, action.word}]
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(names) == len(set(names)) and len(keys) == len(set(keys))
    assert {"ctrl+s", "ctrl+j", "ctrl+b", "ctrl+a"}.isdisjoint(keys)
    assert all(action_named(action.name) is action for action in ACTIONS)
