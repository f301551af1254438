"""History, set aside from Python's garbage collector: a look at all of it takes longer than a key may.

Events and entries hold no cycles, so the collector has nothing to find in them; yet each of its full rounds visits them
all (a quarter of a second at 30,000 events). What is frozen (`gc.freeze`) it never visits.
"""

from __future__ import annotations

import gc
from weakref import ReferenceType, ref

ACTIONS = 16  # between two times: what they made is visited once, while it is little
CHANGES = 3  # of history, between two rounds for those that are gone: such a round visits all of memory


class Aside:
    """Freezes what is there now and then; simulations that are gone are given back, a few at a time."""

    def __init__(self) -> None:
        self._left = 0
        self._changes = 0
        self._of: ReferenceType[object] | None = None

    def note(self, history: object | None) -> None:
        """An action is done, and this is the history now; None where there is none."""
        if history is None:
            return
        if self._of is None:  # the first: nothing has gone yet, and to look at all takes as long as to draw the screen
            self._set_aside(history)
        elif self._of() is not history:  # the one before is a web of cycles, and large
            self._changes += 1
            if self._changes % CHANGES == 0:
                gc.unfreeze()
                gc.collect()
            self._set_aside(history)
        elif self._left:
            self._left -= 1
        else:
            gc.collect()
            self._set_aside(history)

    def _set_aside(self, history: object) -> None:
        gc.freeze()
        self._of, self._left = ref(history), ACTIONS
