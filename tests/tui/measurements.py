"""A measurement as a CPU could have given it, for tests that need no CPU of a known speed."""

from __future__ import annotations

import pytest

from simkernel.overhead.measured import Difference, Measured

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


def little_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what grows be counted at few places only."""
    monkeypatch.setattr("simkernel.overhead.growth.STEPS", (0, 1))
    monkeypatch.setattr("simkernel.overhead.sites.SITES", (1, 10))
