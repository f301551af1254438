"""What every activity keeps: its keys, its picture at every size, plain mode, JSON, and the way there and back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise

import pytest

from lessons.activities.boot import Boot
from lessons.activities.costs import Costs
from lessons.activities.functions import Functions
from lessons.activities.lab import Lab
from lessons.activities.lab_words import YES
from lessons.activities.opening import Opening
from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.activity import KEYS, Action, Activity, Result
from lessons.kept import Kept
from lessons.picture import Paragraph, Picture, Prose
from lessons.session.stepper import Stepper
from lessons.visit import Visit
from simkernel.errors import Cancelled, LearnerError
from simkernel.report import Report
from simkernel.sim.options import Options, load_image
from tests.tui.measurements import little_to_count, measured_at_once
from tui.stepper.player import FIRST_KEYS, PlainVisit
from tui.stepper.words import parted, said_here
from tui.view.arrange import Arrangement, arrange
from tui.view.boxes import framed
from tui.view.frame import frame
from tui.view.marks import ASCII, UNICODE
from tui.view.paragraphs import narration, news
from tui.view.room import Drawings
from tui.view.text import length, plain

SIZES = ((60, 20), (80, 24), (120, 36), (160, 45))


def functions_of(stepper: Stepper) -> Functions:
    """The functions of a stepper that nobody else has do something."""
    return Functions(lambda report: stepper)


def answer_of(*words: str) -> Activity:
    """What the lab finds after some words."""
    lab = Lab()
    for word in words:
        name, _, argument = word.partition(":")
        lab.apply(name, argument)
    answer = lab.apply(YES).opens
    assert answer is not None
    return answer


ACTIVITIES: dict[str, Callable[[], Activity]] = {
    "start": Start,
    "start, again": lambda: Start(Kept("sk4-x", "one", title="Trace one function", step=24, seen=("naive", "one"))),
    "boot": lambda: Boot(load_image(Options()), Options()),
    "overhead": Costs,
    "mysteries": Opening,
    "functions": lambda: functions_of(Stepper.start("one")),
    "story": lambda: Story(Stepper.start("one")),
    "lab": Lab,
    "lab, broken": lambda: answer_of("with:sync-1", "without:sync-3"),
    "lab, 4 CPUs": lambda: answer_of("cpus:4", "states:10000"),
    "lab, safe": lambda: answer_of("with:sync-1"),
}
WAYS = {
    "start": ("down", "down", "search:lab", "up", "first", "last", "search:byte"),
    "start, again": ("up", "search:cache", "last"),
    "boot": ("next", "next", "enter", "back", "last"),
    "overhead": ("down", "more", "zoom", "2", "3", "next", "enter", "next", "enter", "picture"),
    "functions": ("down", "next", "search:read", "3", "run", "last", "search: ", "2", "back"),
    "mysteries": (
        "1",
        "next",
        "next",
        "4",
        "enter",
        "next",
        "next",
        "next",
        "back",
        "last",
        "trace",
        "back",
        "next",
        "next",
        "next",
    ),
    "story": tuple(
        "next next enter more next-cpu more more view search:vfs_open back without:sync-1 run phase-back without "
        "first last".split()
    ),
    "lab": ("down", "enter", "x", "x", "up", "earlier", "next", "next", "up", "change-back", "back"),
    "lab, broken": ("next", "down", "last", "2", "end", "back", "start", "1"),
    "lab, 4 CPUs": ("end",),
    "lab, safe": (),
}
"""Words that lead through the places of an activity that differ."""


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted and measured is little, so that it takes no time."""
    measured_at_once(monkeypatch)
    little_to_count(monkeypatch)


def places(name: str) -> Iterator[Activity]:
    """An activity at its start, then after each word of its way."""
    activity = ACTIVITIES[name]()
    activity.start(Report())
    yield activity
    for word in WAYS[name]:
        assert not (result := activity.apply(*parted(word))).refused, (word, result.message)
        yield activity


@cache
def seen(name: str) -> tuple[tuple[Picture, tuple[Action, ...], tuple[Action, ...]], ...]:
    """The picture, what is offered and all actions at each of these places: the way is gone once a process."""
    return tuple((one.picture(), one.offered(), one.actions) for one in places(name))


