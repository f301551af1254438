"""What one does besides a story, on the screen: the two mysteries, the functions, boot."""

from __future__ import annotations

import threading
from functools import partial

from lessons.activities.boot import Boot
from lessons.activities.function_table import FunctionTable
from lessons.activities.functions import Functions
from lessons.activities.mysteries import BOOTED, OFF, TRACED
from lessons.activities.opening import Opening
from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.activity import Result
from simkernel.report import Report
from simkernel.sim.digest import state_digest
from simkernel.sim.snapshot.site import CALL, NOP
from tests.tui.app.screens import WAIT, Hand, drive, front_of, press
from tests.tui.playing import flat
from tui.view.frame import with_keys
from tui.view.marks import ASCII, UNICODE


def test_both_mysteries_within_twelve_presses_and_on_to_slow_motion() -> None:
    async def check(hand: Hand) -> None:
        pressed = 0
        for key, words in (
            ("1", "made 0 calls"),
            ("enter", "The build left a list of their addresses"),
            ("t", "How does ftrace change all 240 sites?"),
            ("4", "it has changed nothing yet"),
            ("end", "no CPU was stopped"),
            ("t", "The counts stand still: 0 more calls"),
            ("enter", "serve all 240 sites"),
            ("enter", "should worry you"),
        ):
            assert words in flat(await press(hand, key)), key
            pressed += 1
            page = await hand.press("question_mark")
            assert "The words on this screen" in page and "pieces" not in page
            await hand.press("escape")
        await press(hand, "enter")
        await hand.read()
        assert pressed + 1 <= 12
        assert hand.stepper.scenario is not None and hand.stepper.scenario.name == "one"

    drive(check, activity=Opening())


def test_a_mystery_key_pressed_while_the_machine_runs_is_not_lost() -> None:
    async def check(hand: Hand) -> None:
        await hand.pilot.press("2", "enter")
        await press(hand)
        assert front_of(hand, Opening).run.cue == BOOTED

    drive(check, activity=Opening(), marks=ASCII)


def test_a_key_that_was_pressed_before_does_not_turn_the_page_with_the_verdict() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "1", "right", "right", "4", "right")
        await hand.pilot.press("end", "enter", "enter")
        text = await press(hand)
        assert front_of(hand, Opening).run.cue == TRACED and "You said" in text
        await press(hand, "right")
        assert front_of(hand, Opening).run.cue == OFF

    drive(check, activity=Opening())


def test_the_change_of_every_function_runs_until_a_key_is_pressed_and_is_rewound() -> None:
    async def check(hand: Hand) -> None:
        hand.app.playing.work.pace = 0.01
        await press(hand, "1", "right", "right", "4")
        opening = front_of(hand, Opening).run
        await hand.pilot.press("r")
        await hand.until(lambda: opening.place.step >= 4 and "any key pauses" in hand.text())
        await hand.pilot.press("z")
        text = await press(hand)
        step = opening.place.step
        assert (
            "Paused" in text and f"step {step}" in text and UNICODE.taken in await press(hand, *["left"] * (step - 4))
        )
        await hand.pilot.pause(0.05)
        assert opening.place.step == 4, "nothing moves unless a key was pressed"
        await hand.pilot.press("r")
        await hand.until("no CPU was stopped")
        assert opening.cue == TRACED and "any key pauses" not in hand.text()

    drive(check, activity=Opening())


def test_the_keys_of_the_mysteries_are_their_own() -> None:
    async def check(hand: Hand) -> None:
        text = flat(await press(hand, "f1"))
        assert all(flat(action.help) in text for action in Opening.actions) and "Scenarios" not in text
        await press(hand, "escape")
        assert "x does nothing here" in await press(hand, "x")
        assert front_of(hand, Opening)
        await press(hand, "escape")
        assert front_of(hand, Start)

    drive(check, activity=Opening(), size=(80, 50))


