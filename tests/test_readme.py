"""What README.md, CONTRIBUTING.md and docs/ name exists: commands, targets, files, modules, names of the code."""

from __future__ import annotations

import contextlib
import importlib.util
import pkgutil
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest

from tui.cli import COMMANDS
from tui.cli import simkernel as group

ROOT = Path(__file__).parent.parent
DOCS = tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")))
PAGES = ("README.md", "CONTRIBUTING.md", *DOCS)
ROOMS = {
    path.stem for path in (ROOT / "simkernel").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
}


def lines_of_code(page: str) -> list[str]:
    """The lines of a page's indented blocks, without their remarks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [line.partition("  #")[0].strip() for line in text.splitlines() if line.startswith("    ")]


def inline_code(page: str) -> list[str]:
    """What stands between backticks in a page."""
    return re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8"))


def commands(page: str) -> list[list[str]]:
    """The words after `simkernel` of each line that runs it."""
    found = [re.search(r"(?:^|uv run |^\.venv/bin/)simkernel( .*)?$", line) for line in lines_of_code(page)]
    return [shlex.split(match[1] or "") for match in found if match]


def mentioned(page: str) -> list[list[str]]:
    """The same where it is named within a sentence."""
    found = [re.fullmatch(r"(?:\.venv/bin/)?simkernel( .*)", code) for code in inline_code(page)]
    return [shlex.split(match[1]) for match in found if match and not match[1].startswith(" -")]


def test_the_readme_names_its_two_commands() -> None:
    assert {"make demo", "make test"} <= set(lines_of_code("README.md"))


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join((*lines_of_code(page), *inline_code(page)))))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page: str) -> None:
    for words in commands(page):
        if words and not words[0].startswith("-"):
            parse(words)


@pytest.mark.parametrize("page", PAGES)
def test_commands_named_in_passing_exist(page: str) -> None:
    for words in mentioned(page):
        with contextlib.suppress(click.MissingParameter):  # a sentence may leave the argument out
            parse(words)


def parse(words: list[str]) -> None:
    """Read a command's words as `simkernel` does, and run nothing."""
    command = group.get_command(click.Context(group), words[0])
    assert command is not None, f"no command {words[0]}"
    command.make_context(words[0], words[1:], resilient_parsing=False)


def test_the_readme_says_which_functions_have_a_site() -> None:
    """Inline, notrace and noinstr functions have none: "every kernel function" would be false."""
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "every kernel function" not in text and "Each of its functions begins" not in text
    assert "unless it is inline, `notrace` or `noinstr`" in text


def test_every_command_is_in_the_readme() -> None:
    shown = {words[0] for words in commands("README.md") if words}
    assert shown == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES)
def test_modules_named_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert importlib.util.find_spec(module) is not None, f"{page} names the module {module}"
    for part in re.findall(r"`([\w]+(?:\.py|/))`", text):
        found = [one for top in ("simkernel", "lessons", "tui") for one in (ROOT / top).rglob(part.rstrip("/"))]
        assert found or (ROOT / part).exists(), f"{page} names {part}"


@pytest.mark.parametrize("page", PAGES)
def test_files_named_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:simkernel|tests|lessons|tui|docs)/[\w./]*)`", text):
        assert "NAME" in path or (ROOT / path).exists(), f"{page} names {path}"


def test_the_docs_are_named_where_one_begins() -> None:
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "CONTRIBUTING.md"))
    assert [page for page in DOCS if f"`{page}`" not in text] == []


@cache
def sources() -> str:
    """Everything that the code says."""
    paths = [path for top in ("simkernel", "lessons", "tui", "tests") for path in (ROOT / top).rglob("*.*")]
    return "".join(path.read_text(encoding="utf-8") for path in paths if path.suffix in (".py", ".S", ".tsv"))


def resolves(name: str) -> bool:
    """True for a dotted name of the engine (`hw.machine.Machine`) or of what stands on it (`lessons.story.story_of`),
    and where a class has what is named of it.
    """
    first, *rest = name.split(".")
    if first in (*ROOMS, "lessons", "tui"):
        try:
            pkgutil.resolve_name(f"simkernel.{name}" if first in ROOMS else name)
        except (AttributeError, ImportError):
            return False
        return True
    classes = re.finditer(rf"^class {first}\b.*?(?=^\S|\Z)", sources(), re.MULTILINE | re.DOTALL)
    return any(re.search(rf"\b{rest[0]}\b", one[0]) for one in classes)


@pytest.mark.parametrize("page", DOCS)
def test_names_of_the_code_resolve(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    quoted = set(re.findall(r"`([A-Za-z_][\w.]*?)(?:\([^`)]*\))?`", text))
    dotted = {name for name in quoted if "." in name and not name.endswith((".md", ".py", ".S", ".toml", ".tsv"))}
    assert [name for name in sorted(dotted) if not resolves(name)] == []
    plain = {name for name in quoted if name.isidentifier()}
    assert [name for name in sorted(plain) if re.search(rf"\b{name}\b", sources()) is None] == []


def test_the_design_has_a_row_for_each_room_of_the_staircase() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(one["layers"] for one in contracts if one["id"] == "staircase")
    rooms = {room for layer in layers for room in re.findall(r"\w+", re.sub(r"\(.*?\)", "", layer))}
    table = re.findall(r"^\| (`simkernel/.*?) \|", (ROOT / "docs/design.md").read_text(encoding="utf-8"), re.MULTILINE)
    rows = {name for cell in table for name in re.findall(r"`simkernel/(\w+)(?:\.py|/)`", cell)}
    assert rows - {"guest"} == rooms


def test_the_design_shows_the_staircase_that_is_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(one["layers"] for one in contracts if one["id"] == "staircase")
    built = [re.sub(r"\(\w+\) \| ", "", layer) for layer in layers]
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert "".join(f"    {layer}\n" for layer in built) in text


def test_the_design_has_the_budgets_that_are_measured() -> None:
    """Each file of benchmarks has a row, and the numbers of a row stand in its files."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if "`tests/bench/" in line and line.startswith("|")]
    named = set()
    for _, what, budget, where, _ in rows:
        files = re.findall(r"`(tests/bench/\w+\.py)`", where)
        held = set(re.findall(r"\d+(?:\.\d+)?", "".join((ROOT / file).read_text(encoding="utf-8") for file in files)))
        assert set(re.findall(r"\d+(?:\.\d+)?", budget)) <= held, what
        named.update(files)
    assert named == {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "bench").glob("test_*.py")}


def test_what_resolves() -> None:
    assert resolves("hw.machine.Machine") and resolves("patching.task.PatchingTask.act") and resolves("Machine.limit")
    assert not resolves("hw.machine.Board") and not resolves("hw.lane") and not resolves("Machine.fly")
