"""What a story says to hold is so for the five bytes beside it, whichever site is looked at and whatever was asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.path import PATH, PathStory
from lessons.session.stepper import Stepper
from lessons.story import StoryNow, story_of
from lessons.story.answers import why
from simkernel.insn import INT3
from simkernel.sentence import sentences
from simkernel.sim.snapshot import MayRun, SiteSnapshot

ASKED = (("trace", "schedule"), ("trace", ""), ("untrace", ""), ("second-ops", "fdget"), ("nmi", "0"))
MOST = 80  # steps of a scenario


def _new(site: SiteSnapshot) -> bytes:
    assert site.new is not None
    return site.new.data


def _every_cpu(site: SiteSnapshot, data: bytes) -> bool:
    """Whether each CPU can fetch these bytes only, from the site's first on."""
    return all(options == (byte,) for cpu in site.cpus for options, byte in zip(cpu.options, data, strict=False))


INT3_PHASES: dict[str, Callable[[SiteSnapshot], bool]] = {  # of the bytes, once the phase has ended
    "write int3": lambda site: site.memory.data[0] == INT3,
    "sync 1": lambda site: site.memory.data[0] == INT3 and _every_cpu(site, bytes((INT3,))),
    "write tail": lambda site: site.memory.data == bytes((INT3,)) + _new(site)[1:] and _every_cpu(site, bytes((INT3,))),
    "sync 2": lambda site: site.memory.data == bytes((INT3,)) + _new(site)[1:],
    "write head": lambda site: site.memory.data == _new(site),
    "park": lambda site: site.memory == site.old and _every_cpu(site, site.memory.data),
    "write": lambda site: site.memory.data == _new(site),
    "unpark": lambda site: site.memory.data == _new(site) and _every_cpu(site, _new(site)),
    "sync 3": lambda site: site.memory.data == _new(site) and _every_cpu(site, _new(site)),
}


def is_so(story: StoryNow) -> bool:
    """Whether what is said to hold is so; of a phase that the table above lacks, only that it is of this site."""
    snapshot, said = story.snapshot, story.why.true_now
    site, patch = snapshot.site, snapshot.patching
    if site is None or not story.why.holds:
        return True
    changes = site.address in patch.sites
    if patch.last_done is not None and said == patch.last_done.true_now:
        so = INT3_PHASES.get(patch.last_done.name)
        return changes and (so is None or so(site))
    if "holds the old instruction" in said:
        assert site.old is not None
        right = changes and site.memory == site.old
    else:
        right = f"{site.name} begins with" in said and site.memory.text.split()[0] in said.lower()
    return right and ("every CPU" not in said or _every_cpu(site, site.memory.data))


def steps(name: str) -> Iterator[Stepper]:
    """The scenario's places, one after the other."""
    stepper = Stepper.start(name)
    for _ in range(MOST):
        yield stepper
        if apply(stepper, "next").error or stepper.finished:
            return


@pytest.mark.parametrize(
    "name", ["one", *(pytest.param(one, marks=pytest.mark.stress) for one in SCENARIOS if one != "one")]
)
def test_what_holds_is_of_the_site_that_is_looked_at(name: str) -> None:
    for stepper in steps(name):
        looked_at = stepper.site
        for function in ("", "fdget", "schedule", "rw_verify_area"):
            if function:
                apply(stepper, "look-at", function)
            story = story_of(stepper)
            assert is_so(story), (len(stepper.stops()), function, story.why.true_now, story.snapshot.site)
        stepper.site = looked_at
        stepper.looked()


@pytest.mark.parametrize(
    ("name", "every"),
    [("one", 9), *(pytest.param(one, 1, marks=pytest.mark.stress) for one in ("one", "all", "nmi", "naive"))],
)
def test_what_holds_is_so_after_anything_was_asked_for_in_the_middle(name: str, every: int) -> None:
    for number, stepper in enumerate(steps(name)):
        for action, argument in ASKED if number % every == 2 % every else ():
            other = Stepper(stepper.simulation.fork(), stepper.scenario, stepper.site, stepper.begin)
            apply(other, action, argument)
            for _ in range(3):
                story = story_of(other)
                assert is_so(story), (number, action, story.why.true_now, story.snapshot.site)
                apply(other, "next")


