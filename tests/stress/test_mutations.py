"""The stress finds what it is there to find: with one thing changed it fails, and says with which outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from simkernel.kernel import KernelImage
from simkernel.protocol import Variant
from tests.stress.coverage import Bins
from tests.stress.harness import INT3, Stress
from tests.stress.mutations import BUSY, BYTE, MUTATIONS, PREEMPTED, SINGLY, Mutation
from tests.stress.record import HELD, UNCLAIMED

SEEDS = 60  # in which a change must show
FEW = 8  # in which nothing must show where nothing is changed; `make stress` tries all SEEDS
CONTROLS = (
    Mutation("busy", "", BUSY),
    Mutation("bytes one by one", "", BYTE),
    Mutation("preempted", "", PREEMPTED),
    Mutation("batches of one site", "", BUSY, SINGLY),
)


class Runs:
    """Runs seed after seed with one thing changed, and counts the outcomes; "" is none."""

    def __init__(self, mutation: Mutation, parking: str = "") -> None:
        self.bins: Bins = Counter()
        self.outcomes: Counter[str] = Counter()
        simulation = mutation.boot(KernelImage.default())
        self._stress = Stress(simulation, mutation.setting, self.bins, mutation.either, mutation.overlooks)
        self._parking = parking

    def one(self) -> None:
        """The next seed."""
        problem = self._stress.run(self.outcomes.total(), self._parking).problem
        self.outcomes[problem.name if problem else ""] += 1

    def until(self, found: Callable[[], object], seeds: int = SEEDS) -> bool:
        """Run until something is found, at most so many seeds in all; whether it is."""
        while not found() and self.outcomes.total() < seeds:
            self.one()
        return bool(found())


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_with_one_thing_changed_the_stress_fails_and_says_how(
    mutation: Mutation, record_property: Callable[[str, object], None]
) -> None:
    """It goes on to the first seed that shows it."""
    runs = Runs(mutation)
    found = runs.until(lambda: runs.outcomes[mutation.outcome])
    record_property("outcomes", dict(runs.outcomes))
    said = ", ".join(f"{count} {name or 'nothing wrong'}" for name, count in runs.outcomes.most_common())
    print(f"{mutation.name}: {mutation.outcome} after {runs.outcomes.total()} of {SEEDS} seeds ({said})")
    assert found, said


MANY = pytest.param(SEEDS, marks=pytest.mark.stress)


@pytest.mark.parametrize("seeds", [FEW, MANY])
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_with_nothing_changed_the_same_seeds_find_nothing(control: Mutation, seeds: int) -> None:
    """Nor has a release of a batch ever had to wait: what sync 3 leaves behind is no handler."""
    runs = Runs(control)
    runs.until(lambda: False, seeds)
    assert runs.outcomes == {"": seeds}
    assert runs.bins["releases"] > seeds and not runs.bins["releases that handlers still held"]


@pytest.mark.parametrize("seeds", [FEW, MANY])
def test_an_nmi_is_harmless_to_stop_machine_where_it_runs_nothing_that_changes(seeds: int) -> None:
    runs = Runs(Mutation("parked", "", BYTE), "stop_machine")
    runs.until(lambda: False, seeds)
    assert runs.outcomes == {"": seeds}


def test_every_setting_of_the_table_has_its_control() -> None:
    assert {row.setting for row in MUTATIONS} == {control.setting for control in CONTROLS}


@pytest.mark.parametrize("seeds", [FEW, MANY])
@pytest.mark.parametrize("variant", [INT3, SINGLY], ids=("batches", "singly"))
def test_without_sync_3_the_release_has_to_wait_and_then_nobody_holds_a_reference(variant: Variant, seeds: int) -> None:
    runs = Runs(Mutation("waited", "", BUSY, variant.without("sync 3")))
    runs.until(lambda: False, seeds)
    assert runs.until(lambda: runs.bins["releases that handlers still held"])
    assert not runs.outcomes[HELD] and not runs.outcomes[UNCLAIMED], runs.outcomes