@pytest.mark.parametrize("name", ACTIVITIES)
def test_no_key_and_no_word_means_two_things(name: str) -> None:
    actions = ACTIVITIES[name]().actions
    for many in (
        [key for one in actions for key in one.keys],
        [one.word for one in actions],
        [one.name for one in actions],
    ):
        assert [one for one, times in Counter(many).items() if times > 1] == []
    assert all(one.help.endswith(".") and one.title for one in actions)


def test_a_key_has_one_meaning_on_all_screens() -> None:
    keys = [key for keys, _ in KEYS.values() for key in keys]
    words = [word for _, word in KEYS.values()]
    assert len(set(keys)) == len(keys) and len(set(words)) == len(words)
    assert not {"escape", "question_mark", "colon", "tab", "q", "T", "z"} & set(keys), "those are every screen's"


@pytest.mark.parametrize("name", ACTIVITIES)
def test_every_place_has_a_picture_at_every_size(name: str) -> None:
    """No line is too long, no text of a part is lost without a mark, and the key line has room."""
    for picture, offered, actions in seen(name):
        assert len({part.name for part in picture.parts}) == len(picture.parts)
        names = {part.name for part in picture.parts}
        assert names <= set(picture.survival)
        most = next(name for name in picture.survival if name in names)
        assert set(picture.keys) <= {action.name for action in actions}
        drawings = Drawings()
        for width, height in SIZES:
            drawn = frame(picture, ("Somewhere",), offered, (width, height), UNICODE, drawings=drawings)
            lines = drawn.lines(width, height)
            rows = height - 1 - len(drawn.below)
            anew = arrange(picture, width - 2, rows, UNICODE, {}, boxed=framed(picture, (width, height)))
            assert drawn.body == anew, "as without what was drawn for other sizes"
            assert len(lines) == height and max(map(length, lines)) <= width, (width, height)
            assert "q quit" in plain(lines[-1]) or width < 80
            assert not any(plain(one).endswith("..") for one in lines), "cut without a word"
            shown = [block for block in drawn.body.blocks if block.part.name == most]
            assert shown and not shown[0].scrolls, "the part that survives is whole"


def shown_lines(body: Arrangement) -> dict[str, int]:
    """How many lines there are to see of each part, without its rule and the mark that counts what is not seen."""
    return {one.part.name: len(one.lines) - bool(one.part.title) - bool(one.scrolls) for one in body.blocks}


@pytest.mark.parametrize("name", ACTIVITIES)
def test_a_higher_window_never_shows_less(name: str) -> None:
    """With each row more every part has as many lines as before, and what stands on the screen stays.

    At the height from which on panes stand in frames, what is scrolled anyway may give its frame some of its rows.
    """
    for picture, *_ in seen(name):
        drawings = Drawings()
        for width in sorted({width for width, _ in SIZES}):
            sizes = [(width, height) for height in range(10, 61)]
            bodies = [frame(picture, (), (), size, UNICODE, drawings=drawings).body for size in sizes]
            for height, (before, now) in enumerate(pairwise(bodies), 11):
                frames_begin = bool(now.boxes) > bool(before.boxes)
                scrolled = {one.part.name for one in before.blocks if one.scrolls and frames_begin}
                shown = shown_lines(now)
                for part, lines in shown_lines(before).items():
                    assert part in scrolled or shown.get(part, -1) >= lines, (width, height, part)
            assert not bodies[0].boxes


@pytest.mark.parametrize("name", ACTIVITIES)
def test_every_picture_is_ascii_where_that_is_asked_for(name: str) -> None:
    for picture, offered, _ in seen(name):
        for one in frame(picture, (), offered, (80, 24), ASCII).lines(80, 24):
            assert plain(one).isascii(), plain(one)


def expected(result: Result, now: Picture, before: Sequence[str]) -> Sequence[str]:
    """What plain mode says of a result: what that has to tell, else its message and what is new in the picture."""
    if result.tell is not None:
        return result.tell().sentences
    return [said_here(result.message), *news(now, before)]


