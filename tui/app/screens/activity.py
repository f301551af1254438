"""The one screen of all activities: it draws the picture of the one in front, and hands it what a person asks for.

What is asked for waits in a queue and is carried out in a thread, in order, so that no key is lost and the screen goes
on drawing; nothing else touches the activity meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual import events
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.geometry import Offset
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from lessons.activity import CHOOSE, Action, Outcome
from lessons.picture import Picture
from lessons.visit import Visit
from simkernel.errors import LearnerError
from simkernel.report import Report
from tui.app.content import content
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page, Words
from tui.view.arrange import Block, spot, target
from tui.view.frame import Frame, frame, key_text
from tui.view.marks import Marks
from tui.view.paragraphs import told
from tui.view.save import save_bars
from tui.view.text import Line, line, plain, wrap

SOON = 0.3  # seconds after which the screen says that something is under way
SCROLLS = {"up": -0.01, "down": 0.01, "pageup": -1.0, "pagedown": 1.0, "home": -1e6, "end": 1e6}
"""Keys of the pane with the focus: how many pages it scrolls, a line at least."""
PACE = 1.0  # seconds between two steps of what goes on by itself
EVERYWHERE = (
    ("Tab", "The next pane."),
    ("↑ ↓ PgUp PgDn", "Scroll, or choose, in the pane with the focus; Home, End: to its ends."),
    ("Esc", "Cancel what is under way; else back to where you came from."),
    ("?", "What the words on this screen mean; again: this list."),
    (":", "All that can be done here."),
    ("T", "The next theme."),
    ("q", "Quit."),
)


class WhatCanBeDone(Provider):
    """The list of all that can be done in the activity in front, with keys; it is searched by title and help."""

    def _entries(self) -> list[tuple[str, str, Callable[[], object]]]:
        screen = self.screen
        assert isinstance(screen, ActivityScreen)
        own = [(titled(one), one.help, partial(screen.begin, one)) for one in screen.visit.front.offered()]
        return [*own, *screen.beside()]

    async def discover(self) -> Hits:
        """All of them."""
        for title, help_text, what in self._entries():
            yield DiscoveryHit(title, what, help=help_text)

    async def search(self, query: str) -> Hits:
        """Those that a few letters name."""
        matcher = self.matcher(query)
        for title, help_text, what in self._entries():
            if (score := max(matcher.match(title), 0.9 * matcher.match(f"{title} {help_text}"))) > 0:
                yield Hit(score, matcher.highlight(title), what, help=help_text)


def titled(action: Action) -> str:
    """An action's title and its keys."""
    return f"{action.title}  ({key_text(action.keys)})" if action.keys else action.title


class PartView(Widget, can_focus=True):
    """A part at its place: lines, drawn elsewhere."""

    class Chosen(Message):
        """A person has chosen what an action takes."""

        def __init__(self, action: str, argument: str) -> None:
            super().__init__()
            self.action, self.argument = action, argument

    DEFAULT_CSS = "PartView { position: absolute; padding: 0; } PartView:focus { background: $surface; }"

    def __init__(self, name: str) -> None:
        super().__init__(id=f"part-{name}")
        self.part = name
        self.block: Block | None = None
        self._lines: list[Line] = []

    def show(self, block: Block) -> None:
        """Stand at the block's place, and draw its lines."""
        self.block = block
        self.styles.offset = (block.x + 1, block.y + 1)
        self.styles.width, self.styles.height = block.width, max(1, len(block.lines))
        if list(block.lines) != self._lines:
            self._lines = list(block.lines)
            self.refresh()

    def render(self) -> Content:
        """Its lines."""
        return content(self._lines)

    def on_click(self, event: events.Click) -> None:
        """Choose what is clicked."""
        if self.block is not None and (found := target(self.block, event.x, event.y)) is not None:
            self.post_message(self.Chosen(*found))


