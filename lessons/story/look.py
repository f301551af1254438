"""How one looks at a story, and the actions that change only that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lessons.activity import PlainText, Result
from lessons.kept import DEPTHS
from lessons.session.number import is_number
from simkernel.errors import LearnerError

STORY, CODE, ALL = DEPTHS
UNDRAWN = PlainText(("Only a screen draws time: here the word time tells it, a line a step.",))


@dataclass(frozen=True, slots=True)
class Look:
    """How one looks at a story; no part of the machine's state.

    Attributes:
        depth: of DEPTHS.
        syntax: "att" or "intel".
        cpu: the one in full.
        follows: that is the one to which something has just happened, until a person chooses.
        other: the time picture is drawn in the other way; see `Lanes`.
        later: functions of Linux have their names of 6.16 and later.
    """

    depth: str = STORY
    syntax: str = "att"
    cpu: int = 0
    follows: bool = True
    other: bool = False
    later: bool = False


def _deeper(look: Look, argument: str, cpus: int) -> tuple[Look, Result]:
    depth = DEPTHS[(DEPTHS.index(look.depth) + 1) % len(DEPTHS)]
    return replace(look, depth=depth), Result()


def _view(look: Look, argument: str, cpus: int) -> tuple[Look, Result]:
    """From a graph, a line a step, to a score, from left to right, or the other way round; and back."""
    how = "as at first" if look.other else "the other way: from left to right, or a line a step"
    said = Result(f"Where there is room for it, time is drawn {how}.", tell=lambda: UNDRAWN)
    return replace(look, other=not look.other), said


def _next_cpu(look: Look, argument: str, cpus: int) -> tuple[Look, Result]:
    return _focus_cpu(look, str((look.cpu + 1) % cpus), cpus)


def _focus_cpu(look: Look, argument: str, cpus: int) -> tuple[Look, Result]:
    number = argument.lower().removeprefix("cpu")
    if not is_number(number) or int(number) >= cpus:
        raise LearnerError(f"there is no CPU {argument!r}; there are 0 to {cpus - 1}")
    said = f"CPU{number} is what m leads to." if look.depth == STORY else ""
    return replace(look, cpu=int(number), follows=False), Result(said)


def _syntax(look: Look, argument: str, cpus: int) -> tuple[Look, Result]:
    syntax, name = ("intel", "Intel") if look.syntax == "att" else ("att", "AT&T")
    where = ": m leads to it" if look.depth == STORY else ""
    return replace(look, syntax=syntax), Result(f"Code is shown in {name} syntax{where}.")


def _names(look: Look, argument: str, cpus: int) -> tuple[Look, Result]:
    which = "6.12 does" if look.later else "6.16 and later do"
    return replace(look, later=not look.later), Result(f"Functions of Linux are named as {which}.")


LOOK_ACTIONS: dict[str, Callable[[Look, str, int], tuple[Look, Result]]] = {
    "more": _deeper,
    "view": _view,
    "next-cpu": _next_cpu,
    "focus-cpu": _focus_cpu,
    "syntax": _syntax,
    "names": _names,
}
"""By the name of an action: a look, what the action was told and the number of CPUs -> the new look, and what is said.

Each raises LearnerError for an argument that it cannot take.
"""
