"""What comes of leaving a phase out: each known run dies as it says; the picture before it says what is broken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import pytest

from lessons.activities.story import Story as Watched
from lessons.session import left_out
from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.director import Director, Goes, Near, Resolves, Through
from lessons.session.left_out import first_failure, harmless, is_known, known, sentences
from lessons.session.prepared import Prepared
from lessons.session.scenarios import Died, Ran, Scenario
from lessons.session.stepper import Stepper
from lessons.story import StoryNow, story_of
from simkernel import disasm
from simkernel.errors import LearnerError
from simkernel.events import (
    Int3Taken,
    SiteRan,
)
from simkernel.explore import Question, explore, explore_each
from simkernel.explore.case import PLACES
from simkernel.hw.fetch import FetchModel
from simkernel.report import Report
from simkernel.sim.moment import open_moment
from tests.tui.playing import another

pytestmark = pytest.mark.usefixtures("lent")
DYING = [(one.name, phase) for one in SCENARIOS.values() for phase, died in one.ablated if died is not None]
PREPARED = Prepared()  # not lent: what starts in it outlasts a test
PHASES = [phase for name, phase in DYING if name == "one"]


@pytest.fixture(scope="module", params=DYING, ids=", ".join)
def key(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The scenario and the phase left out of a known run; its tests follow one another, so in one worker."""
    name, phase = request.param
    return name, phase


@dataclass(frozen=True)
class LeftOut:
    """What `x` says in a known run, the stepper that it leads to, and its story and position then."""

    message: str
    stepper: Stepper
    here: StoryNow
    position: int


@pytest.fixture(scope="module")
def without(key: tuple[str, str]) -> LeftOut:
    """Of one key, once: its tests run the story on and go back."""
    result = apply(Stepper.start(key[0], prepared=PREPARED), "without", key[1])
    assert result.stepper is not None
    stepper = result.stepper
    return LeftOut(result.message, stepper, story_of(stepper), stepper.simulation.position)


@pytest.fixture(scope="module")
def at_the_oops(without: LeftOut) -> Stepper:
    """A stepper at the end of what `x` leads to in a known run."""
    assert not apply(without.stepper, "run").error
    return without.stepper


def dying(name: str, phase: str) -> Stepper:
    stepper = another(Stepper.start(name), "without", phase)
    assert not apply(stepper, "run").error
    return stepper


def test_one_stands_where_the_phase_would_have_come_and_walks_to_the_oops(
    key: tuple[str, str], without: LeftOut, at_the_oops: Stepper
) -> None:
    again, phase, moment, message = at_the_oops, key[1], at_the_oops.moment, without.message
    assert f"without {phase}" in message and "r runs on to the failure" in message
    again.goto(without.position)
    here = without.here
    assert any(one.startswith(f"Here {phase} would have ") and "left out" in one for one in here.said)
    assert here.missing is not None and here.missing.phase.name == phase
    assert (here.why.phase, here.why.missing, here.missing.position) == (phase, True, here.snapshot.position)
    assert here.snapshot.changes and not again.simulation.halt_reason
    site = here.snapshot.site
    assert site is not None
    for one in site.cpus:  # who holds a part of the old instruction is named
        named = any(f"CPU{one.cpu} has begun to read" in text for text in here.said)
        assert named == bool(phase == "sync 1" and one.read)
    steps = 0
    while not again.simulation.halt_reason:
        assert not apply(again, "next").error
        assert (story_of(again).why.phase, story_of(again).missing) == (phase, here.missing)
        steps += 1
    assert steps >= 2 and again.moment == moment


def test_phase_back_from_the_oops_is_the_move_before_the_failure(key: tuple[str, str], at_the_oops: Stepper) -> None:
    stepper, died = at_the_oops, known(SCENARIOS[key[0]], key[1])
    assert died is not None and stepper.simulation.halt_reason
    assert not apply(stepper, "back-phase").error
    assert not stepper.simulation.halt_reason
    site = stepper.snapshot.site
    assert site is not None
    if died.ran is Ran.TORN:  # the CPU has not run it yet
        assert site.old is not None and site.new is not None
        ran = [e for e in stepper.simulation.log if isinstance(e, SiteRan) and e.site == stepper.site]
        assert all(e.data in (site.old.data, site.new.data) for e in ran if e.cpu == died.cpu)
        one = site.cpus[died.cpu]
        if (
            key[1] == "sync 1" and died.model is FetchModel.PIECES
        ):  # it is in the middle of the old instruction, with the new bytes behind
            assert one.read and one.options[0] == (site.old.data[0],) and site.memory.data[1:] == site.new.data[1:]
    first = len(stepper.simulation.log)
    apply(stepper, "next")
    if died.ran is Ran.INT3:
        taken = [e for e in stepper.simulation.log[first:] if isinstance(e, Int3Taken)]
        assert [e.address for e in taken if e.cpu == died.cpu] == [stepper.site]
    apply(stepper, "end")


