"""The stress finds what it is there to find: with one thing changed it fails, and says with which outcome."""

from __future__ import annotations

from collections import Counter

import pytest

from simkernel.image import KernelImage
from tests.stress.harness import Stress
from tests.stress.mutations import MUTATIONS, Mutation

SEEDS = 60


def stress(mutation: Mutation) -> Stress:
    simulation = mutation.boot(KernelImage.default())
    return Stress(simulation, mutation.setting, Counter(), mutation.either)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_with_one_thing_changed_the_stress_fails_and_says_how(mutation: Mutation) -> None:
    machine = stress(mutation)
    found: list[str] = []
    for seed in range(SEEDS):
        problem = machine.run(seed).problem
        if problem is not None and problem.name == mutation.outcome:
            return
        found += [str(problem)] if problem else []
    pytest.fail(f"{SEEDS} seeds do not show {mutation.outcome!r}; found: {found or 'nothing wrong'}")
