"""Budget: `simkernel --help` within 0.3 s, beside what Python alone takes."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

BUDGET = 0.3


def best_of(repeats: int, *arguments: str) -> float:
    """The shortest of some runs of this Python, in seconds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - begin)
    return min(times)


@pytest.mark.bench
def test_help() -> None:
    alone = best_of(5, "-c", "pass")
    help_ = best_of(5, "-m", "tui", "--help")
    print(f"\nsimkernel --help: {help_ * 1000:.0f} ms of {BUDGET * 1000:.0f}; Python alone: {alone * 1000:.0f} ms")
    assert help_ <= BUDGET