class Edge(Widget):
    """The lines above or below the body."""

    DEFAULT_CSS = "Edge { position: absolute; width: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []

    def show(self, y: int, lines: list[Line]) -> None:
        """Stand at a row, and draw these lines."""
        self.styles.offset, self.styles.height = (0, y), max(1, len(lines))
        self._lines = lines
        self.refresh()

    def render(self) -> Content:
        """Its lines."""
        return content(self._lines)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: what it does, and whether a person or the screen itself has asked."""

    what: Callable[[Report], Outcome]
    by_itself: bool = False


class ActivityScreen(Screen[Any]):
    """Plays activities; leaving the first one dismisses the screen, with the scenario or the stepper it leads to."""

    AUTO_FOCUS = None

    COMMANDS = {WhatCanBeDone}

    def __init__(self, visit: Visit, marks: Marks, name: str | None = None) -> None:
        super().__init__(name=name)
        self.visit = visit
        self._marks = marks
        self._picture: Picture = visit.front.picture()
        self._said, self._look = "", ""
        self._scrolled: dict[str, int] = {}
        self._asked: asyncio.Queue[Asked] = asyncio.Queue()
        self._next: Timer | None = None  # of what goes on by itself
        self._goes_on = False
        self._report: Report | None = None  # of what is under way
        self._title, self._below = Edge(), Edge()

    def compose(self) -> list[Widget]:
        """The first line and the last ones; parts come and go with the picture."""
        return [self._title, self._below]

    def on_mount(self) -> None:
        """Begin to take what is asked for."""
        self._came_from = self.app.cursor_position
        self._do(self.visit.start)
        self.run_worker(self._carry_out(), name="activity")

    async def settled(self) -> None:
        """Wait until all that was asked for is done and drawn."""
        await self._asked.join()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Arrange the picture anew."""
        self.draw()

    @property
    def drawn(self) -> Frame:
        """The frame at this size."""
        offered = () if self._report is not None else self.visit.front.offered()
        size = (self.size.width, self.size.height)
        crumbs = self.visit.crumbs
        return frame(self._picture, crumbs, offered, size, self._marks, self._said, self._look, self._scrolled)

    def draw(self) -> None:
        """Give each part its place and its lines."""
        if not self.is_mounted or self.size.height < 3:
            return
        drawn = self.drawn
        self._title.show(0, [drawn.title])
        self._below.show(self.size.height - len(drawn.below), list(drawn.below))
        views = {view.part: view for view in self.query(PartView)}
        for block in drawn.body.blocks:
            view = views.pop(block.part.name, None)
            if view is None:
                view = PartView(block.part.name)
                self.mount(view)
            view.show(block)
        for view in views.values():
            view.remove()
        self._stand(drawn.body.blocks)

    def tell(self, said: str, look: str = "") -> None:
        """Say something below the body."""
        self._said, self._look = said, look
        self.draw()

    def _stand(self, blocks: Sequence[Block]) -> None:
        """Put the terminal's cursor at what is chosen: a screen reader follows it."""
        for block in reversed(blocks):
            x, y = spot(block, self._marks)
            if y >= 0 and self.is_active:
                self.app.cursor_position = Offset(block.x + x + 1, block.y + y + 1)
                return

    # --- asking -----------------------------------------------------------------------------------------------------

    def ask(self, name: str, argument: str = "") -> None:
        """Have the activity in front do something, after all that was asked for before."""
        self._do(lambda report: self.visit.apply(name, argument, report))

    def _do(self, what: Callable[[Report], Outcome], by_itself: bool = False) -> None:
        self._asked.put_nowait(Asked(what, by_itself))

    def on_part_view_chosen(self, message: PartView.Chosen) -> None:
        """Do what a click asks for, where the activity knows it."""
        if any(one.name == message.action for one in self.visit.front.offered()):
            self.ask(message.action, message.argument)

    async def _carry_out(self) -> None:
        while True:
            asked = await self._asked.get()
            self._report = report = Report(partial(self._progress, asyncio.get_running_loop()))
            soon = self.set_timer(SOON, partial(self._busy, report))
            try:
                outcome = await asyncio.to_thread(asked.what, report)
                picture = await asyncio.to_thread(lambda: self.visit.front.picture())
            except asyncio.CancelledError:
                report.cancel()  # the screen goes, and its thread shall not be waited for
                raise
            finally:
                soon.stop()
                self._report = None
            self._show(outcome, picture)
            if outcome.goes_on and (self._goes_on or not asked.by_itself):
                self._goes_on = True
                self._next = self.set_timer(PACE, partial(self._do, asked.what, by_itself=True))
                self.tell("any key pauses", "strong")
            elif outcome.goes_on:
                self.tell("paused")  # by a key, while this step was under way
            else:
                self._goes_on = False
            self._asked.task_done()

    def _show(self, outcome: Outcome, picture: Picture) -> None:
        if self.visit.over:
            self._leave(outcome.scenario or None)
            return
        if picture.title != self._picture.title:
            self._scrolled = {}
        self._picture = picture
        if outcome.watch is not None:
            self.dismiss(outcome.watch)
            return
        self.tell(outcome.message, "bad" if outcome.refused else "")

    def _leave(self, scenario: str | None = None) -> None:
        self.app.cursor_position = self._came_from
        self.dismiss(scenario)

    def _pause(self) -> None:
        """No step follows by itself any more."""
        self._goes_on = False
        if self._next is not None:
            self._next.stop()
        self.tell("paused")

    def _progress(self, loop: asyncio.AbstractEventLoop, report: Report) -> None:
        """In the work's thread: something is said."""
        loop.call_soon_threadsafe(self._busy, report)

    def _busy(self, report: Report) -> None:
        if report is self._report:
            part = "" if report.part is None else f" {100 * report.part:.0f} %"
            self.tell(f"{report.text or 'busy'}{part}; Esc cancels", "strong")

    def on_key(self, event: events.Key) -> None:
        """Keys of the activity in front, then those of every screen; a key that means nothing says so."""
        key = event.key
        action = next((one for one in self.visit.front.actions if key in one.keys), None)
        other = self._others().get(key)
        if self._goes_on:
            self._pause()
        elif self._report is not None and key == "escape":
            self._report.cancel()
        elif key in SCROLLS and self._scroll_focused(SCROLLS[key]):
            pass
        elif action is not None:
            self.begin(action)
        elif key.isdigit() and any(one.name == CHOOSE for one in self.visit.front.actions):
            self.ask(key)
        elif other is not None:
            other()
        elif event.is_printable:
            self.tell(f"{event.character} does nothing here: ? has the words, : all that can be done", "bad")
        else:
            return
        event.stop()
        event.prevent_default()

    def _others(self) -> dict[str, Callable[[], object]]:
        """What the keys of every screen do."""
        return {
            "escape": self.action_back,
            "question_mark": self.action_words,
            "f1": self.action_keys,
            "colon": self.app.action_command_palette,
            "up": partial(self._scroll, -1),
            "down": partial(self._scroll, 1),
            "T": partial(self.app.call_later, self.run_action, "app.do('theme')"),
            "q": partial(self.app.call_later, self.run_action, "app.do('quit')"),
        }

    def begin(self, action: Action) -> None:
        """Do what an action says, once its argument is known."""
        if action.argument is None or action.argument.here:
            self.ask(action.name)
            return

        def answered(argument: str | None) -> None:
            if argument is not None:
                self.ask(action.name, argument)

        what = action.argument
        self.app.push_screen(Prompt(action.title, action.help, what.prompt, what.choices()), answered)

    def _scroll(self, by: int) -> None:
        """Scroll the pane with the focus, or the first one of which not all is seen."""
        focused = self.app.focused.part if isinstance(self.app.focused, PartView) else ""
        blocks = [block for block in self.drawn.body.blocks if block.scrolls]
        block = next((one for one in blocks if one.part.name == focused), blocks[0] if blocks else None)
        if block is not None:
            name = block.part.name
            self._scrolled[name] = max(0, min(block.scrolls, self._scrolled.get(name, 0) + by))
            self.draw()

    def _scroll_focused(self, pages: float) -> bool:
        """Scroll the pane with the focus, where not all of it is seen and nothing is chosen in it; else False."""
        focused = self.app.focused
        block = focused.block if isinstance(focused, PartView) else None
        if block is None or not block.scrolls or getattr(block.part, "cursor", None) is not None:
            return False
        self._scroll(round(pages * len(block.lines)) or (1 if pages > 0 else -1))
        return True

    def action_back(self) -> None:
        """To the activity that one came from; from the first one, out."""
        if not self.visit.back():
            self._leave()
            return
        self._picture, self._scrolled = self.visit.front.picture(), {}
        self.tell("")

    def save(self) -> None:
        """Write the bars that one sees into a file."""

        def answered(name: str | None) -> None:
            if name is not None:
                try:
                    self.tell(save_bars(self._picture, name))
                except LearnerError as error:
                    self.tell(str(error), "bad")

        help_text = "A picture where the name ends in .svg, else text."
        self.app.push_screen(Prompt("Write these bars", help_text, "file"), answered)

    def beside(self) -> tuple[tuple[str, str, Callable[[], object]], ...]:
        """What can be done here besides the activity's own actions: title, help, what it does."""
        what = "Into a file: a picture where its name ends in .svg, else text."
        return (("Write these bars", what, self.save),) if self._picture.figure else ()

    def action_words(self) -> None:
        """What the words that stand on this screen mean."""
        drawn = [plain(one) for one in self.drawn.lines(self.size.width, self.size.height)]
        words = Words("\n".join([*told(self._picture), *drawn]), self._marks, [])
        self.app.push_screen(words, lambda keys: self.action_keys() if keys else None)

    def action_keys(self) -> None:
        """Every key, and what can be done without one."""
        pairs = [(key_text(one.keys) or ":", f"{one.title}. {one.help}") for one in self.visit.front.actions]
        page: list[Line] = [line(("Keys", "title")), line()]
        for key, text in (*pairs, *EVERYWHERE):
            page += wrap(self._marks.plain(text), 72, "", f"{self._marks.plain(key):<16}", " " * 16)
        self.app.push_screen(Page(page))
