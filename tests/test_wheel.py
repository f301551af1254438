"""The built wheel outside the checkout, with what its metadata ask for and nothing else: it runs the main job."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
    """The bin directory of an environment with the wheel and what its metadata ask for, and nothing else."""
    place = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, ROOT, cwd=place)
    (wheel,) = place.glob("simkernel-*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", place / "venv", cwd=place)
    binaries = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", binaries / "python")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=place)
    asking = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(binaries / "python", "-c", asking, cwd=place).stdout.strip())
    (metadata,) = Distribution.discover(name="simkernel", path=[str(packages)])
    for one in asked_for(metadata):
        link(one, packages)
    run(*pip, "check", cwd=place)
    return binaries


def asked_for(distribution: Distribution) -> list[Distribution]:
    """What a distribution's metadata ask for here, and what that asks for, of the tests' environment."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    todo = [(line, "") for line in distribution.requires or ()]
    while todo:
        line, extra = todo.pop()
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        one = found.setdefault(wanted.name, Distribution.from_name(wanted.name))
        for each in ("", *wanted.extras):
            if (wanted.name, each) not in seen:
                seen.add((wanted.name, each))
                todo += [(needed, each) for needed in one.requires or ()]
    return list(found.values())


def link(distribution: Distribution, packages: Path) -> None:
    """Make a distribution of the tests' environment importable from another environment's packages, too."""
    home = Path(str(distribution.locate_file("")))
    for name in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
        if not (packages / name).exists():
            (packages / name).symlink_to(home / name)


def test_wheel_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    shown = run(installed / "simkernel", "demo", cwd=tmp_path).stdout
    assert "takes the int3" in shown
    assert "<-ksys_read" in shown, "no trace line"
    listing = run(installed / "simkernel", "disas", "schedule", "--as-built", cwd=tmp_path).stdout
    assert "<__fentry__>" in listing


def test_wheel_knows_its_version(installed: Path, tmp_path: Path) -> None:
    import simkernel

    assert run(installed / "simkernel", "--version", cwd=tmp_path).stdout == f"simkernel {simkernel.__version__}\n"
