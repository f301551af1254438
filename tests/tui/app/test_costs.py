"""What tracing costs, on a screen: bars of one answer at a time, a key from answer to answer, and back."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lessons.activities.costs import Costs
from lessons.activities.opening import Opening
from lessons.activities.overhead import ANSWERS
from lessons.activities.start import Start
from lessons.chart import Chart
from simkernel.overhead.exact import exact
from tests.tui.app.screens import Hand, drive, front_of, press
from tests.tui.measurements import little_to_count, measured_at_once
from tests.tui.playing import flat
from tui.app.theme import THEMES
from tui.view.marks import ASCII, UNICODE

pytestmark = pytest.mark.keystone
SIZES = ((80, 24), (120, 36))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    measured_at_once(monkeypatch)
    little_to_count(monkeypatch)


async def opened(hand: Hand, *keys: str) -> str:
    """Open it from the list, and press keys there; the screen's text then."""
    await hand.press("escape")
    await hand.do("search", "overhead")
    return await press(hand, "enter", *keys)


def chart_of(hand: Hand) -> Chart:
    chart = front_of(hand, Costs).overhead.chart
    assert chart is not None
    return chart


@pytest.mark.parametrize("size", SIZES)
def test_four_bars_the_sentence_and_the_way_back(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        await hand.press("escape")
        await hand.do("search", "overhead")
        before, listed = hand.app.cursor_position, hand.text()
        text = await press(hand, "enter")
        chart = chart_of(hand)
        for bar in chart.bars:
            row = next(row for row in text.split("\n") if bar.title in row and bar.text in row)
            assert UNICODE.ran in row
        assert "Off: 1 instruction more a call (+5.6 %). On: x 5.1." in text
        assert "0f 1f 44 00 00" in text and "call __fentry__" not in text
        assert "call __fentry__" in await press(hand, "down")
        assert await press(hand, "escape") == listed and hand.app.cursor_position == before
        assert "▶   What tracing costs" in listed

    drive(check, size=size)


def test_from_answer_to_answer_and_measuring_asks_first() -> None:
    async def check(hand: Hand) -> None:
        text = await opened(hand, "right")
        assert (
            "Off: 0.17 cycles more a call (+1.0 %), by this table. On: x 3.8." in text and " instructions\n" not in text
        )
        text = flat(await press(hand, "right"))
        assert "Nothing is measured yet." in text and "Enter: measure. Esc: back." in text
        assert "up to a minute" in text and not front_of(hand, Costs).overhead.measured
        text = flat(await press(hand, "enter"))
        assert "The difference in time is smaller than this machine's noise of 2.0 %" in text
        assert UNICODE.interval[0] in text and "2.01 ns not measurable" in text
        assert "Warm (48 functions): " in await hand.do("picture")
        text = flat(await press(hand, "right"))
        assert "Enter: count. Esc: back." in text and "240 traced" not in text
        assert "240 traced" in await press(hand, "enter")
        rows = (await press(hand, "right", "enter")).split("\n")
        table = next(at for at, row in enumerate(rows) if "EXACT: syncs, counted" in row)
        drawn = [row.rstrip() for row in rows[table + 1 : table + 4]]
        assert drawn == [
            "    sites  batches  stores  syncs",
            "  ▶     1        1       3      3",
            "       10        1      30      3",
        ]
        assert any("published by others" in row for row in rows[table + 4 :]) and "Source: a public boot log" in flat(
            "\n".join(rows)
        )
        await hand.pilot.click(offset=(6, table + 3))
        assert "  ▶    10 " in await press(hand) and "10 sites" in hand.text()
        await hand.pilot.click(offset=(6, table + 1))
        assert "  ▶    10 " in await press(hand)
        assert "syncs, counted" not in await hand.do("picture") and "11,614" in hand.text()
        assert "▶1 exact" in await press(hand, "right") and "▶5 sites" in await press(hand, "left")
        for number, name in enumerate(ANSWERS, 1):
            assert f"▶{number} {name}" in await press(hand, str(number))
        assert "no answer 'x'" in await hand.do("choose", "x")

    drive(check)


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement that goes on until it is cancelled."""

    def measured(show: Callable[[str], None], waiting: Callable[[], None]) -> None:
        show("tight: round 1 of 40")
        while True:
            waiting()
            time.sleep(0.01)

    monkeypatch.setattr("simkernel.overhead.apart.measured_apart", measured)


def test_esc_cancels_what_is_measured_and_forgets_the_keys_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch)

    async def check(hand: Hand) -> None:
        await opened(hand, "3")
        await hand.pilot.press("enter")
        await hand.until("tight: round 1 of 40")
        assert "Esc cancels" in hand.text()
        await hand.pilot.press("1", "down")
        await hand.pilot.press("escape")
        text = await press(hand)
        assert "▶3 measured" in text and "Enter: measure." in flat(text)
        assert "▶1 exact" in await press(hand, "1")
        await press(hand, "3")
        await press(hand, "escape")
        assert isinstance(hand.app.visit.front, Start)

    drive(check)


def test_leaving_cancels_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch)
    costs: list[Costs] = []

    async def check(hand: Hand) -> None:
        await opened(hand, "3")
        costs.append(front_of(hand, Costs))
        await hand.pilot.press("enter")
        await hand.until("tight: round 1 of 40")
        await hand.pilot.press("q")

    drive(check)  # it waits for its threads
    assert not costs[0].overhead.measured


def test_where_nothing_can_be_measured_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkernel.overhead.native.platform.machine", lambda: "aarch64")

    async def check(hand: Hand) -> None:
        text = flat(await opened(hand, "3", "enter"))
        assert "Nothing can be measured here: native code needs an x86-64 CPU; this is aarch64." in text
        assert "Enter" not in text and "Esc: back" not in text and "Esc back" in text

    drive(check)


def test_all_variants_and_closer() -> None:
    count = f" {exact('function').instructions:,}"

    async def check(hand: Hand) -> None:
        text = await opened(hand, "m")
        assert "int3 " in text
        assert UNICODE.interval[-1] + count not in text
        text = await hand.do("zoom")
        assert UNICODE.interval[-1] + count in text
        assert "ends in an arrow" in flat(text)
        assert "mcount" not in (await press(hand, "m")).split("Off:")[0]

    drive(check, size=(80, 40))


def test_bars_are_written_and_what_cannot_be_is_said(tmp_path: Path) -> None:
    async def write(hand: Hand, name: str) -> str:
        await hand.pilot.press("colon")
        await hand.type("write these")
        await hand.until("Into a file")
        await hand.press("enter")
        await hand.type(name)
        return flat(await press(hand, "enter"))

    async def check(hand: Hand) -> None:
        await opened(hand)
        assert "Written to" in await write(hand, str(tmp_path / "x.svg"))
        assert (tmp_path / "x.svg").read_text().startswith("<?xml")
        assert "cannot be written" in await write(hand, str(tmp_path))

    drive(check)


@pytest.mark.parametrize(("size", "theme"), list(zip([*SIZES, (60, 20), (44, 12)], THEMES, strict=True)))
def test_each_answer_fits(size: tuple[int, int], theme: str) -> None:
    async def check(hand: Hand) -> None:
        hand.app.theme = theme
        await opened(hand)
        for key in ("m", "2", "3", "enter", "4", "enter", "5", "enter"):
            rows = (await press(hand, key)).split("\n")
            assert len(rows) == size[1] and "What tracing costs" in rows[0]
            assert rows[-1].rstrip().endswith("quit") or size[0] < 60
            if not front_of(hand, Costs).overhead.awaited:
                at = hand.app.cursor_position.y
                assert rows[at].lstrip("│").startswith(f"  {UNICODE.here} ")

    drive(check, size=size)


def test_another_size_at_any_time() -> None:
    async def check(hand: Hand) -> None:
        first = await opened(hand, "m")
        for size in ((120, 36), (60, 20), (30, 5), (10, 2), (80, 24)):
            await hand.pilot.resize_terminal(*size)
            text = await press(hand)
        assert text == first

    drive(check)


def test_ascii_without_colour_says_all_that_marks_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def check(hand: Hand) -> None:
        await opened(hand)
        for key in ("1", "3", "enter", "4", "enter", "5", "enter", "f1"):
            text = await press(hand, key)
            assert text.isascii(), {one for one in text if not one.isascii()}
        text = await press(hand, "escape", "3", "down")
        assert ">3 measured" in text and " > call left in" in text and "-|" in text

    drive(check, marks=ASCII)


def test_a_click_chooses_a_bar_or_an_answer() -> None:
    async def check(hand: Hand) -> None:
        rows = (await opened(hand)).split("\n")
        await hand.pilot.click(offset=(6, next(at for at, row in enumerate(rows) if "call left in" in row)))
        await press(hand)
        assert front_of(hand, Costs).overhead.cursor == 2
        await hand.pilot.click(offset=(rows[1].index("modelled"), 1))
        await press(hand)
        assert front_of(hand, Costs).overhead.name == "modelled"
        await hand.pilot.click(offset=(79, 1))
        await hand.pilot.click(offset=(6, 20))
        assert front_of(hand, Costs).overhead.name == "modelled"

    drive(check)


def test_words_and_keys_are_a_key_away() -> None:
    async def check(hand: Hand) -> None:
        text = flat(await opened(hand, "2", "question_mark"))
        assert "cycle: One period of a CPU's clock." in text and "fetch" not in text and "Real CPUs do not" not in text
        text = flat(await press(hand, "escape", "f1"))
        assert all(action.help in text for action in front_of(hand, Costs).in_lists)
        await press(hand, "escape")
        assert front_of(hand, Costs).overhead.name == "modelled"

    drive(check, size=(80, 60))


def test_what_was_measured_is_there_when_one_comes_back() -> None:
    async def check(hand: Hand) -> None:
        await opened(hand, "3", "enter")
        measured = front_of(hand, Costs)
        assert measured.overhead.measured
        await press(hand, "escape", "enter")
        assert front_of(hand, Costs) is measured and measured.overhead.name == "measured"

    drive(check)


def test_from_the_mysteries_and_back_to_them() -> None:
    async def check(hand: Hand) -> None:
        assert "1     what tracing costs" in await press(hand, "1", "enter", "t", "4", "end", "t", "enter")
        text = await press(hand, "1")
        assert chart_of(hand) and text.startswith(" … › Two mysteries › What tracing costs")
        assert "Why is it not slow?" in await press(hand, "escape")

    drive(check, activity=Opening())


def test_nothing_of_it_is_loaded_before_it_is_asked_for() -> None:
    program = (
        "import sys, tui.app.app, tui.app.start\n"
        "print([name for name in sys.modules if 'overhead' in name or name.endswith(('.charts', '.plots', '.costs'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
