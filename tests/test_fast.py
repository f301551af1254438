"""The choice of `make fast` touches every package."""

from __future__ import annotations

import ast
import pkgutil
from importlib import import_module
from pathlib import Path

from tests.fast import FILES

ROOT = Path(__file__).parent.parent
HOUSE = ("simkernel", "lessons", "tui")


def packages() -> set[str]:
    """Every package of the house that holds code."""
    found = set(HOUSE)
    for top in HOUSE:
        package = import_module(top)
        found |= {one.name for one in pkgutil.walk_packages(package.__path__, f"{top}.") if one.ispkg}
    return found


def imported(path: str) -> set[str]:
    """The dotted names that a file imports, and all above them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {".".join(parts[:end]) for parts in (name.split(".") for name in names) for end in range(1, len(parts) + 1)}


def test_every_package_is_touched() -> None:
    touched = set().union(*map(imported, FILES))
    assert packages() - touched == set(), "add a quick test file of it to tests/fast.py"


def test_the_files_exist() -> None:
    assert [path for path in FILES if not (ROOT / path).is_file()] == []
