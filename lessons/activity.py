"""One thing that a person does: its actions as data, and a picture of where it is.

Every front end plays any activity: it shows `picture`, offers `actions`, and hands what a person asks for to `apply`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lessons.kept import Kept
from lessons.picture import Picture
from simkernel.errors import LearnerError, nearest
from simkernel.report import Report
from simkernel.sentence import Role, Sentence, Span

POINT = "point"  # the action that takes the number of a row or a bar, from 0
HINT = "0"  # the digit that asks for a hint
CHOOSE = "choose"  # the action that takes a digit: an answer, or one of several
KEYS: dict[str, tuple[tuple[str, ...], str]] = {
    "next": (("right", "space", "pagedown"), "n"),
    "back": (("left", "pageup"), "b"),
    "enter": (("enter",), "p"),
    "phase-back": (("backspace",), "P"),
    "first": (("home",), "start"),
    "last": (("end",), "end"),
    "up": (("up",), "up"),
    "down": (("down",), "down"),
    "search": (("slash",), "/"),
    "without": (("x",), "x"),
    "more": (("m",), "m"),
    "moment": (("c",), "c"),
    "trace": (("t",), "t"),
    "run": (("r",), "r"),
    "view": (("v",), "graph"),
    "instruction": ((), "i"),
    "back-instruction": ((), "I"),
    "run-back": ((), "R"),
    "goto": ((), "g"),
    "break-function": ((), "k"),
    "clear-breaks": ((), "K"),
    "act": ((), "a"),
    "cpu-run": ((), "run-cpu"),
    "cpu-read": ((), "read-cpu"),
    "cpu-resolve": ((), "resolve-cpu"),
    "untrace": ((), "u"),
    "second-ops": ((), "o"),
    "second-ops-off": ((), "O"),
    "open-moment": ((), "open"),
    "look-at": ((), "v"),
    "seed": ((), "s"),
    "questions": ((), "Q"),
}
"""The keys of a screen, in Textual's names, and the word of plain mode where that is not the name: one everywhere."""


def by(name: str) -> Span:
    """An action in a sentence, by its name: on a screen its key stands there, in plain mode its word."""
    return Span(name, Role.ACTION)


def named_by(text: str, name: Callable[[str], str]) -> str:
    """A sentence in which each action has the name that a front end has for it; any other text as it is.

    Args:
        text: what is said.
        name: an action's name in `KEYS` -> its key, or its word.
    """
    if not isinstance(text, Sentence):
        return text
    return Sentence(*(name(span.text) if span.role is Role.ACTION else span for span in text.spans))


@dataclass(frozen=True, slots=True)
class Argument:
    """What an action needs to be told.

    Attributes:
        prompt: what is asked for.
        choices: all that may be answered, where it is one of a list; else none.
        here: a screen does not ask: without it, the action is about what is chosen there.
    """

    prompt: str
    choices: Callable[[], Sequence[str]] = tuple
    here: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person may ask for.

    Attributes:
        name: as scripts and the list of all actions call it; one of `KEYS` where it has a key.
        title: two or three words.
        help: a sentence.
        hint: a word beside its key in the key line; "" for its title.
        argument: what it needs to be told, None for nothing.
    """

    name: str
    title: str
    help: str
    hint: str = ""
    argument: Argument | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Of a screen, in Textual's names; () where it is found by its title only."""
        return KEYS[self.name][0] if self.name in KEYS else ()

    @property
    def word(self) -> str:
        """Of plain mode: a letter, or its name."""
        return KEYS[self.name][1] if self.name in KEYS else self.name


@dataclass(frozen=True, slots=True)
class Given:
    """A place for a person to keep.

    Attributes:
        text: the moment, a string.
        name: its short form (`named_step`), "" where it has none.
        file: the stem of a file's name for it.
    """

    text: str
    name: str
    file: str


@dataclass(frozen=True, slots=True)
class PlainText:
    """What plain mode says.

    Attributes:
        sentences: one after the other.
        together: they are one paragraph; False: a line each.
        keys: words of plain mode, and what they are for, which a person needs first; "" for none.
        data: what JSON has of it besides.
        heading: of the part of a story that it is told in; "" for none.
    """

    sentences: tuple[str, ...]
    together: bool = True
    keys: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """What can be asked without anything being done.

    Attributes:
        help: what is asked, in few words; "" where no list has it.
        tell: the answer; LearnerError where there is none.
    """

    help: str
    tell: Callable[[], PlainText]


