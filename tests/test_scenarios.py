"""Each scenario is what its data says: its stops, what it shows, how it ends; and it is the same run each time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lessons.session.actions import apply
from lessons.session.content import SCENARIOS, scenario_named
from lessons.session.scenarios import Ending, Scenario, begin, shown
from lessons.session.stepper import Stepper
from lessons.session.stops import StopRule
from lessons.story.lines import what_it_does
from simkernel.errors import LearnerError
from simkernel.events import (
    Int3Taken,
    InterruptTaken,
    Oopsed,
    Parked,
    PieceRead,
    SiteRan,
    SiteStored,
    SyncAnswered,
    SyncSent,
)
from simkernel.hw.fetch import FetchModel
from simkernel.kernel.layout import CACHE_LINE, VECTOR_CALL_FUNCTION, VECTOR_NMI
from simkernel.report import Report
from simkernel.schedule import Policy, ScheduleState, Seeded
from simkernel.sim.digest import state_digest
from simkernel.sim.options import Options

NAMES = list(SCENARIOS)


@pytest.fixture(scope="module")
def played() -> dict[str, Stepper]:
    """Each scenario at its end."""
    out = {}
    for name in NAMES:
        out[name] = Stepper.start(name)
        apply(out[name], "run")
    return out


def story(stepper: Stepper) -> list[object]:
    return [event for event in stepper.simulation.log if event.entry >= stepper.begin]


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_has_the_stops_and_the_end_that_it_names(name: str, played: dict[str, Stepper]) -> None:
    stepper, scenario = played[name], SCENARIOS[name]
    events = [event for event in stepper.simulation.log if event.entry >= stepper.begin]
    assert len(stepper.stops()) == scenario.stops <= 24  # no more than one watches in one go
    assert any(isinstance(event, scenario.ends_with) for event in events)
    last = stepper.stops()[-1].position
    assert Ending(scenario).hear(events) > 0
    assert Ending(scenario).hear([event for event in events if event.entry < last - 1]) == -1


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_shows_what_it_says_at_its_own_site(name: str, played: dict[str, Stepper]) -> None:
    stepper = played[name]
    listener = StopRule(stepper.site_bytes())
    told = [event for event in stepper.simulation.log if listener.stops_at(event)]
    stops = [event for event in told if event.entry >= stepper.begin]
    events = [event for event in stepper.simulation.log if event.entry >= stepper.begin]
    assert shown(SCENARIOS[name], stops, events)
    if SCENARIOS[name].shows:
        assert not shown(SCENARIOS[name], stops[::-1], events)
    if SCENARIOS[name].waits:
        assert not shown(SCENARIOS[name], stops, stops)


def test_one_function_shows_why_the_first_wait_is_there(played: dict[str, Stepper]) -> None:
    """A CPU has begun to read the old instruction when the int3 is written, and runs it after that."""
    events = played["one"].simulation.log
    begin_at = played["one"].begin
    written = next(e for e in events if isinstance(e, SiteStored) and e.entry >= begin_at)
    reads = [e for e in events if isinstance(e, PieceRead) and begin_at <= e.entry < written.entry]
    runs = [e for e in events if isinstance(e, SiteRan) and e.entry > written.entry]
    assert reads and runs and reads[0].cpu == runs[0].cpu
    assert runs[0].data[:1] == b"\x0f"


def test_all_functions_are_one_batch_and_few_waits(played: dict[str, Stepper]) -> None:
    stepper = played["all"]
    events = [event for event in stepper.simulation.log if event.entry >= stepper.begin]
    sites = len(stepper.image.mcount_loc)
    stored = [event for event in events if isinstance(event, SiteStored)]
    assert {len(event.sites) for event in stored} == {sites}
    assert sum(isinstance(event, SyncSent) for event in events) == 3


def test_the_site_of_cache_line_lies_in_two_lines(played: dict[str, Stepper]) -> None:
    site = played["cache-line"].site
    assert site is not None and site // CACHE_LINE != (site + 4) // CACHE_LINE


def test_the_slow_ipi_waits_while_the_other_cpu_has_long_answered(played: dict[str, Stepper]) -> None:
    stepper = played["slow-ipi"]
    waits = [
        event.waited
        for event in stepper.simulation.log
        if isinstance(event, InterruptTaken) and event.vector == VECTOR_CALL_FUNCTION and event.entry >= stepper.begin
    ]
    assert max(waits) >= SCENARIOS["slow-ipi"].waits > 300 > min(waits)
    assert sum(isinstance(event, SyncAnswered) for event in story(stepper)) == 6


def test_the_naive_patch_ends_in_an_oops_of_mixed_bytes(played: dict[str, Stepper]) -> None:
    stepper = played["naive"]
    ran = [e for e in stepper.simulation.log if isinstance(e, SiteRan) and e.entry >= stepper.begin]
    apply(stepper, "start")
    apply(stepper, "next")
    site = stepper.snapshot.site
    assert site is not None and site.old is not None and site.new is not None
    assert ran[-1].data not in (site.old.data, site.new.data)
    apply(stepper, "end")
    assert isinstance(stepper.simulation.log[-1], Oopsed)


def test_an_nmi_comes_to_a_parked_cpu_and_dies_of_what_is_written_under_it(played: dict[str, Stepper]) -> None:
    """Every CPU waits with interrupts off, as stop_machine promises; the order of events is what the story is about."""
    stepper = played["nmi"]
    events = [event for event in stepper.simulation.log if event.entry >= stepper.begin]
    parked = [e for e in events if isinstance(e, Parked)]
    nmi = next(e for e in events if isinstance(e, InterruptTaken) and e.vector == VECTOR_NMI)
    read = next(e for e in events if isinstance(e, PieceRead))
    stored = next(e for e in events if isinstance(e, SiteStored))
    ran = next(e for e in events if isinstance(e, SiteRan))
    assert {e.cpu for e in parked} == {0, 1} and {nmi.cpu, read.cpu, ran.cpu} == {1}
    assert max(e.entry for e in parked) < nmi.entry < read.entry < stored.entry < ran.entry
    apply(stepper, "start")
    for _ in range(5):
        apply(stepper, "next")
    assert all(cpu.parked for cpu in stepper.snapshot.cpus) and not stepper.snapshot.cpus[1].interrupts_on
    assert [cpu.nmi for cpu in stepper.snapshot.cpus] == [False, True]
    at = [what_it_does(stepper.snapshot, cpu) for cpu in stepper.snapshot.cpus]
    assert at == ["waits in a loop, with interrupts off", "is in an NMI, in asm_exc_nmi"]
    site = stepper.snapshot.site
    assert site is not None and site.old is not None and site.new is not None
    old, new = site.old.data, site.new.data
    assert ran.data == old[:2] + new[2:]
    apply(stepper, "end")
    assert isinstance(stepper.simulation.log[-1], Oopsed)


@pytest.mark.parametrize("model", [FetchModel.PIECES, FetchModel.BYTE])
def test_by_int3_the_same_change_survives_nmis_at_every_moment(model: FetchModel) -> None:
    """Its handler works in an NMI: some of them take the int3, and do the new instruction."""
    options = Options(cpus=2, model=model)
    simulation = begin(replace(SCENARIOS["nmi"], options=options, moves=()))
    start, site = simulation.position, simulation.image.site_of(simulation.image.symbol("nmi_handle"))
    taken = 0
    for seed in range(8):
        simulation.goto(start)
        schedule, state = Seeded(Policy.SEEDED, 20, 20, nmi_odds=3_000, act_odds=40), ScheduleState(random=seed)
        while simulation.position == start or simulation.patching.busy:
            choice, state = simulation.draw(schedule, state)
            taken += sum(isinstance(event, Int3Taken) and event.address == site for event in simulation.step(choice))
            assert not simulation.halt_reason, (seed, simulation.position - start)
    assert taken >= 3


def test_the_same_scenario_is_the_same_run() -> None:
    first, second = Stepper.start("one"), Stepper.start("one")
    for stepper in (first, second):
        apply(stepper, "goto", "9")
    assert state_digest(first.simulation) == state_digest(second.simulation)


def test_how_far_it_has_run_is_told_on_the_way_to_the_start() -> None:
    told: list[str] = []
    begin(SCENARIOS["all"], Report(lambda report: told.append(report.text)))
    clocks = [int(one.split()[2].replace(",", "")) for one in told if one.endswith(" instructions")]
    assert len(clocks) >= 3 and clocks == sorted(set(clocks))


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(LearnerError, match="there are: naive, one"):
        scenario_named("two")
    notrace: Scenario = replace(SCENARIOS["one"], function="do_syscall_64")
    with pytest.raises(LearnerError, match="notrace"):
        begin(notrace)