def test_a_click_answers() -> None:
    async def check(hand: Hand) -> None:
        rows = (await press(hand)).split("\n")
        await hand.pilot.click(offset=(8, next(at for at, row in enumerate(rows) if row.strip() == "2   no")))
        assert "You said: no. Right" in await press(hand)

    drive(check, activity=Opening())


def test_functions_are_counted_sorted_searched_and_looked_at() -> None:
    async def check(hand: Hand) -> None:
        stepper = hand.stepper
        await press(hand, "r")
        await hand.do("functions")
        functions = front_of(hand, Functions)
        assert functions.table is not None
        before = functions.table.calls
        await press(hand, "r")
        assert functions.table.calls > before
        calls = {row.name: row.calls for row in functions.table}
        text = await press(hand, "3")
        assert functions.order == "calls" and functions.chosen.name == "rw_verify_area" and functions.chosen.enabled
        assert "ENABLED TRAMP" in text and "<+0>:" in text
        await press(hand, "slash")
        await hand.type("vfs_*")
        await press(hand, "enter")
        assert {row.name[:4] for row in functions.table} == {"vfs_"}
        await hand.pilot.press("slash", *"read", "enter")  # faster than a screen is drawn
        await press(hand)
        assert [row.name for row in functions.table] == sorted(
            (name for name in stepper.image.function_names() if "read" in name), key=lambda name: (-calls[name], name)
        )
        await press(hand, "slash")
        await hand.type("nothing_like_it")
        assert "'*nothing_like_it*'" in await press(hand, "enter")
        await press(hand, "end", "home", "down", "enter")
        assert front_of(hand, Story).stepper is stepper
        assert stepper.snapshot.site is not None and stepper.snapshot.site.name == functions.chosen.name

    drive(check)


def test_keys_that_are_pressed_while_the_machine_runs_act_in_order_when_it_has_run() -> None:
    """The list of functions then has nothing that is half done, and the keys behind it act on what it lists."""

    async def check(hand: Hand) -> None:
        stepper, may_go = hand.stepper, threading.Event()

        def run(report: Report) -> Result:
            assert may_go.wait(WAIT)
            return hand.app.visit.apply("run", report=report)

        hand.app.playing.work.do(run)
        hand.app.playing.ask("functions")
        await hand.pilot.press("3", "down")
        assert front_of(hand, Story)
        may_go.set()
        await press(hand)
        functions = front_of(hand, Functions)
        assert list(functions.table or ()) == list(FunctionTable(stepper, order="calls"))
        assert functions.cursor == 1 and functions.table is not None and functions.table[0].enabled
        text = await press(hand, "down", "t")
        assert front_of(hand, Story) and "will trace 1 function, and no other." in text
        await hand.press("r")
        assert [row.name for row in FunctionTable(hand.stepper) if row.wanted] == [functions.table[2].name]

    drive(check)


def test_what_t_does_to_a_function_is_said_before_it_is_pressed_and_so_it_is() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("r")
        await hand.do("functions")
        text = await press(hand, "down")
        functions = front_of(hand, Functions)
        assert functions.table is not None
        assert [row.name for row in functions.table if row.enabled] == ["rw_verify_area"]
        name = functions.chosen.name
        assert f"{name} is not traced. t: trace this function only, and watch it." in flat(text)
        assert all(f"{column}:" in text for column in ("COUNT", "OPS", "ENABLED", "TRAMP"))
        keys = flat(await press(hand, "f1"))
        assert all(flat(action.help) in keys for action in Functions.actions[:3])
        await press(hand, "escape", "t")
        text = await hand.read()
        assert front_of(hand, Story) and "will trace 1 function, and no other." in text
        await hand.press("r")
        table = FunctionTable(hand.stepper)
        assert [row.name for row in table if row.enabled and row.tramp] == [name]
        assert [row.name for row in table if row.wanted] == [name]

    drive(check, size=(80, 44))


