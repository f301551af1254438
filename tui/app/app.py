"""The app: one screen, which plays the activities of a visit; how it begins, how it ends, and what it keeps."""

from __future__ import annotations

import asyncio
from functools import partial

from textual import events
from textual.binding import Binding
from textual.driver import Driver

from lessons.visit import Visit
from tui.app import kept
from tui.app.ascii import AsciiOnly, NoColour
from tui.app.aside import Aside
from tui.app.palette import WhatCanBeDone
from tui.app.screens.activity import ActivityScreen
from tui.app.textual_door import GuardedApp, open_palette, survives_its_terminal
from tui.app.theme import THEMES
from tui.view.marks import UNICODE, Marks

PATIENCE = 2.0  # seconds that the end waits for what is under way to stop, so that its place can be kept
QUIT_KEYS = ("ctrl+c", "ctrl+q")  # on every screen, also on those that stand over another and have keys of their own
OK, GONE = 0, 129  # GONE: as SIGHUP ends a process


class SimkernelApp(GuardedApp):
    """Plays a visit on one screen.

    Attributes:
        visit: the activity in front, and those that one comes back to.
        playing: the screen that plays it.
    """

    TITLE = "simkernel"
    CSS = """
    Screen { color: $foreground; }
    .-ascii * { scrollbar-size: 0 0; }
    CommandPalette SearchIcon, CommandPalette LoadingIndicator { display: none; }
    Toast { width: auto; max-width: 100%; }
    CommandPalette #--input, CommandPalette #--input.--list-visible { border: none; padding: 1; }
    """
    COMMANDS = {WhatCanBeDone}
    BINDINGS = [Binding("ctrl+p", "command_palette", show=False)]

    def __init__(self, visit: Visit, marks: Marks = UNICODE, theme: str = "dark") -> None:
        super().__init__()
        for one in THEMES.values():
            self.register_theme(one)
        self.theme = theme
        self.visit = visit
        self.playing = ActivityScreen(visit, marks)
        self._marks = marks
        self._ending: asyncio.Task[None] | None = None
        self._aside = Aside()

    def on_mount(self) -> None:
        """Show the screen."""
        if self._marks != UNICODE:
            self.add_class("-ascii")
            self.filter_lines(AsciiOnly())
        if self.no_color:
            self.filter_lines(NoColour())
        self.show_cursor()  # it stands on the item in focus
        self.push_screen(self.playing)

    async def settled(self) -> None:
        """Wait until all that was asked for is done, and the picture of it is there to be drawn."""
        await self.playing.settled()

    def on_activity_screen_moved(self) -> None:
        """Something is done: what it has made need not be looked at again for garbage."""
        self._aside.note(self.visit.front.history)

    # --- keys of every screen ---------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Take the keys that mean the same on pages and prompts; ctrl-C is first a wish to stop what is under way."""
        if isinstance(event, events.Key):
            self.clear_notifications()
            report = self.playing.work.report
            if event.key == "ctrl+c" and report is not None and not report.cancelled:
                report.cancel()
                return
            if event.key in QUIT_KEYS:
                self.end(OK)
                return
        await super().on_event(event)

    def action_next_theme(self) -> None:
        """Change the colours."""
        names = list(THEMES)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        self.playing.tell(f"Theme {self.theme}, {names.index(self.theme) + 1} of {len(names)}.")

    def action_leave(self) -> None:
        """Quit, as a key asks for it."""
        self.end(OK)

    def action_command_palette(self) -> None:
        """Show all that can be done."""
        open_palette(self)

    # --- the end ----------------------------------------------------------------------------------------------------

    def end(self, code: int) -> None:
        """End with an exit code: what is under way stops, the place there is kept, the terminal is as it was.

        Asked for again, it does not wait any more.
        """
        if self.playing.work.busy and self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._stop_and_end(code))
        else:
            self._end_now(code)

    async def _stop_and_end(self, code: int) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + PATIENCE
        while self.playing.work.busy and loop.time() < latest:
            self.playing.work.stop()
            await asyncio.sleep(0.01)
        self._end_now(code)

    def _end_now(self, code: int) -> None:
        self.keep()
        self.exit(code)

    def keep(self) -> None:
        """Write down where one stands, for the next start.

        The file tells the place before: others may have quit since this session began. While something is under way
        there is no place, and that one stays.
        """
        if self.playing.work.busy:
            return
        kept.keep(self.visit, self.theme)

    @property
    def moment(self) -> str:
        """Where one is, as a string that opens the very same state; "" at no place of a machine."""
        return next((one.moment for one in self.visit.all if one.moment), "")

    def get_driver_class(self) -> type[Driver]:
        """The terminal's, which ends the app where the terminal has gone."""
        return survives_its_terminal(super().get_driver_class(), partial(self.end, GONE))
