"""What goes in and out in plain mode: words with their arguments, sentences as lines."""

from __future__ import annotations

import shutil
import sys
import textwrap

from lessons.activity import PlainText
from simkernel.errors import LearnerError

WIDTH = 78


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
    """A word and its argument, which follows a colon or a space; "" where there is none."""
    text = text.strip()
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
