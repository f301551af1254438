"""Docstrings in the form that tools read, beyond ruff's D rules: sections on lines of their own, one name a line.

They hold wherever ruff holds its rules: `per-file-ignores` of pyproject.toml has the folders that are left out.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = ("Args", "Returns", "Raises", "Yields", "Attributes")


def sources() -> list[Path]:
    """The files whose docstrings are held to the form."""
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    left_out = [pattern for pattern, rules in ruff["per-file-ignores"].items() if "D" in rules]
    paths = sorted((ROOT / "simkernel").rglob("*.py"))
    return [path for path in paths if not any(fnmatch(str(path.relative_to(ROOT)), one) for one in left_out)]


def parameters(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """The names that the section of arguments may have, of a function or of a class that is called."""
    if isinstance(node, ast.ClassDef):
        return set().union(
            *(parameters(one) for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
        )
    every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    starred = {f"*{one.arg}" for one in (node.args.vararg, node.args.kwarg) if one is not None}
    return {one.arg for one in every} | starred


def faults(source: str) -> Iterator[tuple[int, str]]:
    """(line of the function or class, what is wrong with its docstring)."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or (text := ast.get_docstring(node)) is None:
            continue
        section = ""
        for line in text.splitlines():
            if re.match(rf"({'|'.join(SECTIONS)}): ", line) or re.search(r"[.)] (Args|Returns|Raises): ", line):
                yield node.lineno, f"a section within a line: {line}"
            elif line.rstrip(":") in SECTIONS:
                section = line.rstrip(":")
            elif line and not line.startswith(" "):
                section = ""
            elif section == "Args" and re.match(r"    \S", line):
                name = re.match(r"    (\*{0,2}\w+): \S", line)
                if name is None or name[1].replace("**", "*") not in parameters(node):
                    yield node.lineno, f"not one argument and what it is: {line.strip()}"


def test_each_docstring_has_one_name_a_line() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in sources()
        for line, what in faults(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_what_is_found() -> None:
    function = 'def f(a, b, *c):\n    """Add.\n\n    {}\n    """\n'
    for wrong in ("Args: a: one.", "Args:\n        a, b: both.", "Args:\n        d: none.", "Raises: OSError where."):
        assert list(faults(function.format(wrong))), wrong
    right = "Args:\n        a: one.\n            More: of it.\n        *c: others.\n\n    Returns:\n        Both."
    assert list(faults(function.format(right))) == []


def listed(package: Path) -> set[str]:
    """The names in the left column of the list in a package's docstring."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    return {name.rstrip("/") for name in re.findall(r"^ *([a-z_0-9]+/?)  +\S", text, re.MULTILINE)}


def test_packages_list_modules_that_they_have() -> None:
    packages = [path.parent for room in ("simkernel", "lessons", "tui") for path in (ROOT / room).rglob("__init__.py")]
    names = {package: listed(package) for package in packages}
    assert {"simulation", "snapshot", "travel"} <= names[ROOT / "simkernel" / "sim"]
    gone = {
        f"{package.relative_to(ROOT)}: {name}"
        for package, those in names.items()
        for name in those
        if not (package / name).is_dir() and not (package / f"{name}.py").exists()
    }
    assert gone == set()
