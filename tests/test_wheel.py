"""The built wheel, alone: in an empty environment and outside the checkout it runs the main job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).parent.parent
NO_NETWORK = ("Could not find a version", "No matching distribution", "Temporary failure", "ConnectionError")


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing of the checkout in its environment; skip the test where the index is out of reach."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    result = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    if result.returncode and any(sign in result.stdout + result.stderr for sign in NO_NETWORK):
        needs.leave_out(needs.INDEX, result.stderr[-200:])
    assert result.returncode == 0, f"{command} ended with {result.returncode}:\n{result.stdout}{result.stderr}"
    return result


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of an empty environment into which the wheel was installed."""
    place = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, ROOT, cwd=place)
    (wheel,) = place.glob("simkernel-*.whl")
    run(sys.executable, "-m", "venv", place / "venv", cwd=place)
    binaries = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
    constraints = ROOT / "constraints.txt"
    run(binaries / "python", "-m", "pip", "install", "--quiet", "--constraint", constraints, wheel, cwd=place)
    return binaries


def test_wheel_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    shown = run(installed / "simkernel", "demo", cwd=tmp_path).stdout
    assert "takes the int3" in shown
    assert "<-ksys_read" in shown, "no trace line"
    listing = run(installed / "simkernel", "disas", "schedule", "--as-built", cwd=tmp_path).stdout
    assert "<__fentry__>" in listing


def test_wheel_knows_its_version(installed: Path, tmp_path: Path) -> None:
    import simkernel

    assert run(installed / "simkernel", "--version", cwd=tmp_path).stdout == f"simkernel {simkernel.__version__}\n"
