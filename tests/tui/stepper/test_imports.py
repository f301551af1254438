"""The engine, the lessons and plain mode load no terminal toolkit; seen in a process that runs all of plain mode."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from tui.cli import run
assert run(["step", "naive", "--plain", "--script", "r b y f w c1 at log h moment"]) == 0
assert run(["step", "one", "--json", "--script", "n n p b"]) == 0
assert run(["step", "mysteries", "--script", "? q"]) == 0
loaded = [name for name in sys.modules if name.split(".")[0] in ("textual", "rich")]
print(loaded)
assert not loaded, loaded
"""


def test_plain_mode_loads_no_toolkit() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[]\n") and done.stdout.isascii()
