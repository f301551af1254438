"""What tracing costs, on a screen: bars of one answer at a time, each explained, and a key from answer to answer."""

from __future__ import annotations

from textual import events
from textual.binding import Binding
from textual.geometry import Offset

from lessons.activities.overhead import ANSWERS, Ended, Overhead
from simkernel.errors import LearnerError
from tui.app.screens.overhead_views import body, head, help_page, keys, tab_at, tabs
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page
from tui.app.screens.scenarios import COSTS
from tui.app.screens.working import WorkingScreen
from tui.view.marks import Marks
from tui.view.save import save_bars
from tui.view.text import Line, line, wrap

TOP = 2  # rows above the body
PROGRESS = 40  # columns of what is under way


class OverheadScreen(WorkingScreen[None]):
    """Back to where one was at Esc."""

    BINDINGS = [
        Binding("escape", "back", show=False),
        Binding("q", "app.do('quit')", show=False),
        Binding("T", "app.do('theme')", show=False),
        Binding("question_mark", "app.do('words')", show=False),
        Binding("f1", "help", show=False),
        Binding("enter", "begin", show=False),
        Binding("right,space,tab", "turn(1)", show=False),
        Binding("left,shift+tab", "turn(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("v", "more", show=False),
        Binding("z", "closer", show=False),
        Binding("o", "workload", show=False),
        Binding("w", "write", show=False),
        *(Binding(str(number), f"look_at('{name}')", show=False) for number, name in enumerate(ANSWERS, 1)),
    ]

    def __init__(self, overhead: Overhead, marks: Marks) -> None:
        super().__init__(marks, name=COSTS)
        self.overhead = overhead
        self._asked = False  # for what is awaited here, while something else is under way
        self._first = 0  # row of the first bar, were all to be seen

    def on_mount(self) -> None:
        self._came_from = self.app.cursor_position
        self.look()

    # --- what there is to see -----------------------------------------------------------------------------------------

    def lines(self, width: int, height: int) -> list[Line]:
        below = [*self._under_way(width), *keys(self.overhead, bool(self.busy), width, self._marks)]
        room = max(0, height - TOP - len(below))
        middle = body(self.overhead, bool(self.busy), width, room, self._marks)[:room]
        above = [head(self.overhead, width), tabs(self.overhead, width, self._marks)]
        return [*above, *middle, *[line()] * (room - len(middle)), *below]

    def _under_way(self, width: int) -> list[Line]:
        """What is being done now, else what came of it or cannot be."""
        if not self.busy:
            said = wrap(self._marks.plain(self.message), width - 2, "strong") if self.message else []
            return [line(" ", *one) for one in said]
        how = "as soon as this step is done, it ends" if self.overhead.end_asked else "Esc ends it"
        said = wrap(self._marks.plain(f"{self.busy}: {self.overhead.told}; {how}"), width - 2, "strong")
        done = round(PROGRESS * self.overhead.part)
        bar = self._marks.ran * done + self._marks.idle * (PROGRESS - done)
        return [line(" ", (bar, "new")), *(line(" ", *one) for one in said)]

    def look(self) -> None:
        """Draw; what is short and awaited here is begun."""
        if (ANSWERS[self.overhead.name].at_once or self._asked) and not self.busy:
            self.action_begin()
        self.board.refresh()

    def point(self, row: int | None) -> None:
        """On the bar in focus, else at the answer's tab."""
        super().point(row)
        if row is not None and self.overhead.chart is not None:
            self._first = row - self.overhead.chart.rows.index(self.overhead.cursor)
        else:
            names = list(ANSWERS)
            before = names[: names.index(self.overhead.name)]
            self.app.cursor_position = Offset(1 + sum(len(name) + 4 for name in before), 1)

    # --- keys -------------------------------------------------------------------------------------------------------

    def action_back(self) -> None:
        self._asked = False
        if self.busy:
            self.end_work()
        else:
            self.app.cursor_position = self._came_from
            self.dismiss(None)

    def action_help(self) -> None:
        self.app.push_screen(Page(help_page(self._marks)))

    def action_look_at(self, name: str) -> None:
        self.message = ""
        self.overhead.look_at(name)
        self.look()

    def action_turn(self, by: int) -> None:
        self.message = ""
        self.overhead.turn(by)
        self.look()

    def action_move(self, by: int) -> None:
        self.overhead.move(by)
        self.board.refresh()

    def action_more(self) -> None:
        if self.overhead.has_variants and self.overhead.chart is not None:
            self.overhead.more()
            self.look()

    def action_closer(self) -> None:
        if self.overhead.chart is not None:
            self.overhead.closer = not self.overhead.closer
            self.board.refresh()

    def action_workload(self) -> None:
        self.overhead.other()
        self.board.refresh()

    def action_write(self) -> None:
        def answered(name: str | None) -> None:
            if name is not None:
                try:
                    self.message = save_bars(self.overhead, name)
                except LearnerError as error:
                    self.message = str(error)
                self.board.refresh()

        if self.overhead.chart is not None:
            help_text = "A picture where the name ends in .svg, else text."
            self.app.push_screen(Prompt("Write these bars", help_text, "file"), answered)

    def action_begin(self) -> None:
        """Get what is awaited in a thread; the screen goes on drawing, and takes keys."""
        self._asked = bool(self.busy)
        if self.busy or not self.overhead.can_work:
            return
        name = self.overhead.name
        self.overhead.end_asked = False

        def work() -> None:
            try:
                self.overhead.work(name=name)
            except Ended:
                self.message = "Ended, as you asked."

        self.begin(ANSWERS[name].doing, work)

    def end_work(self) -> None:
        self.overhead.end_asked = True

    def work_is_over(self) -> None:
        """Draw what came of it; with no message, what has been asked for meanwhile is begun."""
        if self.message:
            self.board.refresh()
        else:
            self.look()

    def on_click(self, event: events.Click) -> None:
        """Look at what is clicked: an answer, or a bar."""
        chart = self.overhead.chart
        if event.y == 1 and (name := tab_at(event.x)):
            self.action_look_at(name)
        elif event.y > 1 and chart is not None and 0 <= event.y - self._first < len(chart.rows):
            at = chart.rows[event.y - self._first]
            self.overhead.cursor = self.overhead.cursor if at is None else at
            self.board.refresh()
