"""The app: it holds a stepper, asks it for what a key, the mouse or the palette asks for, and draws the new picture.

What is asked of the stepper waits in a queue and is carried out in a thread, one at a time, in order: no key is lost,
and the screen goes on drawing. Nothing else touches the stepper meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from textual.app import App
from textual.binding import Binding
from textual.reactive import reactive

from tui.app.actions import SCREEN_ACTIONS, bound
from tui.app.marks import Marks
from tui.app.panel import Panel
from tui.app.picture import DEPTHS, Look, Picture
from tui.app.screens.stepper import StepperScreen
from tui.app.theme import THEMES
from tui.stepper.actions import ACTIONS
from tui.stepper.moves import step_number
from tui.stepper.stepper import Outcome, Stepper

SOON = 0.3  # seconds after which the screen says that something is under way
_SCREENS = {action.name: action for action in SCREEN_ACTIONS}
_ASKS = {action.name: action for action in ACTIONS}


class SimkernelApp(App[int]):
    """The stepper on a terminal."""

    TITLE = "simkernel"
    CSS = "Screen { background: $background; color: $foreground; }"
    BINDINGS = [Binding(key, f"do('{name}')", show=False) for key, name in bound()]

    picture: reactive[Picture | None] = reactive(None)

    def __init__(self, stepper: Stepper, marks: Marks, theme: str = "dark", depth: str = "story") -> None:
        super().__init__()
        for one in THEMES.values():
            self.register_theme(one)
        self.theme = theme
        self.stepper = stepper
        self.look = Look(depth=depth, marks=marks)
        self._asked: asyncio.Queue[Callable[[], Outcome]] = asyncio.Queue()

    def on_mount(self) -> None:
        self.push_screen(StepperScreen().data_bind(SimkernelApp.picture))
        self.show(Outcome())
        self.run_worker(self._carry_out(), name="stepper")

    # --- the stepper ------------------------------------------------------------------------------------------------

    def ask(self, what: Callable[[], Outcome]) -> None:
        """Have something done with the stepper, after all that was asked for before."""
        self._asked.put_nowait(what)

    async def settled(self) -> None:
        """Wait until all that was asked for is done and drawn."""
        await self._asked.join()

    async def _carry_out(self) -> None:
        while True:
            what = await self._asked.get()
            soon = self.set_timer(SOON, self._say_busy)
            try:
                outcome = await asyncio.to_thread(what)
            finally:
                soon.stop()
            self.show(outcome)
            self._asked.task_done()

    def _say_busy(self) -> None:
        if self.picture is not None:
            self.picture = replace(self.picture, running=True)

    def show(self, outcome: Outcome) -> None:
        """Draw where the stepper stands now."""
        stepper = self.stepper
        self.picture = Picture(
            snapshot=stepper.snapshot,
            look=self.look,
            title=stepper.scenario.title if stepper.scenario is not None else "a kernel that has just booted",
            step=step_number(stepper),
            message=outcome.message,
            failed=outcome.error,
            begin=stepper.begin,
        )

    # --- asking -----------------------------------------------------------------------------------------------------

    def action_do(self, name: str, argument: str = "") -> None:
        """Carry out an action of either table."""
        if name in _SCREENS:
            method = getattr(self, "do_" + name.replace("-", "_"))
            method(argument) if _SCREENS[name].prompt else method()
        else:
            self.ask(lambda: self.stepper.apply(name, argument))

    def on_panel_chosen(self, message: Panel.Chosen) -> None:
        self.action_do(message.action, message.argument)

    def do_deeper(self) -> None:
        self.change(depth=DEPTHS[(DEPTHS.index(self.look.depth) + 1) % len(DEPTHS)])

    def do_next_cpu(self) -> None:
        self.change(cpu=(self.look.cpu + 1) % len(self.stepper.snapshot.lanes))

    def do_focus_cpu(self, argument: str) -> None:
        if argument.isdigit() and int(argument) < len(self.stepper.snapshot.lanes):
            self.change(cpu=int(argument))

    def do_syntax(self) -> None:
        self.change(syntax="intel" if self.look.syntax == "att" else "att")

    def change(self, **fields: object) -> None:
        """Look at the same place in another way."""
        self.look = replace(self.look, **fields)  # type: ignore[arg-type]
        if self.picture is not None:
            self.picture = replace(self.picture, look=self.look)

    def do_theme(self) -> None:
        names = list(THEMES)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def do_quit(self) -> None:
        self.exit(0)
