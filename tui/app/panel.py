"""A panel: a part of the screen, drawn from a picture by one pure function, with its help beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.app.picture import Picture
from tui.app.text import Line, content, cut, line

Draw = Callable[[Picture, int, int], list[Line]]


class Panel(Widget, can_focus=True):
    """Draws the picture anew when it differs; says a click or Enter on one of its lines by a message.

    Subclasses give `draw` (picture, columns, rows -> lines), `HELP`, and, where lines lead somewhere, `target`.
    """

    DEFAULT_CSS = "Panel { position: absolute; padding: 0; }"
    NAME: ClassVar[str] = ""
    HELP: ClassVar[str] = ""

    picture: reactive[Picture | None] = reactive(None, layout=False, repaint=False)

    class Chosen(Message):
        """A person asks for what a panel's line leads to: an action of the app, with an argument."""

        def __init__(self, action: str, argument: str = "") -> None:
            super().__init__()
            self.action = action
            self.argument = argument

    def __init__(self) -> None:
        super().__init__(id=self.NAME)
        self._lines: list[Line] = []

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        """The panel's lines, at most `height` of at most `width` columns."""
        raise NotImplementedError

    def target(self, x: int, y: int) -> tuple[str, str] | None:
        """The action and argument that a place within the panel leads to."""
        return None

    def watch_picture(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def on_focus(self) -> None:
        """The terminal's cursor stands where the focus is: a screen reader follows it."""
        self.app.cursor_position = self.region.offset
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw, and repaint where that is not what stands there."""
        lines = self._drawn()
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def _drawn(self) -> list[Line]:
        width, height = self.size
        if self.picture is None or width < 2 or height < 1:
            return []
        gutter = self.picture.marks.focus if self.has_focus else " "
        drawn = self.draw(self.picture, width - 1, height)[:height]
        return [cut(line((gutter, "here"), *one), width) for one in drawn]

    def render(self) -> Content:
        return content(self._lines)

    def on_click(self, event: events.Click) -> None:
        if (found := self.target(event.x - 1, event.y)) is not None:
            self.post_message(self.Chosen(*found))
