"""A test whose tool is missing is skipped and counted; where SIMKERNEL_NEEDS promises the tool it fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).parent.parent
ASKING = {
    "gdb": "tests/test_objdump.py::test_listings_are_those_of_gdb",
    "objdump": "tests/test_insn.py",
    "as": "tests/asm/test_expression.py",
    "keystone": "tests/test_asm.py",
}


def run(what: Iterable[str], tmp_path: Path, promised: Iterable[str], *more: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process that finds no program and no Keystone."""
    environ = os.environ | {"PATH": str(tmp_path), "SIMKERNEL_NEEDS": ",".join(promised)}
    environ |= {"PYTHONPATH": "tests/no_keystone"}
    environ.pop("PYTEST_ADDOPTS", None)
    asking = ["-m", "(needs or keystone) and not stress and not bench"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *asking, *what, *more]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


def counts(said: str) -> dict[str, int]:
    """Each reason of the list at the end, with its number."""
    _, _, end = said.partition(" skipped, by reason ")
    return {reason: int(number) for number, reason in re.findall(r"^ *(\d+) (needs .*)$", end, re.MULTILINE)}


def test_a_missing_tool_is_counted_or_fails_where_it_is_promised(tmp_path: Path) -> None:
    left_out = run(ASKING.values(), tmp_path, [])
    skipped = counts(left_out.stdout)
    assert set(skipped) == {f"needs {name}" for name in ASKING}
    assert left_out.returncode == 0 and f"{sum(skipped.values())} skipped, by reason" in left_out.stdout, (
        left_out.stdout
    )
    assert skipped == counts(run(ASKING.values(), tmp_path, [], "-n", "1").stdout), "workers count alike"

    for promised in (list(ASKING), ["gdb"]):
        held = run(ASKING.values(), tmp_path, promised)
        missing = {name: number for name in ASKING if (number := skipped[f"needs {name}"]) and name in promised}
        assert held.returncode == 1 and set(counts(held.stdout)) == skipped.keys() - {f"needs {one}" for one in missing}
        assert re.search(rf"\b{sum(missing.values())} errors?\b", held.stdout), held.stdout
        for name, number in missing.items():
            said = f"SIMKERNEL_NEEDS names {name}, which is missing here."
            assert sum(line.startswith(said) for line in held.stdout.splitlines()) == number, held.stdout


def test_a_name_that_no_test_needs_is_refused_with_those_that_are(tmp_path: Path) -> None:
    done = run([ASKING["gdb"]], tmp_path, ["gbd", "objdump"])
    assert done.returncode == 4
    assert "no test needs gbd." in done.stderr and ", gdb, " in done.stderr and "Traceback" not in done.stderr


def test_a_program_of_the_name_that_is_not_gnus_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "objdump"
    other.write_text("#!/bin/sh\necho 'Apple LLVM version 15.0.0'\n", encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert shutil.which("objdump") == str(other) and not needs.here.__wrapped__("objdump")


def test_no_test_asks_for_a_program_but_by_the_mark() -> None:
    """A condition of its own would not be held by SIMKERNEL_NEEDS."""
    for file in sorted((ROOT / "tests").rglob("*.py")):
        if file.name not in ("needs.py", "test_needs.py"):
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"shutil\.which|skipif\(not available", text), file
