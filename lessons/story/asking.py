"""What a person was asked in a story, and what they said: the questions of a run, answered or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from lessons.activity import by
from lessons.session.stepper import Stepper
from lessons.story.questions import StoryQuestion, question_at
from simkernel.sentence import say


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, and what became of it.

    Attributes:
        question: what was asked.
        number: of the question in its run, from 1.
        hinted: its hint was asked for.
        answer: the number of the choice that was given, from 0; None where none was.
        passed: one has gone on without an answer; where one comes back to it, it is asked again.
    """

    question: StoryQuestion
    number: int
    hinted: bool = False
    answer: int | None = None
    passed: bool = False

    @property
    def open(self) -> bool:
        """Whether it still waits for an answer: until then it covers what would tell."""
        return self.answer is None and not self.passed

    @property
    def waits(self) -> str:
        """What is said to a person who asks for anything else."""
        return say("a question waits for its answer: {}; {} goes on without one", self.digits, by("next"))

    @property
    def digits(self) -> str:
        """What each digit is for."""
        return f"1 to {len(self.question.choices)}, or 0 for a hint"

    @property
    def is_right(self) -> bool:
        """Whether the right choice was given."""
        return self.answer == self.question.right


class Asking:
    """Asks the questions of stories; what was answered in one run is kept while that run is.

    Attributes:
        on: it asks.
    """

    def __init__(self) -> None:
        self.on = False
        self._asked: WeakKeyDictionary[Stepper, dict[int, AskedQuestion]] = WeakKeyDictionary()

    def at(self, stepper: Stepper) -> AskedQuestion | None:
        """What is asked where a stepper stands, or was; None where nothing is, and where it does not ask."""
        return self._asked.get(stepper, {}).get(stepper.simulation.position) if self.on else None

    def come(self, stepper: Stepper) -> None:
        """A stepper has come to where it stands: ask what is to be asked there, once."""
        if not self.on:
            return
        asked, position = self._asked.setdefault(stepper, {}), stepper.simulation.position
        question = question_at(stepper)
        known = asked.pop(position, None)
        if question is not None:
            again = known is not None and known.question == question
            asked[position] = (
                replace(known, passed=False) if known is not None and again else AskedQuestion(question, 0)
            )
            numbers = {at: number for number, at in enumerate(sorted(asked), 1)}
            self._asked[stepper] = {at: replace(one, number=numbers[at]) for at, one in asked.items()}

    def answer(self, stepper: Stepper, choice: int) -> AskedQuestion | None:
        """Answer what is asked with a choice, from 1; with 0 ask for the hint. None for a number that is no choice."""
        asked = self.at(stepper)
        if asked is None or not 0 <= choice <= len(asked.question.choices):
            return None
        return self._keep(stepper, replace(asked, hinted=True) if not choice else replace(asked, answer=choice - 1))

    def go_on(self, stepper: Stepper) -> bool:
        """Leave what is asked without an answer; whether there was a question that waited for one."""
        asked = self.at(stepper)
        if asked is None or not asked.open:
            return False
        self._keep(stepper, replace(asked, passed=True))
        return True

    def _keep(self, stepper: Stepper, asked: AskedQuestion) -> AskedQuestion:
        self._asked[stepper][stepper.simulation.position] = asked
        return asked

    @property
    def all(self) -> tuple[AskedQuestion, ...]:
        """All that was asked, run by run, in their order."""
        return tuple(asked[at] for asked in self._asked.values() for at in sorted(asked))
