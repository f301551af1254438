"""What is known of each scenario is what its runs show, and the command that measures it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lessons import content
from lessons.content.__main__ import as_text, measure
from lessons.session.content import SCENARIOS
from lessons.session.left_out import RUNS

CONTENT = Path(content.__file__).parent


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_known_of_a_scenario_is_what_its_runs_show(name: str) -> None:
    """With the directed runs alone; `--check`, and the stress test below, try others beside them."""
    assert (CONTENT / name / "known.json").read_bytes() == as_text(measure(SCENARIOS[name], 1))


@pytest.mark.stress
def test_more_runs_show_nothing_else() -> None:
    for name, scenario in SCENARIOS.items():
        assert (CONTENT / name / "known.json").read_bytes() == as_text(measure(scenario, RUNS))


def test_the_command_says_which_scenario_differs_and_writes_it(tmp_path: Path) -> None:
    """In a copy of the package, in which one number is wrong."""
    for package in ("lessons", "simkernel"):
        shutil.copytree(CONTENT.parents[1] / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    content = tmp_path / "lessons" / "content"
    for name in SCENARIOS:
        if name != "naive":
            shutil.rmtree(content / name)
    (content / "path.toml").write_text('path = ["naive"]\n', encoding="utf-8")
    known = content / "naive" / "known.json"
    before = known.read_bytes()
    known.write_bytes(before.replace(b'"stops": ', b'"stops": 1'))

    def run(option: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lessons.content", option]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    differs = run("--check")
    assert (differs.returncode, differs.stdout) == (1, f"naive: {SCENARIOS['naive'].stops} stops\n")
    assert differs.stderr == "naive: run python -m lessons.content --write, and look at the changes\n"
    assert run("--write").returncode == run("--check").returncode == 0
    assert known.read_bytes() == before
