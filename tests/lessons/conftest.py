"""Lessons are tried on scenarios that are prepared once a process."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _on_lent_scenarios(lent: None) -> None: ...
