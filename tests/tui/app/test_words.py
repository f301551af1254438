"""`?` tells what the words on a screen mean: each technical term that stands in the two mysteries or in a story."""

from __future__ import annotations

import re
from functools import cache

import pytest
from rich.cells import cell_len
from textual.widgets import Static

from lessons.activities.mysteries import CHANGES, HOW, WORRY
from lessons.activities.opening import Opening
from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.machine import Bytes
from lessons.session.content import SCENARIOS, STORIES
from lessons.session.stepper import Stepper
from lessons.story.words import WORDS, standing_in, words_on
from tests.tui.app.screens import Hand, drive, front_of, press
from tests.tui.playing import flat
from tui.app.screens.activity import ActivityScreen
from tui.app.screens.reading import Page, WordPage

TERMS = {  # as it may stand on a screen: as `?` calls it
    r"sites?": "site",
    r"batch(es)?": "batch",
    r"protocols?": "protocol",
    r"events?": "event",
    r"records?": "record",
    r"entry|entries": "entry",
    r"(ftrace_)?trampolines?": "trampoline",
    r"tail": "tail",
    r"head": "head",
    r"int3s?": "int3",
    r"nops?": "nop",
    r"syncs?": "sync",
    r"handlers?": "handler",
    r"release[sd]?": "release",
    r"cache\s+lines?": "cache line",
    r"interrupts?": "interrupt",
    r"exceptions?": "exception",
    r"serializes?": "serialize",
    r"tracer": "tracer",
    r"traced?": "trace",
    r"ftrace": "ftrace",
    r"oops": "oops",
    r"ops": "ops",
    r"opcode": "opcode",
    r"ipis?": "ipi",
    r"ticks?": "tick",
    r"guest": "guest",
    r"ring\s+buffer": "ring buffer",
    r"bash-201": "bash-201",
}


def terms_on(text: str) -> set[str]:
    return {name for term, name in TERMS.items() if re.search(rf"(?<![\w-])({term})(?![\w-])", text.lower())}


@cache  # a screen on which time goes by is read hundreds of times, and is often the same
def unexplained(text: str) -> frozenset[str]:
    """The terms of a screen that its `?` does not tell of."""
    return frozenset(terms_on(text) - set(words_on(text)))


async def asked(hand: Hand, text: str) -> None:
    """Press `?` and read the page to its end: every term of the screen is a heading there."""
    page = await hand.press("question_mark")
    for _ in range(6):
        page += await hand.press("pagedown")
    await hand.press("escape")
    assert not {name for name in terms_on(text) if f"{name}: " not in page}, text


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_each_term_of_a_story_is_told_of(scenario: str) -> None:
    async def check(hand: Hand) -> None:
        for stop in range(SCENARIOS[scenario].stops + 1):
            text = hand.text()
            assert not unexplained(text), (stop, unexplained(text), text)
            if stop == 3:
                await asked(hand, text)
            await hand.press("right")

    drive(check, scenario=scenario)


def test_each_term_of_an_oops_is_told_of() -> None:
    async def check(hand: Hand) -> None:
        text = await hand.press("right", "right", "right", "x")
        while "Oops: " not in text:
            before, text = text, await hand.press("right")
            assert text != before
        assert {"oops", "opcode"} <= terms_on(text)
        await asked(hand, text)

    drive(check)


def test_each_term_of_the_mysteries_is_told_of() -> None:
    async def check(hand: Hand) -> None:
        front = front_of(hand, Opening)
        while front.run.cue != WORRY:
            text = await press(hand, "4" if front.run.cue == HOW else "right")
            assert not unexplained(text), (unexplained(text), text)
            if front.run.cue not in CHANGES or front.run.place.step == 4:
                await asked(hand, text)

    drive(check, activity=Opening())


def headings(page: str) -> list[str]:
    """The words that a page tells of, in its order."""
    begun = (re.match(r"\s+(.+?): ", row) for row in page.split("\n"))
    return [found[1] for found in begun if found and found[1] in WORDS]


def test_the_page_of_words_is_sorted_searched_and_leads_to_the_keys() -> None:
    async def check(hand: Hand) -> None:
        on_it = standing_in(hand.text())
        page = await hand.press("question_mark")
        assert headings(page) == sorted(on_it)
        found = headings(await hand.type("nmi"))
        assert found[0] == "nmi" and set(found) == {one for one in WORDS if "nmi" in f"{one} {WORDS[one]}".lower()}
        assert "None." in await hand.type("zz")
        assert headings(await hand.press("backspace", "backspace")) == found
        assert headings(await hand.press("escape")) == sorted(on_it)
        await hand.pilot.resize_terminal(80, 150)
        for key in ("question_mark", "f1"):
            keys = await hand.press(key)
            assert isinstance(hand.app.screen, Page) and not isinstance(hand.app.screen, WordPage)
            assert "Keys" in keys and "One step a second" in keys
            assert all(flat(f"{one.title}. {one.help}") in flat(keys) for one in front_of(hand, Story).actions)
            await hand.press("escape")
            assert isinstance(hand.app.screen, ActivityScreen)
            await hand.press("question_mark")
        await hand.press("enter")
        assert isinstance(hand.app.screen, ActivityScreen)

    drive(check, size=(120, 60))


@pytest.mark.parametrize("name", [one.name for one in Start().entries if one.name not in STORIES])
def test_the_keys_of_an_activity_are_its_own(name: str) -> None:
    """From its words to its keys; the page tells of each of its actions, and of what every screen does."""

    async def check(hand: Hand) -> None:
        await hand.press("escape")
        await hand.do("search", name)
        await press(hand, "enter", "question_mark")
        assert isinstance(hand.app.screen, WordPage)
        page = await hand.press("question_mark")
        for _ in range(4):
            page += await hand.press("pagedown")
        page = flat(page)
        for action in hand.app.visit.front.in_lists:
            assert flat(f"{action.title}. {action.help}") in page, action
        for said in ("Cancel what is under way", "What the words on this screen mean", "The next theme."):
            assert said in page

    drive(check, size=(120, 60))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
def test_a_page_is_laid_out_for_its_columns(size: tuple[int, int]) -> None:
    """No row is wrapped once more, and the text of a key stands beside it."""

    async def check(hand: Hand) -> None:
        for keys in (("question_mark",), ("escape", "f1")):
            await hand.press(*keys)
            written = hand.app.screen.query_one("VerticalScroll > Static", Static)
            rows = str(written.content).split("\n")
            assert written.size.height == len(rows)
            assert max(map(cell_len, rows)) <= written.size.width

    drive(check, size=size)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
def test_what_is_cut_behind_the_bytes_stands_whole_where_the_question_mark_leads(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        for _ in range(4):
            text = await hand.press("right")
            table = next(one for one in front_of(hand, Story).picture().parts if isinstance(one, Bytes)).table
            rows = [one for one in (table.was, table.memory, *table.cpus, *table.ran, table.becomes) if one is not None]
            cut = []
            for row in rows:
                line = next(one for one in text.splitlines() if row.label in one).split("│")
                seen = next(one for one in line if row.label in one).rstrip()
                cut += [row] if seen.endswith("…") else []
            assert ("? words  " in text) == (not cut) and bool(cut) == (size == (60, 20))
            page = flat(await hand.press("question_mark"))
            assert ("In full, what is cut" in page) == bool(cut)
            assert all(flat(f"{one.label}: {one.text} {one.remark}") in page for one in cut)
            await hand.press("escape")

    drive(check, stepper=Stepper.start("one"), size=size)
