"""Where Keystone has no wheel all works but `--kernel FILE.S` and some variants of `overhead`, which say so and why."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simkernel.overhead.variants import VARIANTS

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


def test_what_needs_keystone_is_named_where_people_look() -> None:
    """The README, `doctor` and the refusal each name --kernel and the very variants that are assembled."""
    assembled = {name for name, variant in VARIANTS.items() if variant.code is not None}
    readme = " ".join((BLOCKED.parent.parent / "README.md").read_text(encoding="utf-8").split())
    places = {
        "README": readme[readme.index("Elsewhere all works but") :].partition(". ")[0],
        "doctor": simkernel("doctor").stdout.partition("keystone-engine")[2].partition(";")[0],
        "refusal": simkernel("overhead", "none").stderr.partition(" need ")[0],
    }
    for place, text in places.items():
        words = set(re.findall(r"[\w-]+", text))
        assert "--kernel" in words and words & set(VARIANTS) == assembled, f"{place}: {text}"


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_each_variant_is_counted_or_refused(variant: str) -> None:
    result = simkernel("overhead", variant)
    assert result.returncode == (0 if VARIANTS[variant].code is None else 2), result.stderr
    assert "Traceback" not in result.stderr


def test_a_kernel_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    source = tmp_path / "mine.S"
    source.write_text("SYM_FUNC_START mine\n\tret\nSYM_FUNC_END mine\n")
    result = simkernel("boot", "--kernel", source)
    assert result.returncode == 2
    assert "Keystone" in result.stderr
    assert "Traceback" not in result.stderr
