"""How the screen is opened: from the command line, on a terminal; and what is said where there is none."""

from __future__ import annotations

import os
import sys

from simkernel.errors import LearnerError

NO_TERMINAL = "there is no terminal here to draw on; `simkernel step one --plain` prints the same steps as text"
LEAST = (40, 10)


def check_terminal() -> None:
    """LearnerError where standard input or output is no terminal, or one that cannot draw."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise LearnerError(NO_TERMINAL)


def open_screen(scenario: str | None = None, ascii_only: bool = False, theme: str | None = None) -> int:
    """Open the screen, and return the exit code. A scenario by name starts there; else the first question is asked.

    Raises: LearnerError without a terminal, or for a scenario that is none.
    """
    check_terminal()
    from tui.app.app import SimkernelApp
    from tui.app.marks import marks_for
    from tui.stepper.stepper import Stepper

    marks = marks_for(ascii_only, os.environ)
    theme = theme or ("ansi" if os.environ.get("TERM") == "linux" else "dark")
    app = SimkernelApp(Stepper.start(scenario or "one"), marks, theme)
    code = app.run()
    return code if code is not None else app.return_code or 0
