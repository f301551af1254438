"""The work of a screen: what is asked of the activity in front is done in a thread, one thing after another.

No key is lost, and the screen goes on drawing. A key that is pressed while something is under way waits for its turn,
and means what it means then. What goes on by itself is asked for again and again, until a key pauses it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from textual import events
from textual.app import App
from textual.timer import Timer

from lessons.activity import KEYS, Result
from lessons.picture import Picture
from lessons.visit import Visit
from simkernel.report import Report

SOON = 0.3  # seconds after which the screen says that something is under way
PACES = (0.125, 8.0)  # seconds between two steps by itself, least and most
NEXT = "next"  # the action that goes on by itself
TURNS = (*KEYS["enter"][0], *KEYS[NEXT][0])  # keys that go on from a page


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: what it does, the action's name, and whether the screen itself has asked."""

    what: Callable[[Report], Result]
    word: str
    by_itself: bool


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key that waits for its turn."""

    key: str
    character: str | None


class Waiting(asyncio.Queue[Request | Pressed]):
    """What was asked for and is not done yet.

    Attributes:
        at_once: what is put in now is the next to be done: a key whose turn has come asks for it.
    """

    at_once = False
    _queue: deque[Request | Pressed]

    def forget(self, keys: Collection[str]) -> None:
        """Those of these keys are not pressed that are next in turn."""
        while self._queue and isinstance(first := self._queue[0], Pressed) and first.key in keys:
            self.get_nowait()
            self.task_done()

    def _put(self, item: Request | Pressed) -> None:
        if self.at_once:
            self._queue.appendleft(item)
        else:
            self._queue.append(item)


class Shows(Protocol):
    """The screen, as this module knows it."""

    visit: Visit

    @property
    def app(self) -> App[Any]:
        """Of which it is the screen."""
        ...

    @property
    def is_active(self) -> bool:
        """Nothing stands over it."""
        ...

    def press(self, key: str, character: str | None = None) -> bool:
        """Do what a key asks for."""
        ...

    def show(self, result: Result, picture: Picture) -> None:
        """Draw what has become of something."""
        ...

    def tell(self, said: str, look: str = "") -> None:
        """Say something."""
        ...

    def set_timer(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Have something done after some seconds."""
        ...


class Work:
    """Has things done, in order.

    Attributes:
        report: of what is under way; None while nothing is.
        pace: seconds between two steps by itself.
        again: the action that goes on by itself, "" for none.
    """

    def __init__(self, screen: Shows) -> None:
        self.report: Report | None = None
        self.pace = 1.0
        self.again = ""
        self._screen = screen
        self._waiting = Waiting()
        self._timer: Timer | None = None  # until what goes on by itself does

    def ask(self, name: str, argument: str = "", by_itself: bool = False) -> None:
        """Have the activity in front do something, after all that was asked for before."""
        self.do(lambda report: self._screen.visit.apply(name, argument, report), name, by_itself)

    def do(self, what: Callable[[Report], Result], word: str = "", by_itself: bool = False) -> None:
        """Have something done in the thread of the activities, after all that was asked for before."""
        self._waiting.put_nowait(Request(what, word, by_itself))

    def wait_for_its_turn(self, key: str, character: str | None) -> None:
        """Have a key pressed after all that was asked for before."""
        self._waiting.put_nowait(Pressed(key, character))

    @property
    def busy(self) -> bool:
        """True while something is under way or waits for that."""
        return self.report is not None or not self._waiting.empty()

    def stop(self) -> None:
        """Cancel what is under way, and forget what was asked for after it."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
            self._waiting.task_done()
        if self.report is not None:
            self.report.cancel()

    async def settled(self) -> None:
        """Wait until all that was asked for is done and drawn."""
        await self._waiting.join()

    # --- in order ---------------------------------------------------------------------------------------------------

    async def carry_out(self) -> None:
        """Do what is asked for, as it comes."""
        while True:
            asked = await self._waiting.get()
            if isinstance(asked, Pressed):
                self._press(asked)
            else:
                result = await self._done(asked.what)
                if result.opens is not None:
                    result = await self._done(self._screen.visit.start)
                if result.turned:
                    self._waiting.forget(TURNS)
                self._go_on(asked, result)
            self._waiting.task_done()

    def _press(self, pressed: Pressed) -> None:
        """Press a key whose turn has come: here, or on what stands over the screen by now."""
        if not self._screen.is_active:
            self._screen.app.post_message(events.Key(pressed.key, pressed.character))
            return
        self._waiting.at_once = True
        try:
            self._screen.press(pressed.key, pressed.character)
        finally:
            self._waiting.at_once = False

    async def _done(self, what: Callable[[Report], Result]) -> Result:
        """Have something done, and draw what has become of it."""
        self.report = report = Report(partial(self._progress, asyncio.get_running_loop()))
        soon = self._screen.set_timer(SOON, partial(self._tell, report))
        try:
            result = await asyncio.to_thread(what, report)
            picture = await asyncio.to_thread(lambda: self._screen.visit.front.picture())
        except asyncio.CancelledError:
            report.cancel()  # the screen goes, and its thread shall not be waited for
            raise
        finally:
            soon.stop()
            self.report = None
        self._screen.show(result, picture)
        return result

    def _progress(self, loop: asyncio.AbstractEventLoop, report: Report) -> None:
        """In the work's thread: something is said."""
        loop.call_soon_threadsafe(self._tell, report)

    def _tell(self, report: Report) -> None:
        if report is self.report:
            part = "" if report.part is None else f" {100 * report.part:.0f} %"
            self._screen.tell(f"{report.text or 'busy'}{part}; Esc cancels", "strong")

    # --- by itself --------------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Go on by itself, a step at a time; any key pauses it."""
        self.again = NEXT
        self._soon()

    def pause(self) -> None:
        """Stop going on by itself."""
        self.again = ""
        if self._timer is not None:
            self._timer.stop()
        self._screen.tell("Paused.")

    def set_pace(self, pace: float) -> None:
        """Go on by itself with so many seconds between two steps."""
        self.pace = min(PACES[1], max(PACES[0], pace))
        self._screen.tell(f"By itself: a step every {self.pace:g} seconds.")

    def _go_on(self, asked: Request, result: Result) -> None:
        """Ask for the same after a while, where it goes on by itself and nobody has paused it meanwhile."""
        if asked.by_itself and not self.again:
            self._screen.tell("Paused.")
            return
        if result.goes_on:
            self.again = asked.word
        if not self.again:
            return
        offered = {one.name for one in self._screen.visit.front.offered()}
        more = result.goes_on or (self.again == NEXT and NEXT in offered)
        if result.refused or result.stays or asked.word != self.again or not more:
            self.again = ""
        else:
            self._soon()

    def _soon(self) -> None:
        """Ask for what goes on by itself, after a while."""
        self._timer = self._screen.set_timer(self.pace, partial(self.ask, self.again, by_itself=True))
        self._screen.tell("By itself: any key pauses it.", "strong")
