"""Signals that end the program: ctrl-C, the end asked for (SIGTERM), a terminal that has gone (SIGHUP).

Each becomes `Ended`, a KeyboardInterrupt, in the main thread: whatever has changed the terminal restores it on the way
out, and the exit code is the shell's, 128 + the signal's number. While a screen is open it hears of the signal instead
(`signals_to`), for it has a place to keep and a terminal to restore.

Python raises such an exception between any two bytecodes of the main thread. In a finalizer, in a generator thrown
away, in a callback out of C nobody can catch it: it goes to `sys.unraisablehook`, which prints it, and the program
runs on. Worse, a callback of the engine that it ends has answered nothing, and the engine takes that for a fault. So it
waits until such a callback is over.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

    from simkernel.report import Report

AGAIN = 0.01  # seconds: by then the code in which it was lost is over, most times
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""SIGHUP is not on Windows."""


class Ended(KeyboardInterrupt):
    """A signal has come that ends the program."""


class _Taken:
    """The signal that came last, and who hears of one in place of an exception."""

    signal = signal.SIGINT
    coming = False  # it comes again in a moment
    ends = False  # the program ends because of it
    listener: Callable[[int], None] | None = None


def raise_on_signals() -> None:
    """From now on each of `SIGNALS` raises `Ended`; one that was lost is raised again a moment later.

    A SIGHUP or SIGTERM that this process ignores stays ignored: nohup(1) wants it so.
    """
    _Taken.ends = False
    sys.unraisablehook = raise_again
    for one in SIGNALS:
        if one == signal.SIGINT or signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, take)


def exit_code() -> int:
    """The exit code for the signal that came last; that of ctrl-C where none did."""
    return 128 + _Taken.signal


@contextmanager
def signals_to(listener: Callable[[int], None]) -> Iterator[None]:
    """Have `listener` called with a signal's exit code, in the main thread between two bytecodes; none is ignored."""
    before = {one: signal.signal(one, take) for one in SIGNALS}
    _Taken.listener = listener
    try:
        yield
    finally:
        _Taken.listener = None
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def ctrl_c_cancels(report: Report) -> Iterator[None]:
    """Have ctrl-C cancel what a report is of; a second one, before it has ended, is taken as everywhere."""
    before = signal.getsignal(signal.SIGINT)

    def cancel(*_: object) -> None:
        report.cancel()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def take(number: int, frame: FrameType | None) -> None:
    """The handler. In a callback of the engine (its binding's code is on the stack), and in the hook below on a machine
    too busy to leave it in time, the signal comes again later."""
    if _Taken.ends:
        return
    _Taken.signal = signal.Signals(number)
    if _Taken.listener is not None:
        _Taken.listener(exit_code())
        return
    while frame is not None:
        if frame.f_code is raise_again.__code__ or str(frame.f_globals.get("__name__")).startswith("unicorn."):
            _come_again()
            return
        frame = frame.f_back
    raise Ended


def raise_again(lost: UnraisableHookArgs) -> None:
    """The hook: `lost` is what could not be raised, and where."""
    if isinstance(lost.exc_value, KeyboardInterrupt):
        _come_again()
    else:
        sys.__unraisablehook__(lost)


def _come_again() -> None:
    """Once, however often the signal comes meanwhile: a second one may come while the first one's timer is made."""
    if not _Taken.coming:
        _Taken.coming = True
        threading.Timer(AGAIN, _comes).start()


def _comes() -> None:
    _Taken.coming = False
    _thread.interrupt_main(_Taken.signal)


def end_in_peace() -> None:
    """The program ends because of the signal: nothing more may come between.

    More signals do nothing: one that nobody catches ends Python with the signal itself, not with our exit code. And
    what was half made when the signal came complains as it is thrown away, which nobody needs to read.
    """
    _Taken.ends = True
    if sys.unraisablehook is raise_again:
        sys.unraisablehook = lambda _: None