def test_the_flags_of_a_function_are_seen_whole_beside_its_disassembly() -> None:
    async def check(hand: Hand) -> None:
        await press(hand, "r")
        await hand.do("functions")
        rows = (await press(hand, "3")).split("\n")
        assert any("rw_verify_area" in row and "1  ENABLED TRAMP" in row for row in rows)
        assert any("FLAGS" in row for row in rows) and any("<+0>:" in row for row in rows)

    drive(check, size=(120, 36))


def test_a_pane_with_the_focus_scrolls_by_lines_and_pages() -> None:
    async def check(hand: Hand) -> None:
        await hand.do("functions")
        functions = front_of(hand, Functions)
        functions.apply("search", "__accumulate")
        await hand.press("1")
        while "code" not in hand.app.playing.pointer.part:
            await hand.press("tab")
        first = await hand.read()
        assert "<+0>:" in first and "more ↓" in first
        assert "<+0>:" not in await press(hand, "pagedown") and "more ↑" in hand.text()
        assert "<+0>:" in await press(hand, "pageup")
        end = await press(hand, "end")
        assert "more ↓" not in end and "ret" in end
        assert await press(hand, "home") == first
        assert await press(hand, "down", "up") == first and functions.cursor == 0

    drive(check)


def test_esc_leads_back_to_where_one_was() -> None:
    async def check(hand: Hand) -> None:
        before = await hand.press("right")
        await hand.do("functions")
        assert await press(hand, "escape") == before and front_of(hand, Story)

    drive(check)


def test_boot_is_stepped_forwards_and_back_on_a_machine_of_its_own() -> None:
    async def check(hand: Hand) -> None:
        point = hand.stepper.simulation.point
        await hand.do("boot")
        boot = front_of(hand, Boot)
        total = len(boot.booting.sites.states)
        assert boot.booting.sites.count(CALL) == total and f"{total} call" in hand.text()
        seen, states = [], []
        for _ in range(12):
            await press(hand, "right")
            seen.append(boot.booting.sites.count(NOP))
            states.append(state_digest(boot.booting.simulation))
        assert seen == sorted(seen) and 0 < seen[-1] < total
        assert len(boot.booting.simulation.cpus) == 1
        assert f"site {seen[-1]} of {total}" in hand.text()
        rows = [one for one in hand.text().split("\n") if one.strip().startswith(("in the file", "in memory"))]
        assert " E8 " in rows[0] and "call __fentry__" in rows[0] and "0F 1F 44 00 00  nopl" in rows[1]
        assert " steps" not in hand.text(), "the plan's steps are others than the screen's"
        for before in reversed(states[:-1]):
            await press(hand, "left")
            assert state_digest(boot.booting.simulation) == before
        text = await press(hand, "enter")
        assert boot.booting.sites.count(NOP) == total and f"All {total} sites hold" in text and not boot.over
        text = await press(hand, "end")
        assert boot.over and "Every CPU runs tasks" in text
        assert "boot is over" in await press(hand, "right")
        text = await press(hand, "home")
        assert boot.booting.sites.count(CALL) == total and "Power-on" in text
        assert "what happened" not in text and text.count("call __fentry__") == 2, "in the file and in memory"
        assert boot.start(Report()).message == ""
        await press(hand, "right")
        assert "You left here. Home" in with_keys(boot.start(Report()).message)
        await press(hand, "end")
        assert boot.start(Report()).message == "" and boot.booting.simulation.position == 0, "anew"
        await hand.press("escape")
        assert hand.stepper.simulation.point == point

    drive(check)


def other_than(hand: Hand, text: str) -> bool:
    return hand.text() != text


def test_every_key_is_in_the_help() -> None:
    async def check(hand: Hand) -> None:
        text = await hand.press("f1")
        while "Quit" not in text:
            before = text
            await hand.pilot.press("pagedown")
            await hand.until(partial(other_than, hand, before))
            text = await hand.read()

    drive(check, size=(80, 40))
