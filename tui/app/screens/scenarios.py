"""The scenarios to start from: each with its question, who patches like this and when, and its number of beats."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from lessons.scenarios import SCENARIOS, Scenario
from tui.app.kept import Kept
from tui.app.text import content, line

MYSTERIES, GO_ON = "mysteries", "go on"


class Scenarios(ModalScreen[str | None]):
    """A list; Enter starts what the cursor is on. Answers with its name, None for back to where one was."""

    BINDINGS = [Binding("escape", "close", show=False), Binding("q", "close", show=False)]
    DEFAULT_CSS = """
    Scenarios { background: $background; }
    Scenarios Static { padding: 1 2 0 2; height: auto; }
    Scenarios OptionList { border: none; background: $background; height: 1fr; padding: 0 1; }
    """

    def __init__(self, last: Kept | None = None) -> None:
        super().__init__()
        self._last = last

    def compose(self) -> ComposeResult:
        head = line(("What do you want to watch?", "title"), ("   Enter: start   Esc: back", "dim"))
        yield Static(content([head]))
        last = self._last
        left = (
            []
            if last is None
            else [Option(two_lines("Go on where you left", f"{last.title}, step {last.step}", ""), GO_ON)]
        )
        yield OptionList(
            *left,
            Option(
                two_lines("Two mysteries", "Is every function really called twice? Why is that not slow?", ""),
                MYSTERIES,
            ),
            *(Option(two_lines(one.title, one.question, remark(one)), one.name) for one in SCENARIOS.values()),
        )

    def on_mount(self) -> None:
        choices = self.query_one(OptionList)
        choices.focus()
        choices.highlighted = 0 if self._last is not None else 1

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_close(self) -> None:
        self.dismiss(None)


def remark(one: Scenario) -> str:
    """Who patches like this, and how long it takes to watch."""
    beats = f"{one.beats} steps, " if one.beats else ""
    return f"{beats}{one.protocol}: {one.era.partition(' (')[0]}"


def two_lines(title: str, question: str, note: str) -> Content:
    return content([line((title, "strong"), (f"   {note}", "dim")), line(("  " + question, ""))])
