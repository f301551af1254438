"""The time picture: who did what, at each step; drawn as a graph and as a score, with nothing that was not seen."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from cProfile import Profile
from dataclasses import replace

import pytest

from lessons.lanes import Did, TimePicture
from lessons.picture import Lanes
from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from lessons.story.time import is_torn, time_picture
from simkernel.events import SiteRan
from simkernel.sim.options import Options
from tui.view.lanes import graph, score
from tui.view.lanes_svg import lanes_svg
from tui.view.marks import ASCII, UNICODE, Marks
from tui.view.paragraphs import lanes
from tui.view.text import Line, length, plain

BEGIN = (Did.SENDS, Did.WRITES, Did.RELEASES)
SCORE = """\
             i sync 1    tail      sync 2  h sync 3  rel
bash-201 ◇───CC●─┄┄┄┄┄┄○─+4────────●─┄┄┄┄○─E8●─┄┄┄┄○─◆───
CPU0     ──[═════]─✔─────────────────✔─────────✔─────────
CPU1     ────────────✔─────!─!─↳─≡─────✔───────×─✔─────≡─
               ▲ step 4
"""
NARROW = """\
           …s1   t    s2  …s3  r
bash-201 ◇─W●┄┄┄○W────●┄┄○W●┄┄○◆─
CPU0     ─[══]✔────────✔────✔────
CPU1     ──────✔──!!↳≡──✔───×✔──≡
            ▲ step 4
"""
GRAPH = """\
    bash CPU0 CPU1
  1 ◇    │    │   bash-201 begins
  2 │    ┏    │   CPU0 reads 0F
  3 CC   ┃    │   bash-201 writes CC at +0
▶ 4 ●────▼────▼   bash-201 sends sync 1
  5 ┆    ┗    │   CPU0 runs a NOP
  6 ┆    ✔    │   CPU0 answers, goes on
  7 ┆    │    ✔   CPU1 answers, goes on
  8 ○    │    │   bash-201 goes on
  9 +4   │    │   bash-201 writes +1 to +4
 10 │    │    !   CPU1 takes the int3
 11 │    │    !   CPU1 finds the site
 12 │    │    ↳   CPU1 emulates the call
 13 │    │    ≡   CPU1 writes a trace line
 14 ●────▼────▼   bash-201 sends sync 2
