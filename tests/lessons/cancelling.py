"""A report that is cancelled at a moment of a test's choice."""

from __future__ import annotations

from simkernel.report import Report


class CancelledAt(Report):
    """Cancelled at the k-th time that the work says how far it is, or asks whether to go on.

    Attributes:
        calls: how often it did so.
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k, self.calls = k, 0

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.k:
            self.cancel()

    def check(self) -> None:
        """Count; every call of the report checks, too."""
        self._count()
        super().check()

    @property
    def cancelled(self) -> bool:
        """Count; True once cancelled."""
        self._count()
        return super().cancelled
