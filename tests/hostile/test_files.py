"""Whatever a name stands for, and whatever text an option is given: an answer or one message, at once, no harm done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.hostile.files import NAMES, TEXTS, make_all, options, problem

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="makes files that only Unix has"),
    pytest.mark.needs("keystone"),
]
Option = tuple[str, str, bool]
FILES = [one for one in options() if one[2]]
OTHERS = [one for one in options() if not one[2]]
PART = [("boot", "--kernel", "fifo"), ("boot", "--kernel", "/dev/zero"), ("demo", "--kernel", "huge"),
        ("overhead", "--costs", "/dev/full"), ("overhead", "--costs", "nested"), ("overhead", "--costs", "fifo"),
        ("overhead", "--slides", "."), ("overhead", "--slides", ""), ("overhead", "--slides", "fifo"),
        ("overhead", "--slides", "/proc/none"), ("step", "--moment", "huge"),
        ("demo", "--moment", "/proc/kmsg")]  # fmt: skip


def cases(chosen: Sequence[Option], values: Sequence[str]) -> list[tuple[Option, str]]:
    """Each option with all values where it comes first, and with one in seven in other commands, another each time."""
    first = {option: command for command, option, _ in reversed(chosen) if option}
    return [
        (one, value)
        for number, one in enumerate(chosen)
        for at, value in enumerate(values)
        if first.get(one[1], one[0]) == one[0] or (at + number) % 7 == 0
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    make_all(tmp_path)
    yield tmp_path
    os.chmod(tmp_path / "unwritable", 0o700)


def test_the_options_that_name_files_are_among_them() -> None:
    assert {("boot", "--kernel"), ("overhead", "--costs"), ("overhead", "--slides"), ("demo", "--moment")} <= {
        (command, option) for command, option, _ in FILES
    }
    assert len(cases(FILES, NAMES)) > 160
    assert {("step", "--script"), ("native patch", "--protocol"), ("show", ""), ("explore", "--move")} <= {
        (command, option) for command, option, _ in OTHERS
    }


@pytest.mark.parametrize(("command", "option", "value"), PART)
def test_some_names(command: str, option: str, value: str, folder: Path) -> None:
    assert problem(command, option, value, True, folder) == ""


@pytest.mark.stress
@pytest.mark.parametrize(("option", "value"), cases(FILES, NAMES), ids=repr)
def test_all_names(option: Option, value: str, folder: Path) -> None:
    assert problem(option[0], option[1], value, True, folder) == ""


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        *(("functions", "", "*a" * 40 + "b"), ("show", "", "\udcff")),
        *(("trace", "", "x" * 10_000), ("trace", "--for", "*" * 2_000)),  # too long to be the name of a file
    ],
)
def test_some_texts(command: str, option: str, value: str, folder: Path) -> None:
    assert problem(command, option, value, False, folder) == ""


@pytest.mark.stress
@pytest.mark.parametrize(("option", "value"), cases(OTHERS, TEXTS), ids=repr)
def test_all_texts(option: Option, value: str, folder: Path) -> None:
    assert problem(option[0], option[1], value, False, folder) == ""
