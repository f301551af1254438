"""To another place in history: a checkpoint is put back, and what lies between is carried out again.

A place is (entry, instructions of it that have run). Going anywhere changes nothing of what history knows.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

from simkernel.errors import Cancelled, LearnerError
from simkernel.sim.checkpoints import Checkpoint
from simkernel.sim.driver import Driver
from simkernel.sim.history import History
from simkernel.sim.log import Window

A_RECALL = 4_096  # entries, or events, on either side of a forgotten one that are had again with it
A_LOOK = 128  # entries of a replay between two looks at its progress

Place = tuple[int, int]
Found = TypeVar("Found")
Progress = Callable[[int, int], bool | None]
"""Told (how much is done, of how much) of what takes long, again and again; True from it ends that."""
Search = Callable[[Place], Generator[tuple[Place, Found] | None]]
"""Steps from wherever it is called up to a place; after each move it yields (a place, what it found there), or None."""


class Travel:
    """Ways to other places."""

    def __init__(self, driver: Driver, history: History) -> None:
        self._driver, self._history = driver, history

    def goto(self, entry: int, progress: Progress | None = None) -> None:
        """To the place before an entry, forwards or backwards; see `Simulation.goto`."""
        log, checkpoints, driver = self._history.log, self._history.checkpoints, self._driver
        if not 0 <= entry <= log.length:
            raise LearnerError(f"history has places 0 to {log.length}, not {entry}")
        here, nearest = driver.place, checkpoints.before(entry)
        with checkpoints.pinned(here[0]):
            if entry < log.position or driver.open is not None or nearest.place > log.position:
                self._restore(nearest)
            start = log.position
            while log.position < entry:
                driver.step(None)
                done = log.position - start
                if progress and not done % A_LOOK and progress(done, entry - start):
                    self.goto_place(here)
                    raise Cancelled(f"stopped on the way to the place {entry}; nothing has moved")

    def goto_place(self, place: Place) -> None:
        """To an entry and a number of instructions within it."""
        self.goto(place[0])
        driver = self._driver
        while driver.place[0] == place[0] and driver.place[1] < place[1]:
            driver.step_instruction(frozenset(), 1)

    def back_instruction(self) -> None:
        """Undo the instruction that ran last (the whole entry where that was not a run of several)."""
        entry, done = self._driver.place
        if done > 1:
            self.goto_place((entry, done - 1))
        elif done == 1 or entry == 0:
            self.goto(entry)
        else:
            self.goto(entry - 1)
            count = 0
            while self._driver.place[0] < entry:
                self._driver.step_instruction(frozenset(), 1)
                count += 1
            self.goto_place((entry - 1, max(0, count - 1)))

    def back_to_last(self, search: Search[Found], progress: Progress | None) -> Found | None:
        """To the last place before this one that a search finds; see `Simulation.back_to_last`."""
        here = upper = self._driver.place
        with self._history.checkpoints.pinned(here[0]):
            for start in reversed(self.checkpoints_before(here)):
                self.goto(start)
                last: tuple[Place, Found] | None = None
                with closing(search(upper)) as places:
                    for moves, one in enumerate(places, 1):
                        if one is not None and one[0] < upper:
                            last = one
                        done = here[0] - upper[0] + self._driver.place[0] - start
                        if progress and not moves % A_LOOK and progress(done, here[0]):
                            places.close()
                            self.goto_place(here)
                            raise Cancelled("stopped on the way back; nothing has moved")
                if last is not None:
                    self.goto_place(last[0])
                    return last[1]
                upper = (start, 0)
            self.goto_place(here)
        return None

    def checkpoints_before(self, place: Place) -> list[int]:
        """The entries at which a checkpoint is kept, up to a place: where going back is cheap."""
        return [entry for entry in self._history.checkpoints.places() if (entry, 0) < place]

    def recall(self, entry: int | None, event: int | None) -> None:
        """Have the stretch of history around an entry, or an event, in the log again; and come back."""
        log, checkpoints = self._history.log, self._history.checkpoints
        here, held = self._driver.place, log.window
        if entry is None:
            assert event is not None
            entry = checkpoints.before_event(event).place
        with checkpoints.pinned(here[0]):
            self._restore(checkpoints.before(max(0, entry - A_RECALL)))
            log.window = Window.at(log.position, log.logged)
            while log.position <= entry or (event is not None and log.logged <= event):
                self._driver.step(None)
            log.window.whole = True
            end = min(log.length, log.position + A_RECALL)
            while log.position < end:
                self._driver.step(None)
            log.recalled = log.window
            self.goto_place(here)
            log.window = held

    def _restore(self, checkpoint: Checkpoint) -> None:
        self._history.restore(checkpoint)
        self._driver.open = None
