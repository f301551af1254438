"""The order in which a person watches the stories: each entry opens, and each but the last leads to the next."""

from __future__ import annotations

from operator import attrgetter

import pytest

from lessons.activities.opening import Opening
from lessons.activities.start import Start, entry_of
from lessons.activities.story import Story
from lessons.kept import Kept
from lessons.picture import Picture, Prose, Rows
from lessons.session.actions import apply
from lessons.session.content import SCENARIOS, STORIES
from lessons.session.named_step import start
from lessons.session.path import PATH, PathStory, behind, reached, story_of
from lessons.session.places import place_of, reopen
from lessons.session.prepared import Prepared
from lessons.session.stepper import Stepper
from lessons.story.time import time_picture
from lessons.visit import Visit
from simkernel.events import Oopsed
from simkernel.hw.fetch import FetchModel
from simkernel.report import Report
from tui.view.frame import frame, with_keys
from tui.view.marks import UNICODE
from tui.view.paragraphs import narration
from tui.view.text import plain


def test_the_motive_comes_first_and_every_scenario_is_on_the_path() -> None:
    assert STORIES[:3] == ("naive", "one", "one@0+without:sync-1")
    assert [story for story in STORIES if "@" not in story] == list(SCENARIOS)
    assert [one.name for one in PATH] == list(STORIES)


def test_the_name_of_the_first_gives_no_outcome_away() -> None:
    first = SCENARIOS[STORIES[0]]
    assert first.ends_with is Oopsed
    assert not {"crash", "dies", "oops", "torn", "naive"} & set(f"{first.title} {first.question}".lower().split())
    assert "crashes" in first.era, "and the protocol says it"
    listed = Start()
    assert not listed.apply("search", first.name).refused
    shown = [listed.picture(), Story(start(first.name)).picture()]
    assert not any("crash" in text for picture in shown for text in (*narration(picture), *picture.path))


@pytest.mark.parametrize("story", STORIES)
def test_each_story_of_the_path_opens_at_its_start_and_names_the_next(story: str) -> None:
    stepper = start(story)
    assert stepper.simulation.position == stepper.begin
    here = story_of(stepper)
    assert here is not None and here.name == story and reached(stepper) is None
    following = behind(here)
    assert ("" if following is None else following.name) == dict(zip(STORIES, [*STORIES[1:], ""], strict=True))[story]
    if "@" in story:
        assert stepper.dies and f"without:{stepper.variant.missing[0].name.replace(' ', '-')}" in story
        assert (stepper.simulation.options.model is FetchModel.BYTE) == ("model:byte" in story)


def test_what_is_on_no_path_leads_nowhere() -> None:
    for step in ("one@0+seed:5", "one@2+without:sync-3"):
        assert story_of(start(step)) is None
    assert behind(None) is None


def test_what_is_changed_says_so_and_asks_for_what_comes_of_it() -> None:
    changed = {one.name: (one.title, one.question, one.stops) for one in PATH if "@" in one.name}
    assert changed == {
        "one@0+without:sync-1": ("Trace one function, without sync 1", "What goes wrong without sync 1?", 6),
        "one@0+model:byte+without:sync-2": (
            "Trace one function, model byte, without sync 2", "What goes wrong without sync 2, model byte?", 11,
        ),
    }  # fmt: skip
    for one in PATH:
        if "@" not in one.name:
            assert (one.title, one.question, one.stops) == (
                one.scenario.title, one.scenario.question, one.scenario.stops,
            )  # fmt: skip


def test_a_run_that_was_left_where_a_phase_is_left_out_is_opened_as_that_run() -> None:
    """Its end is that of the run without the phase, not the end that the scenario promises."""
    left = start("one@6+without:sync-1")
    assert story_of(left) == PATH[2] == reached(left)
    opened = reopen(place_of(left, "story", "att"))
    assert opened.changes == left.changes and opened.moment == left.moment
    assert "This is what sync 1 is for." in opened.ending and "This is what sync 1 is for." in left.ending
    assert "never a torn one" not in opened.ending and opened.known_stops == 0
    assert story_of(opened) == PATH[2] == reached(opened)


