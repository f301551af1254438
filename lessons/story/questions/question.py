"""A question of a story as a value, and what every rule that makes one needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import product
from typing import Any

from lessons.session.beliefs import Belief
from lessons.session.stepper import Stepper
from simkernel import events as ev
from simkernel.insn import INT3
from simkernel.sim.snapshot import SiteSnapshot, Snapshot


@dataclass(frozen=True, slots=True)
class StoryQuestion:
    """What is asked at a step.

    Attributes:
        name: of what it is about, for whoever asks for one.
        facts: what one reasons from, a sentence each: nothing of the answer.
        text: the question.
        choices: the answers, in an order that tells nothing (`in_order`).
        beliefs: for each choice the belief that would say so; None for the right one, and for a plain mistake.
        right: the number of the right one, from 0.
        hint: for a person who does not know yet.
        why: why that is the answer, in this run, with the event that decides it.
        against: what speaks against wrong choices, by their texts, where `why` does not say it.
        now: what the step is called where it is asked who waits, which its own sentence and lanes would tell; else "".
    """

    name: str
    facts: tuple[str, ...]
    text: str
    choices: tuple[str, ...]
    beliefs: tuple[Belief | None, ...]
    right: int
    hint: str
    why: str
    against: Mapping[str, str] = field(default_factory=dict)
    now: str = ""

    @property
    def answer(self) -> str:
        """The right choice."""
        return self.choices[self.right]


def made(name: str, choices: Mapping[str, Belief | None], right: str, **words: Any) -> StoryQuestion | None:
    """A question with its choices as they are given; None where the right answer is none of them.

    Args:
        name: of the question.
        choices: each with the belief that would say so where it is wrong.
        right: the right one.
        words: the other attributes.
    """
    if right not in choices:
        return None
    ordered = tuple(choices)
    beliefs = tuple(None if one == right else choices[one] for one in ordered)
    return StoryQuestion(name=name, choices=ordered, beliefs=beliefs, right=ordered.index(right), **words)


def in_order(question: StoryQuestion, run: str) -> StoryQuestion:
    """A question with its choices in an order that its run decides: where the right one stands tells nothing.

    Args:
        question: which.
        run: what tells this question of this run from others.
    """
    numbers = range(len(question.choices))
    order = sorted(numbers, key=lambda at: sha256(f"{run} {question.choices[at]}".encode()).digest())
    return replace(
        question,
        choices=tuple(question.choices[at] for at in order),
        beliefs=tuple(question.beliefs[at] for at in order),
        right=order.index(question.right),
    )


def is_first(stepper: Stepper, kind: type[ev.Event]) -> bool:
    """Whether the step at which one stands is the story's first with such an event."""
    return last_step(stepper, lambda one: isinstance(one, kind), before=1) == 0


def last_step(stepper: Stepper, found: Callable[[ev.Event], bool], before: int = 0) -> int:
    """The number of the last step with an event that is looked for; 0 where there is none.

    Args:
        stepper: which.
        found: whether an event is such a one.
        before: how many of the last steps are not looked at.
    """
    stops = stepper.stops()
    for at in range(len(stops) - before, 0, -1):
        if any(map(found, stops[at - 1].events)):
            return at
    return 0


# --- what a CPU can run --------------------------------------------------------------------------------------------


def can_run(stepper: Stepper, site: SiteSnapshot, cpu: int) -> set[bytes]:
    """All that a CPU can run at a site before anything else happens: an int3 alone, else as many bytes as it has."""
    options = stepper.simulation.site(site.address).may_fetch(cpu)
    whole = {one.data[0] for one in (site.old, site.new) if one is not None}
    found = {bytes(values) for values in product(*options)}
    return {one[:1] if one[0] == INT3 and INT3 not in whole else one for one in found}


def inside(snapshot: Snapshot, site: SiteSnapshot) -> list[int]:
    """The CPUs that have read a part of the instruction and not run it."""
    return [one.cpu for one in site.cpus if one.read and not one.read_int3]
