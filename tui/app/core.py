"""The core of the app: it holds a stepper, asks it for what a person asks for, and draws the new picture.

What is asked of the stepper waits in a queue and is carried out in a thread, one at a time, in order: no key is lost,
and the screen goes on drawing. Nothing else touches the stepper meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.driver import Driver
from textual.reactive import reactive
from textual.timer import Timer
from textual.worker import WorkerFailed

from lessons.session.actions import ACTIONS, apply
from lessons.session.stepper import Outcome, Stepper
from lessons.story import story_of
from lessons.story.time import time_picture
from simkernel.report import Report
from simkernel.sim.breakpoints import AtAddress
from tui.app import kept
from tui.app.actions import SCREEN_ACTIONS, bound
from tui.app.ascii import AsciiOnly, NoColour
from tui.app.aside import Aside
from tui.app.kept import Kept
from tui.app.palette import Actions
from tui.app.panel import Panel
from tui.app.picture import Look, Picture
from tui.app.screens.stepper import StepperScreen
from tui.app.textual_faults import is_of_a_screen_that_has_gone, mend, open_palette, survives_its_terminal
from tui.app.theme import THEMES
from tui.view.marks import UNICODE, Marks

SOON = 0.25  # seconds after which the screen says that something is under way
A_DAY = 86_400.0  # seconds
PATIENCE = 2.0  # seconds that the end waits for what is under way to stop, so that its place can be kept
QUIT_KEYS = ("ctrl+c", "ctrl+q")  # on every screen, also on those that stand over another and have keys of their own
OK, BUG, GONE = 0, 70, 129  # GONE: as SIGHUP ends a process
_SCREENS = {action.name: action for action in SCREEN_ACTIONS}
_ASKS = {action.name: action for action in ACTIONS}


class StepperApp(App[int]):
    """A stepper and its picture; what its own actions do is `app.SimkernelApp`'s to say.

    Attributes:
        stepper: the machine's. look: how one looks at it. playing: goes on by itself. crash: what ended us, if it did.
        first: a start without a scenario: `welcome` stands before the stepper. last: what the last one kept.
        then: an action to begin with.
    """

    TITLE = "simkernel"
    CSS = """
    Screen { color: $foreground; }
    .-ascii * { scrollbar-size: 0 0; }
    CommandPalette SearchIcon, CommandPalette LoadingIndicator { display: none; }
    Toast { width: auto; max-width: 100%; }
    CommandPalette #--input, CommandPalette #--input.--list-visible { border: none; padding: 1; }
    """
    COMMANDS = {Actions}
    BINDINGS = [Binding(key, f"do('{name}')", show=False) for key, name in bound()]

    picture: reactive[Picture | None] = reactive(None, layout=False, repaint=False)

    def __init__(
        self,
        stepper: Stepper,
        marks: Marks = UNICODE,
        theme: str = "dark",
        depth: str = "story",
        first: bool = False,
        last: Kept | None = None,
        then: str = "",
    ) -> None:
        mend()
        super().__init__()
        for one in THEMES.values():
            self.register_theme(one)
        self.theme = theme
        self.stepper = stepper
        self.look = Look(depth=depth, marks=marks)
        self.playing: Timer | None = None
        self.pace = 1.0
        self.crash: BaseException | None = None
        self.first, self.last, self.then = first, last, then
        self._asked: asyncio.Queue[Callable[[], Outcome]] = asyncio.Queue()
        self._busy = False
        self.report = Report()  # of what is asked of the stepper now
        self._ending: asyncio.Task[None] | None = None
        self._aside = Aside()

    def on_mount(self) -> None:
        if self.look.marks != UNICODE:
            self.add_class("-ascii")
            self._filters.append(AsciiOnly())
        if self.no_color:
            self._filters.append(NoColour())
        if self._driver is not None and not self.is_headless:
            self._driver.write("\x1b[?25h")  # Textual hides the cursor; ours stands on the item in focus
        self.push_screen(StepperScreen().data_bind(StepperApp.picture))
        self.show(Outcome())
        self.run_worker(self._carry_out(), name="stepper")
        self.call_after_refresh(self._aside.note, self.stepper.simulation)
        if self.first:
            self.welcome()
        elif self.then:
            self.action_do(self.then)

    # --- the stepper ------------------------------------------------------------------------------------------------

    def ask(self, what: Callable[[], Outcome]) -> None:
        """Have something done with the stepper, after all that was asked for before."""
        self._asked.put_nowait(what)

    def when_free(self, what: Callable[[], None]) -> None:
        """Have something done in the event loop that needs the stepper: now, or after all that was asked for before."""

        def later() -> Outcome:
            self.call_from_thread(what)
            return Outcome()

        if self._busy or not self._asked.empty():
            self.ask(later)
        else:
            what()

    async def settled(self) -> None:
        """Wait until all that was asked for is done, and the picture of it is there to be drawn."""
        await self._asked.join()

    async def _carry_out(self) -> None:
        while True:
            what = await self._asked.get()
            if self._ending is not None:
                self._asked.task_done()
                continue
            soon = self.set_timer(SOON, self._say_busy)
            self._busy, self.report = True, Report(self._told)
            try:
                outcome = await asyncio.to_thread(what)
                self.stepper = outcome.stepper or self.stepper
            finally:
                self._busy = False
                soon.stop()
            if outcome.moment is not None:
                self.copy_to_clipboard(outcome.message)
                self.toast(*await asyncio.to_thread(kept.moment_file, outcome.moment))
                outcome = replace(outcome, message="")
            self.show(outcome)
            self._aside.note(self.stepper.simulation)
            self._asked.task_done()

    def toast(self, title: str, text: str, failed: bool = False) -> None:
        """Say something at the bottom right, until a key is pressed."""
        self.clear_notifications()
        self.notify(text, title=title, severity="warning" if failed else "information", timeout=A_DAY, markup=False)

    def _say_busy(self, what: str = "busy") -> None:
        if self.picture is not None and self._busy:
            self.picture = replace(self.picture, busy=f"{what}; Esc stops it")

    def _told(self, report: Report) -> None:
        """The stepper, in its thread, has come so far with something that takes long."""
        what = report.text if report.part is None else f"{report.text}: {100 * report.part:.0f} %"
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._say_busy, what)

    def show(self, outcome: Outcome) -> None:
        """Draw where the stepper stands now."""
        stepper = self.stepper
        stops = stepper.stops()
        moved = [event.cpu for event in stepper.passed if event.cpu is not None]
        if moved and self.look.follows:
            self.look = replace(self.look, cpu=moved[-1])
        self.picture = Picture(
            story=story_of(stepper, stops),
            look=self.look,
            time=time_picture(stepper),
            title=stepper.title or "a kernel that has just booted",
            stops=stops,
            begin=stepper.begin,
            breakpoints=tuple(one.address for one in stepper.breakpoints if isinstance(one, AtAddress)),
            message=outcome.message,
            failed=outcome.error,
            busy="any key stops it" if self.playing else "",
            from_lab=stepper.from_lab,
            dies=stepper.dies,
        )

    def change(self, **fields: object) -> None:
        """Look at the same place in another way."""
        self.look = replace(self.look, **fields)  # type: ignore[arg-type]
        if self.picture is not None:
            self.picture = replace(self.picture, look=self.look)

    # --- asking -----------------------------------------------------------------------------------------------------

    def action_do(self, name: str, argument: str | None = None) -> None:
        """Carry out an action of either table; what it still needs to know is asked for."""
        action = _SCREENS.get(name) or _ASKS[name]
        if argument is None and action.prompt:
            self.ask_for(action.title, action.help, action.prompt, name)
        elif name in _SCREENS:
            method = getattr(self, "do_" + name.replace("-", "_"))
            if action.prompt:
                method(argument)
            else:
                method()
        else:
            self.ask(lambda: apply(self.stepper, name, argument or "", self.report))

    def welcome(self) -> None:
        """Show what stands before the stepper at a start."""
        raise NotImplementedError

    def ask_for(self, title: str, help_text: str, prompt: str, name: str) -> None:
        """Ask a person for an action's argument, then carry it out."""
        raise NotImplementedError

    def on_panel_chosen(self, message: Panel.Chosen) -> None:
        self.action_do(message.action, message.argument)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The stepper's keys act where one sees what they do: not from a screen that stands over it."""
        over = not isinstance(self.screen, StepperScreen)
        return not (over and action == "do" and parameters and parameters[0] in _ASKS)

    async def on_event(self, event: events.Event) -> None:
        """Keys that every screen takes in the same way. While it goes on by itself, any key stops it; while something
        is under way, ctrl-C is first a wish to stop that."""
        if isinstance(event, events.Key):
            self.clear_notifications()
            if self._busy and event.key in ("escape", "ctrl+c") and not self.report.cancelled:
                self.report.cancel()
                return
            if event.key in QUIT_KEYS:
                self.end(OK)
                return
            if self.playing is not None:
                self.stop_playing()
                return
        await super().on_event(event)

    def stop_playing(self) -> None:
        if self.playing is not None:
            self.playing.stop()
        self.playing = None
        self.ask(Outcome)

    # --- the end ----------------------------------------------------------------------------------------------------

    def end(self, code: int) -> None:
        """End with an exit code: what is under way stops, the place there is kept, the terminal is as it was.

        Asked for again, it does not wait any more.
        """
        if self._busy and self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._stop_and_end(code))
        else:
            self._end_now(code)

    async def _stop_and_end(self, code: int) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + PATIENCE
        while self._busy and loop.time() < latest:
            self.report.cancel()
            await asyncio.sleep(0.01)
        self._end_now(code)

    def _end_now(self, code: int) -> None:
        self.keep()
        self.exit(code)

    def keep(self) -> None:
        """Write down where one stands, for the next start. The file tells the place before: others may have quit since
        this session began. While the stepper is at work it has no place, and that one stays."""
        if self._busy:
            return
        kept.save(kept.after(kept.load(), kept.of(self.stepper, self.look, self.theme)))

    def action_command_palette(self) -> None:
        open_palette(self)

    def get_driver_class(self) -> type[Driver]:
        return survives_its_terminal(super().get_driver_class(), partial(self.end, GONE))

    def _handle_exception(self, error: Exception) -> None:
        """A bug of ours: the screen closes, the terminal is as it was, and `start.py` writes the report."""
        if is_of_a_screen_that_has_gone(self, error):  # no bug at all
            return
        if self.crash is None:
            self.crash = error.error if isinstance(error, WorkerFailed) else error
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self._exception = error
            self._exception_event.set()
            self.exit(BUG)
