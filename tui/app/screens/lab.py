"""The lab: take a step out of a protocol, guess, explore every order of events, watch one that breaks it."""

from __future__ import annotations

from textual import events
from textual.binding import Binding

from lessons.activities.lab import Lab
from lessons.activities.lab_words import GUESSES
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from tui.app.screens.lab_views import (
    ANSWER,
    ASK,
    BESIDE,
    COLUMN,
    SWITCHES,
    ask,
    beside,
    head,
    help_page,
    in_view,
    keys,
    schedule,
    switches,
)
from tui.app.screens.reading import Page
from tui.app.screens.working import WorkingScreen
from tui.view.marks import Marks
from tui.view.text import Line, line, wrap

EXPLORING, PLAYING = "Exploring every order of events", "Playing it on the machine"


class LabScreen(WorkingScreen[Stepper | None]):
    """Answers with a stepper where a schedule begins; None for back to where one was."""

    BINDINGS = [
        Binding("escape", "back", show=False),
        Binding("q", "app.do('quit')", show=False),
        Binding("T", "app.do('theme')", show=False),
        Binding("s", "switches", show=False),
        Binding("g", "go_on", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("right,space", "turn(1)", show=False),
        Binding("left", "turn(-1)", show=False),
        Binding("less_than_sign", "shift(-1)", show=False),
        Binding("greater_than_sign", "shift(1)", show=False),
        Binding("e", "explore('')", show=False),
        Binding("y", "explore('y')", show=False),
        Binding("n", "explore('n')", show=False),
        Binding("question_mark", "unsure", show=False),
        Binding("f1", "help", show=False),
        Binding("enter", "watch", show=False),
    ]

    def __init__(self, lab: Lab, marks: Marks) -> None:
        super().__init__(marks)
        self.lab = lab
        self.view, self._asked_in = ANSWER if lab.findings else ASK, ASK
        self.cursor = self.top = 0
        self._body = 1  # rows of the middle

    # --- what there is to see -----------------------------------------------------------------------------------------

    def lines(self, width: int, height: int) -> list[Line]:
        below = [*self._under_way(width), *keys(self.view, width, self._marks, self._broken)]
        self._body = body = height - 1 - len(below)
        middle = self._middle(width, body)[:body]
        return [head(self.lab, width), *middle, *[line()] * (body - len(middle)), *below]

    @property
    def _broken(self) -> int:
        """How many schedules there are to look at."""
        return sum(bool(one.broken) for one in self.lab.findings)

    def _under_way(self, width: int) -> list[Line]:
        """What is being done now, else what cannot be."""
        said = self.busy or self.message
        if self.busy == EXPLORING:
            said += f": {self.lab.so_far} Esc {'shows' if self.lab.broken else 'ends'} it."
        look = "strong" if self.busy else "bad"
        return [line(" ", *one) for one in wrap(self._marks.plain(said), width - 2, look)] if said else []

    def _middle(self, width: int, height: int) -> list[Line]:
        lab, marks = self.lab, self._marks
        if self.view == ASK:
            return ask(lab, width, marks)
        if width >= BESIDE:
            left = switches(lab, self.cursor if self.view == SWITCHES else -1, COLUMN, height, marks)
            right = schedule(lab, self.top, width - COLUMN - 1, height, marks)
            return beside(left, right, width, height, marks)
        if self.view == SWITCHES:
            return switches(lab, self.cursor, width, height, marks)
        return schedule(lab, self.top, width, height, marks)

    def row_at(self, x: int, y: int) -> int:
        """The row of the switches at a place of the screen, -1 for none."""
        width, height = self.size
        column = COLUMN if width >= BESIDE else width
        if self.view != SWITCHES or x >= column:
            return -1
        rows = in_view(self.lab, self.cursor, column, self._body, self._marks)
        return rows[y - 1] if 1 <= y <= len(rows) else -1

    def show(self, view: str) -> None:
        self.view, self.top, self.message = view, 0, ""
        self.board.refresh()

    # --- keys -------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is under way only Esc and quitting have a meaning."""
        return not self.busy or action in ("back", "app.do", "do")

    def action_back(self) -> None:
        if self.busy:
            self.end_work()
        elif self.view == ANSWER:
            self.show(self._asked_in)
        else:
            self.dismiss(None)

    def action_switches(self) -> None:
        self.show(SWITCHES)

    def action_go_on(self) -> None:
        self.lab.begin(self.lab.number + 1)
        self.cursor = 0
        self.show(ASK)

    def action_move(self, by: int) -> None:
        if self.view == SWITCHES:
            self.cursor = (self.cursor + by) % len(self.lab.rows)
        elif self.view == ANSWER and self.lab.finding is not None:
            self.top = max(0, min(self.top + by, len(self.lab.finding.schedule) - 1))
        self.board.refresh()

    def action_turn(self, by: int) -> None:
        self.message = ""
        if self.view == SWITCHES:
            try:
                self.lab.turn(self.lab.rows[self.cursor].name, by)
            except LearnerError as error:
                self.message = str(error)
        elif self.view == ANSWER:
            self.lab.look_at(by)
            self.top = 0
        self.board.refresh()

    def action_shift(self, by: int) -> None:
        row = self.lab.rows[self.cursor]
        if self.view == SWITCHES and row.step:
            self.lab.shift(row.name, by)
            self.cursor = [one.name for one in self.lab.rows].index(row.name)
            self.board.refresh()

    def action_explore(self, key: str) -> None:
        if self.view == ANSWER or (self.view == ASK and not key):
            return
        guess = GUESSES[key][0] if key else ""
        self._asked_in = self.view

        def explore() -> None:
            self.lab.explore(guess)
            self.app.call_from_thread(self.show, ANSWER)

        self.begin(EXPLORING, explore)

    async def action_unsure(self) -> None:
        """One does not know the answer; where none is asked for, what the words mean."""
        if self.view == ASK:
            self.action_explore("?")
        else:
            await self.run_action("app.do('words')")

    def action_help(self) -> None:
        self.app.push_screen(Page(help_page(self._marks)))

    def action_watch(self) -> None:
        if self.view == SWITCHES:
            self.action_explore("")
        elif self.view == ANSWER and self._broken:

            def watch() -> None:
                stepper = self.lab.watch()
                self.app.call_from_thread(self.dismiss, stepper)

            self.begin(PLAYING, watch)

    def end_work(self) -> None:
        self.lab.stop_asked = True

    def on_click(self, event: events.Click) -> None:
        """Choose what is clicked; once it is chosen, change it."""
        at = self.row_at(event.x, event.y)
        if at >= 0 and at == self.cursor:
            self.action_turn(1)
        elif at >= 0:
            self.cursor = at
            self.board.refresh()
