"""A question for an action's argument, at the bottom of the screen: Enter answers, Esc goes back.

Where it is one of a list, the ones with what is typed so far in their names stand below; Tab takes the first.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

KEYS = "Enter: do it   Esc: back"
OFFER = f"{KEYS}   Tab: take the first that is offered"
MORE = "  and {} more"


class OneLine(Input):
    """An input that takes all lines of what is pasted, as one: mail programs break a moment into several."""

    def on_paste(self, event: events.Paste) -> None:
        """Runs before Textual's own, which takes the first line of what it is given."""
        event.text = " ".join(event.text.split())


class Prompt(ModalScreen[str | None]):
    """Asks for one line; of `choices` those with the text in them are offered as one types."""

    BINDINGS = [Binding("escape", "dismiss", show=False), Binding("tab", "take", show=False, priority=True)]
    DEFAULT_CSS = """
    Prompt { align: left bottom; background: $background 0%; }
    Prompt > Vertical { height: auto; background: $panel; padding: 0 1; }
    Prompt Input, Prompt Input:focus { border: none; height: 1; padding: 0; background: $panel; color: $foreground; }
    Prompt .hint { color: $mark-dim; }
    Prompt .found { height: 1; display: none; }
    """

    def __init__(self, title: str, help_text: str, what: str, choices: Sequence[str] = ()) -> None:
        super().__init__()
        self._title, self._help, self._what, self._choices = title, help_text, what, choices

    def compose(self) -> ComposeResult:
        suggester = SuggestFromList(self._choices, case_sensitive=False) if self._choices else None
        with Vertical():
            yield Static(f"[b]{self._title}[/b]: {self._help}")
            yield OneLine(placeholder=self._what, suggester=suggester)
            yield Static("", classes="found", markup=False)
            yield Static(OFFER if self._choices else KEYS, classes="hint")

    def _found(self, text: str) -> list[str]:
        """The choices with a text in them, where a word begins with it first; none for the text that is one itself."""
        part = text.strip().lower()
        found = [one for one in self._choices if part in one.lower()] if part else []
        whole = [text.strip()]
        return [] if found == whole else sorted(found, key=lambda one: f"_{part}" not in f"_{one.lower()}")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Offer what fits, as much as one line holds."""
        found, line = self._found(event.value), self.query_one(".found", Static)
        shown, room = 0, self.size.width - 2 - len(MORE.format(len(found)))
        while shown < len(found) and (room := room - len(found[shown]) - 2) >= 0:
            shown += 1
        more = MORE.format(len(found) - shown) if shown < len(found) else ""
        line.update("  ".join(found[:shown]) + more)
        line.display = bool(found)

    def action_take(self) -> None:
        """Take the first choice that is offered."""
        box = self.query_one(OneLine)
        if found := self._found(box.value):
            box.value, box.cursor_position = found[0], len(found[0])

    def on_key(self, event: events.Key) -> None:
        """What is typed before the line can take it waits for that."""
        if not self.query_one(OneLine).has_focus:
            event.stop()
            self.call_after_refresh(self.app.post_message, events.Key(event.key, event.character))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close, and give the text to whoever asked."""
        self.dismiss(event.value)

    async def action_dismiss(self, result: str | None = None) -> None:
        self.dismiss(None)
