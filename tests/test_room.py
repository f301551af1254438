"""Address space: what the figures say is what a process takes, and a limit is a message and exit code 2 at once."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from simkernel import room
from simkernel.child import ROOT
from simkernel.hw.way import VARIABLE, Way
from tests.hostile.harness import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and limits address space")
MEASURE = """
import os
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from simkernel import room
before = room.used()
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
import tui.cli, tui.app.app
loaded = room.used()
kept = []
for cpus in (1, 4):
    at = room.used()
    kept.append(Simulation.boot(Options(cpus=cpus)))
    print((room.used() - at) // cpus)
print(loaded - before)
"""


@pytest.mark.parametrize(
    ("kind", "engines"), [("hook", 1), pytest.param("blocks", 2, marks=pytest.mark.needs("blocks"))]
)
def test_the_figures_are_what_is_taken(kind: Way, engines: int) -> None:
    """By blocks, a CPU that has run for long has two engines."""
    environment = {**os.environ, VARIABLE: kind}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    one, four, libraries = map(int, done.stdout.split())
    for each in (one, four):
        assert 0.95 * room.ENGINE < each / engines < room.ENGINE
    assert 0.5 * room.LIBRARIES < libraries < room.LIBRARIES


def limit_to(mebibytes: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))


@pytest.mark.parametrize("mebibytes", [40, 95, 125, 165, 195, 210, 300, 1000, 1200, 1275, 1953])
def test_too_little_is_said_at_once(mebibytes: int) -> None:
    found = run(["boot"], before=partial(limit_to, mebibytes))
    assert (found.fault(), found.code, found.out) == ("", 2, b"")
    said = found.err.decode()
    assert f"of the {mebibytes:,} MiB that this process may have (`ulimit -v`)" in said and said.count("\n") == 1


def test_what_the_message_promises_is_enough() -> None:
    enough = (room.LIBRARIES + 2 * room.ENGINE >> 20) + 30  # Python itself
    assert run(["boot"], before=partial(limit_to, enough)).code == 0
