"""How many rows each part of a column is given, and in which form: with more rows no part ever has fewer.

Rows are given step by step, in an order that does not depend on how many there are, as far as they go: a step for which
there is no room ends it, though a later one might still fit, for with another row that one would have to go again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lessons.picture import Part
from tui.view.marks import Marks
from tui.view.parts import RENDERERS, forms
from tui.view.text import Form


class Drawn(NamedTuple):
    """What a part looks like in so many columns: its forms, and where those with rows that belong together end."""

    forms: Sequence[Form]
    ends: Sequence[int]


class Drawings(dict[tuple[str, int], Drawn]):
    """The parts of one picture that were drawn already, by name and columns: in other rows they are the same."""

    def of(self, part: Part, width: int, marks: Marks) -> Drawn:
        """A part in so many columns."""
        key = part.name, width
        if key not in self:
            self[key] = Drawn(forms(part, width, marks), RENDERERS[type(part)].ends(part, width, marks))
        return self[key]


class Fit(NamedTuple):
    """A form and so many rows for it, those of the rule above it with them."""

    form: int
    rows: int


class Placing:
    """A part on its way to its place.

    Attributes:
        part: which.
        rule: rows of the rule above it, and of a frame that begins with it.
        form: which of its forms it takes. rows: that it is given; 0 where there is no room for it.
    """

    def __init__(self, part: Part, drawn: Drawn, frame: int = 0) -> None:
        renderer = RENDERERS[type(part)]
        self.part, self._forms = part, drawn.forms
        self.rule = bool(part.title) + frame
        self.form, self.rows = self._forms[-1], 0
        self._steps = self._all_steps(drawn.ends, renderer.fewest or renderer.least)
        modest = renderer.modest(part)
        self._modest = self._steps[-1].rows if modest is None else modest + self.rule
        self._renderer, self._at = renderer, -1

    def _all_steps(self, ends: Sequence[int], least: int) -> list[Fit]:
        """From the fewest rows with which the shortest form makes sense to all that it has, then the longer forms."""
        shortest = len(self._forms) - 1
        want = len(self._forms[shortest]) + self.rule
        cuts = ends if ends and not shortest else range(least, want)
        steps = [Fit(shortest, one + 1 + self.rule) for one in cuts if least <= one < want - self.rule - 1]
        for at in range(shortest, -1, -1):
            want = len(self._forms[at]) + self.rule
            steps = [*(one for one in steps if one.rows < want), Fit(at, want)]
        return steps

    @property
    def want(self) -> int:
        """The rows of its form, with its rule."""
        return len(self.form) + self.rule

    @property
    def there(self) -> bool:
        """Whether there is room for it."""
        return self._at >= 0

    @property
    def first(self) -> int:
        """How many of its steps are for what makes sense, before others have what they need."""
        if self._renderer.elastic:
            return max(1, sum(one.rows <= self._renderer.least + 1 + self.rule for one in self._steps))
        shortest = self._steps[0].form if self._renderer.yields(self.part) else 0
        return sum(one.form >= shortest for one in self._steps)

    @property
    def modest(self) -> int:
        """How many of its steps are for what it needs, where it has more than any screen."""
        if self._renderer.yields(self.part):
            return self.first
        return max(1, sum(one.rows <= self._modest for one in self._steps))

    @property
    def whole(self) -> int:
        """All of its steps."""
        return len(self._steps)

    def grow(self, left: int, upto: int) -> tuple[int, bool]:
        """Take steps up to a number of them; the rows that are left of so many, and whether there were enough."""
        while self._at + 1 < upto:
            form, rows = self._steps[self._at + 1]
            more = max(0, rows - self.rows)  # 0 where it keeps them already
            if more > left:
                return left, False
            left -= more
            self._at, self.rows, self.form = self._at + 1, self.rows + more, self._forms[form]
        return left, True

    @property
    def kept(self) -> int:
        """How many rows more its part keeps than it needs."""
        return max(0, self.part.keeps + self.rule - self.rows)

    def squeeze(self, rows: int) -> None:
        """Take fewer rows than make sense."""
        self._at, self.rows = 0, rows


def share(order: Sequence[Placing], aparts: int, height: int) -> int:
    """Give the cells of a column their rows; how many are left.

    First each is given what it needs, one that scrolls what makes sense; then those that are kept, and blank rows; then
    those that scroll the rest.

    Args:
        order: the cells, the one that survives most first: that one needs all that it has.
        aparts: blank rows that stand between them.
        height: rows of the column.
    """
    first, *others = order
    left, enough = first.grow(height, first.modest)
    if not first.there:
        first.squeeze(height)
        return 0
    for cell in others if enough else ():
        left, enough = cell.grow(left, cell.first)
        if not enough:
            break
    if not enough:
        return left
    for cell in order:
        if cell.kept > left:
            return left
        left, cell.rows = left - cell.kept, cell.rows + cell.kept
    if left < aparts:
        return left
    left -= aparts
    for cell, upto in [*((one, one.modest) for one in order), *((one, one.whole) for one in order)]:
        left, enough = cell.grow(left, upto)
        if not enough:
            break
    return left + aparts
