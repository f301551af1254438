"""The stress finds what it is there to find: with one thing changed it fails, and says with which outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from simkernel.kernel import KernelImage
from simkernel.protocol import INT3_PROTOCOL, Protocol
from tests.stress.coverage import Bins
from tests.stress.harness import Stress
from tests.stress.mutations import BUSY, BYTE, MUTATIONS, PREEMPTED, SINGLY, Mutation
from tests.stress.record import HELD, UNCLAIMED

SEEDS = 60
CONTROLS = (
    Mutation("busy", "", BUSY),
    Mutation("bytes one by one", "", BYTE),
    Mutation("preempted", "", PREEMPTED),
    Mutation("batches of one site", "", BUSY, SINGLY),
)


def outcomes(mutation: Mutation, bins: Bins, parking: str = "") -> Counter[str]:
    """How often each outcome came in all seeds; "" is none."""
    simulation = mutation.boot(KernelImage.default())
    machine = Stress(simulation, mutation.setting, bins, mutation.either, mutation.overlooks)
    problems = (machine.run(seed, parking).problem for seed in range(SEEDS))
    return Counter(problem.name if problem else "" for problem in problems)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_with_one_thing_changed_the_stress_fails_and_says_how(
    mutation: Mutation, record_property: Callable[[str, object], None]
) -> None:
    found = outcomes(mutation, Counter())
    record_property("outcomes", dict(found))
    others = ", ".join(f"{count} {name or 'nothing wrong'}" for name, count in found.most_common())
    print(f"{mutation.name}: {mutation.outcome} in {found[mutation.outcome]} of {SEEDS} seeds ({others})")
    assert found[mutation.outcome], others


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_with_nothing_changed_the_same_seeds_find_nothing(control: Mutation) -> None:
    """Nor has a release of a batch ever had to wait: what sync 3 leaves behind is no handler."""
    bins: Bins = Counter()
    assert outcomes(control, bins) == {"": SEEDS}
    assert bins["releases"] > SEEDS and not bins["releases that handlers still held"]


def test_an_nmi_is_harmless_to_stop_machine_where_it_runs_nothing_that_changes() -> None:
    assert outcomes(Mutation("parked", "", BYTE), Counter(), "stop_machine") == {"": SEEDS}


def test_every_setting_of_the_table_has_its_control() -> None:
    assert {row.setting for row in MUTATIONS} == {control.setting for control in CONTROLS}


@pytest.mark.parametrize("protocol", (INT3_PROTOCOL, SINGLY), ids=("batches", "singly"))
def test_without_sync_3_the_release_has_to_wait_and_then_nobody_holds_a_reference(protocol: Protocol) -> None:
    bins: Bins = Counter()
    found = outcomes(Mutation("waited", "", BUSY, protocol.without("sync 3")), bins)
    assert bins["releases that handlers still held"]
    assert not found[HELD] and not found[UNCLAIMED], found
