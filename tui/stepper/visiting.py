"""Any activity in plain mode: a word does something, and what is new in the picture is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lessons.activity import Activity, Outcome
from lessons.story.words import NO_WORD, words_on
from lessons.visit import Visit
from simkernel.errors import LearnerError
from simkernel.sim.snapshot.plain import plain
from tui.interrupt import ctrl_c_cancels
from tui.output import progress
from tui.stepper.plain import Plain
from tui.stepper.player import Player, paragraphs, parted
from tui.view.paragraphs import changed, told
from tui.view.save import drawn_lines, save_bars

ASKED = {
    "w": "where one is, all of it",
    "d": "the bars, drawn, where there are some",
    "save": "write the bars into a file, e.g. save:bars.svg",
    "l": "what was said last",
    "?": "what the words of that mean",
    "h": "this list",
    "esc": "back to where one came from",
    "q": "quit",
}


class PlainVisit(Player):
    """Plays activities, from the first one on.

    Attributes:
        visit: the way to the one in front.
        watching: the story that one has led to, None where it has led to none; `esc` comes back from it.
    """

    def __init__(self, first: Activity, say: Callable[[str], None], as_json: bool = False) -> None:
        super().__init__(say, as_json)
        self.visit = Visit(first)
        self.watching: Plain | None = None
        self._told: list[str] = []

    @property
    def refused(self) -> int:
        """What could not be done in the story that is watched."""
        return 0 if self.watching is None else self.watching.refused

    @property
    def moment(self) -> str:
        """Where one is in the story that is watched."""
        return "" if self.watching is None else self.watching.moment

    def begin(self) -> None:
        """Say where one begins."""
        with progress("getting ready") as line, ctrl_c_cancels(report := line.report()):
            self.visit.start(report)
        self._say("", self._new())

    def needs(self, word: str) -> str:
        """What is to be asked for before a word can be taken, "" for nothing."""
        word = word.replace("\x1b", "esc")
        if self.watching is not None and word != "esc":
            return self.watching.needs(word)
        if word == "save":
            return "file, e.g. bars.svg or bars.txt"
        if word in ASKED or word.isdigit():
            return ""
        argument = self.visit.front.action(word).argument
        return "" if argument is None else argument.prompt

    def take_line(self, line: str) -> bool:
        """Do what a line asks for: its words, or Enter where it has none; False where one ends it."""
        bare = any(one.name == "enter" for one in self.visit.front.offered())
        return super().take_line("enter" if bare and not line.strip() else line)

    def take(self, text: str) -> bool:
        """Do what a word asks for; False where it asks to quit, or to go back from where one began."""
        word, argument = parted(text.replace("\x1b", "esc"))
        if self.watching is not None and word != "esc":
            return self.watching.take(text)
        if not word:
            return True
        if word in ("q", "quit"):
            return False
        if word in ASKED:
            return self._asked(word, argument)
        if not word.isdigit():
            self.visit.front.action(word)
        goes_on = True
        while goes_on and not self.visit.over:
            with progress("busy; ctrl-C cancels") as line, ctrl_c_cancels(report := line.report()):
                outcome = self.visit.apply(word, argument, report)
                if outcome.opens is not None and (outcome.scenario or outcome.watch is not None):
                    self.visit.back()  # another player plays stories
                elif outcome.opens is not None:
                    outcome = self.visit.start(report)
            if outcome.scenario:
                self.next_scenario = outcome.scenario
                return False
            if outcome.refused:
                raise LearnerError(outcome.message)
            if outcome.watch is not None:
                self.watching = Plain(outcome.watch, self.say, self.as_json)
                self.watching.begin()
                return True
            self._say(word, [*([outcome.message] if outcome.message else []), *self._new()], outcome)
            goes_on = outcome.goes_on
        return not self.visit.over

    def _asked(self, word: str, argument: str) -> bool:
        """A word that every activity takes."""
        if word == "esc":
            if self.watching is None and not self.visit.back():
                return False
            self.watching = None
            self._told = []
            self._say(word, self._new())
        elif word == "w":
            self._say(word, told(self.visit.front.picture()))
        elif word == "save":
            self._say(word, [save_bars(self.visit.front.picture(), argument)])
        elif word == "d":
            self._draw()
        elif word == "l":
            self._say(word, self._last)
        elif word == "?":
            found = words_on(" ".join(self._last))
            self._say(word, [f"{one}: {meaning}" for one, meaning in found.items()] or [NO_WORD])
        else:
            self._say(word, self.words())
        return True

    def _draw(self) -> None:
        """The bars, or a table, in columns of characters."""
        lines = drawn_lines(self.visit.front.picture()) or ["There are no bars here."]
        self.say(json.dumps({"word": "d", "said": lines}) if self.as_json else "\n".join(lines) + "\n")

    def words(self) -> list[str]:
        """Every word that may be said here."""
        own = [
            f"{one.word}: {one.help}{f' After a colon: {one.argument.prompt}.' if one.argument else ''}"
            for one in self.visit.front.actions
        ]
        return [*own, *(f"{word}: {what}" for word, what in ASKED.items())]

    def _new(self) -> list[str]:
        """What the picture has that was not told yet."""
        picture = self.visit.front.picture()
        new, self._told = changed(picture, self._told), told(picture)
        return new

    def _say(self, word: str, said: list[str], outcome: Outcome | None = None) -> None:
        if word not in ("h", "?"):
            self._last = said
        if not self.as_json:
            self.say(paragraphs(said))
            return
        activity = self.visit.front
        offered = [one.name for one in activity.offered()]
        out: dict[str, Any] = {"word": word, "said": said, "message": "" if outcome is None else outcome.message}
        self.say(json.dumps(out | {"picture": plain(activity.picture()), "offered": offered} | activity.data()))
