"""A measurement as a CPU could have given it, for tests that need no CPU of a known speed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from simkernel.overhead.exact import Exact
from simkernel.overhead.growth import growth
from simkernel.overhead.measured import Difference, Measured
from simkernel.overhead.sites import patch_sites

MEASURED = Measured(
    "warm",
    48,
    70,
    2.0,
    0.02,
    (
        Difference("nop", 0.01, -0.02, 0.03, 0.005, False),
        Difference("call", 2.0, 1.5, 3.0, 1.0, True),
        Difference("function", 18.0, 12.0, 22.0, 9.0, True),
    ),
    (("none", "nop"), ("call",), ("function",)),
)


def measured_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever measures get MEASURED, in each workload."""
    from dataclasses import replace

    def measured(show: object = None, waiting: object = None) -> list[Measured]:
        return [replace(MEASURED, workload=name) for name in ("tight", "warm", "cold")]

    monkeypatch.setattr("simkernel.overhead.apart.measured_apart", measured)


patched = cache(patch_sites)


@cache
def grown() -> tuple[tuple[str, ...], tuple[tuple[int, Exact], ...]]:
    """What is said while the growth is counted, at few places, and what comes of it: once a process."""
    said: list[str] = []
    rows = growth(said.append)
    return tuple(said), tuple(rows)


def little_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what grows be counted at few places only, and once."""

    def again(show: Callable[[str], None] = lambda text: None) -> list[tuple[int, Exact]]:
        said, rows = grown()
        for text in said:
            show(text)
        return list(rows)

    monkeypatch.setattr("simkernel.overhead.growth.STEPS", (0, 1))
    monkeypatch.setattr("simkernel.overhead.growth.growth", again)
    monkeypatch.setattr("simkernel.overhead.sites.SITES", (1, 10))
    monkeypatch.setattr("simkernel.overhead.sites.patch_sites", patched)
