"""Opening the app on a screen that is only memory, pressing its keys, reading its text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
import textual.app
import textual.pilot
from textual.pilot import Pilot

from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.activity import Activity
from lessons.session.stepper import Stepper
from lessons.story.look import Look
from lessons.visit import Visit
from tui.app.app import SimkernelApp
from tui.view.marks import UNICODE, Marks

Kind = TypeVar("Kind", bound=Activity)
WAIT = 60.0  # seconds for what must come; it comes much sooner
SOON = 0.02  # seconds: Textual draws and takes a new size within this time


class Hand:
    """A person at the app: presses keys, reads the screen."""

    def __init__(self, app: SimkernelApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> str:
        """Press keys, wait until all is done and drawn, return the screen's text.

        Each key is pressed when all that the one before has begun is over. `pilot.press` waits for nothing: so a person
        presses who is faster than the machine.
        """
        for key in keys:
            await self.pilot.press(key)
            await self.drawn()
        return self.text()

    async def finish(self) -> str:
        """Wait until what the last key has begun is over too; the screen's text then."""
        await self.drawn()
        return self.text()

    @property
    def stepper(self) -> Stepper:
        """Of the story in front."""
        return front_of(self, Story).stepper

    @property
    def said(self) -> str:
        """What the screen says below its body."""
        return self.app.playing.said

    @property
    def refused(self) -> bool:
        """Whether that is that something could not be done."""
        return self.app.playing.look == "bad"

    async def type(self, text: str) -> str:
        """Type a text as fast as a person does, and read the screen then."""
        await self.pilot.press(*("space" if one == " " else one for one in text))
        return await self.read()

    async def do(self, name: str, argument: str | None = None) -> str:
        """An action of the activity in front by its name, with its argument."""
        self.app.playing.ask(name, argument or "")
        return await self.read()

    async def read(self) -> str:
        """The screen's text, once nothing is under way and all is drawn."""
        await self.drawn()
        return self.text()

    async def drawn(self) -> None:
        """Wait until nothing is under way and all is drawn.

        A pause ends when our process takes no time, as it does too where a busy machine gives it none: a screen may
        then have given its panels their places, and they have not drawn yet.
        """
        await self.app.settled()
        await self.pilot.pause()
        await self.app.settled()
        while not self._is_drawn():
            await self.pilot.pause()

    async def until(self, come: str | Callable[[], object]) -> str:
        """Wait until a text stands on the screen or something is so, while work goes on; the screen's text then."""
        end = time.monotonic() + WAIT
        while not (come in self.text() if isinstance(come, str) else come()):
            assert time.monotonic() < end, f"{come!r} has not come:\n{self.text()}"
            await asyncio.sleep(0.01)
        return self.text()

    def _is_drawn(self) -> bool:
        """Whether every widget has handled what it was told of, and the screen shows it."""
        screen = self.app.screen
        waiting = any(one._message_queue.qsize() for one in (self.app, *screen.walk_children(with_self=True)))
        return not (waiting or screen._layout_required or screen._repaint_required or screen._dirty_widgets)

    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())


async def press(hand: Hand, *keys: str) -> str:
    """Press keys, and wait until all that they have begun is over; the screen's text."""
    await hand.press(*keys)
    return await hand.finish()


def front_of(hand: Hand, kind: type[Kind]) -> Kind:
    """The activity in front."""
    front = hand.app.visit.front
    assert isinstance(front, kind)
    return front


async def quiet(_min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Wait until the event loop has nothing left to run, nor a timer that is due SOON: only threads and input go on.

    Textual's pilot would sleep until the process takes hardly any time: 60 ms a key, and as long as a thread works.
    """
    loop: Any = asyncio.get_running_loop()
    end = loop.time() + max_sleep
    while True:
        await asyncio.sleep(0)
        due = min((timer.when() for timer in loop._scheduled if not timer.cancelled()), default=end)
        if not loop._ready and due > loop.time() + SOON or loop.time() > end:
            return
        if not loop._ready:
            await asyncio.sleep(max(0.0, due - loop.time()))


Drive = Callable[[Hand], Awaitable[None]]


def drive(
    what: Drive,
    scenario: str = "one",
    size: tuple[int, int] = (80, 24),
    marks: Marks = UNICODE,
    depth: str = "story",
    stepper: Stepper | None = None,
    activity: Activity | None = None,
    at_once: bool = False,
) -> None:
    """Open a scenario, or an activity, on a screen of this size, and have something done with it.

    `at_once`: while it begins, not once it has.
    """

    async def run() -> None:
        story = Story(stepper or Stepper.start(scenario), look=Look(depth=depth))
        app = SimkernelApp(Visit(Start(), story) if activity is None else Visit(Start(), activity), marks)
        async with app.run_test(size=size, notifications=True) as pilot:
            hand = Hand(app, pilot)
            if not at_once:
                await hand.read()
            await what(hand)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(textual.app, "wait_for_idle", quiet)
        patched.setattr(textual.pilot, "wait_for_idle", quiet)
        asyncio.run(run())
