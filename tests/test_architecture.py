"""What an import pulls in, seen from outside in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED_BY = """
import importlib, pkgutil, sys
for name in sys.argv[1].split(","):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(*sorted(name.partition(".")[0] for name in sys.modules))
"""


def loaded_by(packages: str) -> set[str]:
    """The top-level names in sys.modules once every module of `packages` has been imported."""
    result = subprocess.run([sys.executable, "-c", LOADED_BY, packages], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


@pytest.mark.parametrize("package", ["simkernel", "lessons"])
def test_engine_and_lessons_load_no_terminal_toolkit(package: str) -> None:
    assert not loaded_by(package) & {"textual", "rich", "click", "tui"}


def test_engine_loads_no_lessons() -> None:
    assert "lessons" not in loaded_by("simkernel")


def test_help_loads_no_engine() -> None:
    program = "import sys, tui.cli; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(result.stdout.split()) & {"numpy", "unicorn", "keystone", "capstone", "textual", "rich"}