@dataclass(frozen=True, slots=True)
class Result:
    """What an action gives back.

    Attributes:
        message: a sentence for the person, "" where the picture says it.
        refused: nothing has changed.
        opens: the activity that it has led to; one comes back here from it, or, where this one `leaves`, to where one
            comes back from here.
        leaves: the activity is over.
        goes_on: the front end asks for the same again after a while, until a person asks for something else.
        stays: what goes on by itself does not go on from here: a person is asked something first.
        turned: a machine has worked for a page that nobody has seen: what was typed before to go on does not turn it.
        asks: an action of the activity that one comes back to, and its argument: it is carried out there.
        gives: a place to keep.
        tell: what plain mode says; None: the message, then what is new in the picture.
    """

    message: str = ""
    refused: bool = False
    opens: Activity | None = None
    leaves: bool = False
    goes_on: bool = False
    stays: bool = False
    turned: bool = False
    asks: tuple[str, str] | None = None
    gives: Given | None = None
    tell: Callable[[], PlainText] | None = None

    def behind(self, sentence: str) -> Result:
        """The same, with a sentence said before it."""
        tell = self.tell

        def both() -> PlainText:
            said = tell() if tell is not None else PlainText(())
            return replace(said, sentences=(sentence, *said.sentences))

        return replace(self, message=sentence, tell=None if tell is None else both)


class Activity(ABC):
    """What a person does at a screen or in plain mode."""

    name: str  # as the command line has it
    actions: tuple[Action, ...]  # all that may be asked for, sometime

    def start(self, report: Report) -> Result:
        """Do what is done without being asked for, once, when a person comes here first.

        Args:
            report: as for `do`.
        """
        return Result()

    def returned(self, left: Activity) -> None:
        """One has come back here.

        Args:
            left: the last activity with a place that one has gone back from.
        """
        return

    @abstractmethod
    def picture(self) -> Picture:
        """Where it is now."""

    @abstractmethod
    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out.

        Args:
            action: one of those that are offered.
            argument: what it was told, "" for nothing.
            report: is told how far it is, where it takes long; it may cancel that.

        Raises:
            LearnerError: it cannot be; nothing has changed.
            Cancelled: as `report` does.
        """

    def apply(self, word: str, argument: str = "", report: Report | None = None) -> Result:
        """Do what a name, a word or a key asks for; what cannot be done says so in the result, and changes nothing."""
        if self.is_choice(word):
            word, argument = CHOOSE, word
        try:
            action = self.action(word)
            if action not in self.offered():
                raise LearnerError(self.why_not(action))
            return self.do(action, argument.strip(), report or Report())
        except LearnerError as error:
            return Result(error.sentence, refused=True)

    def is_choice(self, word: str) -> bool:
        """A word alone chooses: a digit, or one of all that may be chosen, where they are told."""
        choose = next((one for one in self.actions if one.name == CHOOSE), None)
        if choose is None:
            return False
        return word.isdigit() or (choose.argument is not None and word in choose.argument.choices())

    def action(self, word: str) -> Action:
        """The action with that name, else that word of plain mode, else that key.

        Raises:
            LearnerError: there is none; with the one that is most like it.
        """
        called = (lambda one: (one.name,), lambda one: (one.word,), lambda one: one.keys)
        for names in called:
            for action in self.actions:
                if word in names(action):
                    return action
        words = [one for action in self.actions for one in (action.name, action.word)]
        raise LearnerError(f"{word!r} does nothing here.{nearest(word, words)}")

    @property
    def in_lists(self) -> tuple[Action, ...]:
        """The actions that lists name: all but the one that a place on the screen leads to."""
        return tuple(one for one in self.actions if one.name != POINT)

    def offered(self) -> tuple[Action, ...]:
        """The actions that lead anywhere from here: the key line names no other."""
        return self.actions

    def why_not(self, action: Action) -> str:
        """Why an action that is not offered cannot be done here."""
        return f"{action.title}: there is nothing to do that with here"

    @property
    def answers(self) -> Mapping[str, Query]:
        """What can be asked here, by the words of plain mode, besides what every activity answers."""
        return {}

    def pace(self, action: Action) -> Action | None:
        """The action that goes the way of another one a step at a time, for who tells each step.

        Returns:
            None where there is none, and where that way has come to its end.
        """
        return None

    @property
    def failed(self) -> bool:
        """What should have worked has not: the exit code of plain mode says so."""
        return False

    @property
    def moment(self) -> str:
        """Where one is, as a string that opens the very same state; "" at no place of a machine."""
        return ""

    @property
    def history(self) -> object | None:
        """What of it is large and grows: another object where it has gone on with another; None for nothing."""
        return None

    def kept(self) -> Kept | None:
        """The place to which a person may come back another day; None for none."""
        return None

    @property
    def reached(self) -> str:
        """The name of the story at whose end one is; "" elsewhere."""
        return ""

    def saw(self, story: str) -> None:
        """A person has come to the end of a story, here or in what this activity has led to.

        Args:
            story: its name.
        """
        return

    def data(self) -> dict[str, Any]:
        """What JSON has of it besides its picture."""
        return {}