@pytest.mark.parametrize("name", ACTIVITIES)
def test_plain_mode_says_what_is_new_and_json_holds_the_picture(name: str) -> None:
    said: list[str] = []
    player, other = PlainVisit(ACTIVITIES[name](), said.append), ACTIVITIES[name]()
    player.begin()
    started = other.start(Report())
    before = narration(other.picture())
    told, _, keys = " ".join(" ".join(said).split()).partition(" Keys: ")
    assert told == " ".join(" ".join(expected(Result(tell=started.tell), other.picture(), ())).split())
    assert keys.endswith(f"{FIRST_KEYS}.")
    named = [one.word for one in other.offered() if one.name in other.picture().keys]
    assert started.tell is not None or all(f"{one} " in keys for one in named)
    for word in WAYS[name]:
        said.clear()
        player.take(word)
        result, now = other.apply(*parted(word)), other.picture()
        assert "".join(said).split() == " ".join(expected(result, now, before)).split(), word
        before = narration(now)
    values: list[str] = []
    in_json = PlainVisit(ACTIVITIES[name](), values.append, as_json=True)
    in_json.begin()
    for word in (*WAYS[name], "h", "w", "l", "?"):
        in_json.take(word)
    for one in map(json.loads, values):
        assert {"word", "said", "message", "picture", "offered"} <= set(one)
        assert one["picture"]["parts"] and all(part["type"] for part in one["picture"]["parts"])
    with pytest.raises(LearnerError, match="does nothing here"):
        player.take("nonsense")
    assert not player.take("esc") and not player.take("q")


@pytest.mark.parametrize("name", ACTIVITIES)
def test_what_is_refused_changes_nothing(name: str) -> None:
    for activity in places(name):
        before = narration(activity.picture())
        for action in activity.actions:
            if action not in activity.offered():
                assert activity.apply(action.name).refused and narration(activity.picture()) == before, action.name


class Room(Activity):
    """A room that leads to another one, and counts how often it was asked."""

    name = "room"
    actions = (
        Action("enter", "Go in", "Open the next room."),
        Action("last", "Leave", "Leave the room."),
        Action("run", "Count", "Count to a hundred, which takes long."),
    )

    def __init__(self, number: int) -> None:
        self.number, self.counted = number, 0

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Open, leave or count."""
        if action.name == "enter":
            return Result(opens=Room(self.number + 1))
        if action.name == "last":
            return Result("gone", leaves=True)
        for at in range(100):
            report(f"{at} of 100", at / 100)
            self.counted = at + 1
        return Result("counted")

    def picture(self) -> Picture:
        """Its number."""
        narration = Prose(
            name="number", paragraphs=(Paragraph(f"This is room {self.number}; {self.counted} counted."),)
        )
        return Picture(title=f"Room {self.number}", parts=(narration,), survival=("number",))


def where(visit: Visit) -> list[str]:
    """The titles on the way to where one is."""
    return [*visit.crumbs, visit.front.picture().title]


def test_one_comes_back_to_where_one_was() -> None:
    visit = Visit(Room(1))
    assert not visit.back()
    first = visit.front
    visit.apply("enter")
    visit.apply("p")
    assert where(visit) == ["Room 1", "Room 2", "Room 3"]
    assert visit.apply("last").message == "gone"
    assert where(visit) == ["Room 1", "Room 2"]
    assert visit.back() and visit.front is first
    assert visit.apply("fly").refused
    assert where(visit) == ["Room 1"]


@pytest.mark.parametrize("k", [1, 2, 50, 99])
def test_work_is_cancelled_where_it_says_how_far_it_is(k: int) -> None:
    heard: list[str] = []

    def hear(report: Report) -> None:
        heard.append(report.text)
        if len(heard) == k:
            report.cancel()

    room = Room(1)
    result = room.apply("run", report=Report(hear))
    assert result.refused and "cancelled" in result.message
    assert room.counted == k - 1 and len(heard) == k
    report = Report()
    report.cancel()
    assert report.cancelled
    with pytest.raises(Cancelled):
        report.check()
