"""The stepper's screen, driven by its keys; what it shows is compared with the snapshot it was drawn from."""

from __future__ import annotations

import re
import time

import pytest
from textual._compositor import ChopsUpdate

from lessons.activities.story import Story
from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from simkernel.events import Oopsed
from simkernel.report import Report
from simkernel.sim.snapshot import NOW, Snapshot
from tests.tui.app.screens import Hand, drive
from tui.app import work
from tui.app.app import SimkernelApp
from tui.view.arrange import LEFT
from tui.view.machine import LABEL

FRAME = " ╭─│"  # what stands at the left of a row, where panes stand in frames and where not


def bytes_shown(text: str, label: str) -> list[str]:
    """The five cells of a row of the bytes, without their marks; those that are not read yet in brackets."""
    row = next(one for line in text.splitlines() if (one := line.lstrip(FRAME)).startswith(label))[LABEL:]
    return [cell.replace("′", "").replace("!", "") for cell in re.findall(r"[(0-9A-F][0-9A-F/′!)]+", row)[:5]]


def assert_shows(text: str, snapshot: Snapshot) -> None:
    """The phase under way in capitals, memory's bytes, those each CPU may run, who is on each CPU."""
    phase = next((row.name for row in snapshot.patching.phases if row.state == NOW), None)
    assert phase is None or phase.upper() in text
    assert snapshot.site is not None
    assert bytes_shown(text, "in memory") == [f"{byte:02X}" for byte in snapshot.site.memory.data]
    for one in snapshot.site.cpus:
        expected = ["/".join(f"{value:02X}" for value in sorted(set(values))) for values in one.options]
        memory = [f"({byte:02X})" for byte in snapshot.site.memory.data]
        expected[one.read or 5 :] = memory[one.read or 5 :]
        assert bytes_shown(text, f"CPU{one.cpu} may run") == expected
    for cpu in snapshot.cpus:
        assert re.search(rf"CPU{cpu.number}[▌ ] +{re.escape(cpu.task)}", text)


@pytest.mark.parametrize("depth", ["story", "code", "all"])
def test_every_stop_shows_what_the_snapshot_holds_and_goes_back_exactly(depth: str) -> None:
    async def walk(hand: Hand) -> None:
        points = [hand.stepper.simulation.point]
        for _ in range(16):
            assert_shows(await hand.press("right"), hand.stepper.snapshot)
            points.append(hand.stepper.simulation.point)
        for point in reversed(points[:-1]):
            text = await hand.press("left")
            assert hand.stepper.simulation.point == point
            assert_shows(text, hand.stepper.snapshot)

    drive(walk, size=(120, 36), depth=depth)


def test_a_held_key_loses_nothing() -> None:
    async def walk(hand: Hand) -> None:
        await hand.press(*["right"] * 20)
        assert len(hand.stepper.stops()) == 20
        await hand.press(*["left"] * 7)
        assert len(hand.stepper.stops()) == 13

    drive(walk)


def test_a_step_draws_the_rows_that_differ_and_hardly_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is what is sent to the terminal, which may be far away."""
    updates: list[object] = []

    async def walk(hand: Hand) -> None:
        text = await hand.press("right")
        monkeypatch.setattr(SimkernelApp, "_display", lambda app, screen, update: updates.append(update))
        for _ in range(8):
            before = text.splitlines()
            updates.clear()
            text = await hand.press("right")
            differ = {row for row, one in enumerate(text.splitlines()) if one != before[row]}
            drawn = [one for one in updates if one is not None]
            assert drawn and all(isinstance(one, ChopsUpdate) for one in drawn)
            rows = {row for one in drawn if isinstance(one, ChopsUpdate) for row, *_ in one.spans}
            assert differ <= rows < set(range(hand.app.size.height))

    drive(walk)


def test_depths_add_and_what_the_story_shows_stays_in_its_place() -> None:
    async def walk(hand: Hand) -> None:
        await hand.press("right", "right")
        story = hand.text().splitlines()
        code = (await hand.press("m")).splitlines()
        everything = (await hand.press("m")).splitlines()
        assert "registers" not in "\n".join(story) and "registers" in "\n".join(code)
        assert "what happened" not in "\n".join(code) and "what happened" in "\n".join(everything)
        for deep in (code, everything):
            seen = [[row[:LEFT].lstrip(FRAME)[:40].strip() for row in rows[2:12]] for rows in (deep, story)]
            assert seen[0] == seen[1]
            assert deep[1] == story[1]
        again = (await hand.press("m")).splitlines()
        assert again == story

    drive(walk, size=(120, 36))


def test_a_changed_site_stands_below_what_it_was_before() -> None:
    async def check(hand: Hand) -> None:
        before = await hand.press("m", "right", "right")
        assert "was +0" not in before  # nothing differs yet
        await hand.press("right", "right", "right")  # CPU0 has run the site; it is an int3 now
        rows = (await hand.read()).splitlines()
        at = next(at for at, row in enumerate(rows) if "was +0" in row)
        assert "nopl" in rows[at] and "+0" in rows[at + 1] and "int3" in rows[at + 1]
        site = hand.stepper.snapshot.site
        assert site is not None and site.old is not None
        old = hand.stepper.snapshot.cpus[0].before
        assert [(one.address, one.data) for one in old] == [(site.address, site.old.data)]

    drive(check, size=(120, 36))


def test_a_story_that_is_begun_says_how_far_it_is_and_can_be_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SOON", 0.001)
    begun: list[int] = []

    def begin(report: Report) -> Stepper:
        begun.append(1)
        while len(begun) == 1:  # until it is cancelled
            report("getting ready")
            time.sleep(0.001)
        return Stepper.start("one", report)

    async def check(hand: Hand) -> None:
        text = await hand.until("getting ready; Esc cancels")
        assert "The machine runs to where the story starts." in text
        hand.app.playing.press("escape")
        text = await hand.read()
        assert "cancelled" in hand.said and "→ next" in text
        text = await hand.press("right")
        assert "step 0" in text and "in memory" in text and len(begun) == 2

    drive(check, activity=Story(begin, "Trace one function"), at_once=True)


@pytest.mark.parametrize("name", [one for one, scenario in SCENARIOS.items() if scenario.ends_with is Oopsed])
def test_a_story_that_ends_in_an_oops_shows_its_answer_whole(name: str) -> None:
    stepper = Stepper.start(name)
    assert not apply(stepper, "end").error
    ending = stepper.ending

    async def look(hand: Hand) -> None:
        text = " ".join((await hand.read()).split())
        assert ending.startswith("The story ends here. ") and ending in text
        assert "a kernel oops ends the run" in text

    drive(look, stepper=stepper, size=(80, 30))
