"""The lecture view: no keys, no waits, the bytes apart, and bright is what has changed or stands in the spotlight.

Of every place of every activity it holds what matters: its sentence or question, and what there is to look at.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lessons.activities.costs import Costs
from lessons.activities.lab import Lab
from lessons.activities.start import Start
from lessons.activity import Activity
from lessons.machine import Bytes
from lessons.picture import Bars, Lanes, Listing, Map, Moves, Picture, Prose, Question, Rows, Tone
from simkernel.report import Report
from tests.tui.app.screens import Hand, drive
from tui.view.lecture import lecture
from tui.view.marks import UNICODE
from tui.view.parts import forms
from tui.view.text import Line, plain

SIZES = ((60, 20), (80, 24), (120, 36), (160, 45))


def bright(lines: list[Line]) -> list[str]:
    """The labels of the rows of bytes that are not dim."""
    labels = ("was", "in memory", "CPU0 may run", "CPU1 may run", "becomes")
    rows = [one for one in lines if plain(one)[1:13].strip() in labels]
    assert len(rows) == len(labels)
    return [plain(one)[1:13].strip() for one in rows if {look for text, look in one if text.strip()} != {"dim"}]


@pytest.mark.parametrize("size", SIZES)
def test_it_shows_what_is_to_be_looked_at_and_comes_and_goes_with_a_key(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        before = await hand.press(*["right"] * 5)
        text = await hand.press("z")
        assert len(text.split("\n")) == size[1]
        assert "q quit" not in text and "Waits" not in text
        assert ("Why" in text) == (size[1] > 24), "a paragraph more, where all else has room"
        assert "z leads back" in text.split("\n")[-1]
        assert "CPU0 runs 0F 1F 44 00 00" in " ".join(text.split()) and "SYNC 1" in text and "CPU1 may run" in text
        text = await hand.press("tab", "shift+tab")
        assert "z leads back" not in text
        rows = [at for at, row in enumerate(text.split("\n")) if "may run" in row or "in memory" in row]
        assert rows[1] - rows[0] == (2 if size[1] > 20 else 1)
        assert await hand.press("z") == before
        point = hand.stepper.simulation.point
        await hand.press("z", "left", "right")
        assert hand.stepper.simulation.point == point, "the keys that move are those of the usual view"

    drive(check, size=size)


def test_what_did_not_change_is_dim_and_a_row_can_be_put_into_the_spotlight() -> None:
    async def check(hand: Hand) -> None:
        await hand.press(*["right"] * 5)
        picture = hand.app.playing.picture
        assert bright(lecture(picture, (), (80, 24), UNICODE)) == ["CPU0 may run"]  # which has just run it
        for spot, label in enumerate(("was", "in memory", "CPU0 may run", "CPU1 may run", "becomes"), 1):
            assert bright(lecture(picture, (), (80, 24), UNICODE, spot)) == [label]
        await hand.press("z")
        spots = []
        for _ in range(6):
            await hand.press("tab")
            spots.append(hand.app.playing.lecture)
        assert spots == [1, 2, 3, 4, 5, 0]

    drive(check)


def seen(activity: Activity, size: tuple[int, int] = (60, 20)) -> str:
    """The lecture view of where an activity is, as text."""
    return "\n".join(plain(one) for one in lecture(activity.picture(), ("simkernel",), size, UNICODE))


def begun(entry: str, *words: str) -> Activity:
    """An activity of the list, and what its actions lead to; each with its argument behind a colon."""
    activity: Activity = Start().named(entry)
    activity.start(Report())
    for word in words:
        name, _, argument = word.partition(":")
        result = activity.apply(name, argument)
        assert not result.refused, (word, result)
        if result.opens is not None:
            activity = result.opens
            activity.start(Report())
    return activity


def test_a_list_shows_what_is_chosen_and_its_neighbours() -> None:
    start = Start()
    for at, entry in enumerate(start.entries):
        start.at = at
        rows = [one for one in seen(start, (60, 12)).split("\n") if one.startswith("  ")]
        assert [one.strip(" ▶") for one in rows if "▶" in one] == [entry.title]
        assert len(rows) >= 4


def test_the_lab_says_what_it_asks_of_and_then_why() -> None:
    asks = " ".join(seen(begun("lab")).split())
    assert "by the protocol int3 without sync 1" in asks and "Model byte" in asks and "is that safe?" in asks
    answer = " ".join(seen(begun("lab", "choose:2")).split())
    assert "You said that some order breaks it" in answer and "Not safe." in answer
    assert "at least one new byte follows it" in answer and "runs torn bytes" in answer


def test_the_mysteries_show_how_they_are_solved() -> None:
    solved = " ".join(seen(begun("mysteries", "choose:1")).split())
    assert "in memory 0F 1F 44 00 00 nop" in solved and "in the file E8" in solved and "You said: yes." in solved
    boot = " ".join(seen(begun("mysteries", "choose:1", "next")).split())
    assert "ftrace wrote that NOP over all 240 calls" in boot and "trace every function" in boot
    waits = " ".join(seen(begun("mysteries", "choose:1", "next", "next", "choose:2", "last")).split())
    assert "You said: It changes one site after another" in waits and "240 call" in waits


def test_costs_boot_and_functions_show_their_figures() -> None:
    costs = seen(begun("overhead"))
    assert "▶1 exact" in costs and "NOP: tracing" in costs and "█" in costs
    boot = seen(begun("boot", "last"))
    assert "in the file" in boot and "in memory" in boot
    functions = seen(begun("one", "functions"))
    assert "COUNT" in functions and "▶" in functions


def test_what_was_run_and_what_it_leads_to_is_told_apart_in_few_columns() -> None:
    text = seen(begun("naive", "last"))
    row = {one[1:13].strip(): one for one in text.split("\n")}
    assert row["✘ CPU1 ran"].endswith("call ..81400000") and row["becomes"].endswith("call ftrace_tr…")
    assert "BUG: unable to handle page fault" in text, "the first line of the oops"


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
def test_the_lanes_stay_in_their_place(size: tuple[int, int]) -> None:
    story = begun("one")
    rows, above = set(), set()
    for _ in range(12):
        story.apply("next")
        text = seen(story, size).split("\n")
        at = next(at for at, one in enumerate(text) if one.startswith(" bash-201 ◇"))
        rows.add(at)
        above.add(text[at - 1].strip())
    assert len(rows) == 1
    assert "" in above and any("sync 1" in one for one in above), "with the name of a phase above them, and without"


def test_a_dead_key_is_told_in_the_last_rows_and_only_until_the_next() -> None:
    async def check(hand: Hand) -> None:
        await hand.press(*["right"] * 5)
        await hand.press("z")
        text = await hand.press("y")
        assert "y does nothing here" in text and len(text.split("\n")) == 20
        assert "y does nothing" not in await hand.press("right")

    drive(check, size=(60, 20))


# --- every place of every activity -----------------------------------------------------------------------------------

LOOKED_AT = (Bytes, Lanes, Listing, Map, Moves, Rows, Bars)
PLACES = 40  # of an activity, at most


def walked(activity: Activity) -> Iterator[Picture]:
    """Each place of an activity, from where it is on."""
    before = None
    for _ in range(PLACES):
        picture = activity.picture()
        if picture == before:
            return
        yield picture
        before = picture
        if not any(one.name == "next" for one in activity.offered()):
            return
        result = activity.apply("next")
        if result.refused or result.opens is not None or result.leaves:
            return


def everything(what: str) -> Iterator[Picture]:
    """The places of an activity, in all its ways."""
    match what:
        case "start":
            yield Start().picture()
        case "lab":
            for guess in ("1", "2"):
                yield from walked(begun("lab", f"choose:{guess}"))
            lab = Lab()
            for number in range(4):
                lab.begin(number)
                yield lab.picture()
        case "overhead":
            yield from walked(Costs())
        case "mysteries":
            yield from walked(begun(what))
            for guess in ("1", "2"):
                yield from walked(begun(what, f"choose:{guess}", "next", "next", f"choose:{guess}"))
        case "functions":
            yield from walked(begun("one", "functions"))
        case "questions":
            yield from walked(begun("one", "questions"))
        case "wrong answers":
            story = begun("one", "questions")
            for picture in walked(story):
                if any(isinstance(one, Question) and not one.why for one in picture.parts):
                    yield picture
                    story.apply("choose", "1")
                    yield story.picture()
        case _:
            yield from walked(begun(what))


WAYS = [entry.name for entry in Start().entries]


@pytest.mark.parametrize("what", ["start", "functions", "questions", "wrong answers", *WAYS])
def test_what_matters_is_seen_at_every_place(what: str) -> None:
    many = 0
    for picture in everything(what):
        for size in ((60, 20), (80, 24)):
            lines = [plain(one) for one in lecture(picture, ("simkernel",), size, UNICODE)]
            assert len(lines) == size[1] and max(map(len, lines)) <= size[0]
            assert missed(picture, lines, size[0]) == [], (picture.place, lines)
        many += 1
    assert many >= (1 if what in ("start", "functions") else 2)


def missed(picture: Picture, lines: list[str], width: int) -> list[str]:
    """What should be in a lecture view and is not: what matters, what is asked, any part to look at; or who waits."""
    words, rows = " ".join(" ".join(lines).split()), {one.strip() for one in lines}
    wanted = strong(picture)
    for one in picture.parts:
        if isinstance(one, Question) and not one.why:
            wanted += [one.text, *(choice.text for choice in one.choices)]
    out = [one for one in wanted if one not in words]
    shown = [
        {plain(row).strip() for form in forms(one, width - 2, UNICODE) for row in form} - {""}
        for one in picture.parts if isinstance(one, LOOKED_AT)
    ]  # fmt: skip
    if shown and not any(one & rows for one in shown):
        out.append("anything to look at")
    return out + ["that somebody waits"] * ("Waits" in words)


def strong(picture: Picture) -> list[str]:
    """The sentences that matter: those of the prose that survives longest."""
    prose = {one.name: one for one in picture.parts if isinstance(one, Prose) and not one.title and one.paragraphs}
    name = next((name for name in picture.survival if name in prose), None)
    return [] if name is None else [one.text for one in prose[name].paragraphs if one.tone is not Tone.PLAIN]
