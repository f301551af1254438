"""The two mysteries: one cue at a time, nothing else on the screen; each key is answered by something that ran."""

from __future__ import annotations

import asyncio

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from lessons.activities.opening import Cue, Mysteries
from tui.app.actions import KEY_NAMES
from tui.app.content import content
from tui.view.marks import Marks
from tui.view.parts import cells, map_rows
from tui.view.text import Line, line, wrap

STATES = ("no call", "call", "stand-in", "changing", "wrong")  # of the map, in the words of the cues
SLOW_MOTION, ALL = "one", "scenarios"
FRAME = 0.03  # seconds at least between two pictures of what runs
HELD = 0.4  # and for one in which every place has changed: one shall see it
PROGRESS = 20  # columns of the bar
INDENT = "  "


def draw(cue: Cue, width: int, height: int, marks: Marks) -> list[Line]:
    """The cue on a screen: what one looks at, what is said of it, the keys at the bottom."""
    room = width - 4
    body: list[Line] = [line()]
    body += [line((INDENT + marks.plain(one.expandtabs(8)), "dim")) for one in cue.listing]
    body += [line()] if cue.listing else []
    for label, data, text in cue.rows:
        body.append(line(f"{INDENT}{label:<14}", (data.hex(" ").upper(), "strong"), f"   {text}"))
    body += [line()] if cue.rows else []
    if cue.map is not None:
        body += [line(INDENT, *one) for one in map_rows(cells(cue.map), room, marks)]
        shown = (at for at in range(len(STATES)) if at < 2 or cue.map.count(at))  # no call and call always
        names = (f"{marks.sites[at]} {STATES[at]}: {cue.map.count(at):,}" for at in shown)
        body += [line(("  " + "   ".join(names), "dim")), line()]
    if cue.counts:
        body.append(line((f"{INDENT}{'FUNC':<30} {'COUNT':>8}", "dim")))
        body += [line(f"{INDENT}{name:<30} {count:>8}") for name, count in cue.counts]
        body.append(line())
    for at, one in enumerate(cue.lines):
        for row in wrap(marks.plain(one), room, "strong" if at == len(cue.lines) - 1 or cue.number > 1 else ""):
            body.append(line(INDENT, *row))
    if cue.part is not None:
        done = round(PROGRESS * cue.part)
        bar = marks.ran * done + marks.idle * (PROGRESS - done)
        body += [line(), line(INDENT, (bar, "new"), f" {100 * cue.part:.0f} %")]
    keys: list[Line] = []
    for key, what in cue.keys:
        keys.append(line(INDENT, (f"{marks.plain(KEY_NAMES.get(key, key)):<6}", "title"), what))
    gap = height - len(body) - len(keys) - 1
    return [*body, *[line()] * max(1, gap), *keys][: max(height, 1)]


class Stage(Widget):
    """Draws the cue."""

    DEFAULT_CSS = "Stage { width: 100%; height: 100%; }"

    def __init__(self, cue: Cue, marks: Marks) -> None:
        super().__init__()
        self.cue, self.marks = cue, marks

    def render(self) -> Content:
        return content(draw(self.cue, self.size.width, self.size.height, self.marks))

    def show(self, cue: Cue) -> None:
        self.cue = cue
        self.refresh()


class MysteriesScreen(Screen[str | None]):
    """Seven cues; answers with the scenario to go on with, or ALL for the list of them."""

    BINDINGS = [Binding("q", "app.do('quit')", show=False)]

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self.mysteries = Mysteries()
        self.stage = Stage(self.mysteries.cue, marks)
        self._pressed: asyncio.Queue[str] = asyncio.Queue()

    def compose(self) -> ComposeResult:
        yield self.stage

    def on_mount(self) -> None:
        self.run_worker(self._play(), name="mysteries")

    async def settled(self) -> None:
        """Wait until every key is answered and drawn."""
        await self._pressed.join()

    async def _play(self) -> None:
        while True:
            key = await self._pressed.get()
            if await asyncio.to_thread(self.mysteries.press, key):
                self.stage.show(self.mysteries.cue)
                while await asyncio.to_thread(self.mysteries.work):
                    await self._next(self.mysteries.cue)
            self.stage.show(self.mysteries.cue)
            self._pressed.task_done()

    async def _next(self, cue: Cue) -> None:
        """The next picture of what runs."""
        before = self.stage.cue.map
        self.stage.show(cue)
        if cue.map is None or before is None or cue.number == SWEPT:
            await asyncio.sleep(FRAME)
        else:
            await asyncio.sleep(HELD if cue.map.states != before.states else 0)

    def on_key(self, event: events.Key) -> None:
        key = event.character if event.character in ("?",) else event.key
        key = {"right": "enter", "space": "enter", "pagedown": "enter"}.get(key or "", key or "")
        cue = self.stage.cue  # the machine is its thread's while it runs
        if key == "escape" or (key == "s" and cue.number == 1):
            self.dismiss(ALL)
        elif key == "enter" and cue.number == len(STAGES) and self._pressed.empty():
            self.dismiss(SLOW_MOTION)
        elif key in ("y", "n", "t", "enter") or (key == "?" and cue.number == 1):
            self._pressed.put_nowait(key)
        else:
            return
        event.stop()
        event.prevent_default()


STAGES = range(7)
SWEPT = 3  # the cue in which the places change a few at a time
