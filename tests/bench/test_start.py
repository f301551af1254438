"""The command line: how long until `simkernel --help` has been printed."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

import pytest

from tests.bench.table import Table, shortest


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)


@pytest.mark.bench
def test_help(table: Table) -> None:
    table.budget(
        "simkernel --help", shortest(5, partial(run, "-m", "tui", "--help"), time.perf_counter), "<=", 0.3, "s"
    )
    table.note("of which Python alone", shortest(5, partial(run, "-c", "pass"), time.perf_counter), "s")
