"""Mouse and arrow keys: the scrub bar, the map's cells, events and CPUs as links, the line of keys; small terminals."""

from __future__ import annotations

import pytest
from textual.command import CommandList
from textual.events import MouseMove, MouseScrollDown, MouseScrollUp

from lessons.activities.costs import Costs
from lessons.activities.functions import Functions
from lessons.activities.lab import Lab
from lessons.activities.opening import Opening
from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.activity import Activity
from lessons.session.stepper import Stepper
from tests.tui.app.screens import Hand, drive, front_of, press
from tests.tui.playing import flat
from tui.app.canvas import Canvas
from tui.app.screens.activity import LEAST_HEIGHT, LEAST_WIDTH
from tui.view.arrange import Block, target
from tui.view.marks import UNICODE
from tui.view.text import length, plain

WIDE = (120, 36)


def block(hand: Hand, name: str) -> Block:
    """Where a part of the picture stands."""
    return next(one for one in hand.app.playing.drawn.body.blocks if one.part.name == name)


async def click(hand: Hand, name: str, x: int, y: int) -> str:
    """Click a place of a part; the screen's text then."""
    where = block(hand, name)
    await hand.pilot.click(Canvas, offset=(where.x + 1 + x, where.y + 1 + y))
    return await hand.read()


async def focus(hand: Hand, name: str) -> None:
    """Go to a part by Tab."""
    while hand.app.playing.pointer.part != name:
        await hand.press("tab")


def test_the_focus_does_not_come_along_into_the_next_story() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("end", "tab", "tab")
        assert hand.app.playing.pointer.part
        await hand.press("enter")
        assert front_of(hand, Story).stepper.changes and not hand.app.playing.pointer.part

    drive(check, activity=Story.of("one"))


def test_the_scrub_bar_is_clicked_and_dragged() -> None:
    async def check(hand: Hand) -> None:
        stepper, canvas = hand.stepper, hand.app.screen.query_one(Canvas)
        await hand.press(*["right"] * 8)
        end = len(stepper.simulation.entries)  # of the whole story: its moves are known
        text = await click(hand, "track", 0, 0)
        assert stepper.simulation.position == stepper.begin and "step 0" in text
        assert f"move {stepper.begin} of {end}" in text
        positions, track = [], block(hand, "track")
        for x in (15, 30, 45):  # a drag: moves with the button held
            await hand.pilot._post_mouse_events([MouseMove], widget=canvas, offset=(x, track.y + 1), button=1)
            await hand.read()
            positions.append(stepper.simulation.position)
        assert stepper.begin < positions[0] < positions[1] < positions[2] < end
        await hand.pilot._post_mouse_events([MouseMove], widget=canvas, offset=(2, track.y + 1), button=0)
        await hand.read()
        assert stepper.simulation.position == positions[2]  # no button, no drag
        await hand.press("slash")
        await hand.type("3")
        assert "step 3" in await hand.press("enter") and stepper.snapshot.position == stepper.stops()[-1].position

    drive(check, size=WIDE, depth="all")


def test_the_scrub_bar_shows_phases_ahead_and_where_the_kernel_dies() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("r")
        bar = plain(block(hand, "track").lines[0])
        assert bar.count(UNICODE.up) >= 2
        await hand.press("home")
        back = plain(block(hand, "track").lines[0])
        assert back.count(UNICODE.up) >= bar.count(UNICODE.up) - 1 and UNICODE.broken in back

    drive(check, scenario="naive", size=WIDE, depth="all")


def test_a_cell_of_the_map_is_chosen_with_the_arrow_keys() -> None:
    async def check(hand: Hand) -> None:
        while "‡" not in hand.text():
            await hand.press("right")
        names = hand.stepper.image.function_names()
        await focus(hand, "map")
        here = hand.stepper.simulation.position
        await hand.press("down", "right", "right", "down", "left", "up", "down")
        where, pointer = block(hand, "map"), hand.app.playing.pointer
        top = next(y for y in range(len(where.lines)) if target(where, 0, y) is not None)
        assert pointer.place == (1, top + 1) and hand.stepper.simulation.position == here
        assert hand.app.cursor_position == (where.x + 2, where.y + top + 2)
        across = length(where.lines[top])
        text = await hand.press("enter")
        site = hand.stepper.snapshot.site
        assert site is not None and site.name == names[across + 1]
        assert f"These are the first five bytes of {site.name}" in text
        assert f"in memory    {site.memory.data[0]:02X}" in text

    drive(check, scenario="all", size=WIDE)


