"""What the public's workflow and the hooks of pre-commit run are make targets, and the workflow's those of .ci/run."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORKFLOW, HOOKS = ".github/workflows/check.yml", ".pre-commit-config.yaml"
PROMISE = 'echo "SIMKERNEL_NEEDS=$(.ci/needs)" >> "$GITHUB_ENV"'


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def values(path: str, key: str) -> list[str]:
    """What stands behind `key:` in a file of YAML whose values are each on one line."""
    found = re.findall(rf"^ *(?:- )?{key}:(.*)$", text(path), re.MULTILINE)
    assert found and not [one for one in found if one.strip() in ("", "|", ">")]
    return [one.strip() for one in found]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))


def test_the_workflow_runs_targets_that_ci_runs() -> None:
    steps = [step for step in values(WORKFLOW, "run") if step != PROMISE]
    run = {match[1] for step in steps if (match := re.fullmatch(r"make ([a-z-]+)", step))}
    assert len(run) == len(steps), steps
    ours = set(re.findall(r"^make ([a-z-]+)$", text(".ci/run"), re.MULTILINE))
    assert run == ours <= targets()


def test_the_workflow_runs_on_what_the_readme_promises() -> None:
    assert values(WORKFLOW, "os") == ["[ubuntu-latest, macos-latest]"]
    (pythons,) = values(WORKFLOW, "python")
    versions = re.findall(r'"3\.(\d+)"', pythons)
    least = tomllib.loads(text("pyproject.toml"))["project"]["requires-python"].removeprefix(">=3.")
    assert versions == [str(minor) for minor in range(int(least), 15)]
    readme = " ".join(text("README.md").split())
    assert f"macOS and Python 3.{int(least) + 1} to 3.{versions[-1]} are expected to work" in readme
    assert WORKFLOW in readme


def test_hooks_are_local_and_run_targets() -> None:
    assert values(HOOKS, "repo") == ["local"]
    entries = values(HOOKS, "entry")
    assert len(entries) == len(values(HOOKS, "id")) == text(HOOKS).count("language: system")
    assert {entry.removeprefix("make ") for entry in entries} <= targets()
    assert all(entry.startswith("make ") for entry in entries)


@pytest.mark.skipif(os.name == "nt", reason="is a script for sh")
def test_what_may_not_be_skipped_is_what_the_machine_has(tmp_path: Path) -> None:
    """GNU's programs count, others of the same name do not; Keystone where pip installs it, seen or not."""
    for name, said in [
        ("objdump", "Copyright (C) 2022 Free Software Foundation, Inc."),
        ("gcc", "Apple clang version 15"),
    ]:
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    for machine, needs in [
        ("Linux x86_64", "keystone,blocks,objdump"),
        ("Darwin x86_64", "keystone,objdump"),
        ("Darwin arm64", "objdump"),
    ]:
        (tmp_path / "uname").write_text(f"#!/bin/sh\necho '{machine}'\n", encoding="utf-8")
        (tmp_path / "uname").chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", ".ci/needs"], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{needs}\n"
