"""Words for messages."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, words: Iterable[str]) -> str:
    """`" Did you mean 'X'?"` for the word most like `word`, or nothing."""
    import difflib

    like = difflib.get_close_matches(word, list(words), 1)
    return f" Did you mean {like[0]!r}?" if like else ""
