"""The stepper: one screen on which cause and effect stand together."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Static

from simkernel.sim.snapshot.site import CALL
from tui.app.actions import bound
from tui.app.arrange import LEAST_HEIGHT, LEAST_WIDTH, STORY, WIDE, Box, Need, arrange
from tui.app.panel import Panel
from tui.app.panels.cpus import Cpus
from tui.app.panels.events import Events
from tui.app.panels.focus import Focus
from tui.app.panels.keys import Keys
from tui.app.panels.now import Now
from tui.app.panels.oops import OopsPanel
from tui.app.panels.phases import Phases
from tui.app.panels.phases import draw as phase_lines
from tui.app.panels.scrub import Scrub
from tui.app.panels.site import Site
from tui.app.panels.sitemap import Map
from tui.app.panels.time import Time
from tui.app.panels.title import Title
from tui.app.panels.trace import Trace
from tui.app.panels.why import Why
from tui.app.picture import Picture
from tui.view.parts import cells
from tui.view.text import Line

PANELS: tuple[type[Panel], ...] = (
    Title, Phases, Site, Now, Why, OopsPanel, Cpus, Focus, Map, Trace, Events, Time, Scrub, Keys,
)  # fmt: skip


def needs(picture: Picture, width: int) -> dict[str, Need]:
    """The panels that a picture wants in its depth, and their rows."""
    snapshot, depth = picture.snapshot, picture.look.depth
    cpus = len(snapshot.cpus)
    column = STORY if width >= WIDE else width
    rows_of_map = 1 + -(-len(cells(snapshot.map)) // max(1, column - 1))
    deep = depth != "story" and width < WIDE
    out = {
        "title": Need(1),
        "phases": Need(len(phase_lines(picture, width - 1, 9)), 1),
        "site": Need(4 + cpus, 2 + cpus),
        "now": Need(3, 1),
        "why": Need(6, 2, 9),
        "cpus": Need(1 + cpus, min(3, 1 + cpus)),
        "map": Need(1, 1, rows_of_map),
        "trace": Need(1, 1, 1 if depth == "story" else min(8, len(snapshot.trace))),
        "keys": Need(1),
    }
    if len(snapshot.patching.sites) > 1 or snapshot.map.count(CALL) > 1:  # the map is the picture of many at once
        out["map"], out["why"] = Need(rows_of_map), Need(3, 2, 9)
    if snapshot.oops is not None:
        out["oops"] = Need(8, 4, 30)
        out["why"] = Need(2, 2, 3)
        del out["map"], out["trace"]
    if depth != "story":
        out["focus"] = Need(9, 6, 12)
        out["scrub"] = Need(1)
    if deep:
        out["why"] = Need(4, 4)
        out["now"] = Need(2, 1)
        if len(snapshot.patching.sites) <= 1:  # the story's own lines come first
            out.pop("map", None), out.pop("trace", None)
    gone = picture.story.missing
    if gone is not None and gone.position == snapshot.position:  # what would have come here, and who is not waited for
        out["now"] = Need(7 if column < width else 5, 2)
    elif gone is not None:
        out["now"] = Need(4 if snapshot.oops is not None else 3, 2)
    if picture.story.ending:
        out["now"] = Need(5, 5)
    if depth == "story" and width >= WIDE:
        out["time"] = Need(2 + len(picture.time.moments))
    if depth == "all":
        out["events"] = Need(4, 2, 30)
        out["why"] = out["why"]._replace(most=7)
        out["time"] = Need(4 + cpus, 4 + cpus)
    return out


class StepperScreen(Screen[None]):
    """All panels; where each stands is `arrange`'s to say."""

    picture: reactive[Picture | None] = reactive(None, layout=False, repaint=False)
    AUTO_FOCUS = None

    class Unknown(Message):
        """A person has pressed a key that does nothing here."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def compose(self) -> ComposeResult:
        for panel in PANELS:
            yield panel().data_bind(StepperScreen.picture)
        yield Static(f"This terminal is too small: {LEAST_WIDTH} columns and {LEAST_HEIGHT} rows are needed. q: quit")

    def watch_picture(self) -> None:
        self.place()

    def on_key(self, event: events.Key) -> None:
        """A key that means nothing here says so, and what does."""
        if event.is_printable and event.key not in {key for key, _ in bound()}:
            self.post_message(self.Unknown(event.character or event.key))

    def on_resize(self, event: events.Resize) -> None:
        self.place()

    @property
    def _is_small(self) -> bool:
        return self.size.width < LEAST_WIDTH or self.size.height < LEAST_HEIGHT

    def boxes(self, picture: Picture) -> dict[str, Box]:
        """Where each panel of a picture has its place at this size."""
        width, height = self.size
        boxes = {} if self._is_small else arrange(width, height, needs(picture, width))
        return boxes if picture.ready else {name: box for name, box in boxes.items() if name == "title"}

    def drawn(self, picture: Picture) -> dict[str, list[Line]]:
        """What the panels show of a picture, but for the two that name the depth."""
        boxes = {name: box for name, box in self.boxes(picture).items() if name not in ("title", "keys")}
        panels = {panel.NAME: panel for panel in self.query(Panel)}
        return {name: panels[name].draw(picture, box.width, box.height) for name, box in boxes.items()}

    def place(self) -> None:
        """Give each panel its place at this size."""
        if self.picture is None or not self.is_mounted:
            return
        self.query_one(Static).display = self._is_small
        boxes = self.boxes(self.picture)
        for panel in self.query(Panel):
            box = boxes.get(panel.NAME)
            panel.display = box is not None
            if box is not None:
                panel.styles.offset = (box.x, box.y)
                panel.styles.width, panel.styles.height = box.width, box.height
