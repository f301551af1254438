"""What README.md and CONTRIBUTING.md tell people to type exists."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

from tui.cli import COMMANDS
from tui.cli import simkernel as group

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md")


def lines_of_code(page: str) -> list[str]:
    """The lines of a page's indented blocks, without their remarks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [line.partition("  #")[0].strip() for line in text.splitlines() if line.startswith("    ")]


def commands(page: str) -> list[list[str]]:
    """The words after `simkernel` of each line that runs it."""
    found = [re.search(r"(?:^|uv run )simkernel( .*)?$", line) for line in lines_of_code(page)]
    return [shlex.split(match[1] or "") for match in found if match]


def test_the_readme_names_its_two_commands() -> None:
    assert {"make demo", "make test"} <= set(lines_of_code("README.md"))


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", " ".join(lines_of_code(page))))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page: str) -> None:
    for words in commands(page):
        if not words or words[0].startswith("-"):
            continue
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
    for path in re.findall(r"`((?:simkernel|tests|lessons|tui)/[\w./]*)`", text):
        assert (ROOT / path).exists(), f"{page} names {path}"
