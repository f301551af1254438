"""Whatever a kernel file holds, it boots, dies in the simulator, or is refused at its own lines, in bounded time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from simkernel.errors import LearnerError
from tests.hostile.kernels import ENDLESS, MANY, SEED, hostile, line, problem
from tests.kernels import assemble, with_body

pytestmark = pytest.mark.keystone


def faults(count: int, folder: Path) -> list[str]:
    return [f"{name}: {wrong}" for name, given in hostile(count, SEED) if (wrong := problem(given, folder))]


def line_faults(count: int) -> list[str]:
    """Of single lines, in this process: what comes of one that is not an assembly and not a learner's error."""
    source, found = random.Random(SEED), []
    for given in [*ENDLESS, *(line(source) for _ in range(count))]:
        try:
            assemble(with_body(given))
        except LearnerError as error:
            if any(letter < " " and letter != "\n" for letter in str(error)):
                found.append(f"{given!r}: a control character in {str(error)!r}")
        except Exception as error:
            found.append(f"{given!r}: {error!r}")
    return found


def test_some_hostile_kernel_files(tmp_path: Path) -> None:
    assert not faults(7, tmp_path)


def test_some_hostile_lines() -> None:
    assert not line_faults(150)


@pytest.mark.stress
def test_many_hostile_kernel_files(tmp_path: Path) -> None:
    assert not faults(MANY, tmp_path)


@pytest.mark.stress
def test_many_hostile_lines() -> None:
    assert not line_faults(5_000)
