"""Engines that tests have left behind are given back before they take too much of the machine.

An engine holds a gigabyte of addresses and ten megabytes of memory, and is part of cycles. To Python it is a small
object, so that its collector sees no reason for a round while hundreds of them wait for one.
"""

from __future__ import annotations

import gc
import mmap
from pathlib import Path

STATM = Path("/proc/self/statm")  # Linux; elsewhere Python's own rounds have to do
MORE = 32 << 30  # bytes of address space, about eight machines of two CPUs


def address_space() -> int:
    """Bytes of address space that this process has now; 0 where the system does not say."""
    return int(STATM.read_text().split()[0]) * mmap.PAGESIZE if STATM.exists() else 0


_least = 0  # bytes that it has had since the last round


def give_back() -> None:
    """Collect garbage where the process has grown by MORE since the last time."""
    global _least
    now = address_space()
    if now > _least + MORE:
        gc.unfreeze()  # the app sets aside what it has (tui/app/aside.py)
        gc.collect()
        _least = address_space()
    _least = min(_least, now)