def test_an_event_leads_to_its_moment() -> None:
    async def check(hand: Hand) -> None:
        await hand.press(*["right"] * 6)
        stepper = hand.stepper
        events = list(reversed(stepper.snapshot.events))
        lines = [plain(one) for one in block(hand, "events").lines]
        at = next(at for at, text in enumerate(lines) if text.split()[:1] == [str(events[2].event.entry)])
        await click(hand, "events", 10, at)
        assert stepper.simulation.position == events[2].event.entry
        await hand.press("end")
        events = list(reversed(stepper.snapshot.events))
        await focus(hand, "events")
        text = await hand.press("down")
        where = block(hand, "events")
        assert text.splitlines()[where.y + 1].startswith(UNICODE.focus)
        await hand.press("enter")
        assert stepper.simulation.position == events[0].event.entry

    drive(check, size=WIDE, depth="all")


def test_a_cpu_is_clicked_and_the_focus_follows_what_happens_until_then() -> None:
    async def check(hand: Hand) -> None:
        followed = set()
        for _ in range(8):
            text = await hand.press("right")
            cpus = [event.cpu for event in hand.stepper.passed if event.cpu is not None]
            if cpus:
                followed.add(cpus[-1])
                assert f"CPU{cpus[-1]} next:" in text
        assert followed == {0, 1}
        assert "CPU0 next:" in await click(hand, "cpus", 10, 2)
        for _ in range(4):
            assert "CPU0 next:" in await hand.press("right")

    drive(check, size=WIDE, depth="code")


def test_a_key_hint_is_clicked() -> None:
    async def check(hand: Hand) -> None:
        last = hand.text().splitlines()[-1]
        await hand.pilot.click(Canvas, offset=(last.index("next"), hand.app.size.height - 1))
        assert "step 1 of" in await hand.read()
        for _ in range(3):  # the keys that one needs are there in every depth
            keys = hand.text().splitlines()[-1]
            assert all(one in keys for one in ("? words", ": all keys", "Enter phase", "x without")), keys
            await hand.press("m")

    drive(check)


def test_a_key_that_means_nothing_says_so() -> None:
    async def check(hand: Hand) -> None:
        point = hand.stepper.simulation.point
        assert "w does nothing here. → does (next). F1" in await hand.press("w")
        assert "does nothing" not in await hand.press("right") and hand.stepper.simulation.point != point

    drive(check)


