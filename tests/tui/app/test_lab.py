"""The lab on a screen: a guess, the verdict, the schedule, to its crash and back."""

from __future__ import annotations

import asyncio

import pytest

from lessons.activities.lab import STARTERS
from lessons.story.words import MODELS, NOT_A_CPU, WORDS
from simkernel.explore.properties import BY_NAME, USUAL
from tests.tui.app.screens import Hand, drive, press
from tests.tui.playing import flat
from tui.app.screens.lab import LabScreen
from tui.app.screens.lab_views import ANSWER, ASK, COLUMN, HELP, SWITCHES
from tui.app.screens.stepper import StepperScreen
from tui.app.theme import THEMES
from tui.view.marks import ASCII, UNICODE

SIZES = ((80, 24), (120, 36))


def lab_of(hand: Hand) -> LabScreen:
    screen = hand.app.screen
    assert isinstance(screen, LabScreen)
    return screen


@pytest.mark.parametrize("size", SIZES)
def test_from_a_guess_to_the_crash_and_back(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        text = await press(hand, "L")
        assert "In every order of events" in text and "sync 1               left out" in text
        assert lab_of(hand).view == ASK
        text = flat(await press(hand, "n"))
        finding = lab_of(hand).lab.finding
        assert finding is not None and "You said that some order breaks it. This one does." in text
        if size == SIZES[0]:
            assert finding.verdict() in text
            assert all(sentence in text for sentence in finding.sentences())
        await press(hand, "enter")
        stepper = hand.app.stepper
        assert isinstance(hand.app.screen, StepperScreen)
        assert stepper.title == "int3 without sync 1: torn" and not stepper.begun
        for _ in range(20):
            await press(hand, "right")
            if stepper.simulation.halt_reason:
                break
        assert stepper.simulation.halt_reason == "oops on CPU0"
        await press(hand, "escape")
        assert lab_of(hand).view == ANSWER and lab_of(hand).lab.finding is finding
        await press(hand, "escape")
        assert lab_of(hand).view == ASK
        await press(hand, "s", "e", "escape")
        assert lab_of(hand).view == SWITCHES
        await press(hand, "escape")
        assert isinstance(hand.app.screen, StepperScreen)

    drive(check, size=size)


def test_switches_are_turned_and_explored_with_one_key() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "L", "s")
        screen = lab_of(hand)
        names = [row.name for row in screen.lab.rows]
        await press(hand, *["down"] * names.index("sync 1"), "right")
        assert screen.lab.times["sync 1"] == 2
        await press(hand, "left")
        assert screen.lab.times["sync 1"] == 0
        await press(hand, "right", "right")
        assert screen.lab.times["sync 1"] == 1
        await press(hand, "less_than_sign")
        assert screen.lab.variant.name == "int3 with sync 1 before write int3"
        assert screen.lab.rows[screen.cursor].name == "sync 1"
        await press(hand, "greater_than_sign")
        text = flat(await press(hand, "e"))
        assert screen.lab.finding is not None and screen.lab.finding.verdict() in text and ": safe." in text
        assert "watch it" not in text
        await press(hand, "enter")
        assert lab_of(hand).view == ANSWER

    drive(check)


def test_what_is_broken_too_is_one_key_away() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "L", "s")
        screen = lab_of(hand)
        screen.lab.switch("sync 1", 1)
        screen.lab.switch("sync 3", 0)
        assert "released, 14 steps" in await press(hand, "y")
        text = flat(await press(hand, "right"))
        assert screen.lab.finding is not None and screen.lab.finding.broken == "unclaimed"
        assert screen.lab.finding.verdict() in text
        await press(hand, *["down"] * 40)
        assert screen.lab.finding.sentences()[-1] in flat(hand.text())

    drive(check)


def test_the_last_step_stays() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "L", "s", "right", "up")
        lab = lab_of(hand).lab
        lab.choose("protocol", "one-store")
        lab_of(hand).cursor = len(lab.rows) - 1
        assert "nothing would be left" in flat(await press(hand, "right"))
        assert lab.variant.name == "one-store"
        assert "nothing would be left" not in flat(await press(hand, "left")) and lab.times["write all"] == 2

    drive(check)


def test_a_search_can_be_stopped() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "L", "s")
        screen = lab_of(hand)
        for name, value in (("property", "wrong-stack"), ("place", "across"), ("cpus", "4")):
            screen.lab.choose(name, value)
        await hand.pilot.press("e")
        while not screen.lab.states:
            await asyncio.sleep(0.001)
        await hand.pilot.press("escape")
        await screen.settled()
        await hand.read()
        assert "not finished" in flat(hand.text())

    drive(check)