def test_the_run_dies_as_the_table_says(key: tuple[str, str], at_the_oops: Stepper) -> None:
    stepper, died = at_the_oops, known(SCENARIOS[key[0]], key[1])
    assert died is not None and stepper.scenario is not None
    assert stepper.simulation.options.model is died.model
    assert stepper.simulation.halt_reason == f"oops on CPU{died.cpu}"
    assert stepper.protocol.name == f"int3 without {key[1]}"
    site = stepper.site
    ran = [e for e in stepper.simulation.log if isinstance(e, SiteRan) and e.cpu == died.cpu]
    traps = [e for e in stepper.simulation.log if isinstance(e, Int3Taken) and e.cpu == died.cpu]
    if died.ran is Ran.INT3:
        assert traps[-1].address == site
    else:
        assert died.ran is Ran.TORN
        site_now = stepper.snapshot.site
        assert site_now is not None and site_now.old is not None and site_now.new is not None
        whole = (site_now.old.data, site_now.new.data)
        assert ran[-1].data not in whole
        assert all(byte in pair for byte, *pair in zip(ran[-1].data, *whole, strict=True))


def test_the_why_panel_says_broken_with_the_cpu_and_the_byte(key: tuple[str, str], at_the_oops: Stepper) -> None:
    stepper, died = at_the_oops, known(SCENARIOS[key[0]], key[1])
    assert died is not None
    broken = []
    for _ in range(12):
        why = story_of(stepper).why
        if not why.holds:
            broken.append((why.cpu, why.byte))
            assert why.verdict.startswith("Broken: ")
        if apply(stepper, "back").error:
            break
    wait = key[1].startswith("sync")  # without a write, memory itself is not what the table says: no CPU's fault
    assert any(byte is not None and (cpu == died.cpu or not wait) for cpu, byte in broken), broken
    apply(stepper, "end")


def test_what_came_of_it_differs_in_each_phase_and_is_said_by_the_story() -> None:
    stepper = Stepper.start("one")
    said: dict[str, str] = {}
    for _ in range(SCENARIOS["one"].stops):
        apply(stepper, "next")
        why = story_of(stepper).why
        if why.phase:
            said[why.phase] = why.without
            assert len({why.true_now, why.why, why.without}) == 3
    assert list(said) == [phase.name for phase in SCENARIOS["one"].table.phases]
    assert len(set(said.values())) == len(said)
    changed = stepper.restarted(seed=5)
    apply(changed, "next")
    assert story_of(changed).why.phase and not story_of(changed).why.without


def test_the_moment_of_the_oops_opens_the_same_oops() -> None:
    stepper = dying("one", "sync 1")
    opened = open_moment(stepper.moment)
    assert opened.halt_reason == stepper.simulation.halt_reason
    assert opened.log == stepper.simulation.log


def test_a_search_finds_the_first_run_and_the_whole_protocol_none() -> None:
    scenario = left_out.left_out(SCENARIOS["one"], "write head")
    failure = first_failure(scenario, runs=20)
    assert failure is not None and failure.died.ran is Ran.INT3 and failure.died.run
    whole = replace(
        SCENARIOS["one"], near=(), moves=(), options=replace(SCENARIOS["one"].options, model=FetchModel.BYTE)
    )
    assert first_failure(whole, runs=5) is None


def test_what_cannot_be_left_out_says_so() -> None:
    stepper = Stepper.start("one")
    assert "no phase is under way" in apply(stepper, "without").message
    assert "has no phase" in apply(stepper, "without", "sync 9").message
    before = stepper.simulation
    assert apply(stepper, "without", "release").error and stepper.simulation is before
    plain = Stepper.start(SCENARIOS["one"].options)
    assert "only a scenario" in apply(plain, "without", "sync 1").message


