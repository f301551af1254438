"""The one screen: it draws the picture of the activity in front, and hands it what a person asks for.

What is asked for waits in a queue and is carried out in a thread, in order, so that no key is lost and the screen goes
on drawing; nothing else touches the activity meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from textual import events
from textual.binding import Binding
from textual.geometry import Offset
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from lessons.activity import CHOOSE, KEYS, Action, Result
from lessons.picture import Picture
from lessons.visit import Visit
from tui.app import kept
from tui.app.beside import beside
from tui.app.canvas import Canvas
from tui.app.palette import Entry
from tui.app.screens.pages import keys_page, words_page
from tui.app.screens.prompt import Prompt
from tui.app.work import NEXT, Work
from tui.view.arrange import Block, rolled, spot, target
from tui.view.frame import Frame, dead_key, frame, key_at, key_text, with_keys
from tui.view.lecture import lecture, rows
from tui.view.marks import Marks
from tui.view.parts import RENDERERS
from tui.view.pointer import Pointer
from tui.view.text import wrap

A_DAY = 86_400.0  # seconds
SCROLLS = {"up": -0.01, "down": 0.01, "pageup": -1.0, "pagedown": 1.0, "home": -1e6, "end": 1e6}
"""Keys of the part with the focus: how many pages it scrolls, a line at least."""
LINES_A_ROLL = 3  # that a part scrolls when the wheel rolls
MOST_NAMED = 30  # of what a text names, in the list of all that can be done
WIDTH = 72  # columns of a page
LEAST_WIDTH, LEAST_HEIGHT = 40, 10
TOO_SMALL = f"This terminal is too small: {LEAST_WIDTH} columns and {LEAST_HEIGHT} rows are needed. q: quit"
AT_ONCE = ("escape", "q", "T")  # keys that do not wait


def titled(action: Action) -> str:
    """An action's title and its keys."""
    return f"{action.title}  ({key_text(action.keys)})" if action.keys else action.title


