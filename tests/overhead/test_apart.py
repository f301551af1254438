"""Measuring in a child process: its steps and figures come back, and it is gone whatever happens."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

import pytest

from simkernel.errors import LearnerError
from simkernel.overhead import apart, native
from simkernel.overhead.measured import WORKLOADS

pytestmark = pytest.mark.skipif(bool(native.why_not()), reason="no native code here")


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started."""
    started: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    return started


def test_steps_and_figures_come_back(children: list[subprocess.Popen[bytes]]) -> None:
    steps: list[str] = []
    measured = apart.measured_apart(["nop"], rounds=1, show=steps.append)
    assert [one.workload for one in measured] == list(WORKLOADS)
    assert all(one.base > 0 and [row.name for row in one.differences] == ["nop"] for one in measured)
    assert all(sorted(name for group in one.order for name in group) == ["none", "nop"] for one in measured)
    assert all(isinstance(group, tuple) for one in measured for group in one.order)
    assert len(steps) == 2 * len(WORKLOADS) and steps[1] == "tight: round 1 of 1"
    assert [child.returncode for child in children] == [0]


def test_whoever_stops_waiting_leaves_no_child(children: list[subprocess.Popen[bytes]]) -> None:
    def stop(*arguments: str) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        apart.measured_apart(show=stop)
    with pytest.raises(KeyboardInterrupt):
        apart.measured_apart(waiting=stop)
    assert len(children) == 2 and time.monotonic() - began < 30
    for child in children:
        assert child.returncode is not None
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)


def test_what_it_refuses_is_said_here() -> None:
    with pytest.raises(LearnerError, match="no variant 'bogus'"):
        apart.measured_apart(["bogus"])


def test_a_child_that_dies_is_a_clear_sentence(children: list[subprocess.Popen[bytes]]) -> None:
    def kill() -> None:
        children[0].kill()

    with pytest.raises(LearnerError, match="failed: SIGKILL"):
        apart.measured_apart(waiting=kill)
