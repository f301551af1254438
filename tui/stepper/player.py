"""One who plays something in plain mode: takes words, says paragraphs or, in JSON, objects.

Words come from a script one by one, from lines several at once, from a terminal as single keys.
"""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

WIDTH = 78


class Player(ABC):
    """Plays a story, the cues or activities; `say` takes a paragraph, or an object in JSON.

    Attributes:
        refused: actions that could not be done; 0 where what cannot be done is an error. moment: where one is, as a
        moment string, "" at no place of a machine. next_scenario: what it has led to, "" for none.
    """

    next_scenario = ""

    def __init__(self, say: Callable[[str], None], as_json: bool = False) -> None:
        self.say = say
        self.as_json = as_json
        self._last: list[str] = []  # what was said last

    @property
    def refused(self) -> int:
        return 0

    @property
    def moment(self) -> str:
        return ""

    @abstractmethod
    def begin(self) -> None:
        """Say what it begins with."""

    @abstractmethod
    def needs(self, word: str) -> str:
        """What is to be asked for before a word can be taken, "" for nothing."""

    @abstractmethod
    def take(self, text: str) -> bool:
        """Do what a word asks for; False where it asks to quit.

        Raises: LearnerError for a word that means nothing here, and for what cannot be.
        """

    def take_line(self, line: str) -> bool:
        """Do what a line asks for: several words, or one and its argument; False where it asks to quit."""
        words = line.split()
        if len(words) > 1 and self.needs(words[0]):
            return self.take(line)
        return all(self.take(word) for word in words)


def parted(text: str) -> tuple[str, str]:
    """A word and its argument, which follows a colon or a space; "" where there is none."""
    text = text.strip()
    word, _, argument = text.partition(":" if ":" in text.split(" ")[0] else " ")
    return word, argument


def paragraphs(said: Iterable[str]) -> str:
    """Sentences, each on lines of its own; what has lines already keeps them."""
    lines = (one if "\n" in one else textwrap.fill(one, WIDTH, break_on_hyphens=False) for one in said)
    return "\n".join(lines) + "\n"