@pytest.mark.parametrize("name", [one.name for one in PATH if "without" in one.name])
def test_where_a_phase_is_left_out_nothing_is_said_to_hold_that_rests_on_it(name: str) -> None:
    """Of the phases behind it only what stands there is said to hold; where something is broken, nothing is."""
    stepper, broken, open_again = PathStory.of(name).start.open(), 0, 0
    while apply(stepper, "next").error is False and not stepper.simulation.halt_reason:
        story = story_of(stepper)
        assert is_so(story), (len(stepper.stops()), story.why.true_now)
        told, patch = why(story), story.snapshot.patching
        if story.why.holds:
            assert story.why.true_now.startswith(told[0])
        else:
            broken += 1
            assert told[0] == story.why.verdict and not set(told) & set(sentences(story.why.true_now))
            may = [f"CPU{cpu.cpu}" for cpu in story.snapshot.site.cpus if _may_run_torn(story, cpu)]  # type: ignore[union-attr]
            ran = "has run" in story.why.verdict
            assert ran or all(one in story.why.verdict for one in may) and may, story.why.verdict
        if patch.last_done is not None and f"Without {patch.variant.missing[0].name} no more" in story.why.true_now:
            open_again += 1
            assert patch.last_done.true_now not in story.why.true_now
    assert broken and open_again


def _may_run_torn(story: StoryNow, cpu: MayRun) -> bool:
    """Whether a CPU may run what the verdict names."""
    torn = re.findall(r"may run ((?:[0-9A-F]{2} ?)+)", story.why.verdict)
    return any(
        all(byte in options for byte, options in zip(bytes.fromhex(one), cpu.options, strict=True)) for one in torn
    )


def test_of_parked_cpus_nothing_is_said_that_an_nmi_makes_false() -> None:
    """While one of them runs an NMI it does not spin in its loop; all stay in their stopper threads, interrupts off."""
    seen = set()
    for stepper in steps("nmi"):
        story = story_of(stepper)
        cpus = story.snapshot.cpus
        if "Every CPU is in its stopper thread with interrupts off" in story.why.true_now:
            seen.add(tuple(cpu.nmi for cpu in cpus))
            assert all(cpu.parked and not cpu.interrupts_on for cpu in cpus)
            assert all(cpu.task.startswith("migration/") for cpu in cpus)
        assert "spins" not in story.why.true_now or not any(cpu.nmi for cpu in cpus)
    assert (False, True) in seen


def test_a_row_that_may_be_torn_in_an_nmi_on_a_parked_cpu_is_broken() -> None:
    torn = [
        (story, cpu)
        for story in map(story_of, steps("nmi"))
        for cpu in (story.snapshot.site.cpus if story.snapshot.site is not None else ())
        if story.snapshot.cpus[cpu.cpu].nmi
        and cpu.read
        and all(
            five is not None and tuple(options[0] for options in cpu.options) != tuple(five.data)
            for five in (story.snapshot.site.old, story.snapshot.site.new)  # type: ignore[union-attr]
        )
    ]
    assert len(torn) == 1
    story, cpu = torn[0]
    assert (story.why.holds, story.why.cpu, story.why.byte) == (False, cpu.cpu, 2)
    assert story.why.verdict.startswith("Broken: CPU1 may run 0F 1F F8 3F 3F at nmi_handle")


def test_asked_for_another_function_in_the_middle_it_says_that_the_change_is_not_of_that() -> None:
    stepper = next(one for one in steps("one") if story_of(one).why.phase == "write tail")
    apply(stepper, "trace", "schedule")
    assert story_of(stepper).why.true_now == (
        "bash-201 changes another function now. schedule begins with a NOP, in memory and for every CPU."
    )
