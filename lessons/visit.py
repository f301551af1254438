"""A person's way through activities: the one in front, and those to which one comes back."""

from __future__ import annotations

from lessons.activity import Activity, Outcome
from simkernel.errors import LearnerError
from simkernel.report import Report


class Visit:
    """Holds the activities that lead to where a person is; front ends ask it, not an activity.

    Attributes:
        crumbs: the titles of the activities behind the one in front, the first one first.
        over: the first activity has been left.
    """

    def __init__(self, first: Activity) -> None:
        self._stack = [first]
        self.crumbs: tuple[str, ...] = ()
        self.over = False

    @property
    def front(self) -> Activity:
        """The activity that takes what is asked for."""
        return self._stack[-1]

    def apply(self, word: str, argument: str = "", report: Report | None = None) -> Outcome:
        """Have the activity in front do something; go where that leads."""
        outcome = self.front.apply(word, argument, report)
        if outcome.opens is not None:
            self.crumbs = (*self.crumbs, self.front.picture().title)
            self._stack.append(outcome.opens)
            return self.start(report)
        if outcome.scenario or (outcome.leaves and not self.back()):
            self.over = True
        return outcome

    def start(self, report: Report | None = None) -> Outcome:
        """Have the activity in front do what it does without being asked for; one that is cancelled stays in front."""
        try:
            return self.front.start(report or Report())
        except LearnerError as error:
            return Outcome(str(error), refused=True)

    def back(self) -> bool:
        """To the activity that one came from, which is where one left it; False where one came from none."""
        if len(self._stack) == 1:
            return False
        self._stack.pop()
        self.crumbs = self.crumbs[:-1]
        return True
