"""How the screen is opened: from the command line, on a terminal; and what is said where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from lessons.visit import Visit
from simkernel.errors import LearnerError
from tui.interrupt import signals_to

if TYPE_CHECKING:
    from lessons.activities.start import Start
    from lessons.activity import Activity
    from tui.app.app import SimkernelApp

NOT_DRAWN = "the screen is drawn on standard error, and that is not the terminal here: run it without `2> FILE`"
NO_TERMINAL = "there is no terminal here to draw on; `simkernel --plain` tells the same as text"
OK, BUG = 0, 70
LATEST = 4.0  # seconds from a signal to the end of the process, whatever is in the way


def check_terminal() -> None:
    """LearnerError where a standard stream is no terminal, or it is one that cannot draw."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        raise LearnerError(NO_TERMINAL)
    if sys.__stderr__ is None or not sys.__stderr__.isatty():  # Textual writes there
        raise LearnerError(NOT_DRAWN)


def open_screen(
    scenario: str | None = None, ascii_only: bool = False, theme: str | None = None, moment: str | None = None
) -> int:
    """Open the screen, and return the exit code: a scenario by name, a moment; without either the first question.

    Raises: LearnerError without a terminal, or for a scenario that is none.
    """
    check_terminal()
    from lessons.activities.start import Start
    from tui.app import kept
    from tui.app.app import SimkernelApp
    from tui.view.marks import marks_for

    last = kept.load()
    theme = theme or ("ansi" if os.environ.get("TERM") == "linux" else (last.theme if last else "") or "dark")
    start = Start(last)
    app = SimkernelApp(Visit(start, *front(start, scenario, moment)), marks_for(ascii_only, os.environ), theme)
    code = run(app)
    if app.crash is not None:
        return report(app, app.crash)
    return OK if code is None else code


def front(start: Start, scenario: str | None, moment: str | None) -> list[Activity]:
    """What stands in front of the list at a start.

    Raises:
        LearnerError: there is no scenario of that name, or the moment cannot be opened.
    """
    from lessons.activities.story import Story
    from lessons.session.stepper import Stepper
    from tui.output import progress

    if moment:
        with progress("getting ready") as line:
            return [Story(Stepper.open(moment, report=line.report()))]
    if scenario:
        return [start.named(scenario)]
    return [start.named("mysteries")] if start.is_first else []


def run(app: SimkernelApp) -> int | None:
    """Run the app to its end, and return its exit code.

    A signal ends it as a key does: with the place kept and the terminal restored. Where that does not come about soon
    (the terminal takes nothing any more), the process ends as it is. Work that a thread still does is not waited for.
    """
    loop = asyncio.new_event_loop()

    def end_soon(code: int) -> None:
        loop.call_soon_threadsafe(app.end, code)
        latest = threading.Timer(LATEST, give_up, (app, code))
        latest.daemon = True
        latest.start()

    with signals_to(end_soon):
        return app.run(loop=loop)


def give_up(app: SimkernelApp, code: int) -> None:
    """End the process now."""
    with contextlib.suppress(Exception):
        app.keep()
    os._exit(code)


def report(app: SimkernelApp, crash: BaseException) -> int:
    """Write down a bug of ours with the place at which it happened; the exit code for one."""
    from tui.report import tell

    try:
        moment = app.moment
    except Exception as error:  # whatever has gone wrong, the report is written
        moment = f"not to be had: {error}"
    tell(crash, moment)
    return BUG