class ActivityScreen(Screen[None]):
    """Plays the activities of a visit.

    Attributes:
        visit: the activity in front, and those that one comes back to.
        work: what is asked for and done.
        picture: what is drawn.
        pointer: the part with the focus, and where one points.
        said: below the body. look: of that, "bad" where something was refused.
        lecture: in the lecture view the row of bytes in the spotlight, 0 for none; None in the usual view.
    """

    AUTO_FOCUS = None
    BINDINGS = [
        Binding("tab", "next_pane(1)", show=False),
        Binding("shift+tab", "next_pane(-1)", show=False),
    ]

    class Moved(Message):
        """Something that was asked for has been done."""

    def __init__(self, visit: Visit, marks: Marks) -> None:
        super().__init__()
        self.visit = visit
        self.work = Work(self)
        self.lecture: int | None = None
        self._marks = marks
        self.picture: Picture = visit.front.picture()
        self.said, self.look = "", ""
        self._scrolled: dict[str, int] = {}
        self._framed: tuple[tuple[object, ...], Frame] | None = None  # the last one, and what it is of
        self._canvas, self.pointer = Canvas(), Pointer()

    def compose(self) -> list[Widget]:
        """All that is drawn, in one."""
        return [self._canvas]

    def on_mount(self) -> None:
        """Begin to take what is asked for."""
        self.work.do(self.visit.start)
        self.run_worker(self.work.carry_out(), name="activity")

    async def settled(self) -> None:
        """Wait until all that was asked for is done and drawn."""
        await self.work.settled()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Arrange the picture anew."""
        self.draw()

    @property
    def drawn(self) -> Frame:
        """The frame at this size; arranged once, however often a key asks where something stands.

        The part with the focus has room before all others.
        """
        size, first = (self.size.width, self.size.height), self.pointer.part
        asked = (self.visit.crumbs, self._offered(), size, self._marks, self.said, self.look)
        shown = (self.picture, first, *asked, dict(self._scrolled))
        if self._framed is None or self._framed[0] != shown:
            picture = self.picture
            if first:
                picture = replace(picture, survival=(first, *picture.survival))
            self._framed = shown, frame(picture, *asked, dict(self._scrolled))
        return self._framed[1]

    def _offered(self) -> Sequence[Action]:
        """What can be done now: nothing while something is under way."""
        return () if self.work.report is not None else self.visit.front.offered()

    def draw(self) -> None:
        """Draw the picture at this size."""
        width, height = self.size
        if not self.is_mounted:
            return
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            self._canvas.show(wrap(TOO_SMALL, max(1, width)))
            return
        if self.lecture is not None:
            said = (self.lecture, self.said, self.look)
            self._canvas.show(lecture(self.picture, self.visit.crumbs, (width, height), self._marks, *said))
            return
        drawn = self.drawn
        blocks = drawn.body.blocks
        lines = drawn.lines(width, height, self.pointer.part)
        self._canvas.show(self.pointer.marked(lines, blocks, self._marks))
        self._stand(blocks)

    def tell(self, said: str, look: str = "") -> None:
        """Say something below the body."""
        self.said, self.look = with_keys(said), look
        self.draw()

    def _stand(self, blocks: Sequence[Block]) -> None:
        """Put the terminal's cursor where one points, or at what is chosen: a screen reader follows it."""
        if not self.is_active:
            return
        block = self.pointer.block(blocks)
        if block is not None:
            x, y = self.pointer.place or (0, 0)
            self.app.cursor_position = Offset(block.x + x + 1, block.y + y + 1)
            return
        for block in reversed(blocks):
            x, y = spot(block, self._marks)
            if y >= 0:
                self.app.cursor_position = Offset(block.x + x + 1, block.y + y + 1)
                return

    # --- asking -----------------------------------------------------------------------------------------------------

    def ask(self, name: str, argument: str = "") -> None:
        """Have the activity in front do something, after all that was asked for before."""
        self.work.ask(name, argument)

    def on_canvas_pressed(self, message: Canvas.Pressed) -> None:
        """Do what a place leads to: an action of the activity, or the key of which the last line tells."""
        drawn, nested = self.drawn, bool(self.visit.crumbs)
        if message.y == self.size.height - 1:
            width = self.size.width - 2
            key = key_at(self.picture, self._offered(), nested, width, self._marks, message.x - 1, drawn.others)
            if key and not message.drags:
                self.press(key)
            return
        for block in drawn.body.blocks:
            x, y = message.x - 1 - block.x, message.y - 1 - block.y
            drags = RENDERERS[type(block.part)].drags
            if message.drags and drags:  # what is dragged over a line may leave its row
                self._choose(target(block, x, 0))
            elif not message.drags and 0 <= x < block.width and 0 <= y < len(block.lines):
                self._choose(target(block, x, y))

    def on_canvas_rolled(self, message: Canvas.Rolled) -> None:
        """Choose the next one of a list below the mouse, or the one before; else scroll what is below it."""
        for block in self.drawn.body.blocks:
            x, y = message.x - 1 - block.x, message.y - 1 - block.y
            if not (0 <= x < block.width and 0 <= y < len(block.lines)):
                continue
            if (to := rolled(block.part, message.by)) is not None:
                self._choose(("down" if message.by > 0 else "up", "") if to else None)
            elif block.scrolls:
                self._scroll_block(block, message.by * LINES_A_ROLL)

    def _choose(self, found: tuple[str, str] | None) -> None:
        """Do what a place leads to, where that can be done."""
        if found is not None and any(one.name == found[0] for one in self.visit.front.offered()):
            self.ask(*found)

    def show(self, result: Result, picture: Picture) -> None:
        """Draw what has become of something; a place that it gives is kept for the person."""
        if result.gives is not None:
            self.app.copy_to_clipboard(result.gives.text)
            self._toast(*kept.moment_file(result.gives))
        if result.opens is not None or result.leaves:
            self._scrolled = {}
        if result.opens is not None:
            self.pointer = Pointer()  # nothing of what begins has the focus yet
        self.picture = picture
        self.post_message(self.Moved())
        self.tell(result.message, "bad" if result.refused else "")

    def _toast(self, title: str, text: str, failed: bool) -> None:
        """Say something at the bottom right, until a key is pressed."""
        self.app.clear_notifications()
        severity = "warning" if failed else "information"
        self.notify(text, title=title, severity=severity, timeout=A_DAY, markup=False)  # type: ignore[arg-type]

    # --- keys -------------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Keys of the activity in front, then those of every screen; a key that means nothing says so.

        While something is under way a key waits for its turn, but for those that end or cancel it.
        """
        character = event.character if event.is_printable else None
        if not self.is_active:  # what has opened over this screen was not there yet when the key was pressed
            self.app.post_message(events.Key(event.key, event.character))
            handled = True
        elif self.work.busy and event.key not in AT_ONCE and not self.work.again:
            self.work.wait_for_its_turn(event.key, character)
            handled = True
        else:
            handled = self.press(event.key, character)
        if handled:
            event.stop()
            event.prevent_default()

    def press(self, key: str, character: str | None = None) -> bool:
        """Do what a key asks for; False where it means nothing."""
        if self.work.again:
            self.work.pause()
            return True
        if self._points(key) or (key in SCROLLS and self._scroll_focused(SCROLLS[key])):
            return True
        action = next((one for one in self.visit.front.actions if key in one.keys), None)
        other = self._others().get(key)
        if self.work.report is not None and key == "escape":
            self.work.stop()
        elif action is not None:
            self.begin(action)
        elif key.isdigit() and any(one.name == CHOOSE for one in self.visit.front.actions):
            self.ask(key)
        elif other is not None:
            other()
        elif character or any(key in keys for keys, _ in KEYS.values()):
            self.tell(dead_key(character or key_text((key,)), self.picture, self._offered()), "bad")
        else:
            return False
        return True

    def _points(self, key: str) -> bool:
        """Point with the arrow keys in the part with the focus, and choose with Enter; False for any other key."""
        blocks = self.drawn.body.blocks
        if key == "enter" and (found := self.pointer.chosen(blocks)) is not None:
            self._choose(found)
        elif not self.pointer.move(blocks, key):
            return False
        self.draw()
        return True

    def action_next_pane(self, by: int) -> None:
        """Give the focus to the next part; in the lecture view, put the next row of bytes into the spotlight."""
        if self.lecture is not None:
            self.lecture = (self.lecture + by) % (rows(self.picture) + 1)
            self.tell("")
            return
        self.pointer.step(self.picture.parts, by)
        self.draw()

    def _others(self) -> dict[str, Callable[[], object]]:
        """What the keys of every screen do."""
        palette = partial(self.run_action_soon, "app.command_palette")
        return {
            "escape": self.action_back,
            "question_mark": self.action_words,
            "f1": self.action_keys,
            "colon": palette,
            "ctrl+p": palette,
            "up": partial(self._scroll, -1),
            "down": partial(self._scroll, 1),
            "z": self.switch_lecture,
            "T": partial(self.run_action_soon, "app.next_theme"),
            "q": partial(self.run_action_soon, "app.leave"),
        }

    def switch_lecture(self) -> None:
        """The lecture view on or off."""
        self.lecture = 0 if self.lecture is None else None
        self.tell("" if self.lecture is None else "z leads back")

    def run_action_soon(self, action: str) -> None:
        """Have the app do something of its own."""
        self.app.call_later(self.run_action, action)

    def begin(self, action: Action) -> None:
        """Do what an action says, once its argument is known."""
        if action.argument is None or action.argument.here:
            self.ask(action.name)
            return
        what = action.argument
        asks = Prompt(action.title, action.help, what.prompt, what.choices())
        self.app.push_screen(asks, lambda answer: None if answer is None else self.ask(action.name, answer))

    def _scroll(self, by: int) -> None:
        """Scroll the pane with the focus, or the first one of which not all is seen."""
        blocks = [block for block in self.drawn.body.blocks if block.scrolls]
        made_for_it = [block for block in blocks if RENDERERS[type(block.part)].elastic]
        block = self.pointer.block(blocks) or next(iter((*made_for_it, *blocks)), None)
        if block is not None:
            self._scroll_block(block, by)

    def _scroll_block(self, block: Block, by: int) -> None:
        name = block.part.name
        self._scrolled[name] = max(0, min(block.scrolls, self._scrolled.get(name, 0) + by))
        self.draw()

    def _scroll_focused(self, pages: float) -> bool:
        """Scroll the part with the focus, where not all of it is seen and nothing is chosen in it; else False."""
        block = self.pointer.block(self.drawn.body.blocks)
        if block is None or not block.scrolls or getattr(block.part, "cursor", None) is not None:
            return False
        self._scroll(round(pages * len(block.lines)) or (1 if pages > 0 else -1))
        return True

    def action_back(self) -> None:
        """To the activity that one came from; from the first one there is no way back."""
        self.work.do(
            lambda _: Result() if self.visit.back() else Result("There is nothing before this: q quits.", True)
        )
        self._scrolled = {}

    # --- all that can be done ---------------------------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """All that can be done here: of the activity, then of every screen."""
        offered = [one for one in self.visit.front.offered() if one in self.visit.front.in_lists]
        own: list[Entry] = [(titled(one), one.help, partial(self.begin, one)) for one in offered]
        return [*own, *beside(self), *self._everywhere()]

    def named(self, part: str) -> list[Entry]:
        """What can be done with what has `part` in its name, for each action that takes one of a list."""
        part, out = part.strip().lower(), list[tuple[bool, Entry]]()
        for one in self.visit.front.offered() if part else ():
            for name in () if one.argument is None or one.argument.here else one.argument.choices():
                if part in name.lower():
                    out.append(
                        (part != name.lower(), (f"{one.title}: {name}", one.help, partial(self.ask, one.name, name)))
                    )
        return [entry for _, entry in sorted(out, key=lambda found: found[0])[:MOST_NAMED]]

    def _everywhere(self) -> list[Entry]:
        """What every screen does."""
        out: list[Entry] = []
        if any(one.name == NEXT for one in self.visit.front.actions):
            out.append(("One step a second", "Go on by itself, a step at a time; any key pauses it.", self.work.play))
            out.append(("Faster", "Halve the time between two steps.", lambda: self.work.set_pace(self.work.pace / 2)))
            out.append(("Slower", "Double the time between two steps.", lambda: self.work.set_pace(self.work.pace * 2)))
        out.append(("Words  (?)", "What the words on this screen mean.", self.action_words))
        out.append(("Keys  (F1)", "Every key of this screen.", self.action_keys))
        out.append(("Lecture view  (z)", "For the last row of a room: on, or off.", self.switch_lecture))
        out.append(("Next theme  (T)", "Change the colours.", partial(self.press, "T")))
        out.append(("Quit  (q)", "Leave; the next start offers to go on here.", partial(self.press, "q")))
        return out

    # --- pages ------------------------------------------------------------------------------------------------------

    def action_words(self) -> None:
        """What the words and the marks that stand on this screen mean; from there to its keys."""
        page = words_page(self.picture, self.drawn, self.size, self._marks)
        self.app.push_screen(page, lambda keys: self.action_keys() if keys else None)

    def action_keys(self) -> None:
        """What the part with the focus shows; every key, and what can be done without one."""
        part = self.pointer.of(self.picture.parts)
        shown = "" if part is None else part.help
        beyond = [(title, text) for title, text, _ in (*beside(self), *self._everywhere()) if "  (" not in title]
        self.app.push_screen(keys_page(shown, self.visit.front.in_lists, beyond, self._marks))