def said(picture: Picture, name: str) -> str:
    """What a part of prose says; "" where it is not there."""
    parts = [part for part in picture.parts if part.name == name]
    return " ".join(one.text for part in parts if isinstance(part, Prose) for one in part.paragraphs)


def done(start: Start) -> dict[str, bool | None]:
    """Which entries of the list a person has been through."""
    (rows,) = (part for part in start.picture().parts if isinstance(part, Rows))
    return {entry.name: row.done for entry, row in zip(start.entries, rows.rows, strict=True)}


def test_a_story_leads_to_the_next_one_and_from_there_one_comes_back_to_the_list() -> None:
    start_ = Start()
    visit = Visit(start_)
    visit.apply("search", "naive")
    visit.apply("enter")
    visit.start()
    assert said(visit.front.picture(), "next story") == "" and not visit.seen
    assert visit.apply("run").refused is False
    assert said(visit.front.picture(), "next story") == SCENARIOS["one"].title and visit.seen == ("naive",)
    assert dict(visit.front.picture().hints)["enter"] == "next story"
    visit.apply("enter")
    visit.start()
    front = visit.front
    assert isinstance(front, Story) and visit.crumbs == ("simkernel",)
    stepper = front.stepper
    assert stepper.scenario == SCENARIOS["one"] and not stepper.begun
    assert visit.back() and visit.front is start_
    stories = {name: name == "naive" for name in STORIES}
    others = dict.fromkeys(["go on", "lab", "overhead", "boot"], None)
    assert done(start_) == stories | others | {"mysteries": False}
    assert start_.entries[start_.at].name == "one"


def test_behind_an_end_the_list_stands_on_what_that_end_names() -> None:
    """However often one comes to it; of what one has been through the first that comes behind it."""
    start_ = Start()
    visit = Visit(start_)
    visit.apply("begin", "mysteries")
    opening = visit.front
    assert isinstance(opening, Opening)
    for word in ("1", "next", "trace", "4", "last", "trace", "next", "next"):
        assert not visit.apply(word).refused
    assert visit.seen == ("mysteries",) and done(start_)["mysteries"]
    visit.back()
    assert start_.entries[start_.at].name == "one"
    for _ in range(2):
        visit.apply("begin", "one@0+without:sync-1")
        visit.start()
        visit.apply("run")
        visit.back()
        assert start_.entries[start_.at].name == "all"


def test_nothing_is_drawn_that_lies_ahead_and_was_not_seen_in_this_run() -> None:
    for story in PATH:
        assert not time_picture(story.start.open()).moments, story.name
    opening = Opening()
    for word in ("1", "next", "trace", "4", "last", "trace", "next", "next"):
        opening.apply(word)
    opening.start(Report())
    for word in ("1", "next", "trace", "4"):
        opening.apply(word)
    for at in range(4):
        assert opening.run.change is not None
        assert (opening.run.change.time.at, len(opening.run.change.time.moments)) == (at, at)
        opening.apply("next")
    opening.apply("back")
    assert opening.run.change is not None
    assert opening.run.change.time.at + 1 == len(opening.run.change.time.moments), "what was seen stays"


@pytest.mark.parametrize("story", [one.name for one in PATH])
def test_who_goes_on_at_an_end_is_told_so_in_one_row_and_loses_nothing_for_it(story: str) -> None:
    front = Story.of(story)
    front.start(Report())
    front.apply("last")
    offered, size = front.offered(), (80, 24)
    ended = frame(front.picture(), ("Scenarios",), offered, size, UNICODE)
    told = frame(front.picture(), ("Scenarios",), offered, size, UNICODE, with_keys(front.apply("next").message), "bad")
    assert len(told.below) == 2 and "plain mode" not in plain(told.below[0]), told.below
    assert [one.part.name for one in told.body.blocks] == [one.part.name for one in ended.body.blocks]
    texts = [[one.lines for one in frame_.body.blocks if one.part.name in ("waits", "now")] for frame_ in (told, ended)]
    assert texts[0] == texts[1], "what happened, and the ending"