def test_a_storys_keys_do_nothing_while_another_activity_is_in_front() -> None:
    async def check(hand: Hand) -> None:
        story = front_of(hand, Story)
        point = story.stepper.simulation.point
        await hand.do("boot")
        assert "Power-on" in hand.text()
        await hand.press("right", "x", "t", "c", "r")
        assert story.stepper.simulation.point == point and len(hand.app.screen_stack) == 2
        await hand.press("escape")
        assert front_of(hand, Story) is story

    drive(check)


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
def test_a_part_without_room_is_reached_by_tab(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        before = await hand.press("right", "right", "right")
        gone = [part.name for part in hand.app.playing.picture.parts]
        shown = {one.part.name for one in hand.app.playing.drawn.body.blocks}
        gone = [name for name in gone if name not in shown]
        assert "cpus" in gone and "no room for" in before and "Tab leads there" in before
        for name in gone:
            await focus(hand, name)
            assert block(hand, name).lines
        await focus(hand, "")
        assert hand.text() == before

    drive(check, size=size)


@pytest.mark.parametrize("size", [(LEAST_WIDTH - 1, 24), (80, LEAST_HEIGHT - 1), (20, 4)])
def test_a_terminal_that_is_too_small_says_what_is_needed(size: tuple[int, int]) -> None:
    async def check(hand: Hand) -> None:
        text = " ".join((await hand.read()).split())
        assert f"too small: {LEAST_WIDTH} columns and {LEAST_HEIGHT} rows" in text.replace("  ", " ")
        await hand.pilot.resize_terminal(80, 24)
        assert "too small" not in await hand.read() and "in memory" in hand.text()

    drive(check, size=size)


async def roll(hand: Hand, name: str, kind: type[MouseScrollDown] | type[MouseScrollUp]) -> str:
    """Roll the wheel over the middle of a part; the screen's text then."""
    where = block(hand, name)
    offset = (where.x + 4, where.y + 1 + len(where.lines) // 2)
    await hand.pilot._post_mouse_events([kind], widget=hand.app.screen.query_one(Canvas), offset=offset, button=0)
    return await hand.read()


def test_a_list_is_chosen_from_by_the_mouse_and_its_wheel() -> None:
    async def check(hand: Hand) -> None:
        functions = front_of(hand, Functions)
        await click(hand, "table", 4, 5)
        assert functions.cursor == 4, "behind the heading"
        first = hand.text().splitlines()
        for at in (5, 6, 7):
            await roll(hand, "table", MouseScrollDown)
            assert functions.cursor == at
        assert hand.text().splitlines() != first
        for _ in range(8):
            await roll(hand, "table", MouseScrollUp)
        assert functions.cursor == 0
        await hand.press("end")
        await roll(hand, "table", MouseScrollDown)
        assert functions.cursor == len(functions.table or ()) - 1, "no way around"
        code = block(hand, "code")
        assert code.scrolls
        await roll(hand, "code", MouseScrollDown)
        assert block(hand, "code").first > code.first and functions.cursor == len(functions.table or ()) - 1

    stepper = Stepper.start("one")
    drive(check, activity=Functions(lambda _: stepper))


def test_the_start_is_rolled_clicked_and_searched_by_the_names_of_functions() -> None:
    async def check(hand: Hand) -> None:
        start = front_of(hand, Start)
        await roll(hand, "list", MouseScrollUp)
        assert start.at == 0
        await roll(hand, "list", MouseScrollDown)
        assert start.at == 1
        for typed, found in (("vfs_", "vfs_read"), ("boot", "Boot"), ("cache line", "A site across a cache line")):
            await hand.pilot.press("colon")
            await hand.type(typed)
            await hand.until(f"Watch: {found}")
            await hand.press("escape")
            await hand.press("escape")
        assert "is part of vfs_open" in flat(await hand.do("search", "vfs_")) and hand.refused
        assert "nothing here is called 'no_such'" in await hand.do("begin", "no_such") and hand.refused
        await hand.do("begin", "The lab")
        assert front_of(hand, Lab)
        await hand.press("escape")
        text = await hand.do("search", "vfs_read")
        assert "Trace vfs_read" in text and hand.stepper.snapshot.site is not None
        assert hand.stepper.snapshot.site.name == "vfs_read" and not hand.stepper.begun
        assert "E8" in text, "what it becomes: its story begins before its change"
        await press(hand, "r")
        assert hand.stepper.finished and hand.stepper.simulation.read(hand.stepper.snapshot.site.address, 1) == b"\xe8"

    drive(check, activity=Start(), size=(100, 36))


@pytest.mark.parametrize(
    ("activity", "key", "does"),
    [(Start, "x", "Enter does (begin)"), (Start, "right", "Enter does (begin)"), (Opening, "m", "→ does (next)"),
     (Lab, "m", "↓ does (choose)"), (Costs, "x", "→ does (next answer)")],
)  # fmt: skip
def test_a_dead_key_names_one_that_does_something(activity: type[Activity], key: str, does: str) -> None:
    async def check(hand: Hand) -> None:
        text = flat(await hand.press(key))
        shown = key if len(key) == 1 else "→"
        assert f"{shown} does nothing here. {does}" in text and "F1 has every key" in text

    drive(check, activity=activity())


def test_the_palette_has_what_the_program_does_before_the_names_of_functions() -> None:
    """`save` is part of _raw_spin_lock_irqsave: a breakpoint there is no file."""

    async def check(hand: Hand) -> None:
        await hand.pilot.press("colon")
        await hand.type("save")
        await hand.until("Break at function: _raw_spin_lock_irqsave")
        found = [str(one.prompt) for one in hand.app.screen.query_one(CommandList).options]
        first = next(at for at, one in enumerate(found) if "_raw_spin_lock_irqsave" in one)
        assert first >= 3 and all("save" in one.lower() for one in found[:first])
        await hand.press("escape")

    drive(check, "one")
