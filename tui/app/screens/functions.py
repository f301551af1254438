"""Every function that can be traced: its five bytes, its flags, its calls; sorted, searched, disassembled, traced."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from lessons.activities.functions import ORDERS, FunctionRow, by_part, disassembly, function_rows
from lessons.session.stepper import Outcome, Stepper
from simkernel.errors import LearnerError
from tui.app.content import content
from tui.view.marks import Marks
from tui.view.text import Line, cut, line, spread

RUN = 100_000  # instructions of `r`
BESIDE = 116  # columns from which on the disassembly stands beside the table
TABLE, NAME = 72, 28
WAITS = " The machine runs: its functions follow. Esc stops it."
BELOW = 3  # lines below the table: what its columns mean, what `t` does, the keys
COLUMNS = "COUNT: calls so far. OPS: tracers that want it. ENABLED: traced. TRAMP: see F1."

Ask = Callable[[Callable[[], Outcome]], None]
WhenFree = Callable[[Callable[[], None]], None]


class FunctionsScreen(Screen[tuple[str, str] | None]):
    """Answers with an action and the function for it; None for back to where one was.

    While the stepper is at work, keys that need the functions as they then are wait for it, in order (`when_free`).
    """

    BINDINGS = [
        Binding("escape,q,F", "close", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown,space", "move(12)", show=False),
        Binding("pageup", "move(-12)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
        Binding("o", "order", show=False),
        Binding("slash", "search", show=False),
        Binding("enter", "choose('look-at')", show=False),
        Binding("t", "choose('trace')", show=False),
        Binding("u", "choose('untrace')", show=False),
        Binding("T", "all('trace')", show=False),
        Binding("U", "all('untrace')", show=False),
        Binding("r", "run", show=False),
    ]
    KEYS = (
        ("Up, Down", "Choose a function; PageUp, PageDown, Home and End go further."),
        ("Enter", "Look at its first five bytes, step by step."),
        ("t", "Back to the steps, to watch how this function is traced, and no other: it replaces what is traced now."),
        ("u", "Back to the steps, to watch how it is taken out of the trace; the others stay."),
        ("T, U", "The same for all functions that the table shows."),
        ("/", "Search by part of a name, as vfs, or by a pattern, as vfs_*."),
        ("o", "Another order: by address, by name, by calls."),
        ("r", "Let the machine run for a while: the calls of traced functions are counted."),
        ("COUNT", "Calls of it that the tracer has written down so far."),
        ("OPS", "How many tracers want it."),
        ("ENABLED", "Its five bytes are a call: it is traced."),
        ("TRAMP", "One tracer alone wants it, so they call the trampoline of that tracer."),
        ("Esc, q, F", "Back."),
    )
    DEFAULT_CSS = """
    FunctionsScreen Board { width: 100%; height: 1fr; }
    FunctionsScreen Input { height: 1; padding: 0 1; display: none; background: $panel; }
    FunctionsScreen Input, FunctionsScreen Input:focus { border: none; }
    """

    def __init__(
        self, stepper: Callable[[], Stepper], marks: Marks, intel: bool, ask: Ask, when_free: WhenFree
    ) -> None:
        super().__init__()
        self._stepper, self._marks, self._intel, self._ask, self._when_free = stepper, marks, intel, ask, when_free
        self.pattern, self.order, self.cursor = "", "address", 0
        self.message = ""
        self.rows: list[FunctionRow] = []
        self.board = Board(self)

    def compose(self) -> ComposeResult:
        yield self.board
        yield Input(placeholder="part of a name, or vfs_*   Enter: show them   nothing: all")

    def on_mount(self) -> None:
        self.board.focus()
        self._when_free(self.look)

    # --- what there is to see -----------------------------------------------------------------------------------------

    def look(self) -> None:
        """The rows as they are now."""
        try:
            self.rows = function_rows(self._stepper(), self.pattern, self.order)
            self.message = ""
        except LearnerError as error:
            self.message = str(error)
        self.cursor = max(0, min(self.cursor, len(self.rows) - 1))
        self.board.refresh()

    @property
    def chosen(self) -> FunctionRow:
        return self.rows[self.cursor]

    def lines(self, width: int, height: int) -> list[Line]:
        if not self.rows:
            return [line((WAITS, "dim"))]
        what = self.pattern or "all"
        variant = self._stepper().variant
        what += f", {variant.name}" if variant.missing else ""
        head = line(("Functions", "title"), f"  {what}: {len(self.rows):,}, by {self.order}")
        if self.message:
            head = line((self.message, "bad"))
        calls = sum(row.calls for row in self.rows)
        out = [spread(line(" ", *head), line((f"{calls:,} calls ", "strong")), width)]
        beside = width >= BESIDE
        table = TABLE if beside else width
        out.append(cut(line((f"   {'FUNC':<{NAME}} {'COUNT':>5}  BYTES          OPS FLAGS", "dim")), table))
        first, body = self.shown(width, height)
        rows = [self.row(at, table) for at in range(first, min(len(self.rows), first + body))]
        code = [
            line((text.expandtabs(8)[2 * beside :], ""))
            for text in disassembly(self.chosen, self._stepper().image.symbolize, self._intel)
        ]
        if beside:
            for at in range(body):
                left = rows[at] if at < len(rows) else line()
                pad = " " * (TABLE - sum(len(text) for text, _ in left))
                out.append(cut(line(*left, pad, *(short(code[at]) if at < len(code) else ())), width))
        else:
            out += rows + [line()] * (body - len(rows))
            out.append(line((" " + self._marks.rule * (width - 2), "dim")))
            out += [cut(short(one), width) for one in code[: max(0, height - len(out) - BELOW)]]
        out += [line()] * (height - len(out) - BELOW)
        below = [line((f" {COLUMNS}", "dim")), self.ahead(), self.keys()]
        return [*out[: height - BELOW], *(cut(one, width) for one in below)]

    def shown(self, width: int, height: int) -> tuple[int, int]:
        """The first row of the table that is seen, and how many are."""
        room = height - BELOW - 2
        body = room if width >= BESIDE else max(3, room * 3 // 5)
        return max(0, min(self.cursor - body // 2, len(self.rows) - body)), body

    def ahead(self) -> Line:
        """What `t` will do."""
        return line((f" t: back to the steps, to see {self.chosen.name} traced, and no other.", "dim"))

    def row(self, at: int, width: int) -> Line:
        one = self.rows[at]
        here = at == self.cursor
        name = one.name if len(one.name) <= NAME else f"{one.name[: NAME - 2]}.."
        text = f"{name:<{NAME}} {one.calls:>5}  {one.data.hex(' ').upper()}  {one.wanted or '':>2} {one.flags}"
        mark = (f" {self._marks.here} " if here else "   ", "here")
        return cut(line(mark, (text, "strong" if here else "")), width)

    def keys(self) -> Line:
        hints = (
            ("Enter", "look"),
            ("t", "trace"),
            ("u", "untrace"),
            ("T U", "all"),
            ("/", "search"),
            ("o", "order"),
            ("r", "run"),
            ("Esc", "back"),
        )
        return line(" ", *(piece for key, what in hints for piece in ((key, "title"), (f" {what}  ", ""))))

    # --- keys -------------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        def move() -> None:
            self.cursor = max(0, min(len(self.rows) - 1, self.cursor + by))
            self.board.refresh()

        self._when_free(move)

    def action_order(self) -> None:
        names = list(ORDERS)
        self.order = names[(names.index(self.order) + 1) % len(names)]
        self._when_free(self.look)

    def action_search(self) -> None:
        box = self.query_one(Input)
        box.display = True
        self.set_focus(box)  # at once: what is typed next is for it

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        event.input.display = False
        self.board.focus()
        self.pattern, self.cursor = by_part(event.value), 0
        self._when_free(self.look)

    def action_choose(self, action: str) -> None:
        self._when_free(lambda: self._answer(action, self.chosen.name))

    def action_all(self, action: str) -> None:
        self._when_free(lambda: self._answer(action, self.pattern or ("*" if action == "trace" else "")))

    def _answer(self, action: str, functions: str) -> None:
        """Leave with an action, unless a person has left meanwhile."""
        if self.is_active:
            self.dismiss((action, functions))

    def action_run(self) -> None:
        """Let the machine run for a while: the counts follow."""

        def run() -> Outcome:
            stepper = self._stepper()
            stepper.simulation.run(RUN)
            stepper.looked()
            self.app.call_from_thread(self.look)
            return Outcome()

        self._ask(run)

    def action_close(self) -> None:
        box = self.query_one(Input)
        if box.display:
            box.display = False
            self.board.focus()
        else:
            self.dismiss(None)


def short(one: Line) -> Line:
    """A line of disassembly without the upper half of its address, which is the same for all."""
    return tuple((text.replace("0xffffffff", "0x.."), look) for text, look in one)


class Board(Widget, can_focus=True):
    """Draws the screen's lines; a click moves the cursor."""

    def __init__(self, screen: FunctionsScreen) -> None:
        super().__init__()
        self._of = screen

    def render(self) -> Content:
        return content(self._of.lines(self.size.width, self.size.height))

    def on_click(self, event: events.Click) -> None:
        first, body = self._of.shown(self.size.width, self.size.height)
        at = first + event.y - 2
        if 2 <= event.y < 2 + body and at < len(self._of.rows):
            self._of.cursor = at
            self.refresh()
