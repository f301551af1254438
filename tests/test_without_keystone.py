"""Where Keystone has no wheel everything works but `--kernel FILE.S`, which says so and why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = Path(__file__).parent / "no_keystone"


def simkernel(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command line in a process, and children of it, that cannot import Keystone."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(BLOCKED), str(BLOCKED.parent.parent)))}
    command = [sys.executable, "-m", "tui", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_keystone_is_blocked() -> None:
    assert "keystone-engine  0.9.2      missing" in simkernel("doctor").stdout


@pytest.mark.parametrize(
    "arguments",
    [["boot"], ["demo"], ["functions"], ["disas", "schedule", "--as-built"], ["functions", "--functions", "5000"]],
    ids=" ".join,
)
def test_everything_else_works(arguments: list[str]) -> None:
    result = simkernel(*arguments)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_a_kernel_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    source = tmp_path / "mine.S"
    source.write_text("SYM_FUNC_START mine\n\tret\nSYM_FUNC_END mine\n")
    result = simkernel("boot", "--kernel", source)
    assert result.returncode == 2
    assert "Keystone" in result.stderr
    assert "Traceback" not in result.stderr
