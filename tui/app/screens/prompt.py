"""A question for an action's argument: one line at the bottom of the screen; Enter answers, Esc goes back."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static


class OneLine(Input):
    """An input that takes all lines of what is pasted, as one: mail programs break a moment into several."""

    def _on_paste(self, event: events.Paste) -> None:
        """Runs before Textual's own, which takes the first line of what it is given."""
        event.text = " ".join(event.text.split())


class Prompt(ModalScreen[str | None]):
    """Asks for one line; `choices` are offered as one types (Right takes one)."""

    BINDINGS = [Binding("escape", "dismiss", show=False)]
    DEFAULT_CSS = """
    Prompt { align: left bottom; background: $background 0%; }
    Prompt > Vertical { height: auto; background: $panel; padding: 0 1; }
    Prompt Input, Prompt Input:focus { border: none; height: 1; padding: 0; background: $panel; color: $foreground; }
    Prompt .hint { color: $mark-dim; }
    """

    def __init__(self, title: str, help_text: str, what: str, choices: Sequence[str] = ()) -> None:
        super().__init__()
        self._title, self._help, self._what, self._choices = title, help_text, what, choices

    def compose(self) -> ComposeResult:
        suggester = SuggestFromList(self._choices, case_sensitive=False) if self._choices else None
        with Vertical():
            yield Static(f"[b]{self._title}[/b]: {self._help}")
            yield OneLine(placeholder=self._what, suggester=suggester)
            yield Static("Enter: do it   Esc: back   Right: take what is offered", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    async def action_dismiss(self, result: str | None = None) -> None:
        self.dismiss(None)
