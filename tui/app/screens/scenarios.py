"""The scenarios to start from: each with its question, who patches like this and when, and its number of stops."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from lessons.session.content import SCENARIOS
from lessons.session.scenarios import Scenario
from tui.app.content import content
from tui.app.kept import Kept
from tui.view.marks import Marks
from tui.view.text import line

MYSTERIES, LAB, COSTS, GO_ON = "mysteries", "lab", "overhead", "go on"


class Scenarios(ModalScreen[str | None]):
    """A list; Enter starts what the cursor is on, first `at`. Answers with its name, None for back to where one was."""

    BINDINGS = [
        Binding("escape,q", "close", show=False),
        *(Binding(key, f"start('{name}')", show=False) for key, name in (("L", LAB), ("C", COSTS))),
    ]
    DEFAULT_CSS = """
    Scenarios { background: $background; }
    Scenarios Static { padding: 1 2 0 2; height: auto; }
    Scenarios OptionList { background: $background; height: 1fr; padding: 0 1; }
    Scenarios OptionList, Scenarios OptionList:focus { border: none; background-tint: $background 0%; }
    Scenarios OptionList > .option-list--option-highlighted { background: $panel; color: $foreground; }
    Scenarios OptionList:focus > .option-list--option-highlighted { background: $panel; color: $foreground; }
    """

    def __init__(self, marks: Marks, last: Kept | None = None, at: str = "") -> None:
        super().__init__()
        self._marks, self._last, self._at = marks, last, at

    def compose(self) -> ComposeResult:
        head = line(("What do you want to watch?", "title"), ("   Up, Down: choose   Enter: start   Esc: back", "dim"))
        yield Static(content([head]))
        yield OptionList(*(Option(self.entry(name, False), name) for name in self.entries()))

    def entries(self) -> dict[str, tuple[str, str, str]]:
        """Title, question and remark of each entry, by its name."""
        last = self._last
        left = {} if last is None else {GO_ON: ("Go on where you left", f"{last.title}, step {last.step}", "")}
        both = {
            MYSTERIES: (
                "Two mysteries",
                "Why is the call that gdb shows not slow? How can all be traced at once?",
                "",
            )
        }
        lab = {LAB: ("The lab", "Which order of events breaks a protocol, once a step of it is left out?", "")}
        costs = {
            COSTS: ("What tracing costs", "How much is it when off, and when on? Counted, priced, measured here.", "")
        }
        scenarios = {one.name: (one.title, one.question, remark(one)) for one in SCENARIOS.values()}
        return left | both | scenarios | lab | costs

    def entry(self, name: str, here: bool) -> Content:
        title, question, note = self.entries()[name]
        mark = f"{self._marks.here} " if here else "  "
        head = line((mark, "here"), (title, "strong"), (f"   {note}", "dim"))
        return content([head, line("    " + self._marks.plain(question))])

    def on_mount(self) -> None:
        choices = self.query_one(OptionList)
        choices.focus()
        if self._at in self.entries():
            choices.highlighted = list(self.entries()).index(self._at)
        else:
            choices.highlighted = 0 if self._last is not None else 1

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """A mark stands before the entry that Enter starts: colour alone would not do."""
        for at, name in enumerate(self.entries()):
            event.option_list.replace_option_prompt_at_index(at, self.entry(name, at == event.option_index))
        self.app.cursor_position = event.option_list.region.offset + Offset(1, 2 * event.option_index)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_start(self, name: str) -> None:
        """The keys by which the stepper leads there."""
        self.dismiss(name)

    def action_close(self) -> None:
        self.dismiss(None)


def remark(one: Scenario) -> str:
    """Who patches like this, and how long it takes to watch."""
    stops = f"{one.stops} steps, " if one.stops else ""
    return f"{stops}{one.options.protocol.name}, {one.era.short}"
