"""What goes in and out in plain mode: words with their arguments, sentences as lines."""

from __future__ import annotations

import shutil
import sys
import textwrap

from lessons.activity import KEYS, Action, PlainText, named_by
from lessons.picture import Picture, Tabs
from simkernel.errors import LearnerError

WIDTH = 78
MOST_NAMES = 40  # that are listed to who left one out


def words_of(script: str) -> list[str]:
    """The words of a script.

    Raises:
        LearnerError: it has none.
    """
    words = script.split()
    if not words:
        raise LearnerError('the script is empty: --script "n n b" is next, next, back')
    return words


def parted(text: str) -> tuple[str, str]:
    """A word and its argument, which follows a colon or a space; "" where there is none. A colon before it is none."""
    text = text.strip().removeprefix(":")
    word, _, argument = text.partition(":" if ":" in text.split(" ")[0] else " ")
    return word, argument


def text_of(text: PlainText) -> str:
    """A paragraph, or sentences on lines of their own; what has lines already keeps them."""
    said = [" ".join(text.sentences)] if text.together else text.sentences
    return "\n".join(one if "\n" in one else filled(one) for one in said) + "\n"


def columns() -> int:
    """How wide lines are: `WIDTH`, or what a terminal that is narrower has."""
    return min(WIDTH, shutil.get_terminal_size().columns - 1) if sys.stdout.isatty() else WIDTH


def filled(text: str) -> str:
    """A text as lines that are no longer than `columns`, unless a word is."""
    return textwrap.fill(text, max(1, columns()), break_long_words=False, break_on_hyphens=False)


def said_here(text: str) -> str:
    """A sentence with the word of each action that it names."""
    return named_by(text, lambda name: KEYS[name][1])


def refusal(message: str, word: str, action: Action | None, argument: str) -> str:
    """Why something could not be done; to who left an argument out what it is, and the names that it may be."""
    if argument or action is None or action.argument is None or "''" not in message:
        return message
    names = action.argument.choices()
    known = f" There are: {', '.join(names)}." if 0 < len(names) <= MOST_NAMES else ""
    return f"{word} takes more, after a colon: {action.argument.prompt}.{known}"


def chosen(picture: Picture) -> list[str]:
    """What a digit has chosen in a picture."""
    return [part.choices[part.at] for part in picture.parts if isinstance(part, Tabs)]
