"""A screen that has something long done in a thread: it goes on drawing and taking keys, and leaving ends the work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Offset
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget

from simkernel.errors import LearnerError
from tui.app.content import content
from tui.view.marks import Marks
from tui.view.text import Line

TICK = 0.2  # seconds between two looks at what is under way


class WorkingScreen(ModalScreen[ScreenResultType]):
    """Lines on a board, one of them marked `here`, and what is under way below them.

    Attributes: busy: what is under way, "" for nothing. message: what came of the last work, or why it cannot be.
    """

    def __init__(self, marks: Marks, name: str | None = None) -> None:
        super().__init__(name=name)
        self._marks = marks
        self.busy = self.message = ""
        self._done = asyncio.Event()
        self._done.set()
        self.board = Board(self)

    def compose(self) -> ComposeResult:
        yield self.board

    def on_mount(self) -> None:
        self.set_interval(TICK, self._look_again)

    def on_unmount(self) -> None:
        self.end_work()

    def _look_again(self) -> None:
        if self.busy:
            self.board.refresh()

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        await self._done.wait()

    def lines(self, width: int, height: int) -> list[Line]:
        """What there is to see."""
        raise NotImplementedError

    def point(self, row: int | None) -> None:
        """Put the terminal's cursor on the row that is marked, if one is."""
        if row is not None:
            self.app.cursor_position = Offset(1, row)

    def begin(self, what: str, work: Callable[[], None]) -> None:
        """Have something done in a thread; what it raises for a learner is the message."""
        self.busy, self.message = what, ""
        self._done.clear()

        async def run() -> None:
            try:
                await asyncio.to_thread(work)
            except LearnerError as error:
                self.message = str(error)
            finally:
                self.busy = ""
                self._done.set()
            if self.is_mounted:
                self.work_is_over()

        self.run_worker(run(), name="work")
        self.board.refresh()

    def end_work(self) -> None:
        """Ask what is under way in the thread to end."""
        raise NotImplementedError

    def work_is_over(self) -> None:
        """Draw what came of it."""
        self.board.refresh()


class Board(Widget):
    """Draws its screen's lines."""

    DEFAULT_CSS = "Board { width: 100%; height: 100%; }"

    def __init__(self, screen: WorkingScreen[ScreenResultType]) -> None:
        super().__init__()
        self._of = screen

    def render(self) -> Content:
        lines = self._of.lines(self.size.width, self.size.height)
        mark = (f" {self._of._marks.here} ", "here")
        self._of.point(next((row for row, one in enumerate(lines) if one and one[0] == mark), None))
        return content(lines)