def test_what_a_long_search_has_found_can_be_seen_at_once() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "L", "s")
        screen = lab_of(hand)
        screen.lab.choose("cpus", "4")
        await hand.pilot.press("e")
        await hand.until(lambda: "Found: torn. Esc shows it." in flat(hand.text()))
        await hand.pilot.press("escape")
        await screen.settled()
        await hand.read()
        assert "(torn)" in (said := flat(hand.text())) and "another property may be broken too" in said

    drive(check)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [*SIZES, (60, 20)])
def test_each_view_fits(size: tuple[int, int], theme: str) -> None:
    async def check(hand: Hand) -> None:
        hand.app.theme = theme
        for key in ("L", "n", "s"):
            text = await press(hand, key)
            rows = text.split("\n")
            assert len(rows) == size[1] and "Esc" in text and rows[0].startswith(" The lab")
        assert rows[hand.app.cursor_position.y].startswith(f" {UNICODE.here} ")

    drive(check, size=size)


def test_ascii_is_ascii() -> None:
    async def check(hand: Hand) -> None:
        for key in ("L", "n", "s"):
            assert (await press(hand, key)).isascii()

    drive(check, marks=ASCII)
    assert not UNICODE.here.isascii()


@pytest.mark.parametrize("size", [*SIZES, (60, 12)])
def test_a_click_chooses_and_changes(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "L", "s", *["up"] * 3)
        screen = lab_of(hand)
        rows = hand.text().split("\n")
        y = next(at for at, row in enumerate(rows) if "sync 2" in row[:COLUMN])
        await hand.pilot.click(offset=(6, y))
        assert screen.lab.rows[screen.cursor].name == "sync 2" and screen.lab.times["sync 2"] == 1
        y = next(at for at, row in enumerate((await hand.read()).split("\n")) if "sync 2" in row[:COLUMN])
        await hand.pilot.click(offset=(6, y))
        assert screen.lab.times["sync 2"] == 0
        await hand.pilot.click(offset=(6, 0))
        assert screen.lab.rows[screen.cursor].name == "sync 2"

    drive(check, size=size)


async def pages(hand: Hand) -> str:
    """All of the page on the screen, which says itself whether there is more of it than one sees."""
    seen = [await press(hand)]
    while "PageDown" in seen[-1] and (text := await press(hand, "pagedown")) != seen[-1]:
        seen.append(text)
    rows = [row.strip(" ▁▂▃▄▅▆▇█") for row in "\n".join(seen).splitlines()]  # the scrollbar stands at their ends
    return flat("\n".join(dict.fromkeys(rows)))


def test_a_page_offers_to_scroll_where_there_is_more_of_it() -> None:
    async def check(hand: Hand) -> None:
        assert "PageDown" not in await press(hand, "L", "e", "question_mark")

    drive(check, size=(120, 80))


def test_what_words_and_model_mean_is_a_key_away() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "L", "s")
        lab_of(hand).lab.choose("model", "pieces")
        await press(hand, "e", "question_mark")
        seen = await pages(hand)
        assert f"the model pieces {MODELS['pieces']} {NOT_A_CPU}" in seen
        assert WORDS["sync"] in seen and all(f"{name}: {BY_NAME[name].broken}." in seen for name in USUAL)
        text = flat(await press(hand, "escape", "f1"))
        assert all(what in text for _, what in HELP)
        await press(hand, "escape")
        assert lab_of(hand).view == ANSWER

    drive(check)


def test_not_knowing_is_an_answer_too() -> None:
    async def check(hand: Hand) -> None:
        text = flat(await press(hand, "L", "question_mark"))
        assert lab_of(hand).view == ANSWER and "You said" not in text and "not safe" in text

    drive(check)


def test_the_stepper_says_that_esc_leads_back_to_the_lab() -> None:
    async def check(hand: Hand) -> None:
        assert "Esc lab" not in hand.text()
        assert "Esc lab" in await press(hand, "L", "n", "enter")
        await hand.do("scenario", "naive")
        assert "Esc lab" not in hand.text()
        await press(hand, "escape")
        assert not isinstance(hand.app.screen, LabScreen)

    drive(check)


def test_after_an_answer_comes_another_question() -> None:
    async def check(hand: Hand) -> None:
        text = await press(hand, "L", "n", "g")
        assert lab_of(hand).view == ASK and "sync 2               left out" in text and "pieces" in text
        assert "That is right" in await press(hand, "y")
        await press(hand, *["g"] * (len(STARTERS) - 1))
        assert lab_of(hand).view == ASK and lab_of(hand).lab.number == 0

    drive(check)
