"""The widget that shows a frame: lines, drawn elsewhere, of which those are sent to the terminal that differ."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from tui.app.content import content, style
from tui.view.text import Line


class Canvas(Widget):
    """Shows lines from the top; says where the mouse is pressed."""

    class Pressed(Message):
        """The mouse is pressed at a place, or dragged to it.

        Attributes:
            x, y: column and row.
            drags: it was pressed before.
        """

        def __init__(self, x: int, y: int, drags: bool) -> None:
            super().__init__()
            self.x, self.y, self.drags = x, y, drags

    class Rolled(Message):
        """The wheel of the mouse was rolled at a place.

        Attributes:
            x, y: column and row.
            by: 1 downwards, -1 upwards.
        """

        def __init__(self, x: int, y: int, by: int) -> None:
            super().__init__()
            self.x, self.y, self.by = x, y, by

    DEFAULT_CSS = "Canvas { width: 100%; height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self._styles: dict[tuple[Style, str, str], Style] = {}

    def show(self, lines: list[Line]) -> None:
        """Show these lines."""
        before, self._lines = self._lines, lines
        rows = [at for at in range(max(len(before), len(lines))) if before[at : at + 1] != lines[at : at + 1]]
        if rows:
            self.refresh(*(Region(0, row, self.size.width, 1) for row in rows))

    def render(self) -> Content:
        """Its lines: what a person selects text of."""
        return content(self._lines)

    def render_line(self, y: int) -> Strip:
        """One line, as `render` has it: nothing is wrapped in it, so that it is drawn in a part of the time."""
        if self.text_selection is not None:
            return super().render_line(y)
        own, segments, x = self.visual_style, [], 0
        for text, look in self._lines[y] if y < len(self._lines) else ():
            segments.append(Segment(text, self._style(own, look).rich_style_with_offset(x, y)))
            x += len(text)
        return Strip(segments)

    def _style(self, own: Style, look: str) -> Style:
        """How Textual draws a look here."""
        key = own, look, self.app.theme
        if key not in self._styles:
            self._styles[key] = own + Style.parse(style(look))
        return self._styles[key]

    def on_click(self, event: events.Click) -> None:
        """Say where."""
        self.post_message(self.Pressed(event.x, event.y, False))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Say where to, while the button is held."""
        if event.button:
            self.post_message(self.Pressed(event.x, event.y, True))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Say that the wheel was rolled, and where."""
        self.post_message(self.Rolled(event.x, event.y, 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Say that the wheel was rolled, and where."""
        self.post_message(self.Rolled(event.x, event.y, -1))
