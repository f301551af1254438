"""Engines and apps that tests have left behind are given back before they take too much of the machine.

An engine holds a gigabyte of addresses and ten megabytes of memory, and is part of cycles. To Python it is a small
object, so that its collector sees no reason for a round while hundreds of them wait for one. An app that has ended is
a web of cycles too, and has set itself aside from the collector (`tui/app/aside.py`).

What is there for good, the tests themselves and all modules, is set aside likewise, so that a round visits what tests
have made since and no more.
"""

from __future__ import annotations

import gc
import mmap
import sys
from pathlib import Path

STATM = Path("/proc/self/statm")  # Linux; elsewhere Python's own rounds have to do
YOUNG = 10_000  # objects made between two of Python's own rounds: `give_back` sees to what is large
MORE = (32 << 30, 300_000)  # bytes of address space, about eight machines of two CPUs; and Python's own blocks


def size() -> tuple[int, int]:
    """Bytes of address space that this process has now, 0 where the system does not say; and Python's own blocks."""
    space = int(STATM.read_text().split()[0]) * mmap.PAGESIZE if STATM.exists() else 0
    return space, sys.getallocatedblocks()


_least = (0, 0)  # since the last round


def give_back() -> None:
    """Collect garbage where the process has grown by MORE, in one or the other, since the last time."""
    global _least
    now = size()
    if _has_grown(now):
        gc.collect()
        if _has_grown(now := size()):  # by what was set aside
            set_aside()
            now = size()
        _least = now
    _least = min(_least[0], now[0]), min(_least[1], now[1])


def _has_grown(now: tuple[int, int]) -> bool:
    return any(one > least + more for one, least, more in zip(now, _least, MORE, strict=True))


def set_aside() -> None:
    """Collect garbage everywhere, and set aside from the collector all that is left."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
