"""A panel: a part of the screen, drawn from a picture by one pure function, with its help beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.app.content import content
from tui.app.picture import Picture
from tui.view.text import Line, cut, line

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
        drawn = self.draw(self.picture, width - 1, height)[:height]
        return [cut(line((self.edge(row), "here"), *one), width) for row, one in enumerate(drawn)]

    def edge(self, row: int) -> str:
        """What stands before a line of the panel: a mark where the focus is."""
        return self.picture.marks.focus if self.picture is not None and self.has_focus else " "

    def render(self) -> Content:
        return content(self._lines)

    def on_click(self, event: events.Click) -> None:
        if (found := self.target(event.x - 1, event.y)) is not None:
            self.post_message(self.Chosen(*found))


class Pointed(Panel):
    """A panel at whose places one can point with the arrow keys, once it has the focus; Enter goes where one leads.

    `point` is the place, as `target` has it; the terminal's cursor stands there.
    """

    BINDINGS = [
        Binding("up", "point(0, -1)", show=False),
        Binding("down", "point(0, 1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    point: tuple[int, int] = (0, 1)

    def action_point(self, right: int, down: int) -> None:
        x, y = self.point[0] + right, self.point[1] + down
        if 0 <= x < self.size.width - 1 and 0 <= y < self.size.height and self.target(x, y) is not None:
            self.point = (x, y)
            self.redraw()
            self.stand()

    def action_choose(self) -> None:
        if (found := self.target(*self.point)) is not None:
            self.post_message(self.Chosen(*found))

    def stand(self) -> None:
        """Put the terminal's cursor where one points."""
        self.app.cursor_position = self.region.offset + Offset(self.point[0] + 1, self.point[1])

    def on_focus(self) -> None:
        if self.target(*self.point) is None:
            self.point = (0, 1)
        super().on_focus()
        self.stand()

    def edge(self, row: int) -> str:
        """The mark of the focus stands at the line that one points at."""
        return super().edge(row) if row == self.point[1] else " "
