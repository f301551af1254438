"""The two mysteries in plain mode: each cue as a paragraph, each key as a word."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from dataclasses import asdict

from lessons.activities.opening import COSTS, Cue, Mysteries
from lessons.activity import Activity
from lessons.story.words import NO_WORD, words_on
from simkernel.errors import LearnerError
from simkernel.sim.moment import moment_string
from tui.stepper.player import WIDTH, Player
from tui.stepper.visiting import PlainVisit

NAME = "mysteries"
BACK = ("esc", "\x1b")  # from what tracing costs
LAST = 7


def costs() -> Activity:
    """What tracing costs; nothing of it is loaded before it is asked for."""
    from lessons.activities.costs import Costs

    return Costs()


class PlainMysteries(Player):
    """Plays the cues.

    Attributes: costs: what tracing costs, while one looks at that.
    """

    def __init__(self, say: Callable[[str], None], as_json: bool = False) -> None:
        super().__init__(say, as_json)
        self.mysteries = Mysteries()
        self.costs: PlainVisit | None = None

    @property
    def moment(self) -> str:
        return moment_string(self.mysteries.simulation)

    def begin(self) -> None:
        self._say(self.mysteries.cue)

    def needs(self, word: str) -> str:
        """What is to be asked for before a word can be taken: none of the cues' keys needs an argument."""
        return "" if self.costs is None else self.costs.needs(word)

    def take_line(self, line: str) -> bool:
        """Do what a line asks for: its words, or Enter where it has none; False where one ends the cues."""
        return super().take_line(line.strip() or "enter")

    def take(self, word: str) -> bool:
        """Do what a word asks for; False where it ends the cues.

        Raises: LearnerError for a word that no key of this cue is.
        """
        if self.costs is not None:
            if word not in BACK:
                return self.costs.take(word)
            self.costs = None
            word = "l"
        word = {"n": "enter", "p": "enter"}.get(word, word) if self.mysteries.number > 1 else word
        keys = dict(self.mysteries.cue.keys)
        if word in ("", "l", "h"):
            self._say(self.mysteries.cue)
            return True
        if word in ("q", "quit", "s", "escape"):
            return False
        if self.mysteries.number == LAST and word == "enter":
            self.next_scenario = "one"
            return False
        if word == COSTS and word in keys:
            self.costs = PlainVisit(costs(), self.say, self.as_json)
            self.costs.begin()
            return True
        if word == "?" and word in keys and self.mysteries.number > 1:
            self._say_words()
            return True
        if not self.mysteries.press(word):
            raise LearnerError(f"{word!r} does nothing here; there are: {', '.join([*keys, 'q'])}")
        while self.mysteries.work():
            pass
        self._say(self.mysteries.cue)
        return True

    def _say_words(self) -> None:
        """What the words of this cue mean."""
        said = [f"{word}: {meaning}" for word, meaning in words_on(" ".join(self.mysteries.cue.lines)).items()]
        said = said or [NO_WORD]
        self.say(json.dumps({"word": "?", "said": said}) if self.as_json else "\n".join(said) + "\n")

    def _say(self, cue: Cue) -> None:
        if self.as_json:
            plain = asdict(cue)
            plain["rows"] = [[label, data.hex(" "), text] for label, data, text in cue.rows]
            plain["map"] = None if cue.map is None else cue.map.states.hex()
            self.say(json.dumps(plain))
            return
        paragraphs = ["\n".join(cue.listing)] if cue.number == 1 else []
        paragraphs.append(textwrap.fill(" ".join(cue.lines), WIDTH))
        if cue.rows:
            rows = [f"{label}: {data.hex(' ').upper()}, {text}." for label, data, text in cue.rows]
            paragraphs.append(textwrap.fill(" ".join(row[0].upper() + row[1:] for row in rows), WIDTH))
        if cue.counts:
            counts = ", ".join(f"{name} {calls:,}" for name, calls in cue.counts)
            paragraphs.append(textwrap.fill(f"Calls: {counts}.", WIDTH, break_on_hyphens=False))
        keys = ", ".join(f"{key} {title}" for key, title in (*cue.keys, ("q", "quit")))
        self.say("\n\n".join([*paragraphs, f"Keys: {keys}."]) + "\n")
