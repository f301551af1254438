"""The question that a scenario's file has, by value: at which event it is asked, and what of the run decides it."""

from __future__ import annotations

from dataclasses import dataclass

from lessons.session.beliefs import Belief
from simkernel.events import Event


@dataclass(frozen=True, slots=True)
class Claim:
    """A choice of such a question, and what makes it the right one.

    Attributes:
        text: the choice.
        event: it comes before the events of the other choices; None where events are counted.
        cpu: to which that event happens; -1: to any, or to none.
        figure: as many events come, by the name of a figure (`scenarios.FIGURES`); "" where none are counted.
        belief: what makes a person say so; None for the right one, and for a plain mistake.
    """

    text: str
    event: type[Event] | None = None
    cpu: int = -1
    figure: str = ""
    belief: Belief | None = None


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """A question of a scenario.

    Attributes:
        at: it is asked at the first step with such an event.
        facts: what one reasons from.
        text: the question.
        choices: what may be answered.
        counts: events of the run to come, whose number decides it; None: the choice does whose event comes first.
        hint: for a person who does not know yet.
        why: why that is the answer.
    """

    at: type[Event]
    facts: tuple[str, ...]
    text: str
    choices: tuple[Claim, ...]
    counts: type[Event] | None
    hint: str
    why: str
