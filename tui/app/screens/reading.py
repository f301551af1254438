"""Pages to read: help, the words of a screen, an oops in full. Any of Esc, q and Enter closes one."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lessons.story.words import NO_WORD, WORDS, standing_in
from tui.app.content import content
from tui.view.marks import Marks
from tui.view.text import Line, line, wrap

BACK = "Esc: back"
LONGEST = 40  # letters that are searched for
WIDTH, MARGINS = 71, 8  # columns of a page, and beside it where the screen is not wider
Lines = Callable[[int], list[Line]]  # what is to be read, in so many columns


class Page(ModalScreen[bool]):
    """Lines in a frame over the screen; it answers whether the keys of that screen are asked for."""

    HINT = BACK
    BINDINGS = [Binding(key, "close", show=False) for key in ("escape", "q", "enter", "f1", "question_mark", "space")]
    DEFAULT_CSS = """
    Page { align: center middle; background: $background; }
    Page > VerticalScroll { width: 78; max-width: 100%; height: auto; max-height: 100%; background: $surface; }
    Page > VerticalScroll { padding: 1 2; color: $foreground; }
    Page > .keys { dock: bottom; width: 100%; height: 1; padding: 0 3; color: $mark-dim; }
    """

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static()
        yield Static(self.HINT, classes="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        """Lay it out anew."""
        self.lay_out()

    def lay_out(self) -> None:
        """Show the lines in the columns that there are; where they are more than its rows, say which key scrolls."""
        width = min(WIDTH, self.app.size.width - MARGINS)
        self.query_one("VerticalScroll > Static", Static).update(content(self._lines(width)))
        self.call_after_refresh(self._offer)

    def _offer(self) -> None:
        more = self.query_one(VerticalScroll).max_scroll_y > 0
        self.query_one(".keys", Static).update(f"{self.HINT}   PageDown: more" if more else self.HINT)

    def action_close(self) -> None:
        self.dismiss(False)


class WordPage(Page):
    """What the words of a screen mean, by the alphabet; what is typed leaves those with it, of all words there are.

    Args:
        text: what stands on the screen.
        marks: in which its words are drawn.
        above: what comes before the words while nothing is typed.
        below: what follows the words while nothing is typed.
    """

    BINDINGS = [
        *(Binding(key, "keys", show=False) for key in ("f1", "question_mark")),
        Binding("backspace", "shorten", show=False),
    ]
    HINT = "Esc: back   letters: search   ?: keys"

    def __init__(self, text: str, marks: Marks, above: Lines, below: Lines) -> None:
        self._here, self._marks, self._typed = sorted(standing_in(text)), marks, ""
        self._above, self._below = above, below
        super().__init__(self._page)

    def _page(self, width: int) -> list[Line]:
        """The lines of the page for what is typed."""
        if not self._typed:
            words = self._meanings("The words on this screen", self._here, width)
            return [*self._above(width), *words, *self._below(width)]
        found = [one for one in sorted(WORDS) if self._typed in f"{one} {WORDS[one]}".lower()]
        found.sort(key=lambda one: self._typed not in one)  # what is called so stands first
        here = [one for one in found if one in self._here]
        out = self._meanings(f"Words on this screen with {self._typed!r}", here, width)
        other = [one for one in found if one not in here]
        return [*out, line(), *self._meanings("Other words with it", other, width)] if other else out

    def _meanings(self, title: str, words: list[str], width: int) -> list[Line]:
        """A title, and what each word means."""
        rows = [row for one in words for row in wrap(self._marks.plain(WORDS[one]), width, "", f"{one}: ", "    ")]
        none = line(NO_WORD if not self._typed else "None.")
        return [line((title, "title")), line(), *(rows or [none])]

    def on_key(self, event: events.Key) -> None:
        """A letter is searched for; so is a blank behind one."""
        character = event.character or ""
        if event.is_printable and character != "?" and (self._typed or character != " "):
            event.stop()
            event.prevent_default()
            self._search(self._typed + character.lower())

    def _search(self, typed: str) -> None:
        self._typed = typed[:LONGEST]
        self.query_one(VerticalScroll).scroll_home(animate=False)
        self.lay_out()

    def action_shorten(self) -> None:
        """Take the last letter away."""
        self._search(self._typed[:-1])

    def action_keys(self) -> None:
        """To the keys of the screen below."""
        self.dismiss(True)

    def action_close(self) -> None:
        """Back to all words where some are searched for, else to the screen."""
        if self._typed:
            self._search("")
        else:
            self.dismiss(False)
