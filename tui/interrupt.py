"""Ctrl-C that does not get lost.

Python raises KeyboardInterrupt between any two bytecodes of the main thread. In a finalizer, in a generator thrown
away, in a callback out of C nobody can catch it: it goes to `sys.unraisablehook`, which prints it, and the program
runs on. Worse, a callback of the engine that it ends has answered nothing, and the engine takes that for a fault. So it
waits until such a callback is over.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

AGAIN = 0.01  # seconds: by then the code in which it was lost is over, most times


def insist_on_ctrl_c() -> None:
    """From now on a KeyboardInterrupt that was lost is raised again a moment later, until somebody can catch it."""
    sys.unraisablehook = raise_again
    signal.signal(signal.SIGINT, raise_outside_callbacks)


def raise_outside_callbacks(_signal: int, frame: FrameType | None) -> None:
    """The handler of SIGINT. In a callback of the engine (its binding's code is on the stack) it comes again later."""
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("unicorn."):
            threading.Timer(AGAIN, _thread.interrupt_main).start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def raise_again(lost: UnraisableHookArgs) -> None:
    """The hook: `lost` is what could not be raised, and where."""
    if isinstance(lost.exc_value, KeyboardInterrupt):
        threading.Timer(AGAIN, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(lost)


def mute_what_it_broke() -> None:
    """After ctrl-C: what was half made when it came complains as it is thrown away; nobody needs to read that."""
    if sys.unraisablehook is raise_again:
        sys.unraisablehook = lambda _: None