def test_a_sentence_for_each_end() -> None:
    here, bytewise = FetchModel.PIECES, FetchModel.BYTE
    assert sentences(Died(bytewise, 1, Ran.INT3, 7), "sync 3", bytewise)[0].startswith(
        "Without sync 3: in a run, CPU1 took an int3"
    )
    assert sentences(Died(bytewise, 1, Ran.TORN), "sync 2", here) == (
        "Without sync 2: on this machine no run goes wrong.",
        "On another, where bytes may be old or new, which no manual rules out, CPU1 ran a torn instruction.",
        "The kernel died of it.",
    )
    assert sentences(Died(bytewise, 1, Ran.TORN, survived=True), "sync 1", FetchModel.LINE) == (
        "Without sync 1, where a CPU reads a cache line at once, it can run a torn instruction.",
        "Here that is a NOP, too: the kernel survives it.",
        "Where bytes may be old or new, which no manual rules out, CPU1 ran a torn instruction.",
        "The kernel died of it.",
    )
    assert sentences(None, "release", here) == ("Without release, no order of events goes wrong: all were tried.",)
    assert sentences(None, "sync 2", here, 200) == ("Without sync 2, none of 200 runs has gone wrong.",)


def in_model(model: FetchModel) -> Scenario:
    scenario = SCENARIOS["cache-line"]
    return replace(scenario, near=(), moves=(), options=replace(scenario.options, model=model))


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("model", list(FetchModel), ids=lambda model: model.value)
def test_the_scenarios_own_model_comes_first_where_one_of_its_orders_of_events_fails(
    phase: str, model: FetchModel
) -> None:
    """Whether one does is asked of the explorer; where none does, another model takes its place, and it is said."""
    scenario = in_model(model)
    variant = left_out.left_out(scenario, phase).options.protocol
    fails = not explore(Question(variant, place="across", model=model)).safe
    failure = left_out.directed_failure(scenario, phase, left_out.failing_models(scenario, phase)[0])
    if (phase, model) == ("sync 1", FetchModel.LINE):
        assert fails and failure is None  # its one mixture is a NOP: the test below
        return
    assert failure is not None and failure.simulation.halt_reason
    assert (failure.simulation.options.model is model) == fails
    said = " ".join(sentences(failure.died, phase, model))
    assert ("which no manual rules out" in said) == ("on this machine no run goes wrong" in said) == (not fails)


def test_the_cache_line_story_without_sync_1_survives_its_mixture() -> None:
    """Every schedule that breaks it there is that of one mixture, and Capstone calls that a NOP of five bytes."""
    scenario = left_out.left_out(in_model(FetchModel.LINE), "sync 1")
    stepper = Stepper.start(replace(scenario, near=(Near(1),)))
    simulation, site = stepper.simulation, stepper.site
    assert site is not None and 64 - site % 64 == 3
    Director(simulation, site).play((Through("sync 2"), Resolves(1, 4), Goes(1, SiteRan)))
    ran = [event.data for event in simulation.log if isinstance(event, SiteRan) and event.site == site]
    patch = stepper.snapshot.site
    assert patch is not None and patch.old is not None and patch.new is not None
    assert ran == [patch.old.data[:3] + patch.new.data[3:]]
    (one,) = disasm.decode(ran[0], site)
    assert one.text.startswith("nop") and len(one.bytes) == 5
    question = Question(scenario.options.protocol, place="across", model=FetchModel.LINE)
    assert {finding.broken for finding in explore_each(question)} - {""} == {"torn"}
    assert first_failure(scenario, runs=20) is None


@pytest.mark.stress
def test_no_run_of_the_cache_line_story_without_sync_1_dies() -> None:
    assert first_failure(left_out.left_out(in_model(FetchModel.LINE), "sync 1")) is None


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("model", list(FetchModel), ids=lambda model: model.value)
def test_that_no_run_goes_wrong_is_said_where_no_order_of_events_does(phase: str, model: FetchModel) -> None:
    """Of each model in which a story may be told; the known death of the phase may have been in another one."""
    variant = left_out.left_out(SCENARIOS["one"], phase).options.protocol
    safe = all(explore(Question(variant, place=place, model=model)).safe for place in PLACES)
    what = known(SCENARIOS["one"], phase)
    assert what is not None
    first = left_out.failing_models(in_model(model), phase)[0]
    said = " ".join(sentences(replace(what, model=first), phase, model))
    assert ("on this machine no run goes wrong" in said) == safe
    assert safe == (first is not model)


