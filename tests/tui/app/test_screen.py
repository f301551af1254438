"""The stepper's screen, driven by its keys; what it shows is compared with the snapshot it was drawn from."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from textual._compositor import ChopsUpdate

from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from simkernel.events import Oopsed
from simkernel.sim.snapshot import NOW, Snapshot
from tests.tui.app.screens import Hand, drive
from tui.app.app import SimkernelApp
from tui.app.arrange import STORY
from tui.app.panel import Panel
from tui.app.panels import title
from tui.app.panels.site import LABEL


def bytes_shown(text: str, label: str) -> list[str]:
    """The five cells of a row of the site panel, without their marks."""
    row = next(line for line in text.splitlines() if line[1:].startswith(label))[LABEL + 1 :]
    return re.findall(r"[0-9A-F]{2}|··", row)[:5]


def assert_shows(text: str, snapshot: Snapshot) -> None:
    """The phase under way in capitals, memory's bytes, those each CPU may run, who is on each CPU."""
    phase = next((row.name for row in snapshot.patching.phases if row.state == NOW), None)
    assert phase is None or phase.upper() in text
    assert snapshot.site is not None
    assert bytes_shown(text, "in memory") == [f"{byte:02X}" for byte in snapshot.site.memory.data]
    for one in snapshot.site.cpus:
        expected = [f"{values[0]:02X}" for values in one.options]
        expected[one.read or 5 :] = ["··"] * (5 - (one.read or 5))
        assert bytes_shown(text, f"CPU{one.cpu} may run") == expected
    for cpu in snapshot.cpus:
        assert re.search(rf"CPU{cpu.number}[▌ ] {re.escape(cpu.task)}", text)


@pytest.mark.parametrize("depth", ["story", "code", "all"])
def test_every_stop_shows_what_the_snapshot_holds_and_goes_back_exactly(depth: str) -> None:
    async def walk(hand: Hand) -> None:
        points = [hand.app.stepper.simulation.point]
        for _ in range(16):
            assert_shows(await hand.press("right"), hand.app.stepper.snapshot)
            points.append(hand.app.stepper.simulation.point)
        for point in reversed(points[:-1]):
            text = await hand.press("left")
            assert hand.app.stepper.simulation.point == point
            assert_shows(text, hand.app.stepper.snapshot)

    drive(walk, size=(120, 36), depth=depth)


def test_a_held_key_loses_nothing() -> None:
    async def walk(hand: Hand) -> None:
        await hand.press(*["right"] * 20)
        assert len(hand.app.stepper.stops()) == 20
        await hand.press(*["left"] * 7)
        assert len(hand.app.stepper.stops()) == 13

    drive(walk)


def test_a_step_draws_the_panels_that_differ_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is what is sent to the terminal, which may be far away."""
    updates: list[object] = []

    async def walk(hand: Hand) -> None:
        panels = list(hand.app.screen.query(Panel))
        await hand.press("right")
        monkeypatch.setattr(SimkernelApp, "_display", lambda app, screen, update: updates.append(update))
        for _ in range(8):
            before = [panel.render().plain for panel in panels]
            updates.clear()
            await hand.press("right")
            differ = [one for one, then in zip(panels, before, strict=True) if one.render().plain != then]
            drawn = [one for one in updates if one is not None]
            assert drawn and all(isinstance(one, ChopsUpdate) for one in drawn)
            rows = {row for one in drawn if isinstance(one, ChopsUpdate) for row, *_ in one.spans}
            assert rows == {row for one in differ for row in one.region.line_range} != set(range(hand.app.size.height))

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
            assert [line[:STORY].rstrip() for line in deep[2:16]] == [line[:STORY].rstrip() for line in story[2:16]]
            assert deep[1] == story[1]
        again = (await hand.press("m")).splitlines()
        assert again == story

    drive(walk, size=(120, 36))


def test_a_changed_site_stands_below_what_it_was_before() -> None:
    async def check(hand: Hand) -> None:
        before = await hand.press("m", "right", "right")
        assert "was   +0" not in before  # nothing differs yet
        await hand.press("right", "right", "right")  # CPU0 has run the site; it is an int3 now
        rows = (await hand.read()).splitlines()
        at = next(at for at, row in enumerate(rows) if "was   +0" in row)
        assert "nopl" in rows[at] and "+0" in rows[at + 1] and "int3" in rows[at + 1]
        site = hand.app.stepper.snapshot.site
        assert site is not None and site.old is not None
        old = hand.app.stepper.snapshot.cpus[0].before
        assert [(one.address, one.data) for one in old] == [(site.address, site.old.data)]

    drive(check, size=(120, 36))


def test_while_a_story_is_made_ready_the_title_says_for_what_and_how_far_it_is() -> None:
    async def check(hand: Hand) -> None:
        picture = hand.app.picture
        assert picture is not None
        busy = replace(picture, ready=False, busy="getting ready: 84,971 instructions; Esc stops it")
        said = "Getting ready: the machine runs to where the story starts."
        for width, words in ((80, f"{said} 84,971 instructions"), (60, said)):
            assert "".join(text for text, _ in title.draw(busy, width, 1)[0]) == words

    drive(check)


@pytest.mark.parametrize("name", [one for one, scenario in SCENARIOS.items() if scenario.ends_with is Oopsed])
def test_a_story_that_ends_in_an_oops_shows_its_answer_whole(name: str) -> None:
    stepper = Stepper.start(name)
    assert not apply(stepper, "end").error
    ending = stepper.ending

    async def look(hand: Hand) -> None:
        text = " ".join((await hand.read()).split())
        assert ending.startswith("The story ends here. ") and ending in text
        assert "a kernel oops ends the run" in text

    drive(look, stepper=stepper)
