"""Textual's faults that end or hang the program, and how they are kept from it: the one place that knows of them.

Each is of Textual 8.2.8, which pyproject.toml pins: a new version may make a part of this page needless.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TextIO

from textual.driver import Driver
from textual.widgets import OptionList

_move_page = OptionList._move_page


def _move_page_once_laid_out(self: OptionList, direction: Any) -> None:
    """PageUp and PageDown look up the line of an option. Before its first layout, or where there is no room for it, a
    list has no lines, and the look-up raises KeyError or IndexError: a list that nobody sees has no page to turn."""
    if (self.highlighted or 0) in self._index_to_line:
        _move_page(self, direction)


def mend_option_lists() -> None:
    """Every list, the command palette's too, which Textual makes by itself."""
    OptionList._move_page = _move_page_once_laid_out  # type: ignore[method-assign]


class Unbreakable:
    """A terminal to write to. Once it has gone, what is written is dropped.

    Textual writes in a thread with a bounded queue. An error ends the thread; the queue fills, and the app waits for
    room in it for ever.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
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
