"""The lab on a screen: an answer by a digit, the verdict, the schedule with its bytes, to its crash and back."""

from __future__ import annotations

import pytest

from lessons.activities.lab import Lab
from lessons.activities.lab_answer import LabAnswer
from lessons.activities.lab_setup import STARTERS
from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.story.words import MODELS, NOT_A_CPU, WORDS
from simkernel.explore.properties import BY_NAME, USUAL
from tests.tui.app.screens import Hand, drive, front_of, press
from tests.tui.playing import flat
from tui.app.theme import THEMES
from tui.view.marks import ASCII, UNICODE

SIZES = ((80, 24), (120, 36))
WALK = ("down", "2", "end")


@pytest.mark.parametrize("size", SIZES)
def test_from_a_guess_to_the_crash_and_back(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        text = await press(hand)
        assert "In every order of events" in text and f"{UNICODE.here} sync 1      left out" in text
        text = await press(hand, "2")
        finding = front_of(hand, LabAnswer).finding
        assert "You said that some order breaks it. This one does." in flat(text)
        assert all(sentence in flat(text) for sentence in finding.answer().split(". ")) or size != SIZES[0]
        rows = [row for row in text.split("\n") if "bash-201 " in row or row[5:].startswith("CPU")]
        assert any("writes CC at +0   CC!1F 44 00 00  0F/1F 44 00 00  0F/1F 44 00 00" in row for row in rows)
        for sentence in finding.sentences():
            assert sentence in flat(text) or size != SIZES[0], "each move is explained in its turn"
            text = await press(hand, "down")
        await press(hand, "enter")
        stepper = hand.stepper
        assert front_of(hand, Story) and hand.app.visit.crumbs[1] == Lab().picture().title
        assert stepper.title == "int3 without sync 1: torn" and not stepper.begun
        for _ in range(20):
            await press(hand, "right")
            if stepper.simulation.halt_reason:
                break
        assert stepper.simulation.halt_reason == "oops on CPU0"
        await press(hand, "escape")
        assert front_of(hand, LabAnswer).finding is finding and front_of(hand, LabAnswer).cursor == 4
        await press(hand, "escape")
        assert front_of(hand, Lab)
        await press(hand, "escape")
        assert front_of(hand, Start)

    drive(check, activity=Lab(), size=size)


def test_rows_are_changed_and_asked_about_with_one_key() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "enter")
        lab = front_of(hand, Lab)
        assert lab.setup.times["sync 1"] == 2
        assert "sync 1      left out" not in await press(hand, "enter") and lab.setup.times["sync 1"] == 1
        await hand.do("earlier")
        assert lab.setup.variant.name == "int3 with sync 1 before write int3" and lab.row.name == "sync 1"
        await hand.do("later")
        text = flat(await press(hand, "0"))
        finding = front_of(hand, LabAnswer).finding
        assert finding.answer() in text and text.count("Safe. In all") == 1
        assert "Watch it" not in text and "You said" not in text
        assert "there is no schedule" in flat(await press(hand, "enter"))
        await press(hand, "right")
        assert front_of(hand, Lab).setup.number == 1

    drive(check, activity=Lab())


def test_a_setting_is_chosen_from_all_its_values() -> None:
    async def check(hand: Hand) -> None:
        await press(hand)
        await hand.pilot.press("colon")
        await hand.type("set model")
        await hand.until("One of instant")
        await hand.press("enter")
        await hand.until("pieces")
        await hand.type("pieces")
        await press(hand, "enter")
        assert front_of(hand, Lab).setup.chosen["model"] == "pieces" and "model pieces" in hand.text()

    drive(check, activity=Lab())


def test_what_is_broken_too_is_one_key_away() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "x")
        await hand.do("without", "sync 3")
        assert "released, 14 moves" in await press(hand, "1")
        text = flat(await press(hand, "2"))
        answer = front_of(hand, LabAnswer)
        assert answer.finding.broken == "unclaimed" and answer.finding.answer() in text
        text = await press(hand, "end")
        assert f"{UNICODE.here}15 " in text and answer.finding.sentences()[-1] in flat(text)

    drive(check, activity=Lab())


