"""Mouse and arrow keys: the scrub bar, the map's cells, events and CPUs as links, the line of keys; small terminals."""

from __future__ import annotations

import pytest
from textual.events import MouseMove

from tests.tui.app.screens import Hand, drive
from tui.app.arrange import LEAST_HEIGHT, LEAST_WIDTH
from tui.app.panels.events import Events
from tui.app.panels.scrub import Scrub
from tui.app.panels.sitemap import Map
from tui.view.marks import UNICODE

WIDE = (120, 36)


def test_the_scrub_bar_is_clicked_and_dragged() -> None:
    async def check(hand: Hand) -> None:
        stepper, scrub = hand.app.stepper, hand.app.screen.query_one(Scrub)
        await hand.press(*["right"] * 8)
        end = len(stepper.simulation.entries)  # of the whole story: its moves are known
        await hand.pilot.click("#scrub", offset=(1, 0))
        text = await hand.read()
        assert stepper.simulation.position == stepper.begin and "step 0" in text
        assert f"move {stepper.begin} of {end}" in text
        positions = []
        for x in (20, 45, 60):  # a drag: moves with the button held
            await hand.pilot._post_mouse_events([MouseMove], widget=scrub, offset=(x, 0), button=1)
            await hand.read()
            positions.append(stepper.simulation.position)
        assert stepper.begin < positions[0] < positions[1] < positions[2] < end
        await hand.pilot._post_mouse_events([MouseMove], widget=scrub, offset=(2, 0), button=0)
        await hand.read()
        assert stepper.simulation.position == positions[2]  # no button, no drag
        await hand.press("g")
        await hand.type("3")
        assert "step 3" in await hand.press("enter") and stepper.snapshot.position == stepper.stops()[-1].position

    drive(check, size=WIDE, depth="all")


def test_the_scrub_bar_shows_phases_ahead_and_where_the_kernel_dies() -> None:
    async def check(hand: Hand) -> None:
        bar = (await hand.press("r")).splitlines()[-2]
        assert bar.count(UNICODE.up) > 3
        back = (await hand.press("home")).splitlines()[-2]
        assert back.count(UNICODE.up) >= bar.count(UNICODE.up) - 1 and UNICODE.broken in back

    drive(check, scenario="naive", size=WIDE, depth="all")


def test_a_cell_of_the_map_is_chosen_with_the_arrow_keys() -> None:
    async def check(hand: Hand) -> None:
        names = hand.app.stepper.image.function_names()
        the_map = hand.app.screen.query_one(Map)
        the_map.focus()
        await hand.press("right", "right", "down", "left", "up", "down")
        at = the_map.size.width - 1 + 1
        assert the_map.point == (1, 2) and hand.app.stepper.simulation.position == hand.app.stepper.begin
        assert hand.app.cursor_position == the_map.region.offset + (2, 2)
        text = await hand.press("enter")
        site = hand.app.stepper.snapshot.site
        assert site is not None and site.name == names[at]
        assert f"These are the first five bytes of {names[at]}" in text
        assert f"in memory      {site.memory.data[0]:02X}" in text

    drive(check, size=WIDE, depth="all")


def test_an_event_leads_to_its_moment() -> None:
    async def check(hand: Hand) -> None:
        await hand.press(*["right"] * 6)
        stepper, panel = hand.app.stepper, hand.app.screen.query_one(Events)
        events = list(reversed(stepper.snapshot.events))
        await hand.pilot.click("#events", offset=(10, 3))
        await hand.read()
        assert stepper.simulation.position == events[2].event.entry
        await hand.press("end")
        events = list(reversed(stepper.snapshot.events))
        panel.focus()
        text = await hand.press("down")
        row = panel.region.y + 2
        assert text.splitlines()[row].startswith(UNICODE.focus)
        await hand.press("enter")
        assert stepper.simulation.position == events[1].event.entry

    drive(check, size=WIDE, depth="all")


def test_a_cpu_is_clicked_and_the_focus_follows_what_happens_until_then() -> None:
    async def check(hand: Hand) -> None:
        followed = set()
        for _ in range(8):
            text = await hand.press("right")
            cpus = [event.cpu for event in hand.app.stepper.passed if event.cpu is not None]
            if cpus:
                followed.add(cpus[-1])
                assert f"CPU{cpus[-1]} next:" in text
        assert followed == {0, 1}
        await hand.pilot.click("#cpus", offset=(10, 1))
        assert "CPU0 next:" in await hand.read()
        for _ in range(4):
            assert "CPU0 next:" in await hand.press("right")

    drive(check, size=WIDE, depth="code")


def test_a_key_hint_is_clicked() -> None:
    async def check(hand: Hand) -> None:
        await hand.pilot.click("#keys", offset=(3, 0))
        assert "step 1 of" in await hand.read()
        for deeper in ("m code", "m all", "m story"):  # the keys that one needs are there in every depth
            keys = hand.text().splitlines()[-1]
            needed = ("? words", "F1 keys", "Enter phase", "Bksp phase back", "x leave out", deeper)
            assert all(one in keys for one in needed), keys
            await hand.press("m")

    drive(check)


def test_a_key_that_means_nothing_says_so() -> None:
    async def check(hand: Hand) -> None:
        point = hand.app.stepper.simulation.point
        assert "w does nothing here" in await hand.press("w")
        assert "does nothing" not in await hand.press("right") and hand.app.stepper.simulation.point != point

    drive(check)


def test_the_steppers_keys_do_nothing_behind_another_screen() -> None:
    async def check(hand: Hand) -> None:
        for screen in ("B", "F"):
            point = hand.app.stepper.simulation.point
            await hand.press(screen)
            await hand.press("s", "i", "x", "a")
            await hand.press("escape")
            assert hand.app.stepper.simulation.point == point and len(hand.app.screen_stack) == 2

    drive(check)


@pytest.mark.parametrize("size", [(LEAST_WIDTH - 1, 24), (80, LEAST_HEIGHT - 1), (20, 4)])
def test_a_terminal_that_is_too_small_says_what_is_needed(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        text = " ".join((await hand.read()).split())
        assert f"too small: {LEAST_WIDTH} columns and {LEAST_HEIGHT} rows" in text.replace("  ", " ")
        await hand.pilot.resize_terminal(80, 24)
        assert "too small" not in await hand.read() and "in memory" in hand.text()

    drive(check, size=size)
