"""Words played to plain mode, a stepper in place of another, and a text whatever its width."""

from __future__ import annotations

from collections.abc import Callable

from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from tui.stepper.player import PlainVisit


def played(player: Callable[[Callable[[str], None], bool], PlainVisit], words: str, as_json: bool = False) -> list[str]:
    """What a player, made here, says at first and to each of these words."""
    out: list[str] = []
    one = player(out.append, as_json)
    one.begin()
    for word in words.split():
        assert one.take(word)
    return out


def another(stepper: Stepper, action: str, argument: str = "") -> Stepper:
    """The stepper that an action has one go on with in the place of this one."""
    result = apply(stepper, action, argument)
    assert result.stepper is not None, result.message
    return result.stepper


def flat(text: str) -> str:
    """Without line ends."""
    return " ".join(text.split())