def test_what_leads_to_no_next_story_offers_none() -> None:
    for name, seen in ((STORIES[-1], STORIES[-1:]), ("one@0+seed:5", ())):
        story = Story.of(name)
        visit = Visit(story)
        visit.start()
        visit.apply("run")
        assert story.stepper.finished and visit.seen == seen and said(story.picture(), "next story") == ""
        assert visit.apply("enter").opens is None and visit.front is story


def test_the_list_begins_at_what_comes_next() -> None:
    cases: list[tuple[tuple[str, ...], str]] = [
        ((), "mysteries"), (("naive",), "one"), (("naive", "one", "all"), "one@0+without:sync-1"),
        (("all",), "naive"), (STORIES, "mysteries"), (("no such",), "naive"),
    ]  # fmt: skip
    for seen, at in cases:
        start_ = Start(Kept(seen=seen))
        assert start_.entries[start_.at].name == at, seen
    assert Start(Kept("sk4-x", seen=("naive",))).at == 0


@pytest.mark.parametrize(
    ("name", "came_of"),
    [
        ("one@0+without:sync-1", "Without sync 1, CPU1 ran a torn instruction, and the kernel died of it. "
                                 "This is what sync 1 is for."),
        ("one@0+model:byte+without:sync-2", "Without sync 2, in model byte, CPU1 ran a torn instruction, and the "
                                            "kernel died of it. This is what sync 2 is for."),
        ("one@0+without:sync-3", "Without sync 3, the kernel died on CPU1. This is what sync 3 is for."),
        ("one@0+model:byte", "In model byte, no CPU ran a torn instruction at rw_verify_area in this run."),
        ("one@0+seed:3", "No CPU ran a torn instruction at rw_verify_area in this run."),
    ],
)  # fmt: skip
def test_a_story_that_is_changed_says_at_its_end_what_came_of_it(name: str, came_of: str) -> None:
    stepper = start(name)
    assert not stepper.ending
    apply(stepper, "run")
    assert stepper.ending == f"The story ends here. {came_of}"
    said = narration(Story(stepper).picture())
    assert stepper.ending in said


@pytest.mark.parametrize("story", PATH, ids=attrgetter("name"))
def test_a_moment_opens_the_story_s_own_site_and_start(story: PathStory) -> None:
    stepper = story.start.open()
    seen = []
    while not stepper.ending and stepper.forward():
        seen.append(stepper.simulation.position)
        stepper.looked()
    for position in (stepper.begin, seen[0], seen[-1]):
        stepper.goto(position)
        opened = Stepper.open(stepper.moment)
        assert (opened.site, opened.begin) == (stepper.site, stepper.begin), position
        name, _, changes = story.name.partition("+")
        if not changes:
            known = (opened.scenario, opened.title, opened.known_stops, len(opened.stops()))
            assert known == (stepper.scenario, stepper.title, stepper.known_stops, len(stepper.stops())), name
            assert opened.moment == stepper.moment


def test_a_moment_of_a_run_with_an_nmi_of_one_s_own_is_the_scenario_s_of_unknown_length() -> None:
    stepper = Stepper.start("one")
    stepper.forward()
    assert not apply(stepper, "nmi", "1").error
    opened = Stepper.open(stepper.moment)
    assert (opened.scenario, opened.site, opened.begin) == (stepper.scenario, stepper.site, stepper.begin)
    assert (opened.known_stops, opened.moment) == (0, stepper.moment)


@pytest.mark.parametrize("story", STORIES)
def test_the_list_says_of_who_patches_like_this_what_the_story_says(story: str) -> None:
    stepper, entry = start(story), next(one for one in PATH if one.name == story)
    assert entry.protocol.name == stepper.variant.name and entry.protocol.table.era == stepper.protocol.era
    assert f"{stepper.variant.name}: {stepper.protocol.era.users}" in entry_of(entry, Prepared()).about
