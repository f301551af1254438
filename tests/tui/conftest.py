"""Front ends are tried on scenarios that are prepared once a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prepared import LENDER


@pytest.fixture(autouse=True)
def lent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Steppers start on lent simulations (`tests/prepared.py`); the tests of scenarios prepare their own."""
    monkeypatch.setattr("tui.stepper.stepper.begin_scenario", LENDER.begin)
    yield
    LENDER.take_back()
