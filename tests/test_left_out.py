"""What comes of leaving a phase out: each known run dies as it says; the picture before it says what is broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lessons import left_out
from lessons.left_out import INT3, KNOWN, KNOWN_FOR, MIXTURE, Died, first_failure, sentences
from lessons.scenarios import SCENARIOS
from simkernel.explore import Question, explore
from simkernel.fetch import FetchModel
from simkernel.moment import open_moment
from tui.stepper.stepper import Stepper
from tui.stepper.story import story_of

DYING = [(name, phase) for name in KNOWN_FOR for phase, died in KNOWN.items() if died is not None]


@pytest.fixture(scope="module")
def at_the_oops() -> dict[tuple[str, str], Stepper]:
    """A stepper for each known run, where `x` leads to."""
    out = {}
    for name, phase in DYING:
        out[name, phase] = Stepper.start(name)
        assert not out[name, phase].apply("without", phase).error
    return out


@pytest.mark.parametrize("key", DYING)
def test_the_run_dies_as_the_table_says(key: tuple[str, str], at_the_oops: dict[tuple[str, str], Stepper]) -> None:
    stepper, died = at_the_oops[key], KNOWN[key[1]]
    assert died is not None and stepper.scenario is not None
    assert stepper.simulation.outcome == f"oops on CPU{died.cpu}"
    assert stepper.protocol.name == f"int3 without {key[1]}"
    site = stepper.site
    ran = [e for e in stepper.simulation.log if getattr(e, "cpu", -1) == died.cpu and type(e).__name__ == "SiteRan"]
    traps = [e for e in stepper.simulation.log if getattr(e, "cpu", -1) == died.cpu and type(e).__name__ == "Int3Taken"]
    if died.ran == INT3:
        assert traps[-1].address == site  # type: ignore[attr-defined]
    else:
        assert died.ran == MIXTURE
        site_now = stepper.snapshot.site
        assert site_now is not None and site_now.old is not None and site_now.new is not None
        whole = (site_now.old.data, site_now.new.data)
        assert ran[-1].data not in whole  # type: ignore[attr-defined]
        assert all(byte in pair for byte, *pair in zip(ran[-1].data, *whole, strict=True))  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", DYING)
def test_the_why_panel_says_broken_with_the_cpu_and_the_byte(
    key: tuple[str, str], at_the_oops: dict[tuple[str, str], Stepper]
) -> None:
    stepper, died = at_the_oops[key], KNOWN[key[1]]
    assert died is not None
    broken = []
    for _ in range(12):
        why = story_of(stepper).why
        if not why.holds:
            broken.append((why.cpu, why.byte))
            assert why.verdict.startswith("Broken: ")
        if stepper.apply("back").error:
            break
    wait = key[1].startswith("sync")  # without a write, memory itself is not what the table says: no CPU's fault
    assert any(byte is not None and (cpu == died.cpu or not wait) for cpu, byte in broken), broken
    stepper.apply("end")


def test_what_came_of_it_differs_in_each_phase_and_is_said_by_the_story() -> None:
    stepper = Stepper.start("one")
    said: dict[str, str] = {}
    for _ in range(SCENARIOS["one"].beats):
        stepper.apply("next")
        why = story_of(stepper).why
        if why.phase:
            said[why.phase] = why.without
            assert len({why.true_now, why.why, why.without}) == 3
    assert list(said) == [phase.name for phase in SCENARIOS["one"].table.phases]
    assert len(set(said.values())) == len(said)
    changed = stepper.restarted(seed=5)
    changed.apply("next")
    assert story_of(changed).why.phase and not story_of(changed).why.without


def test_the_moment_of_the_oops_opens_the_same_oops(at_the_oops: dict[tuple[str, str], Stepper]) -> None:
    stepper = at_the_oops["one", "sync 1"]
    opened = open_moment(stepper.moment)
    assert opened.outcome == stepper.simulation.outcome
    assert opened.log == stepper.simulation.log


def test_a_search_finds_the_first_run_and_the_whole_protocol_none() -> None:
    scenario = left_out.left_out(SCENARIOS["one"], "write head")
    failure = first_failure(scenario, runs=5)
    assert failure is not None and failure.died.ran == INT3 and failure.died.run
    whole = replace(SCENARIOS["one"], near=(), moves=(), options=replace(scenario.options, model=FetchModel.BYTE))
    assert first_failure(whole, runs=5) is None


def test_what_cannot_be_left_out_says_so() -> None:
    stepper = Stepper.start("one")
    assert "no phase is under way" in stepper.apply("without").message
    assert "has no phase" in stepper.apply("without", "sync 9").message
    before = stepper.simulation
    assert stepper.apply("without", "release").error and stepper.simulation is before
    plain = Stepper.start(SCENARIOS["one"].options)
    assert "only a scenario" in plain.apply("without", "sync 1").message


def test_a_sentence_for_each_end() -> None:
    here, bytewise = FetchModel.PIECES, FetchModel.BYTE
    assert sentences(Died("byte", 1, INT3, 7), "sync 3", bytewise)[0].startswith("Without sync 3, CPU1 took an int3")
    assert sentences(Died("byte", 1, MIXTURE), "sync 2", here) == (
        "Without sync 2, no run goes wrong where a CPU reads byte after byte, as here.",
        "By what manuals allow, CPU1 ran half the old and half the new instruction: the kernel died.",
    )
    assert sentences(None, "release", here) == ("Without release, none of 1,000 runs has gone wrong.",)


@pytest.mark.parametrize("phase", [phase for phase, died in KNOWN.items() if died and died.model != "pieces"])
@pytest.mark.parametrize("place", ["inside", "across"])
def test_where_no_run_goes_wrong_no_order_of_events_does(phase: str, place: str) -> None:
    scenario = left_out.left_out(SCENARIOS["one"], phase)
    for model, safe in ((scenario.options.model, True), (FetchModel.BYTE, False)):
        finding = explore(Question(scenario.table, place=place, model=model))
        assert (finding.finished and not finding.broken) == safe
