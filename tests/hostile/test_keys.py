"""Storms of keys: the program lives or quits as asked, and leaves the terminal as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hostile.keys import KEYS, SIZES, STARTS, STORMS, storm

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")


@pytest.mark.parametrize("seed", [0, 1])
def test_a_short_storm_of_keys(seed: int, tmp_path: Path) -> None:
    assert storm(seed, STARTS[seed], SIZES[seed], 120, tmp_path) == ""


@pytest.mark.stress
@pytest.mark.parametrize(("seed", "start", "size"), STORMS)
def test_every_storm_of_keys(seed: int, start: str, size: tuple[int, int], tmp_path: Path) -> None:
    assert storm(seed, start, size, KEYS, tmp_path) == ""
