"""The app: what its own actions do (`actions.SCREEN_ACTIONS`): depth, focus, theme, screens beside the stepper."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lessons.activities.boot import Boot
from lessons.activities.functions import Functions
from lessons.activities.lab import Lab
from lessons.activities.opening import Opening
from lessons.session.actions import ACTIONS
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Outcome, Stepper
from lessons.story.time import time_picture
from lessons.story.words import MODELS, NOT_A_CPU, WORDS
from lessons.visit import Visit
from simkernel.errors import LearnerError
from simkernel.events import event_kinds
from simkernel.files import write_text
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import PROTOCOLS
from simkernel.report import Report
from simkernel.schedule import Policy
from tui.app import kept, screenshot
from tui.app.actions import SCREEN_ACTIONS, key_text
from tui.app.core import OK, StepperApp
from tui.app.kept import Kept
from tui.app.panel import Panel
from tui.app.panels.scrub import Scrub
from tui.app.picture import DEPTHS
from tui.app.screens.activity import ActivityScreen
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page, Words
from tui.app.screens.scenarios import COSTS, GO_ON, LAB, MYSTERIES, Scenarios
from tui.app.screens.stepper import StepperScreen
from tui.app.theme import THEMES
from tui.view.lanes_svg import lanes_svg
from tui.view.marks import legend
from tui.view.text import Line, line, wrap

if TYPE_CHECKING:
    from lessons.activities.costs import Costs

NO_ROOM = "There is no room for more here: 120 columns and 36 rows show all of it."
A_MOMENT = 0.01  # seconds
PACES = (0.125, 8.0)  # seconds between two steps, least and most
FUNCTIONS = ("trace", "untrace", "look-at", "second-ops", "break-function")
CHOICES: dict[str, Callable[[], list[str]]] = {
    "scenario": lambda: list(SCENARIOS),
    "break-event": lambda: sorted(event_kinds()),
    "model": lambda: [one.value for one in FetchModel],
    "policy": lambda: [one.value for one in Policy],
    "schedule": lambda: ["seeded", "round-robin"],
    "protocol": lambda: list(PROTOCOLS),
}


class SimkernelApp(StepperApp):
    """The app: `do_NAME` for each action of the table.

    Attributes: lab, costs: as one left them, None before one was there.
    """

    lab: Visit | None = None
    costs: Costs | None = None

    # --- how one looks ----------------------------------------------------------------------------------------------

    def do_deeper(self) -> None:
        before = self.picture
        self.change(depth=DEPTHS[(DEPTHS.index(self.look.depth) + 1) % len(DEPTHS)])
        if before is not None and self.picture is not None and isinstance(self.screen, StepperScreen):
            deepest = self.look.depth == DEPTHS[-1]
            same = deepest and self.screen.drawn(before) == self.screen.drawn(self.picture)
            self.picture = replace(self.picture, message=NO_ROOM if same else "", failed=False)

    def do_next_cpu(self) -> None:
        self.change(cpu=(self.look.cpu + 1) % len(self.stepper.snapshot.cpus), follows=False)

    def do_focus_cpu(self, argument: str) -> None:
        number = argument.lower().removeprefix("cpu")
        if number.isdigit() and int(number) < len(self.stepper.snapshot.cpus):
            self.change(cpu=int(number), follows=False)
        else:
            self.tell(f"there is no CPU {argument!r}; there are 0 to {len(self.stepper.snapshot.cpus) - 1}")

    def do_syntax(self) -> None:
        self.change(syntax="intel" if self.look.syntax == "att" else "att")

    def do_theme(self) -> None:
        names = list(THEMES)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def tell(self, message: str) -> None:
        """Say that something cannot be done."""
        self.show(Outcome(message, error=True))

    def on_stepper_screen_unknown(self, message: StepperScreen.Unknown) -> None:
        self.tell(f"{message.key} does nothing here: F1 lists the keys, ? says what the words mean")

    # --- going on by itself -----------------------------------------------------------------------------------------

    def do_play(self) -> None:
        if self.playing is not None:
            self.playing.stop()
        self.playing = self.set_interval(self.pace, self.play_on)
        self.show(Outcome())

    def play_on(self) -> None:
        """One step, unless the last one is still under way; the end stops it."""
        if self._busy or not self._asked.empty():
            return
        if self.stepper.simulation.halt_reason or self.stepper.finished:
            self.stop_playing()
        else:
            self.action_do("next")

    def do_faster(self) -> None:
        self._set_pace(self.pace / 2)

    def do_slower(self) -> None:
        self._set_pace(self.pace * 2)

    def _set_pace(self, pace: float) -> None:
        self.pace = min(PACES[1], max(PACES[0], pace))
        self.show(Outcome(f"By itself: a step every {self.pace:g} seconds."))

    # --- places -----------------------------------------------------------------------------------------------------

    def do_look_at_site(self, argument: str) -> None:
        sites = self.stepper.image.mcount_loc
        if argument.isdigit() and int(argument) < len(sites):
            self.action_do("look-at", self.stepper.image.symbolize(int(sites[int(argument)])).partition("+")[0])

    # --- asking for an argument -------------------------------------------------------------------------------------

    def ask_for(self, title: str, help_text: str, prompt: str, name: str) -> None:
        """Ask for an action's argument, then carry it out."""
        choices = CHOICES[name]() if name in CHOICES else []
        if name in FUNCTIONS:
            choices = self.stepper.image.function_names()
        elif name == "break-phase":
            choices = [phase.name for phase in self.stepper.protocol.phases]

        def answered(argument: str | None) -> None:
            if argument is not None:
                self.action_do(name, argument)

        self.push_screen(Prompt(title, help_text, prompt, choices), answered)

    def do_palette(self) -> None:
        self.action_command_palette()

    # --- screens ----------------------------------------------------------------------------------------------------

    def do_words(self) -> None:
        """The words that stand on this screen now."""
        text = "\n".join(strip.text for strip in self.screen._compositor.render_strips())
        model = self.stepper.simulation.options.model.value
        page: list[Line] = []
        if isinstance(self.screen, StepperScreen):
            bar = self.screen.query_one(Scrub).display
            page += [line(), line(("The marks on this screen", "title")), line()]
            for glyph, meaning in legend(self.look.marks, text, bar):
                page += wrap(self.look.marks.plain(meaning), 72, "", f"{glyph:<4}", "    ")
        if isinstance(self.screen, StepperScreen):
            page += [line(), line((f"How a CPU reads code here: the model {model}", "title")), line()]
            page += [*wrap(MODELS[model], 72), *wrap(NOT_A_CPU, 72)]

        def keys_of_the_screen(wanted: bool | None) -> None:
            if wanted:
                getattr(self.screen, "action_help", self.do_help)()

        self.push_screen(Words(text, self.look.marks, page), keys_of_the_screen)

    def do_help(self) -> None:
        """The panel in focus, then every key."""
        panel = self.focused if isinstance(self.focused, Panel) else None
        if own := getattr(self.screen, "KEYS", ()):
            self.push_screen(Page([one for key, text in own for one in wrap(text, 72, "", f"{key:<16}", " " * 16)]))
            return
        page: list[Line] = []
        if panel is not None:
            page += [*wrap(panel.HELP, 72), line()]
        if (oops := self.stepper.snapshot.oops) is not None:
            page += [*wrap(WORDS["oops"], 72), line(), *wrap(oops.afterwards, 72), line()]
            page += [*(row for text in oops.lines for row in wrap(text, 72, "", "", "      ")), line()]
        page += [
            line(("Keys", "title"), ("   Tab goes from panel to panel, F1 tells of the one in focus", "dim")),
            line(),
        ]
        for keys, title, text in [(a.keys, a.title, a.help) for a in SCREEN_ACTIONS if a.shown] + [
            (a.keys, a.title, a.help) for a in ACTIONS
        ]:
            key = self.look.marks.plain(key_text(keys or ("ctrl+p",)))
            page += wrap(f"{title}. {text}", 72, "", f"{key:<16}", " " * 16)
        self.push_screen(Page(page))

    # --- files ------------------------------------------------------------------------------------------------------

    def do_save_svg(self, argument: str) -> None:
        self._write(argument, screenshot.svg(self))

    def do_save_time(self, argument: str) -> None:
        self._write(argument, lanes_svg(time_picture(self.stepper)), "The time picture")

    def do_save_text(self, argument: str) -> None:
        self._write(argument, screenshot.text(self))

    def _write(self, name: str, text: str, what: str = "This screen") -> None:
        try:
            write_text(name, text)
        except LearnerError as error:
            self.tell(str(error))
        else:
            self.show(Outcome(f"{what} is written to {name}."))

    # --- beginning and end ------------------------------------------------------------------------------------------

    def welcome(self) -> None:
        """Before the stepper at a start: the first question, or where one left the last time."""
        if self.last is None or not self.last.moment:
            self.do_mysteries()
        else:
            self.choose(self.last)

    def do_mysteries(self) -> None:
        def over(scenario: str | None) -> None:
            if scenario is None:
                self.choose(None)
            else:
                self.action_do("scenario", scenario)

        self.set_ready(False)
        self.push_screen(ActivityScreen(Visit(Opening()), self.look.marks), over)

    def set_ready(self, ready: bool) -> None:
        """Whether the picture is of what one wants to watch: what one has watched before is not seen in between."""
        if self.picture is not None:
            self.picture = replace(self.picture, ready=ready)

    def do_lab(self) -> None:
        def over(stepper: Stepper | None) -> None:
            if stepper is not None:
                self.ask(lambda: self.stepper.ask(lambda _: Outcome(stepper=stepper)))

        self.lab = self.lab or Visit(Lab())
        self.push_screen(ActivityScreen(self.lab, self.look.marks), over)

    def do_overhead(self, back: Callable[[], None] = lambda: None) -> None:
        from lessons.activities.costs import Costs

        self.costs = self.costs or Costs()
        self.push_screen(ActivityScreen(Visit(self.costs), self.look.marks, COSTS), lambda _: back())

    def do_leave(self) -> None:
        if self.stepper.from_lab:
            self.do_lab()
        else:
            self.do_scenarios()

    def do_scenarios(self) -> None:
        self.choose(None)

    def choose(self, last: Kept | None, at: str = "") -> None:
        """The list of scenarios; with the place where one left on top of it, if there is one. The cursor on `at`."""

        def chosen(name: str | None) -> None:
            self.set_ready(name not in (*SCENARIOS, GO_ON))
            if name == MYSTERIES:
                self.do_mysteries()
            elif name == LAB:
                self.do_lab()
            elif name == COSTS:
                self.do_overhead(partial(self.choose, last, COSTS))
            elif name == GO_ON and last is not None:
                self.go_on(last)
            elif name is not None:
                self.action_do("scenario", name)

        self.set_ready(False)
        self.push_screen(Scenarios(self.look.marks, last, at), chosen)

    def go_on(self, last: Kept) -> None:
        """To the place where one left, looked at as then."""

        def reopen(stepper: Stepper) -> Outcome:
            return Outcome(stepper=kept.reopen(last, stepper.report))

        self.change(depth=last.depth, syntax=last.syntax)
        self.ask(lambda: self.stepper.ask(reopen, self.report))

    def do_functions(self) -> None:
        functions = Functions(self._when_free, self.look.syntax == "intel")

        def over(_: str | None) -> None:
            if functions.asked is not None:
                self.action_do(*functions.asked)
            else:
                self.ask(Outcome)

        self.push_screen(ActivityScreen(Visit(functions), self.look.marks), over)

    def _when_free(self, report: Report) -> Stepper:
        """In the thread of an activity: the stepper, after all that was asked of it before."""
        while self._busy or not self._asked.empty():
            report("the machine runs: its functions follow")
            time.sleep(A_MOMENT)
        return self.stepper

    def do_boot(self) -> None:
        self.push_screen(
            ActivityScreen(Visit(Boot(self.stepper.image, self.stepper.simulation.options)), self.look.marks)
        )

    def do_quit(self) -> None:
        self.end(OK)
