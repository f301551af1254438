"""How work that takes long says how far it is, and how whoever waits for it cancels it."""

from __future__ import annotations

from collections.abc import Callable

from simkernel.errors import Cancelled


class Report:
    """What some work says of itself while it goes on.

    The work calls it, again and again, where it could end; whoever waits reads `text` and `part`, or hears of each new
    one, and may call `cancel`, from another thread too.

    Attributes:
        text: what is under way, "" before anything was said.
        part: how much of it is done, 0 to 1; None where nobody knows.
    """

    def __init__(self, listener: Callable[[Report], None] | None = None) -> None:
        """Make one.

        Args:
            listener: called, by the work's thread, each time that something new is said: a text, or a whole percent.
        """
        self.text = ""
        self.part: float | None = None
        self._listener = listener
        self._cancelled = False

    def __call__(self, text: str = "", part: float | None = None) -> None:
        """Say how far the work is.

        Args:
            text: what is under way; "" for what was said last.
            part: how much is done, 0 to 1.

        Raises:
            Cancelled: somebody has cancelled the work.
        """
        before = self.text, self._percent
        self.text, self.part = text or self.text, part
        if self._listener is not None and (self.text, self._percent) != before:
            self._listener(self)
        self.check()

    @property
    def _percent(self) -> int:
        return -1 if self.part is None else int(100 * self.part)

    def check(self) -> None:
        """Cancelled where somebody has cancelled the work; else nothing."""
        if self._cancelled:
            raise Cancelled(f"cancelled: {self.text}" if self.text else "cancelled")

    def cancel(self) -> None:
        """End the work where it next says how far it is."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        """True once somebody has cancelled the work."""
        return self._cancelled
