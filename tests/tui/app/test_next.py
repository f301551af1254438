"""At the end of a story: what comes next, the way there, and the mark in the list, in this session and the next."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lessons.activities.start import Start
from lessons.kept import MOST_SEEN, Kept
from tests.tui.app.screens import Hand, drive
from tests.tui.playing import flat
from tui.app import kept
from tui.view.marks import ASCII, UNICODE, Marks


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")
    return tmp_path / "last.json"


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
@pytest.mark.parametrize("marks", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_enter_at_the_end_leads_on_and_esc_to_the_list(size: tuple[int, int], marks: Marks, file: Path) -> None:
    async def check(hand: Hand) -> None:
        assert "next story" not in hand.text()
        text = await hand.press("r")
        assert re.search("^[ │|]+Next +Trace one function *[│|]?.*$", text, re.M) and "Enter next story" in text
        text = await hand.press("enter")
        assert re.search("int3(, x86 Linux today)? .*step 0 [·.] ", text)
        assert ("int3, x86 Linux today" in text) == (size[0] > 60)  # there the title keeps its place first
        assert "How do five bytes change while CPUs run them?" in text
        text = await hand.press("escape")
        assert f"{marks.done} Write the five bytes in order" in text and f"{marks.here}   Trace one function" in text
        hand.app.keep()

    drive(check, scenario="naive", size=size, marks=marks)
    last = kept.load()
    assert last is not None and last.seen == ("naive",)


def test_what_one_has_seen_is_kept_over_sessions(file: Path) -> None:
    assert kept.save(Kept("sk4-x", "one", title="Trace one function", seen=("one", "all")))

    async def check(hand: Hand) -> None:
        await hand.press("r")
        hand.app.keep()

    drive(check, scenario="naive")
    last = kept.load()
    assert last is not None and last.seen == ("one", "all", "naive")
    many = Kept(seen=tuple(map(str, range(MOST_SEEN))))
    merged = kept.after(many, Kept("sk4-y", seen=("naive",)))
    assert merged.seen == (*many.seen[1:], "naive") and kept.save(merged) and kept.load() == merged


def test_the_mark_is_explained(file: Path) -> None:
    async def check(hand: Hand) -> None:
        page = await hand.press("question_mark")
        assert "a story whose end you have seen" in flat(page.partition("The marks on this screen")[2])

    drive(check, activity=Start(Kept(seen=("one",))), size=(80, 80))


def test_a_file_of_before_opens_without_marks(file: Path) -> None:
    file.write_text('{"moment":"sk4-x","scenario":"one","title":"Trace one function","step":3}')
    last = kept.load()
    assert last == Kept("sk4-x", "one", title="Trace one function", step=3) and last.seen == ()

    async def check(hand: Hand) -> None:
        assert "Go on where you left" in hand.text() and UNICODE.done not in hand.text()

    drive(check, activity=Start(last))
