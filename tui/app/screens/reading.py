"""A page to read: help, the words of a screen, an oops in full. Any of Esc, q and Enter closes it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.app.content import content
from tui.view.text import Line

BACK = "Esc: back"


class Page(ModalScreen[None]):
    """Lines in a frame over the screen."""

    BINDINGS = [Binding(key, "close", show=False) for key in ("escape", "q", "enter", "f1", "question_mark", "space")]
    DEFAULT_CSS = """
    Page { align: center middle; background: $background; }
    Page > VerticalScroll { width: 78; max-width: 100%; height: auto; max-height: 100%; background: $surface; }
    Page > VerticalScroll { padding: 1 2; color: $foreground; }
    Page > .keys { dock: bottom; width: 100%; height: 1; padding: 0 3; color: $mark-dim; }
    """

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._content: Content = content(lines)

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._content)
        yield Static(BACK, classes="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        """Keys that scroll are offered where there is more than the screen holds."""
        self.call_after_refresh(self._offer)

    def _offer(self) -> None:
        more = self.query_one(VerticalScroll).max_scroll_y > 0
        self.query_one(".keys", Static).update(f"{BACK}   PageDown, PageUp: more of it" if more else BACK)

    def action_close(self) -> None:
        self.dismiss()
