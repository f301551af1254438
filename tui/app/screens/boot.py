"""Boot: what happens from power-on, one key a step, and a bar for the sites that become NOPs on the way."""

from __future__ import annotations

from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from lessons.activities.booting import Booting, BootPicture
from simkernel.kernel import KernelImage
from simkernel.sim.options import Options
from tui.app.content import content
from tui.app.panels.sitemap import cells
from tui.app.screens.mysteries import map_lines
from tui.view.marks import Marks
from tui.view.text import Line, line, wrap

CELLS = 24  # of the bar


def draw(picture: BootPicture, width: int, height: int, marks: Marks) -> list[Line]:
    done = CELLS * picture.converted // max(1, picture.sites)
    bar = marks.ran * done + marks.idle * (CELLS - done)
    out = [
        line(("Boot", "title"), f"   {picture.clock:,} instructions, CPUs that run: {picture.cpus}"),
        line(),
        line("Calls of the build, now NOPs: ", (bar, "new"), f" {picture.converted:,} of {picture.sites:,}"),
        *map_lines(cells(picture.map), width - 2, marks),
        line(),
    ]
    said = [row for one in picture.lines for row in wrap(marks.plain(one), width - 2)]
    room = max(1, height - len(out) - 2)
    out += said[-room:]
    out += [line()] * (height - len(out) - 1)
    right = marks.plain("→")
    keys = "Esc back" if picture.done else f"{right} next   Enter to the end   Esc back"
    return [*out[: height - 1], line((keys, "title"))]


class BootScreen(Screen[None]):
    """A machine of its own, so that the one of the stepper stays where it is."""

    BINDINGS = [
        Binding("right,space,pagedown,n", "next", show=False),
        Binding("enter,end", "finish", show=False),
        Binding("escape,q,B", "close", show=False),
    ]
    KEYS = (
        ("Right, Space, n", "The next thing that happens, or the next few places that ftrace_init converts."),
        ("Enter, End", "To the end: every CPU runs tasks."),
        ("Esc, q, B", "Back. The machine here is one of its own: the one that you have watched stands where it stood."),
    )
    DEFAULT_CSS = "BootScreen Widget { width: 100%; height: 100%; padding: 0 1; }"

    def __init__(self, image: KernelImage, options: Options, marks: Marks) -> None:
        super().__init__()
        self.booting = Booting(image, options)
        self._marks = marks

    def compose(self) -> list[Widget]:
        self._board = _Board(self)
        return [self._board]

    def lines(self, width: int, height: int) -> list[Line]:
        return draw(self.booting.picture, width, height, self._marks)

    def action_next(self) -> None:
        self.booting.step()
        self._board.refresh()

    def action_finish(self) -> None:
        while self.booting.step():
            pass
        self._board.refresh()

    def action_close(self) -> None:
        self.dismiss()


class _Board(Widget):
    """Draws the screen's lines."""

    def __init__(self, screen: BootScreen) -> None:
        super().__init__()
        self._of = screen

    def render(self) -> Content:
        return content(self._of.lines(self.size.width, self.size.height))
