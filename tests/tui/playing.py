"""Words played to plain mode, and a text whatever its width."""

from __future__ import annotations

from collections.abc import Callable

from tui.stepper.player import Player


def played(player: Callable[[Callable[[str], None], bool], Player], words: str, as_json: bool = False) -> list[str]:
    """What a player, made here, says at first and to each of these words."""
    out: list[str] = []
    one = player(out.append, as_json)
    one.begin()
    for word in words.split():
        assert one.take(word)
    return out


def flat(text: str) -> str:
    """Without line ends."""
    return " ".join(text.split())
