"""What tracing costs, on a screen: bars of one answer at a time, a key from answer to answer, and back."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lessons.activities.charts import FIRST
from lessons.activities.overhead import ANSWERS
from simkernel.overhead.exact import exact
from simkernel.overhead.measured import Measured
from tests.tui.app.screens import Hand, drive, press
from tests.tui.measurements import little_to_count, measured_at_once
from tests.tui.playing import flat
from tui.app.screens.overhead import OverheadScreen
from tui.app.screens.overhead_views import KEYS
from tui.app.screens.scenarios import Scenarios
from tui.app.screens.stepper import StepperScreen
from tui.app.theme import THEMES
from tui.view.marks import ASCII, UNICODE

pytestmark = pytest.mark.keystone
SIZES = ((80, 24), (120, 36))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    measured_at_once(monkeypatch)
    little_to_count(monkeypatch)


def screen_of(hand: Hand) -> OverheadScreen:
    screen = hand.app.screen
    assert isinstance(screen, OverheadScreen)
    return screen


@pytest.mark.parametrize("size", SIZES)
def test_four_bars_the_sentence_and_the_way_back(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        before = hand.app.cursor_position
        text = await press(hand, "C")
        chart = screen_of(hand).overhead.chart
        assert chart is not None and len(chart.bars) == len(FIRST)
        for bar in chart.bars:
            row = next(row for row in text.split("\n") if bar.title in row and bar.text in row)
            assert UNICODE.ran in row
        assert "Off: 1 instruction and 5 bytes of code more a call." in text
        assert "0f 1f 44 00 00" in text and ("call __fentry__" in text) == (size == SIZES[1])
        assert "call __fentry__" in await press(hand, "down")
        await press(hand, "escape")
        assert isinstance(hand.app.screen, StepperScreen) and hand.app.cursor_position == before

    drive(check, size=size)


def test_from_answer_to_answer_and_measuring_asks_first() -> None:
    async def check(hand: Hand) -> None:
        text = await press(hand, "C", "right")
        assert "Off: 0.17 cycles more a call, by this table." in text and "instructions" not in text
        text = flat(await press(hand, "right"))
        assert "Nothing is measured yet." in text and "Enter: measure. Esc: back." in text
        assert "up to a minute" in text and not screen_of(hand).overhead.measured
        text = flat(await press(hand, "enter"))
        assert "The difference in time is smaller than this machine's noise of 2.0 %" in text
        assert "clock source" in text and "├" in text and "not measurable" in text
        assert "next: warm (few functions)" in hand.text()
        assert "Warm (48 functions): " in await press(hand, "o")
        text = flat(await press(hand, "right"))
        assert "Enter: count. Esc: back." in text and "240 traced" not in text
        assert "240 traced" in await press(hand, "enter")
        assert "2 in Linux" in await press(hand, "right", "enter")
        assert "3 syncs" in hand.text() and "next: patch time" in hand.text()
        for beside, chosen in ((1, "2 in Linux"), (0, "2 in Linux"), (-1, "10 sites")):
            rows = hand.text().split("\n")
            heading = next(at for at, row in enumerate(rows) if "Others have published, of Linux" in row)
            assert [at > heading for at, row in enumerate(rows) if "published: " in row] == [True] * 4
            await hand.pilot.click(offset=(6, heading + beside))
            assert any(row.startswith(f" ▶ {chosen} ") for row in (await hand.read()).split("\n")), chosen
        assert "3 syncs" not in await press(hand, "o") and "11,614 instructions" in hand.text()
        assert "▶1 exact" in await press(hand, "right") and "▶5 sites" in await press(hand, "left")
        for number, name in enumerate(ANSWERS, 1):
            assert f"▶{number} {name}" in await press(hand, str(number))

    drive(check)


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement that goes on until it is ended."""

    def measured(show: Callable[[str], None], waiting: Callable[[], None]) -> None:
        import time

        show("tight: round 1 of 40")
        while True:
            waiting()
            time.sleep(0.01)

    monkeypatch.setattr("simkernel.overhead.apart.measured_apart", measured)


def test_esc_ends_what_is_measured_and_keys_are_taken_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch)

    async def check(hand: Hand) -> None:
        await press(hand, "C", "3")
        await hand.pilot.press("enter")
        await hand.until("tight: round 1 of 40; Esc ends it")
        await hand.pilot.press("1", "down")
        await hand.pilot.pause()
        assert "▶ call left in" in hand.text()
        await hand.pilot.press("3")
        text = await press(hand, "escape")
        assert "Ended, as you asked." in text and "Enter: measure." in text
        await press(hand, "escape")
        assert isinstance(hand.app.screen, StepperScreen)

    drive(check)


def test_what_is_asked_for_while_something_else_is_under_way_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def measured(show: Callable[[str], None], waiting: Callable[[], None]) -> list[Measured]:
        go_on.wait(60)
        return []

    monkeypatch.setattr("simkernel.overhead.apart.measured_apart", measured)

    async def check(hand: Hand) -> None:
        await press(hand, "C", "3")
        await hand.pilot.press("enter", "4", "enter")
        await hand.pilot.pause()
        overhead = screen_of(hand).overhead
        assert "Measuring" in hand.text() and overhead.name == "growth" and not overhead.grown
        go_on.set()
        await hand.until(lambda: not screen_of(hand).busy or overhead.grown)
        assert overhead.grown

    drive(check)


