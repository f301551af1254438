"""The kernel log: who has something to say prints it here (`printk()`), whichever subsystem it is."""

from __future__ import annotations

from collections.abc import Sequence

Lines = tuple[tuple[int, str], ...]  # (nanoseconds, text) of each


class KernelLog:
    """The lines so far, the oldest first."""

    def __init__(self) -> None:
        self.lines: Lines = ()

    def add(self, texts: Sequence[str], now: int) -> None:
        """Add lines.

        Args:
            texts: without time and newline.
            now: nanoseconds since power-on.
        """
        if texts:  # there are none of most actions, and all lines so far would be copied
            self.lines += tuple((now, text) for text in texts)
