"""The stepper's screen, driven by its keys; what it shows is compared with the snapshot it was drawn from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from simkernel.snapshot import NOW
from tui.app.app import SimkernelApp
from tui.app.marks import UNICODE
from tui.stepper.stepper import Stepper

Drive = Callable[[SimkernelApp, Pilot[Any]], Awaitable[None]]


def text_of(app: SimkernelApp) -> str:
    """The text of the screen as it is drawn."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def drive(what: Drive, scenario: str = "one", size: tuple[int, int] = (80, 24)) -> None:
    """Open a scenario on a screen of this size, and have something done with it."""

    async def run() -> None:
        app = SimkernelApp(Stepper.start(scenario), UNICODE)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await what(app, pilot)

    asyncio.run(run())


async def press(app: SimkernelApp, pilot: Pilot[Any], *keys: str) -> str:
    """Press keys, wait until all is drawn, return the screen's text."""
    await pilot.press(*keys)
    await app.settled()
    await pilot.pause()
    return text_of(app)


def test_a_step_and_the_way_back() -> None:
    async def walk(app: SimkernelApp, pilot: Pilot[Any]) -> None:
        first = text_of(app)
        assert "vfs_read" in first and "step 0" in first
        for key in ("right",) * 3:
            text = await press(app, pilot, key)
            snapshot = app.stepper.snapshot
            now = next((row.name for row in snapshot.patch.phases if row.state == NOW), None)
            assert now is None or now.upper() in text
            assert snapshot.site is not None
            row = next(line for line in text.splitlines() if line.startswith(" in memory"))
            assert [word for word in row.replace("▐", " ").replace("▌", " ").split() if len(word) == 2][:5] != []
        there = app.stepper.simulation.place
        await press(app, pilot, "right", "left")
        assert app.stepper.simulation.place == there

    drive(walk)
