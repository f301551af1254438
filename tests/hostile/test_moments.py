"""Whatever is given as a moment opens or is refused, in bounded time and memory, in this process and as a command."""

from __future__ import annotations

import pytest

from simkernel.kernel import KernelImage
from tests.hostile.harness import run
from tests.hostile.moments import KINDS, fault, hostile

SEED = 15
MANY, COMMANDS = 5_000, 140
FEW, FEW_COMMANDS = 30 * len(KINDS), len(KINDS)


def faults(count: int) -> list[str]:
    return [f"{name}: {wrong}" for name, given in hostile(count, SEED, IMAGE) if (wrong := fault(given))]


def command_faults(count: int) -> list[str]:
    """As the command line takes them: of a text that no command line can hold, what of it can be."""
    given = (
        text.replace("\0", "").encode(errors="ignore").decode()[:100_000] for _, text in hostile(count, SEED, IMAGE)
    )
    return [wrong for text in given if (wrong := run(["step", "--script", "w", "--moment", text]).fault())]


IMAGE = KernelImage.default()


def test_some_hostile_moments() -> None:
    assert not faults(FEW)


def test_some_hostile_moments_as_commands() -> None:
    assert not command_faults(FEW_COMMANDS)


@pytest.mark.stress
def test_many_hostile_moments() -> None:
    assert not faults(MANY)


@pytest.mark.stress
def test_many_hostile_moments_as_commands() -> None:
    assert not command_faults(COMMANDS)
