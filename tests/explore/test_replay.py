"""Every schedule that breaks a property is played on the simulation, and the witness there says the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from simkernel.explore import Finding, Question, explore
from simkernel.explore.case import CHANGES, PLACES
from simkernel.explore.properties import USUAL, violations_of
from simkernel.explore.replay import replay
from simkernel.explore.search import CpuMoves, Search
from simkernel.explore.stage import Stages
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import parse
from simkernel.sim.moment import open_moment
from tests.explore.test_gallery import GALLERY

ODD = ("stop_machine without park", "stop_machine without unpark", "stop_machine with park twice")
TELLING = (
    ("naive", "nop-call", "inside", FetchModel.INSTANT, 1),
    ("one-store", "call-call", "across", FetchModel.PIECES, 2),
    ("atomic8", "call-nop", "inside", FetchModel.LINE, 2),
    ("head-first", "nop-call", "across", FetchModel.BYTE, 2),
    ("int3 without sync 1", "nop-call", "across", FetchModel.PIECES, 2),
    ("int3 without sync 2", "call-call", "inside", FetchModel.BYTE, 2),
    ("int3 without sync 3", "nop-call", "inside", FetchModel.BYTE, 3),
    ("int3 with release before sync 3", "call-nop", "inside", FetchModel.INSTANT, 2),
    ("int3 through a trap gate", "nop-call", "inside", FetchModel.LINE, 2),
    ("int3-2012", "call-call", "inside", FetchModel.BYTE, 2),
    ("int3 on nop 5x1", "nop-call", "inside", FetchModel.INSTANT, 2),
    ("stop_machine on nop 2+3", "nop-call", "across", FetchModel.BYTE, 1),
    ("stop_machine-bare", "call-nop", "across", FetchModel.LINE, 2),
    (ODD[0], "nop-call", "inside", FetchModel.PIECES, 1),
)


NMI_TELLING = (
    ("stop_machine", "nop-call", FetchModel.PIECES, 2),
    ("stop_machine", "call-call", FetchModel.BYTE, 1),
    ("stop_machine-bare", "call-nop", FetchModel.LINE, 2),
    ("stop_machine-ipi", "nop-call", FetchModel.BYTE, 2),
    ("stop_machine-ipi-bare", "nop-call", FetchModel.LINE, 2),
    ("stop_machine on nop 5x1", "nop-call", FetchModel.INSTANT, 1),
    ("int3 without sync 1", "nop-call", FetchModel.PIECES, 2),
    ("int3 without sync 3", "call-nop", FetchModel.BYTE, 2),
    ("int3-2012", "call-call", FetchModel.INSTANT, 2),
    ("one-store", "nop-call", FetchModel.BYTE, 2),
    (ODD[2], "nop-call", FetchModel.INSTANT, 1),
)


def broken(
    name: str,
    change: str,
    place: str,
    model: FetchModel,
    cpus: int,
    properties: tuple[str, ...] = USUAL,
    nmi: bool = False,
) -> Iterator[Finding]:
    """A finding for each property that can be broken."""
    question = Question(parse(name), change, place, model, cpus, properties, nmi=nmi)
    world = question.world()
    answer = Search(world, cpus, properties).run(first_only=False)
    for bit, violation in answer.violations.items():
        one = violations_of(bit)[0]
        yield Finding(question, world, answer.states, answer.depth, answer.finished, one, violation.steps)


@pytest.mark.parametrize(("name", "change", "place", "model", "cpus"), TELLING)
def test_it_ends_in_the_same_verdict(name: str, change: str, place: str, model: FetchModel, cpus: int) -> None:
    stages = Stages()
    found = list(broken(name, change, place, model, cpus))
    assert found
    for finding in found:
        assert finding.broken in replay(finding, stages).broken


@pytest.mark.parametrize(("name", "change", "model", "cpus"), NMI_TELLING)
def test_what_an_nmi_meets_ends_in_the_same_verdict(name: str, change: str, model: FetchModel, cpus: int) -> None:
    stages = Stages()
    found = list(broken(name, change, "inside", model, cpus, nmi=True))
    assert found
    for finding in found:
        assert finding.world.case.function == "nmi_handle"
        assert finding.broken in replay(finding, stages).broken


@pytest.mark.parametrize("model", [FetchModel.PIECES, FetchModel.LINE, FetchModel.BYTE])
def test_int3_is_not_at_once_on_the_simulation_either(model: FetchModel) -> None:
    (finding,) = broken("int3", "nop-call", "across", model, 2, ("at-once",))
    assert replay(finding).broken == {"not-at-once"}


def test_one_cpu_may_come_back_by_iret_while_another_goes_on_without() -> None:
    """Both ways out of a stopper thread in one schedule, each the shortest to what its CPU is to do."""
    (finding,) = broken("stop_machine-bare", "call-nop", "across", FetchModel.LINE, 2, ("at-once",))
    leaves = [step.move.first for step in finding.schedule if isinstance(step, CpuMoves) and step.move.kind == "leave"]
    assert leaves == ["other", "same"] and len(finding.schedule) == 11
    assert "not-at-once" in replay(finding).broken


def test_the_moment_opens_at_step_0_and_plays_to_the_crash() -> None:
    finding = explore(Question(parse("int3 without sync 3"), properties=("claimed",)))
    played = replay(finding)
    opened = open_moment(played.moment)
    assert opened.position == played.start and not opened.halt_reason and not opened.patching.busy
    ahead = len(opened.entries) - opened.position
    assert ahead == played.simulation.position - played.start
    for _ in range(ahead):
        opened.step()
    assert opened.halt_reason == played.simulation.halt_reason == "oops on CPU0"
    assert len(played.moment) < 2_000


@pytest.mark.stress
@pytest.mark.parametrize("model", tuple(FetchModel))
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("change", CHANGES)
def test_every_schedule_of_the_gallery_does(change: str, place: str, model: FetchModel) -> None:
    stages = Stages()
    for name, nmi in product((*GALLERY, *ODD), (False, True) if place == "inside" else (False,)):
        for finding in broken(name, change, place, model, 2, nmi=nmi):
            assert finding.broken in replay(finding, stages).broken, finding.verdict()
