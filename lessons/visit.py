"""A person's way through activities: the one in front, and those to which one comes back."""

from __future__ import annotations

from lessons.activity import Activity, Result
from simkernel.errors import LearnerError
from simkernel.report import Report


class Visit:
    """Holds the activities that lead to where a person is; front ends ask it, not an activity.

    Attributes:
        crumbs: the titles of the activities behind the one in front, the first one first.
        over: the first activity has been left.
        left: the last one with a place that one has gone back from; None for none.
        seen: the names of the stories whose ends a person has come to, in their order.
    """

    def __init__(self, *activities: Activity) -> None:
        self._stack = list(activities)
        self.left: Activity | None = None
        self.crumbs: tuple[str, ...] = tuple(one.picture().title for one in activities[:-1])
        self.over = False
        self.seen: tuple[str, ...] = ()

    @property
    def front(self) -> Activity:
        """The activity that takes what is asked for."""
        return self._stack[-1]

    @property
    def all(self) -> tuple[Activity, ...]:
        """The activity in front, then those that one comes back to, then the one that was left."""
        left = () if self.left is None or self.left in self._stack else (self.left,)
        return (*reversed(self._stack), *left)

    def apply(self, word: str, argument: str = "", report: Report | None = None) -> Result:
        """Have the activity in front do something; go where that leads. What it opens has then to be started."""
        result = self.front.apply(word, argument, report)
        self._look()
        if result.opens is not None:
            self._open(result.opens, result.leaves)
        elif result.leaves and not self.back():
            self.over = True
        if result.asks is not None and not self.over:
            return self.apply(*result.asks, report)
        return result

    def start(self, report: Report | None = None) -> Result:
        """Have the activity in front do what it does without being asked for; one that is cancelled stays in front."""
        try:
            result = self.front.start(report or Report())
        except LearnerError as error:
            return Result(error.sentence, refused=True)
        self._look()
        return result

    def _look(self) -> None:
        """Tell all on the way where a person has come to the end of a story."""
        name = self.front.reached
        if name:
            self.seen = tuple(dict.fromkeys((*self.seen, name)))
            for one in self._stack:
                one.saw(name)

    def _open(self, activity: Activity, instead: bool) -> None:
        """Go on with an activity, which stands before the one in front, or at its place."""
        if instead and not self.back():
            self._stack = [activity]
            return
        self.crumbs = (*self.crumbs, self.front.picture().title)
        self._stack.append(activity)

    def back(self) -> bool:
        """To the activity that one came from, which is where one left it; False where one came from none."""
        if len(self._stack) == 1:
            return False
        gone = self._stack.pop()
        self.crumbs = self.crumbs[:-1]
        if (place := gone.kept()) is not None and place.moment:
            self.left = gone
        if self.left is not None:
            self.front.returned(self.left)
        return True
