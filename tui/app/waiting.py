"""What was asked of the activity in front and is not done yet: work, and keys that mean what they mean then."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from lessons.activity import Outcome
from simkernel.report import Report


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: what it does, the action's name, and whether the screen itself has asked."""

    what: Callable[[Report], Outcome]
    word: str
    by_itself: bool


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key that was pressed while something was under way: it means what it means when its turn comes."""

    key: str
    character: str | None


class Waiting(asyncio.Queue[Asked | Pressed]):
    """What was asked for and is not done yet.

    Attributes:
        at_once: what is put in now is the next to be done: a key whose turn has come asks for it.
    """

    at_once = False
    _queue: deque[Asked | Pressed]

    def _put(self, item: Asked | Pressed) -> None:
        if self.at_once:
            self._queue.appendleft(item)
        else:
            self._queue.append(item)