def note(said: list[str], report: Report) -> None:
    """Note what is said."""
    said.append(report.text)


@pytest.mark.parametrize(
    "name", [name if name in ("nmi", "naive") else pytest.param(name, marks=pytest.mark.stress) for name in SCENARIOS]
)
def test_leaving_any_phase_out_comes_to_an_end_and_can_be_stopped_before(name: str) -> None:
    scenario = SCENARIOS[name]
    for phase in scenario.table.phases:
        heard = list[str]()
        try:
            left_out.leave_out(scenario, phase.name, Report(partial(note, heard)), runs=2)
        except LearnerError as error:
            assert f"Without {phase.name} the change never ends" in str(error)
        assert any(said.startswith("getting ready") for said in heard) or not heard[1:], heard


def test_an_unknown_failure_is_found_by_a_likely_run_and_remembered() -> None:
    scenario, prepared = SCENARIOS["naive"], Prepared()
    for phase in scenario.table.phases:
        assert not is_known(scenario, phase.name)
        heard = list[str]()
        failure = left_out.leave_out(scenario, phase.name, Report(partial(note, heard)), runs=0, prepared=prepared)
        assert failure is not None and failure.died.run == 0, f"without {phase.name}"
        assert failure.simulation.halt_reason and any(said.startswith("likely run 1 of") for said in heard)
    survives = replace(in_model(FetchModel.LINE), title="another")  # its directed run in `line` dies of nothing
    assert not is_known(survives, "sync 1")
    for second in (False, True):
        heard = list[str]()
        again = left_out.leave_out(survives, "sync 1", Report(partial(note, heard)), runs=2, prepared=prepared)
        assert again is not None and again.died.model is FetchModel.BYTE
        assert ("run 2 of 2" in heard) != second


def test_another_model_is_named_with_its_reason_and_stays_in_the_breadcrumb() -> None:
    story = Watched(Stepper.start("one", prepared=PREPARED))
    said = story.apply("without", "sync 2").message
    assert said.startswith("In model pieces nothing goes wrong without sync 2, in any order of events: ")
    assert "model byte" in said and harmless(SCENARIOS["one"], "sync 2", FetchModel.PIECES)
    assert story.picture().path == ("without sync 2", "in model byte")
    story.apply("next")
    assert story.picture().path == ("without sync 2", "in model byte")
    story.apply("without")
    assert "model" not in " ".join(story.picture().path)
    same = story.apply("without", "sync 1").message
    assert "model" not in same and story.picture().path == ("without sync 1",)


def test_where_nothing_is_written_nothing_is_tried() -> None:
    result = apply(Stepper.start("nmi", prepared=PREPARED), "without", "write")
    assert result.error and result.message.startswith("Without write no byte changes")


def test_without_park_an_nmi_runs_half_of_the_bytes_and_without_the_way_back_nobody_comes_back() -> None:
    scenario = SCENARIOS["nmi"]
    first, *_, last = [phase.name for phase in scenario.table.phases]
    failure = left_out.leave_out(scenario, first)
    assert failure is not None and (failure.died.cpu, failure.died.ran, failure.died.run) == (1, Ran.TORN, 0)
    with pytest.raises(
        LearnerError, match="bash-201 has waited for CPU0 and CPU1 for 100,000 instructions. No kernel dies of that"
    ):
        left_out.leave_out(scenario, last)


def test_a_protocol_without_a_phase_is_not_told_as_the_whole_one() -> None:
    """Without park no CPU waits in a loop; the story of the whole protocol begins with that sentence."""
    whole = Stepper.start("nmi")
    apply(whole, "next")
    assert whole.protocol.prose in " ".join(story_of(whole).said)
    failing = apply(whole, "without", "park").stepper
    assert failing is not None and failing.protocol.prose == whole.protocol.prose
    assert failing.protocol.prose not in " ".join(story_of(failing).said)
