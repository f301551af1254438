"""Any activity in plain mode: a word does something, and what came of it is told in short paragraphs or as JSON.

For screen readers, logs and slow links. Words come from a script one by one, from lines several at once, from a
terminal as single keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from lessons.activity import CHOOSE, Action, Activity, PlainText, Result
from lessons.machine import Bytes
from lessons.picture import Map, Picture
from lessons.story.words import NO_WORD, WORDS, standing_in
from lessons.table import Mark
from lessons.visit import Visit
from simkernel.errors import LearnerError
from simkernel.report import Report
from simkernel.sim.snapshot.plain import plain
from tui.interrupt import ctrl_c_cancels
from tui.output import progress
from tui.stepper.words import chosen, columns, filled, parted, refusal, said_here, text_of
from tui.view.paragraphs import narration, news, sentences
from tui.view.save import bytes_lines, drawn_lines, save_bars

ASKED = {
    "w": "where one is, all of it",
    "d": "the bars, a table or the five bytes, drawn",
    "save": "write the bars into a file, e.g. save:bars.svg",
    "l": "what was said last",
    "?": "what the words of that mean",
    "h": "this list",
    "esc": "back to where one came from",
    "q": "quit",
}
KEYS = "w where, l last, ? words, Esc back, q quit, h all"
FIRST_KEYS = "w where, l last, ? words, Esc or q quit, h all"  # where there is nothing to come back to
WORD = ":"  # the key that asks for a word, where keys are taken one by one
LONGER = f"Words, each typed after the key {WORD} and ended with Enter:"
END = "simkernel ends."
NOTHING = PlainText(())
DRAWN = "view"  # an action that changes how the time picture is drawn: nobody hears it
MAPPED = "On the map: "  # begins the meaning of a word that means something else where there is no map


def _typed(action: Action) -> str:
    """The word of an action, and the key that stands for it where keys are named in words."""
    return f"{action.word} or Enter" if action.name == "enter" else action.word


def _bytes(part: Bytes) -> list[list[tuple[str, bool]]]:
    """The bytes of each row, in memory and of the CPUs, and whether a CPU has not read them yet."""
    rows = (part.table.memory, *part.table.cpus, *part.table.ran)
    return [[(cell.text, cell.has(Mark.UNREAD)) for cell in row.cells] for row in rows]


class PlainVisit:
    """Plays activities, from the first one on.

    Attributes:
        visit: the way to the one in front.
        say: takes a paragraph, or an object in JSON.
        goes_on: of one that is shown, told by itself to somebody who watches: asked before each part of its story
            whether to go on. Each part has its heading then, the bytes are drawn where they differ, no keys are named,
            and ctrl-C ends all. None: a person says words.
        busy: something is under way, or was when a signal came: there is no place to keep then.
        cancels: ctrl-C cancels what is under way, and the next word may be said; False: it ends all.
        single: keys are taken one by one, so a longer word is typed after `WORD`.
    """

    def __init__(
        self,
        first: Activity,
        say: Callable[[str], None],
        as_json: bool = False,
        goes_on: Callable[[], bool] | None = None,
        cancels: bool = True,
        home: Activity | None = None,
    ) -> None:
        """Stand before an activity, which `begin` starts.

        Args:
            first: the activity.
            say: takes a paragraph, or an object in JSON.
            as_json: objects are said.
            goes_on: as the attribute.
            cancels: as the attribute.
            home: what one comes back to from it; None: leaving it ends all.
        """
        self.visit = Visit(*([] if home is None else [home]), first)
        self.single = self.busy = False
        self.say = say
        self.as_json = as_json
        self.goes_on = goes_on
        self.cancels = cancels and goes_on is None
        self._heading = ""  # of the part that is told
        self._drawn: list[list[tuple[str, bool]]] = []  # the bytes that were drawn last
        self._last = NOTHING  # what was said last
        self._known: list[str] = []  # the sentences of the picture that was there last

    @property
    def moment(self) -> str:
        """Where one is, as a string that opens it; "" at no place of a machine."""
        return next((one.moment for one in self.visit.all if one.moment), "")

    def begin(self) -> None:
        """Say where one begins.

        Raises:
            LearnerError: one cannot.
        """
        with progress("getting ready", spoken=True) as line, self._at_work():
            result = self.visit.start(line.report())
        if result.refused:
            raise LearnerError(result.message)
        self._done("", Result(tell=result.tell), opened=True)

    def needs(self, word: str) -> str:
        """What is to be asked for before a word can be taken, "" for nothing."""
        word = "esc" if word == "\x1b" else word
        if word == "save":
            return "file, e.g. bars.svg or bars.txt"
        if word in ("", *ASKED) or word in self.visit.front.answers or self._is_choice(word):
            return ""
        argument = self._action(word).argument
        return "" if argument is None else argument.prompt

    def is_begun(self, key: str) -> bool:
        """A key is the first one of a word of two, of which the second is a digit."""
        return any(one[:-1] == key and one[-1].isdigit() for one in self.visit.front.answers)

    def title_of(self, word: str) -> str:
        """What is done with a word alone; "" where nothing is."""
        return next((one.title.lower() for one in self.visit.front.offered() if one.word == word), "")

    def may_go_on(self, digit: str) -> bool:
        """A digit may be the first one of a longer number that chooses."""
        choose = next((one for one in self.visit.front.actions if one.name == CHOOSE), None)
        if choose is None or choose.argument is None:
            return False
        return digit.isdigit() and any(one != digit and one.startswith(digit) for one in choose.argument.choices())

    def _action(self, word: str) -> Action:
        """What a word asks for.

        Raises:
            LearnerError: nothing here; with the word that lists all.
        """
        try:
            return self.visit.front.action(word)
        except LearnerError as error:
            raise LearnerError(f"{error} h lists all words") from error

    def _is_choice(self, word: str) -> bool:
        return self.visit.front.is_choice(word)

    def take_line(self, line: str) -> bool:
        """Do what a line asks for: several words, one and its argument, or Enter; False where one ends it."""
        words = line.strip().removeprefix(WORD).split()
        if not words and any(one.name == "enter" for one in self.visit.front.offered()):
            words = ["enter"]
        if len(words) > 1 and WORD not in words[0] and self.needs(words[0]):
            return self.take(" ".join(words))
        return all(self.take(word) for word in words)

    def take(self, text: str) -> bool:
        """Do what a word asks for; False where it asks to quit, or to go back from where one began.

        Raises:
            LearnerError: the word means nothing here, or it cannot be done; in JSON that has been said.
        """
        word, argument = parted("esc" if text == "\x1b" else text)
        try:
            return self._take(word, argument)
        except LearnerError as error:
            said = said_here(error.sentence)
            if self.as_json:
                self._say(word, PlainText((said[:1].upper() + said[1:],)), Result(said, refused=True))
            if said != str(error):
                raise LearnerError(said) from error
            raise

    def _take(self, word: str, argument: str) -> bool:
        """Do what a word and its argument ask for; False where that ends it."""
        if not word:
            return True
        if word in ("q", "quit"):
            if self.cancels and not self.as_json:
                self._say(word, PlainText((END,)))
            return False
        if (answer := self.visit.front.answers.get(word)) is not None:
            self._say(word, answer.tell())
            return True
        if word in ASKED:
            return self._asked(word, argument)
        return self._do(word, argument) and not self.visit.over

    def _do(self, word: str, argument: str) -> bool:
        """Have the activity do something, step by step where it can, and tell what came of it.

        Returns:
            False where a person who watches has seen enough.
        """
        action = None if self._is_choice(word) else self._action(word)
        step = None if action is None else self.visit.front.pace(action)
        asked = word if step is None else step.name
        goes_on = True
        while goes_on and not self.visit.over:
            with self._busy() as report:
                result = self.visit.apply(asked, argument, report)
                if opened := result.opens is not None:
                    result = self.visit.start(report)
            if result.refused:
                raise LearnerError(refusal(result.message, word, action, argument))
            if not self._done(word, result, opened):
                return False
            goes_on = result.goes_on
            if action is not None and step is not None and not result.message:
                goes_on = self.visit.front.pace(action) is not None
        return True

    @contextmanager
    def _busy(self) -> Iterator[Report]:
        """Say what is under way, and whether ctrl-C cancels it."""
        with progress("busy; ctrl-C cancels" if self.cancels else "running", spoken=True) as line:
            report = line.report()
            with ctrl_c_cancels(report) if self.cancels else nullcontext(), self._at_work():
                yield report

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """What is cancelled or refused leaves the place as it was; what a signal ends is half done, and stays busy."""
        self.busy = True
        try:
            yield
        except Exception:
            self.busy = False
            raise
        self.busy = False

    def _done(self, word: str, result: Result, opened: bool = False) -> bool:
        """Tell what came of an action; False where a person has seen enough, and it is not told.

        Args:
            word: that was said.
            result: what came of it.
            opened: it has led to an activity, of which the keys are named.
        """
        picture = self.visit.front.picture()
        new = self._new(picture)
        if result.gives is not None:
            self._say(word, PlainText((result.gives.text,)), result)
            if result.gives.name and not self.as_json:
                self.say(f"simkernel step {result.gives.name} opens this step, too.\n")
            return True
        message = (result.message,) if result.message else ()
        said = PlainText((*message, *new), together=False) if result.tell is None else result.tell()
        if not said.sentences and self._is_choice(word):
            said = PlainText(tuple(f"Already chosen: {one}." for one in chosen(picture)))
        if self.goes_on is not None and not self._begun(said.heading):
            return False
        if opened and not said.keys:
            said = replace(said, keys=self._keys(picture))
        self._say(word, said, result, picture)
        return True

    def _keys(self, picture: Picture) -> str:
        """The words that matter where one is, and what each is for, the first one first."""
        hints, offered = dict(picture.hints), self.visit.front.offered()
        names = dict.fromkeys((*picture.keys, "enter", CHOOSE))
        named = [one for name in names for one in offered if one.name == name]
        return ", ".join(
            f"{'a digit' if one.name == CHOOSE else _typed(one)} {hints.get(one.name) or one.hint or one.title.lower()}"
            for one in named
        )

    def _begun(self, heading: str) -> bool:
        """Begin the part of a story with that heading, where it is another one; False where nobody wants to see it."""
        assert self.goes_on is not None
        if heading in ("", self._heading):
            return True
        if not self.goes_on():
            return False
        self._heading = heading
        if not self.as_json:
            self.say(f"{filled(heading)}\n")
        return True

    def _asked(self, word: str, argument: str) -> bool:
        """A word that every activity takes."""
        if word == "esc":
            if not self.visit.back():
                self._say(word, PlainText((END,)))
                return False
            self._say(word, self._here())
        elif word == "w":
            self._say(word, PlainText(tuple(narration(self.visit.front.picture())), together=False))
        elif word == "save":
            self._say(word, PlainText((save_bars(self.visit.front.picture(), argument),)))
        elif word == "d":
            self._draw()
        elif word == "l":
            self._say(word, self._last)
        elif word == "?":
            self._say(word, PlainText(self._meant() or (NO_WORD,), together=False))
        else:
            self._say(word, PlainText(tuple(self.words()), together=False))
        return True

    def _meant(self) -> tuple[str, ...]:
        """What the words mean that were said last, then what there is to know of the picture besides."""
        picture = self.visit.front.picture()
        mapped = standing_in(
            " ".join(one for part in picture.parts if isinstance(part, Map) for one in sentences(part))
        )
        found = ((one, WORDS[one]) for one in standing_in(" ".join(self._last.sentences)))
        meant = (f"{one}: {meaning}" for one, meaning in found if one in mapped or not meaning.startswith(MAPPED))
        return (*meant, *picture.notes)

    def _here(self) -> PlainText:
        """Where one has come back to, all of it."""
        self._known = []
        said = self._new(self.visit.front.picture())
        answer = self.visit.front.answers.get("w")
        return answer.tell() if answer is not None else PlainText(said, together=False)

    def _draw(self) -> None:
        """The bars, a table, or the bytes of a site, in columns of characters."""
        lines = drawn_lines(self.visit.front.picture()) or ["There is nothing to draw here."]
        said = PlainText(tuple(lines), together=False)
        self.say(json.dumps(self._object("d", said, Result())) if self.as_json else "\n".join(lines) + "\n")

    def words(self) -> list[str]:
        """Every word that may be said here, and what it does."""
        front = self.visit.front
        answers = {word: one.help for word, one in front.answers.items()}
        own = [
            f"{_typed(one)}: {one.help}{f' After a colon: {one.argument.prompt}.' if one.argument else ''}"
            for one in front.in_lists
            if one.name != DRAWN
        ]
        picture = front.picture()
        none = {word for word, there in (("d", drawn_lines(picture)), ("save", picture.figure)) if not there}
        everywhere = {word: what for word, what in ASKED.items() if word not in none}
        everywhere |= {} if self.visit.crumbs else {"esc": "quit, as q does"}
        asked = [f"{word}: {what}" for word, what in (answers | {**everywhere, **answers}).items() if what]
        if not self.single:
            return [*asked, *own]
        said = [*asked, *own, f"{WORD}: a word that is longer than a key, or a key and what it needs"]
        keys = [one for one in said if self._is_key(one.partition(": ")[0])]
        return ["Keys:", *keys, LONGER, *(one for one in said if one not in keys)]

    @property
    def _always(self) -> str:
        """The keys that every activity has."""
        return KEYS if self.visit.crumbs else FIRST_KEYS

    def _is_key(self, word: str) -> bool:
        """One key asks for it, or a key and a digit."""
        return len(word.partition(" or ")[0]) == 1 or word == "esc" or self.is_begun(word[:-1])

    def _new(self, picture: Picture) -> tuple[str, ...]:
        """What a picture has that was not told yet."""
        said = tuple(news(picture, self._known))
        self._known = narration(picture)
        return said

    def _say(self, word: str, said: PlainText, result: Result | None = None, picture: Picture | None = None) -> None:
        said = replace(said, sentences=tuple(map(said_here, said.sentences)))
        if said.sentences and word not in ("h", "?"):
            self._last = said
        if self.as_json:
            self.say(json.dumps(self._object(word, said, result or Result(), picture)))
        elif said.sentences:
            named = said.keys and result is not None and self.goes_on is None
            longer = f"{WORD} a longer word, " if self.single else ""
            self.say(text_of(said) + (f"{filled(f'Keys: {said.keys}, {longer}{self._always}.')}\n" if named else ""))
            if self.goes_on is not None:
                self._draw_bytes(picture or self.visit.front.picture())

    def _draw_bytes(self, picture: Picture) -> None:
        """Draw the bytes of a site, unless the same stand above already."""
        for part in picture.parts:
            if isinstance(part, Bytes) and (now := _bytes(part)) != self._drawn:
                self._drawn = now
                self.say("\n".join(bytes_lines(part, columns())) + "\n")

    def _object(self, word: str, said: PlainText, result: Result, picture: Picture | None = None) -> dict[str, Any]:
        """What was said, the picture, what can be done, and what else there is to know of the activity."""
        activity = self.visit.front
        given = result.gives
        out: dict[str, Any] = {"word": word, "said": list(said.sentences)}
        out |= {"message": said_here(result.message) if given is None else given.text, "error": result.refused}
        out |= {"name": given.name} if given is not None else {}
        out |= {"picture": plain(picture or activity.picture()), "offered": [one.name for one in activity.offered()]}
        return {**out, **activity.data(), **said.data}
