"""Ctrl-C while simkernel still imports what it needs: one line and exit code 130, wherever it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simkernel.child import ROOT
from tests.tui.app.terminal import until_worked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
PROGRAM = str(Path(__file__).parent / "interrupted.py")
SAID = (130, "", "\nsimkernel: interrupted\n")
LINES = {"config": 120, "boot": 370}  # and about how many imports each has


def interrupted(number: int, line: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a line that is interrupted at an import, where it has so many."""
    command = [sys.executable, PROGRAM, str(number), *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ROOT})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("line", "number"), [("config", 1), *(("boot", number) for number in range(2, 330, 40))])
def test_at_some_imports(line: str, number: int) -> None:
    assert interrupted(number, line) == SAID


@pytest.mark.stress
@pytest.mark.parametrize(("line", "number"), [(line, at) for line, count in LINES.items() for at in range(1, count)])
def test_at_all_imports(line: str, number: int) -> None:
    assert interrupted(number, line) in (SAID, interrupted(10**6, line))


def at_once(delay: float) -> tuple[str, int]:
    """Stderr and exit code of `simkernel config`, interrupted so many seconds after its process was made."""
    command = [sys.executable, "-P", "-m", "tui", "config"]
    child = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": ROOT}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    time.sleep(delay)
    child.send_signal(signal.SIGINT)
    return child.communicate()[1], child.returncode


@pytest.mark.parametrize(
    "delay", [pytest.param(ms / 1000, marks=pytest.mark.stress if ms % 20 else ()) for ms in range(160)]
)
def test_at_any_time(delay: float) -> None:
    """Before our first line runs Python's own beginning can be hit: nothing of ours can be in the way of that."""
    err, code = at_once(delay)
    assert (code, err) in ((130, SAID[2]), (0, "")) or f"{ROOT}/tui" not in err


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.004, 0.01])
def test_once_more(pause: float) -> None:
    """Who presses ctrl-C again and again gets the same end."""
    command = [sys.executable, "-P", "-m", "tui", "trace", "*", "--for", "100000000"]
    child = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": ROOT}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    until_worked(child.pid)
    while child.poll() is None:
        child.send_signal(signal.SIGINT)
        time.sleep(pause)
    err = child.communicate()[1]
    assert child.returncode == 130 and "Traceback" not in err