"""
"""Drawn by hand, from the order of events that the protocol's table and the scenario's moves give."""


def text(lines: list[Line]) -> str:
    return "".join(f"{plain(one).rstrip()}\n" for one in lines)


def part(picture: TimePicture, is_graph: bool = False) -> Lanes:
    return Lanes(name="time", time=picture, other=is_graph)


def played(name: str) -> Stepper:
    """A scenario at its end, each step of it seen."""
    stepper = Stepper.start(name)
    while not apply(stepper, "next").message:
        assert stepper.snapshot
    return stepper


@pytest.fixture(scope="module")
def one() -> Stepper:
    return played("one")


def test_both_drawings_of_the_first_story(one: Stepper) -> None:
    apply(one, "goto", "4")
    picture = time_picture(one)
    assert text(score(part(picture), 60, UNICODE)) == SCORE
    assert text(score(part(picture), 44, UNICODE)) == NARROW
    assert text(graph(part(picture, True), 60, UNICODE)).startswith(GRAPH)


def test_what_lies_ahead_is_dim_and_what_was_not_seen_is_not_there(one: Stepper) -> None:
    apply(one, "goto", "4")
    ahead = [row for row in graph(part(time_picture(one), True), 60, UNICODE) if plain(row)[:3].strip().isdigit()]
    for row in ahead:
        dim = {look for text, look in row[1:] if text.strip()} == {"dim"}
        assert dim == (int(plain(row)[1:3]) > 4)
    fresh = Stepper.start("one")
    apply(fresh, "goto", "4")
    seen = time_picture(fresh)
    assert len(seen.moments) == 4 == seen.at
    assert "sync 2" not in text(score(part(seen), 60, UNICODE)) + text(graph(part(seen, True), 60, UNICODE))
    apply(fresh, "next")
    apply(fresh, "goto", "2")
    assert (len(time_picture(fresh).moments), time_picture(fresh).at) == (5, 2)


def test_the_failure_of_a_story_without_a_phase_is_not_there_before_it_is_seen() -> None:
    stepper = Stepper.start("one")
    apply(stepper, "goto", "4")
    without = apply(stepper, "without").stepper
    assert without is not None and without.dies
    seen = time_picture(without)
    assert len(seen.moments) == seen.at and not any(m.did is Did.TORN for one in seen.moments for m in one.marks)
    apply(without, "run")
    assert without.snapshot
    dies = time_picture(without)
    assert dies.moments[-1].marks[2].did is Did.DIES and dies.moments[-2].marks[2].did is Did.TORN


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_story_keeps_the_rules_of_lanes(name: str) -> None:
    stepper = played(name)
    picture = time_picture(stepper)
    assert len(picture.moments) == SCENARIOS[name].stops == picture.at
    assert [one.step for one in picture.moments] == list(range(1, picture.at + 1))
    waits, asked = False, set[int]()
    for moment in picture.moments:
        task, *cpus = (mark.did for mark in moment.marks)
        assert Did.WAITS not in cpus, "a CPU does not wait"
        assert moment.sentence
        if task is Did.SENDS:
            waits, asked = True, {at for at, did in enumerate(cpus) if did is Did.ASKED}
        elif task is Did.GOES_ON:
            assert not asked, "it goes on before everybody has answered"
            waits = False
        elif waits and not asked:
            waits = task is Did.WAITS
        else:
            assert (task is Did.WAITS) == waits, moment
        asked -= {at for at, did in enumerate(cpus) if did in (Did.ANSWERS, Did.PARKS)}
    if name in ("naive", "nmi"):
        assert [mark.did for mark in picture.moments[-2].marks].count(Did.TORN) == 1
        assert picture.moments[-1].marks[2].did is Did.DIES
    else:
        assert not any(mark.did is Did.TORN for moment in picture.moments for mark in moment.marks)


@pytest.mark.parametrize("marks", [UNICODE, ASCII])
@pytest.mark.parametrize("cpus", [1, 2, 4, 8])
def test_every_number_of_cpus_fits_every_width(cpus: int, marks: Marks) -> None:
    scenario = SCENARIOS["slow-ipi"]
    stepper = Stepper.start(replace(scenario, options=replace(scenario.options, cpus=cpus), near=(), moves=()))
    apply(stepper, "run")
    assert stepper.snapshot
    picture = time_picture(stepper)
    assert len(picture.lanes) == cpus + 1
    for width in (44, 50, 60, 80, 120):
        for lines in (score(part(picture), width, marks), graph(part(picture, True), width, marks)):
            assert max(map(length, lines)) <= width
            assert marks is UNICODE or all(plain(one).isascii() for one in lines)
        rows = score(part(picture), width, marks)
        assert len(rows) == cpus + 3
        lengths = {len(plain(row)) for row in rows[1:-1]}
        assert len(lengths) == 1, "a ragged row"


def test_in_plain_mode_it_is_a_line_a_step_and_says_who_waits(one: Stepper) -> None:
    apply(one, "goto", "5")
    said = lanes(part(time_picture(one)))
    assert said[3:] == ["Step 4: bash-201 sends sync 1.", "Step 5: CPU0 runs a NOP; bash-201 waits."]


def test_a_long_story_costs_no_more_than_what_is_seen() -> None:
    stepper = played("one")
    short = time_picture(stepper, around=3)
    whole = time_picture(stepper)
    assert short.moments[-1] == whole.moments[-1]
    assert [one.step for one in short.moments] == [22, 23, 24]


def test_what_lies_between_two_steps_costs_nothing() -> None:
    """A picture asks of no event anew whether it is a stop, however many there are between them."""
    stepper = Stepper.start("one")
    apply(stepper, "run")
    apply(stepper, "untrace")
    for _ in range(3_000):
        stepper.simulation.step()
    stepper.looked()
    assert stepper.snapshot and time_picture(stepper).moments  # all of it is heard by now
    profile = Profile()
    picture = profile.runcall(time_picture, stepper)
    asked = {getattr(entry.code, "co_name", "") for entry in profile.getstats()}
    assert "_moments" in asked and "stops_at" not in asked
    own = [stepper.events_from(one.position - 1, one.position) for one in picture.moments]
    assert all(set(stop.events) <= set(events) for stop, events in zip(stepper.stops()[-len(own) :], own, strict=True))


def test_the_svg_has_each_mark_in_its_lane_and_row(one: Stepper) -> None:
    apply(one, "goto", "10")
    picture = time_picture(one)
    root = ElementTree.fromstring(lanes_svg(picture))
    texts = [
        (float(e.get("x", "")), float(e.get("y", "")), e.text or "") for e in root.iter() if e.tag.endswith("text")
    ]
    lanes = {name: x for x, _, name in texts if name in picture.lanes}
    rows = {text: y for _, y, text in texts if text.isdigit()}
    assert list(rows) == [str(number) for number in range(1, 11)], "nothing later than where one stands"
    for moment in picture.moments[:10]:
        y = rows[str(moment.step)]
        assert any(text == moment.sentence and at == y for _, at, text in texts)
        for name, mark in zip(picture.lanes, moment.marks, strict=True):
            here = [text for x, at, text in texts if (x, at) == (lanes[name], y)]
            shown = mark.did not in (Did.NOTHING, Did.WAITS, Did.INSIDE, Did.READS) and not mark.inside
            assert bool(here) == (shown or mark.did is Did.ASKED), (moment.step, name)
    waits = [e for e in root.iter() if e.get("stroke-dasharray")]
    assert {e.get("d", "").partition(" ")[0] for e in waits} == {f"M{lanes['bash-201']:.0f}"}, "no CPU's lane is dotted"


def test_torn_is_what_is_neither_instruction() -> None:
    old, new = bytes.fromhex("0f1f440000"), bytes.fromhex("e83ead3f3f")
    for ran, torn in (("0f1f440000", False), ("e83ead3f3f", False), ("0f3ead3f3f", True), ("0f1f4400", False)):
        assert is_torn(SiteRan(cpu=0, site=0, data=bytes.fromhex(ran)), (old, new)) == torn
    assert not is_torn(SiteRan(cpu=0, site=0, data=b"\x90"), ())


def test_without_a_story_there_is_a_picture_too() -> None:
    picture = time_picture(Stepper.start(Options()))
    assert picture.moments == () and picture.at == 0
    assert score(part(picture), 60, UNICODE) and graph(part(picture, True), 60, UNICODE)


def test_a_picture_that_begins_later_says_with_which_step() -> None:
    stepper = Stepper.start("one")
    apply(stepper, "run")
    said = time_picture(stepper, around=5).sentences()
    assert said[0] == "Steps 20 to 24; those before them are not here." and said[1].startswith("Step 20: ")


@pytest.mark.parametrize("width", [58, 44, 28])
@pytest.mark.parametrize("name", ["all", "nmi", "naive"])
def test_no_phase_goes_without_a_label_or_a_mark(name: str, width: int) -> None:
    """Above each send, write and release of the patching task; where one stands the phase's own label."""
    stepper = played(name)
    for step in range(1, len(stepper.stops()) + 1):
        apply(stepper, "goto", str(step))
        picture = time_picture(stepper)
        phases, bash, *_ = text(score(part(picture), width, UNICODE)).splitlines()
        each = 2 if 2 * len(picture.moments) <= width - len("bash-201 ") else 1
        shown = bash[len("bash-201 ") :]
        begins = [number for number, one in enumerate(picture.moments) if one.marks[0].did in BEGIN]
        for number in begins[: len(shown) // each]:
            assert phases.ljust(80)[len("bash-201 ") + each * number] != " ", (step, number)
        for number in [one for one in begins if picture.moments[one].step <= step][-1:]:
            at = len("bash-201 ") + each * number
            assert phases[at : at + 1].isalnum()
