"""Goes to another point in history: puts a checkpoint back, and carries out again what lies between.

That changes nothing of what history knows.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

from simkernel.errors import Cancelled, LearnerError
from simkernel.report import Report
from simkernel.sim.checkpoints import Checkpoint
from simkernel.sim.driver import Driver
from simkernel.sim.history import History
from simkernel.sim.log import Point, Window

A_RECALL = 4_096  # entries, or events, on either side of a forgotten one that are had again with it
A_LOOK = 128  # entries of a replay between two looks at its progress
A_STAGE = 256  # entries between two checkpoints that are kept on the last part of a way
NEAR = 1_024  # entries: that part

GOING = "going there"  # what is said of a way to a position

Found = TypeVar("Found")
Search = Callable[[Point], Generator[tuple[Point, Found] | None]]
"""Steps from wherever it is called up to a point; after each move it yields (a point, what it found there), or None."""


class Travel:
    """Goes to other points in history."""

    def __init__(self, driver: Driver, history: History) -> None:
        self._driver, self._history = driver, history

    def goto(self, position: int, report: Report | None = None) -> None:
        """Go to a position, forwards or backwards; see `Simulation.goto`."""
        log, checkpoints, driver = self._history.log, self._history.checkpoints, self._driver
        if not 0 <= position <= log.length:
            raise LearnerError(f"history has positions 0 to {log.length}, not {position}")
        here, nearest = driver.point, checkpoints.before(position)
        with checkpoints.pin_meanwhile(here.position):
            if position < log.position or driver.open is not None or nearest.position > log.position:
                self._restore(nearest)
            start = log.position
            while log.position < position:
                driver.step(None)
                done, left = log.position - start, position - log.position
                if 0 < left < NEAR and left % A_STAGE == 0:
                    self._history.keep()  # who goes back a step takes another one, as a rule
                if report and not done % A_LOOK:
                    self._tell(report, GOING, done / (position - start), here)

    def _tell(self, report: Report, text: str, part: float, here: Point) -> None:
        """Say how far the way is; where that cancels it, be where it began."""
        try:
            report(text, part)
        except Cancelled:
            self.goto_point(here)
            raise Cancelled("cancelled on the way; nothing has moved") from None

    def goto_point(self, point: Point) -> None:
        """Go to a point, forwards or backwards."""
        self.goto(point.position)
        driver = self._driver
        while driver.point.position == point.position and driver.point.instructions < point.instructions:
            driver.step_instruction(frozenset(), 1)

    def back_instruction(self) -> None:
        """Undo the instruction that ran last (the whole entry where that was not a run of several)."""
        position, done = self._driver.point
        if done > 1:
            self.goto_point(Point(position, done - 1))
        elif done == 1 or position == 0:
            self.goto(position)
        else:
            self.goto(position - 1)
            count = 0
            while self._driver.point.position < position:
                self._driver.step_instruction(frozenset(), 1)
                count += 1
            self.goto_point(Point(position - 1, max(0, count - 1)))

    def back_to_last(self, search: Search[Found], report: Report | None) -> Found | None:
        """Go back to the last point before this one that a search finds; see `Simulation.back_to_last`."""
        here = upper = self._driver.point
        with self._history.checkpoints.pin_meanwhile(here.position):
            for start in reversed(self.checkpoints_before(here)):
                self.goto(start)
                last: tuple[Point, Found] | None = None
                with closing(search(upper)) as found:
                    for moves, one in enumerate(found, 1):
                        if one is not None and one[0] < upper:
                            last = one
                        done = here.position - upper.position + self._driver.point.position - start
                        if report and not moves % A_LOOK:
                            self._tell(report, "going back", done / max(1, here.position), here)
                if last is not None:
                    self.goto_point(last[0])
                    return last[1]
                upper = Point(start, 0)
            self.goto_point(here)
        return None

    def checkpoints_before(self, point: Point) -> list[int]:
        """The positions before a point at which a checkpoint is kept: where going back is cheap."""
        return [position for position in self._history.checkpoints.positions() if (position, 0) < point]

    def recall(self, entry: int | None, event: int | None) -> None:
        """Have the stretch of history around an entry, or an event, in the log again; and come back."""
        log, checkpoints = self._history.log, self._history.checkpoints
        here, held = self._driver.point, log.window
        if entry is None:
            assert event is not None
            entry = checkpoints.before_event(event).position
        with checkpoints.pin_meanwhile(here.position):
            self._restore(checkpoints.before(max(0, entry - A_RECALL)))
            log.window = Window.at(log.position, log.logged)
            while log.position <= entry or (event is not None and log.logged <= event):
                self._driver.step(None)
            log.window.whole = True
            end = min(log.length, log.position + A_RECALL)
            while log.position < end:
                self._driver.step(None)
            log.recalled = log.window
            self.goto_point(here)
            log.window = held

    def _restore(self, checkpoint: Checkpoint) -> None:
        self._history.restore(checkpoint)
        self._driver.open = None
