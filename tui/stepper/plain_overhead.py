"""What tracing costs in plain mode: the figures of one answer at a time as sentences, each key as a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lessons.activities.overhead import ANSWERS, Overhead
from lessons.activities.overhead_words import explained, notes, picture_line, waiting
from lessons.story.words import words_on
from simkernel.errors import LearnerError, nearest
from tui.output import progress
from tui.stepper.player import Player, paragraphs, parted
from tui.view.bars import text_lines
from tui.view.save import save_bars

NAME = "overhead"
BACK = ("back", "\x1b")
BEGIN = ("g", "go", "p", "enter")
NUMBERS = {str(number): name for number, name in enumerate(ANSWERS, 1)}
WORDS = {
    **{name: f"the answer that is {answer.how}" for name, answer in ANSWERS.items()},
    "n": "the next answer",
    "b": "the answer before",
    "g": "begin what is awaited",
    "v": "every variant, or the first four again",
    "y": "each of these variants: its bytes, a sentence, its figures",
    "o": "the next picture, where an answer has several",
    "d": "the bars, drawn",
    "w": "write the bars into a file, e.g. w:bars.svg",
    "l": "the last again",
    "?": "what the words mean",
    "h": "this list",
    "back": "to the mysteries, where one came from there; Esc too",
    "q": "quit",
}
KEYS = "Words: n next answer, y explain, v more variants, d draw the bars, h all, back, q quit."
WAITS = "Words: g begin, n next answer, h all, back, q quit."


class PlainOverhead(Player):
    """What tracing costs."""

    def __init__(self, say: Callable[[str], None], as_json: bool = False) -> None:
        super().__init__(say, as_json)
        self.overhead = Overhead()

    def begin(self) -> None:
        self._show("")

    def needs(self, word: str) -> str:
        return "file, e.g. bars.svg or bars.txt" if word == "w" else ""

    def take(self, text: str) -> bool:
        """Do what a word asks for; False where it asks to quit, or to go back."""
        word, argument = parted(text)
        overhead = self.overhead
        if word in ("q", "quit", *BACK):
            return False
        match word:
            case "":
                return True
            case "l":
                self._say(word, self._last)
            case "h":
                self._say(word, [f"{one}: {what}" for one, what in WORDS.items()])
            case "?":
                self._say(word, [f"{one}: {meaning}" for one, meaning in words_on(" ".join(self._last)).items()])
            case "y":
                self._say(word, self._explained())
            case "d":
                self._say(word, [] if overhead.chart is None else text_lines(overhead.chart))
            case "w":
                self._say(word, [save_bars(overhead, argument.strip())])
            case _:
                self._change(word)
                self._show(word)
        return True

    def _change(self, word: str) -> None:
        """Words after which there is something else to see."""
        overhead = self.overhead
        if word in ANSWERS or word in NUMBERS:
            overhead.look_at(NUMBERS.get(word, word))
        elif word in ("n", "b"):
            overhead.turn(1 if word == "n" else -1)
        elif word == "v":
            overhead.more()
        elif word == "o":
            overhead.other()
        elif word not in BEGIN:
            raise LearnerError(f"{word!r} does nothing here; h lists what does.{nearest(word, WORDS)}")
        if overhead.can_work and (ANSWERS[overhead.name].at_once or word in BEGIN):
            with progress(ANSWERS[overhead.name].doing.lower()) as line:
                overhead.work(line.show)

    # --- saying -------------------------------------------------------------------------------------------------

    def _show(self, word: str) -> None:
        """The figures of this answer, else what is awaited."""
        overhead = self.overhead
        if not word:
            self._change("g")
        chart = overhead.chart
        if chart is None:
            self._say(word, [*waiting(overhead), WAITS])
            return
        said = [f"{chart.heading}."]
        said += [
            picture_line(overhead),
            chart.means,
            *(f"{bar.title}: {bar.text}." for bar in chart.bars),
            chart.sentence,
        ]
        self._say(word, [*(one for one in said if one), *notes(overhead), KEYS])

    def _explained(self) -> list[str]:
        out: list[str] = []
        for bar in self.overhead.chart.bars if self.overhead.chart is not None else ():
            one = explained(self.overhead, bar)
            out.append(" ".join([f"{one.title}: {one.code}." if one.code else f"{one.title}.", *one.sentences]))
        return out

    def _say(self, word: str, said: list[str]) -> None:
        if word not in ("h", "?", "d"):
            self._last = said
        if self.as_json:
            self.say(json.dumps(self._object(word, said)))
        elif word == "d":
            self.say("\n".join(said) + "\n")
        else:
            self.say(paragraphs(said))

    def _object(self, word: str, said: list[str]) -> dict[str, Any]:
        overhead, chart = self.overhead, self.overhead.chart
        return {
            "word": word,
            "said": said,
            "answer": overhead.name,
            "method": ANSWERS[overhead.name].how,
            "picture": overhead.picture or None,
            "bars": [
                {"name": bar.name, "title": bar.title, "value": bar.value, "interval": bar.interval, "text": bar.text}
                for bar in (() if chart is None else chart.bars)
            ],
            "sentence": "" if chart is None else chart.sentence,
        }
