"""The short form of a moment leads to that very moment, or there is none."""

from __future__ import annotations

import pytest

from lessons.activities.story import Story
from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.named_step import CHANGES, MOST_STEPS, NamedStep, is_named_step, name_of, start
from lessons.session.stepper import Stepper
from simkernel.errors import Cancelled, LearnerError
from simkernel.protocol import PROTOCOLS
from simkernel.report import Report


def at(scenario: str, *actions: tuple[str, str]) -> Stepper:
    """A scenario, and what a person does in it."""
    stepper = Stepper.start(scenario)
    for name, argument in actions:
        result = apply(stepper, name, argument)
        assert not result.error, result.message
        stepper = result.stepper or stepper
    return stepper


@pytest.mark.parametrize(
    ("actions", "name"),
    [
        ([], "one@0"),
        ([("goto", "3")], "one@3"),
        ([("goto", "24")], "one@24"),
        ([("goto", "9"), ("back", "")], "one@8"),
        ([("goto", "3"), ("without", ""), ("goto", "5")], "one@5+without:sync-1"),
        ([("without", "write tail"), ("end", "")], "one@9+without:write-tail"),
        ([("cpus", "3"), ("next", "")], "one@1+cpus:3"),
        ([("schedule", "round-robin"), ("model", "byte"), ("next", "")], "one@1+schedule:round-robin+model:byte"),
        ([("protocol", "int3 with sync 1 twice"), ("next", "")], "one@1+protocol:int3.with.sync.1.twice"),
    ],
)
def test_a_name_leads_to_the_very_moment(actions: list[tuple[str, str]], name: str) -> None:
    stepper = at("one", *actions)
    if name.endswith("tail"):
        name = f"one@{len(stepper.stops())}+without:write-tail"
    assert name_of(stepper) == name and is_named_step(name)
    again = start(name)
    assert again.moment == stepper.moment and again.site == stepper.site
    assert name_of(again) == name and str(NamedStep.parse(name)) == name
    assert [stop.position for stop in again.stops()] == [stop.position for stop in stepper.stops()]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_story_has_names_for_its_steps(scenario: str) -> None:
    last = SCENARIOS[scenario].stops
    for step in (1, last):
        stepper = at(scenario, ("goto", str(step)))
        assert name_of(stepper) == f"{scenario}@{step}"
    with pytest.raises(LearnerError, match=f"this story has {last} steps"):
        start(f"{scenario}@{last + 1}")


@pytest.mark.parametrize(
    "actions",
    [
        [("goto", "5"), ("instruction", "")],
        [("goto", "3"), ("cpu-run", "1 7"), ("next", "")],
        [("goto", "3"), ("look-at", "vfs_open")],
        [("goto", "3"), ("trace", "vfs_open"), ("next", "")],
    ],
)
def test_what_a_person_did_by_hand_has_no_name(actions: list[tuple[str, str]]) -> None:
    stepper = at("one", *actions)
    before = stepper.moment
    assert name_of(stepper) == "" and stepper.moment == before
    only_looked = [name for name, _ in actions[1:]] == ["look-at"]  # of which a moment holds nothing
    assert name_of(Stepper.open(before)) == ("one@3" if only_looked else "")


def test_a_run_that_is_cancelled_names_nothing() -> None:
    report = Report()
    report.cancel()
    assert name_of(Stepper.start("one"), report) == ""
    with pytest.raises(Cancelled):
        start("one@3", report)


def test_no_protocol_has_a_dot_in_its_name() -> None:
    assert not [name for name in PROTOCOLS if "." in name]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("@", "no scenario ''"),
        ("@3", "no scenario ''"),
        ("oen@3", "Did you mean 'one'"),
        ("lab@3", "no scenario 'lab'"),
        ("one@", "'' in 'one@' is no step"),
        ("one@-1", "is no step"),
        ("one@³", "is no step"),
        ("one@3 ", ""),
        ("one@1e3", "is no step"),
        ("one@3@4", "is no step"),
        (f"one@{MOST_STEPS + 1}", "go up to"),
        ("one@" + "9" * 200, "is no step"),
        ("one@25", "this story has 24 steps"),
        ("one@3+", "unknown change ''"),
        ("one@3+wihtout:sync-1", "Did you mean 'without'"),
        ("one@3+quit:1", f"there are: {', '.join(CHANGES)}"),
        ("one@3+export-text:x", "unknown change"),
        ("one@3+kernel:/etc/passwd", "unknown change"),
        ("one@3+without", "names no value"),
        ("one@3+without:", "names no value"),
        ("one@3+without:sync-9", "no phase 'sync-9'"),
        ("one@3+without:release", "no order of events goes wrong: all were tried"),
        ("one@3+seed:../x", "names no value"),
        ("one@3+seed:1\n2", "names no value"),
        ("one@3+seed:x", "seed"),
        ("one@3+cpus:9", "cpus:9 in one@3+cpus:9"),
        ("one@3+model:foo", "no fetch model 'foo'"),
        ("one@3+protocol:int3.without.", "protocol:int3.without."),
        ("one@3\x1b[2J", "is no step"),
        ("one@3" + "+seed:1" * 1_000, "are the most"),
    ],
)
def test_names_from_elsewhere_are_refused_in_words(text: str, says: str) -> None:
    if not says:
        assert start(text).moment == start(text.strip()).moment
        return
    with pytest.raises(LearnerError) as refused:
        NamedStep.parse(text).open()
    assert says in str(refused.value) and str(refused.value).isprintable() and len(str(refused.value)) < 700


def test_a_file_has_a_name_that_every_system_takes() -> None:
    assert NamedStep("one", 3, ("without:sync-1",)).file_stem == "one-3-without-sync-1"
    assert NamedStep("kernel", 0, ("seed:../..",)).file_stem == "kernel-0-seed-"


@pytest.mark.parametrize("name", ["one@3+without:sync-1", "naive@3+without:write-byte-2"])
def test_a_story_opened_without_a_phase_has_a_home(name: str) -> None:
    """The run with every phase, at the same step: `x` leads there, and leaves out nothing more; at the end as well."""
    whole = name.partition("+")[0]
    for steps in ((), ("run",)):
        story = Story.of(name)
        story.start(Report())
        for step in steps:
            story.apply(step)
        assert dict(story.picture().hints)["without"] == "home" and "without" in story.picture().keys
        assert "every phase" in story.apply("without").message
        assert "without" not in dict(story.picture().hints) and not story.stepper.changes
        if not steps:
            assert name_of(story.stepper) == whole
        story.apply("without")
        assert len(story.stepper.changes) == 1  # it can be left out again
        story.apply("without")
        assert not story.stepper.changes