def test_a_search_is_cancelled_and_says_what_it_had_found() -> None:
    async def check(hand: Hand) -> None:
        await press(hand)
        await hand.do("cpus", "4")
        before = hand.text()
        await hand.pilot.press("1")
        await hand.until("found: torn; Esc cancels")
        await hand.pilot.press("escape")
        text = flat(await press(hand))
        assert front_of(hand, Lab) and "found: torn. With fewer states (a row) the search ends by itself" in text
        await press(hand, "down", "up")
        assert hand.text() == before
        await hand.do("states", "10000")
        text = flat(await press(hand, "1"))
        assert "(torn)" in text and "another property may be broken too" in text

    drive(check, activity=Lab())


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [*SIZES, (60, 20), (44, 12)])
def test_each_picture_fits(size: tuple[int, int], theme: str) -> None:
    async def check(hand: Hand) -> None:
        hand.app.theme = theme
        for key in WALK:
            rows = (await press(hand, key)).split("\n")
            assert len(rows) == size[1] and rows[-1].rstrip().endswith("quit")
        assert UNICODE.here in rows[hand.app.cursor_position.y] or size == (44, 12)

    drive(check, activity=Lab(), size=size)


def test_ascii_is_ascii() -> None:
    async def check(hand: Hand) -> None:
        for key in WALK:
            assert (await press(hand, key)).isascii()
        assert "CC!BB'" in hand.text() and "0F/1F/" in hand.text()

    drive(check, activity=Lab(), marks=ASCII)


@pytest.mark.parametrize("size", [*SIZES, (60, 20)])
def test_a_click_chooses_and_changes(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        rows = (await press(hand)).split("\n")
        lab = front_of(hand, Lab)
        y, x = next((y, row.index("write tail")) for y, row in enumerate(rows) if "write tail" in row)
        await hand.pilot.click(offset=(x, y))
        await press(hand)
        assert lab.row.name == "write tail" and lab.setup.times["write tail"] == 1
        rows = (await press(hand)).split("\n")
        y = next(y for y, row in enumerate(rows) if "write tail" in row and UNICODE.here in row)
        await hand.pilot.click(offset=(x, y))
        assert "left out" in await press(hand) and lab.setup.times["write tail"] == 0
        rows = (await press(hand, "2")).split("\n")
        y = next(y for y, row in enumerate(rows) if row[2:4] == " 2")
        await hand.pilot.click(offset=(10, y))
        await press(hand)
        assert front_of(hand, LabAnswer).cursor == 1

    drive(check, activity=Lab(), size=size)


def test_what_words_and_model_mean_is_a_key_away() -> None:
    async def check(hand: Hand) -> None:
        await press(hand)
        await hand.do("model", "pieces")
        text = flat(await press(hand, "0"))
        assert all(one in text for one in (*MODELS["pieces"].split(), *NOT_A_CPU.split()))
        assert all(f"{name}. " in text for name in USUAL if BY_NAME[name].violation != "torn")
        assert flat(WORDS["sync"]) in flat(await press(hand, "question_mark"))
        text = flat(await press(hand, "escape", "f1"))
        assert all(action.help in text for action in hand.app.visit.front.in_lists)
        await press(hand, "escape")
        assert front_of(hand, LabAnswer)

    drive(check, activity=Lab(), size=(120, 70))


def test_a_schedule_that_is_watched_says_whence_one_came() -> None:
    async def check(hand: Hand) -> None:
        text = await press(hand, "2", "enter")
        title = text.split("\n")[0]
        assert "The lab" in title and front_of(hand, Story).stepper.title in title
        await press(hand, "escape", "escape")
        assert front_of(hand, Lab)

    drive(check, activity=Lab(), size=(120, 36))


def test_after_an_answer_comes_another_question() -> None:
    async def check(hand: Hand) -> None:
        text = await press(hand, "2", "end", "right")
        assert f"{UNICODE.here} sync 2      left out" in text and "question 2 of 11, 2 CPUs, model pieces" in text
        assert "That is right" in await press(hand, "1")
        text = await press(hand, "right")
        assert "question 3 of 11" in text and "left open" not in text
        assert "Question 3 is left open. ←" in await press(hand, "right")
        assert "question 3 of 11" in await press(hand, "left") and "Question 4 is left open. →" in hand.text()
        await press(hand, *["right"] * (len(STARTERS) - 2))
        assert front_of(hand, Lab).setup.number == 0

    drive(check, activity=Lab())
