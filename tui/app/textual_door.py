"""The one door to what Textual keeps private: its faults that end or hang the program, how it draws, how an app ends.

All of it is of Textual 8.2.8, which pyproject.toml pins: a new version may make a part of this page needless.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from traceback import walk_tb
from typing import Any, TextIO

from rich.console import RenderableType
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import OptionList
from textual.worker import WorkerFailed

_move_page = OptionList._move_page
_dismiss: Callable[..., AwaitComplete] = Screen.dismiss


def _move_page_once_laid_out(self: OptionList, direction: Any) -> None:
    """PageUp and PageDown look up the line of an option. Before its first layout, or where there is no room for it, a
    list has no lines, and the look-up raises KeyError or IndexError: a list that nobody sees has no page to turn."""
    if (self.highlighted or 0) in self._index_to_line:
        _move_page(self, direction)


def _dismiss_itself(self: Screen[Any], result: Any = None) -> AwaitComplete:
    """A screen that is dismissed leaves the stack at once, and still takes the keys that came in the same write. One of
    them may dismiss it again; Textual then takes the next screen away, or raises. What stands over it goes first."""
    if self not in self.app.screen_stack:
        return AwaitComplete()
    while not self.is_active:
        _dismiss(self.app.screen)
    return _dismiss(self, result)


def is_of_a_screen_that_has_gone(app: App[Any], error: BaseException) -> bool:
    """True where an error, which Textual is about to end the app for, is only that a widget is missing on a screen that
    has left the stack, or of an app that ends: handlers and workers may come later than the key that left it."""
    cause = error.error if isinstance(error, WorkerFailed) else error
    if not isinstance(cause, NoMatches):
        return False
    asked = [frame.f_locals.get("self") for frame, _ in walk_tb(cause.__traceback__)]
    nodes = [one for one in asked if isinstance(one, DOMNode)]  # the last one is where the widget was looked for
    screen = next((one for one in nodes[-1].ancestors_with_self if isinstance(one, Screen)), None) if nodes else None
    return app._exit or (screen is not None and screen not in app.screen_stack)


def open_palette(app: App[Any]) -> None:
    """Open the command palette. Textual gives it an id, and two with one id, a new one while the last one is being
    removed, raise DuplicateIds."""
    if not CommandPalette.is_open(app):
        app.push_screen(CommandPalette())


def mend() -> None:
    """Put the mends in place: in every list and screen, also in those that Textual makes by itself."""
    OptionList._move_page = _move_page_once_laid_out  # type: ignore[method-assign]
    Screen.dismiss = _dismiss_itself  # type: ignore[method-assign]


class Unbreakable:
    """A terminal to write to. Once it has gone, what is written is dropped.

    Textual writes in a thread with a bounded queue. An error ends the thread; the queue fills, and the app waits for
    room in it for ever.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write a text, or drop it; returns its length either way."""
        with contextlib.suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def survives_its_terminal(driver: type[Driver], gone: Callable[[], None]) -> type[Driver]:
    """A driver of this class that reads on behind bytes that are no UTF-8, where Textual ends the app, and that calls
    `gone`, in the app's thread, where its terminal cannot be read any more."""

    class Survivor(driver):  # type: ignore[valid-type,misc]
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            if hasattr(self, "_file"):
                self._file: Any = Unbreakable(self._file)

        def _run_input_thread(self) -> None:
            while not self.exit_event.is_set():
                try:
                    self.run_input_thread()
                except UnicodeDecodeError:
                    continue
                except OSError:
                    self._app.call_later(gone)
                except Exception as error:
                    self._app.call_later(self._app._handle_exception, error)
                return

    return Survivor


class GuardedApp(App[int]):
    """An app that a bug of ours ends with an exit code and the terminal as it was; Textual prints a report of its own.

    Attributes:
        crash: what ended it, if something did.
    """

    BUG = 70  # the exit code

    def __init__(self) -> None:
        mend()
        super().__init__()
        self.crash: BaseException | None = None

    def _handle_exception(self, error: Exception) -> None:
        """Close the screen; a test that drives the app without a terminal has the error raised."""
        if is_of_a_screen_that_has_gone(self, error):  # no bug at all
            return
        if self.crash is None:
            self.crash = error.error if isinstance(error, WorkerFailed) else error
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self._exception = error
            self._exception_event.set()
            self.exit(self.BUG)

    def filter_lines(self, look: LineFilter) -> None:
        """Send every line through a filter on its way to the terminal."""
        self._filters.append(look)

    def show_cursor(self) -> None:
        """Show the terminal's cursor, which Textual hides."""
        if self._driver is not None and not self.is_headless:
            self._driver.write("\x1b[?25h")


def rows(app: App[Any]) -> list[Strip]:
    """The rows of the screen in front, as they are drawn."""
    return app.screen._compositor.render_strips()


def whole(app: App[Any]) -> RenderableType:
    """All of the screen, with what shows through from the screens behind it."""
    drawn = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens, simplify=True)
    assert drawn is not None  # all of it was asked for
    return drawn
