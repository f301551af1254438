"""The lab in plain mode: the question, the verdict and the schedule as sentences, each switch as a word.

What is watched is stepped through as any story in plain mode; `lab` comes back.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

from lessons.activities.lab import SETTINGS, TIMES, Lab
from lessons.activities.lab_words import GUESSES, answer, properties, question
from simkernel.errors import LearnerError, nearest
from tui.output import progress
from tui.stepper.plain import Plain, word_lines
from tui.stepper.player import Player, paragraphs, parted

NAME = "lab"
BACK = ("lab", "\x1b")
WORDS = {
    **{key: f"guess {what}, and see" for key, (_, what) in GUESSES.items()},
    "e": "explore without a guess",
    "s": "the switches: what is chosen, and the steps",
    "x": "change one of them, e.g. x:model:pieces",
    "o": "the next property that is broken",
    "g": "the next question",
    "p": "watch the schedule, step by step; lab comes back",
    "w": "what the words of the last paragraph mean, and what must never happen",
    "l": "the last again",
    "h": "this list",
    "q": "quit",
}
STEPS = {
    "without": "leave a step out, e.g. without:sync-2",
    "with": "do a step once, e.g. with:sync-1",
    "twice": "do a step twice",
    "move": "do a step before another one, e.g. move:sync-2:write-tail",
}
KEYS = "Keys: y yes, n no, ? I do not know, s the switches, x change one, h all, q quit."
AFTER = "Keys: g next question, s the switches, x change one, h all, q quit."
WATCH = "Keys: p watch it, step by step, g next question, s the switches, x change one, h all, q quit."


class PlainLab(Player):
    """The lab.

    Attributes:
        watching: the schedule that is stepped through, None in the lab itself.
    """

    def __init__(self, say: Callable[[str], None], as_json: bool = False) -> None:
        super().__init__(say, as_json)
        self.lab = Lab()
        self.watching: Plain | None = None

    @property
    def refused(self) -> int:
        return 0 if self.watching is None else self.watching.refused

    @property
    def moment(self) -> str:
        return "" if self.watching is None else self.watching.moment

    def begin(self) -> None:
        self._say("", [*question(self.lab), KEYS])

    def needs(self, word: str) -> str:
        if self.watching is not None:
            return "" if word in BACK else self.watching.needs(word)
        if word == "x":
            return f"what, e.g. model:pieces, without:sync-2 ({', '.join([*SETTINGS, *STEPS])})"
        if word in SETTINGS:
            return ", ".join(SETTINGS[word].values)
        return STEPS.get(word, "")

    def take(self, text: str) -> bool:
        text = text.strip()
        if self.watching is not None and text not in BACK:
            return self.watching.take(text)
        word, argument = parted(text)
        if word in ("q", "quit"):
            return False
        if not word:
            return True
        if word in BACK:
            self.watching = None
            self._say(word, self._answer() or [*question(self.lab), KEYS])
        elif word in GUESSES or word == "e":
            self._explore(GUESSES[word][0] if word in GUESSES else "")
            self._say(word, self._answer())
        elif word == "x":
            self.take(argument)
        elif word in SETTINGS or word in STEPS:
            self._change(word, argument.strip())
        else:
            self._tell(word)
        return True

    def _explore(self, guess: str) -> None:
        """On a terminal it is said how far it is; ctrl-C ends the search, and what it has found stays."""
        with progress("exploring; ctrl-C ends it") as line:
            before = signal.signal(signal.SIGINT, lambda *_: setattr(self.lab, "stop_asked", True))
            try:
                self.lab.explore(guess, lambda: line.show(self.lab.so_far))
            finally:
                signal.signal(signal.SIGINT, before)

    def _tell(self, word: str) -> None:
        """Words that change nothing."""
        match word:
            case "l":
                self._say(word, self._last)
            case "h":
                self._say(word, [f"{one}: {what}" for one, what in (WORDS | STEPS).items()] + settings())
            case "w":
                words = word_lines(" ".join(self._last), self.lab.chosen["model"])
                self._say(word, [*words, "What must never happen, in any order of events:", *properties(self.lab)])
            case "s":
                self._say(word, self._switches())
            case "o":
                self.lab.look_at(1)
                self._say(word, self._answer() or [*question(self.lab), KEYS])
            case "g":
                self.lab.begin(self.lab.number + 1)
                self._say(word, [*question(self.lab), KEYS])
            case "p" | "enter" | "watch":
                self.watching = Plain(self.lab.watch(), self.say, self.as_json)
                self.watching.begin()
            case _:
                raise LearnerError(
                    f"{word!r} does nothing here; h lists what does.{nearest(word, [*WORDS, *SETTINGS, *STEPS])}"
                )

    def _change(self, word: str, argument: str) -> None:
        lab = self.lab
        if word in SETTINGS:
            lab.choose(word, argument)
        elif word == "move":
            step, colon, before = argument.partition(":")
            if not colon:
                raise LearnerError(f"move:{argument} names one step; name two, as in move:sync-2:write-tail")
            lab.move(step, before)
        else:
            lab.switch(argument, {"without": 0, "with": 1, "twice": 2}[word])
        self._say(word, [*question(lab), KEYS])

    # --- saying -------------------------------------------------------------------------------------------------

    def _answer(self) -> list[str]:
        """The verdict, the schedule, what else is broken."""
        finding = self.lab.finding
        if finding is None:
            return []
        said = [*answer(self.lab), *(f"{at}. {one}" for at, one in enumerate(finding.sentences(), 1))]
        others = [f"{one.broken} after {len(one.schedule)} steps" for one in self.lab.findings if one is not finding]
        if others:
            said.append(f"Broken too: {', '.join(others)}. o looks at the next one.")
        return [*said, WATCH if finding.broken else AFTER]

    def _switches(self) -> list[str]:
        rows = self.lab.rows
        chosen = [f"{row.name}: {row.value}. {row.help}" for row in rows if not row.step]
        return [
            *chosen,
            *(f"Step {row.name}{', ' + row.value if row.value else ''}. {row.help}" for row in rows if row.step),
        ]

    def _say(self, word: str, said: list[str]) -> None:
        if word not in ("h", "w"):
            self._last = said
        self.say(json.dumps(self._object(word, said)) if self.as_json else paragraphs(said))

    def _object(self, word: str, said: list[str]) -> dict[str, Any]:
        lab = self.lab
        return {
            "word": word,
            "said": said,
            "chosen": lab.chosen,
            "steps": {name: TIMES[lab.times[name]] or "once" for name in lab.order},
            "findings": [
                {"verdict": one.verdict(), "broken": one.broken or None, "schedule": one.sentences()}
                for one in lab.findings
            ],
        }


def settings() -> list[str]:
    """The words that choose, and what can be chosen."""
    return [f"{name}: {', '.join(one.values)}" for name, one in SETTINGS.items()]