def test_leaving_ends_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch)

    screens: list[OverheadScreen] = []

    async def check(hand: Hand) -> None:
        await press(hand, "C", "3")
        await hand.pilot.press("enter")
        screens.append(screen_of(hand))
        await hand.until(lambda: screens[0].busy)
        await hand.pilot.press("q")

    drive(check)  # it waits for its threads
    assert screens[0].overhead.end_asked and not screens[0].overhead.measured


def test_where_nothing_can_be_measured_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkernel.overhead.native.platform.machine", lambda: "aarch64")

    async def check(hand: Hand) -> None:
        text = flat(await press(hand, "C", "3", "enter"))
        assert "Nothing can be measured here: native code needs an x86-64 CPU; this is aarch64." in text
        assert "Enter" not in text and "Esc back" in text

    drive(check)


def test_all_variants_and_closer() -> None:
    count = f" {exact('function').instructions:,}"

    async def check(hand: Hand) -> None:
        text = await press(hand, "C", "v")
        assert "int3 " in text and "v the first four" in text
        assert UNICODE.interval[-1] + count not in text
        text = await press(hand, "z")
        assert UNICODE.interval[-1] + count in text and "ends in an arrow" in text
        assert "mcount" not in (await press(hand, "v")).split("Off:")[0]

    drive(check)


def test_bars_are_written_and_what_cannot_be_is_said(tmp_path: Path) -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "C", "w")
        await hand.type(str(tmp_path / "x.svg"))
        assert "are written to" in await press(hand, "enter")
        assert (tmp_path / "x.svg").read_text().startswith("<svg")
        await press(hand, "w")
        await hand.type(str(tmp_path))
        assert "cannot be written" in flat(await press(hand, "enter"))

    drive(check)


@pytest.mark.parametrize(("size", "theme"), list(zip([*SIZES, (60, 20), (44, 12)], THEMES, strict=True)))
def test_each_answer_fits(size: tuple[int, int], theme: str) -> None:
    async def check(hand: Hand) -> None:
        hand.app.theme = theme
        await press(hand, "C")
        for key in ("v", "z", "2", "3", "enter", "o", "4", "enter", "5", "enter", "o"):
            rows = (await press(hand, key)).split("\n")
            assert len(rows) == size[1] and rows[0].startswith(" What tracing costs")
            assert "Esc back" in rows[-1] or "Esc back" in rows[-2] or size[0] < 60
            if screen_of(hand).overhead.chart is not None:
                at = hand.app.cursor_position.y
                assert rows[at].startswith(f" {UNICODE.here} ")

    drive(check, size=size)


def test_another_size_at_any_time() -> None:
    async def check(hand: Hand) -> None:
        first = await press(hand, "C", "v")
        for size in ((120, 36), (60, 20), (30, 5), (10, 2), (80, 24)):
            await hand.pilot.resize_terminal(*size)
            text = await hand.read()
        assert text == first

    drive(check)


def test_ascii_without_colour_says_all_that_marks_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def check(hand: Hand) -> None:
        for key in ("C", "z", "3", "enter", "4", "enter", "5", "enter", "f1"):
            text = await press(hand, key)
            assert text.isascii(), {one for one in text if not one.isascii()}
        text = await press(hand, "escape", "3", "down")
        assert ">3 measured" in text and " > call left in" in text and "|-" in text

    drive(check, marks=ASCII)


def test_a_click_chooses_a_bar_or_an_answer() -> None:
    async def check(hand: Hand) -> None:
        rows = (await press(hand, "C")).split("\n")
        await hand.pilot.click(offset=(6, next(at for at, row in enumerate(rows) if "call left in" in row)))
        assert screen_of(hand).overhead.cursor == 2
        await hand.pilot.click(offset=(rows[1].index("modelled"), 1))
        await screen_of(hand).settled()
        assert screen_of(hand).overhead.name == "modelled"
        await hand.pilot.click(offset=(79, 1))
        await hand.pilot.click(offset=(6, 20))
        assert screen_of(hand).overhead.name == "modelled"

    drive(check)


def test_words_and_help_are_a_key_away() -> None:
    async def check(hand: Hand) -> None:
        text = flat(await press(hand, "C", "2", "question_mark"))
        assert "cycle: One beat of a CPU's clock." in text and "fetch" not in text and "Real CPUs do not" not in text
        text = flat(await press(hand, "escape", "f1"))
        assert all(what in text for _, _, what in KEYS)
        await press(hand, "escape")
        assert screen_of(hand).overhead.name == "modelled"

    drive(check)


def test_from_the_scenarios_and_back_to_them() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("S")
        text = await hand.press("end")
        assert "What tracing costs" in text
        await press(hand, "enter")
        assert screen_of(hand).overhead.chart is not None
        text = await press(hand, "escape")
        assert isinstance(hand.app.screen, Scenarios) and "▶ What tracing costs" in text

    drive(check)


def test_from_the_mysteries_and_back_to_them() -> None:
    async def check(hand: Hand) -> None:
        await hand.do("mysteries")
        mysteries = hand.app.screen
        for key in ("y", "enter", "t", "t", "enter"):
            await hand.pilot.press(key)
            await mysteries.settled()  # type: ignore[attr-defined]
        assert "C     what tracing costs" in await hand.read()
        await press(hand, "C")
        assert screen_of(hand).overhead.chart is not None
        await press(hand, "escape")
        assert hand.app.screen is mysteries and "Why is it not slow?" in hand.text()

    drive(check, scenario="off")


def test_nothing_of_it_is_loaded_before_it_is_asked_for() -> None:
    program = (
        "import sys, tui.app.app, tui.app.start\n"
        "print([name for name in sys.modules if 'overhead' in name or name.endswith(('.charts', '.plots', '.bars'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
