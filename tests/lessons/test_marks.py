"""The marks of a step are those of that step, however one came there."""

from __future__ import annotations

import pytest

from lessons.activities.story import Story
from lessons.kept import DEPTHS
from lessons.machine import Bytes, Core, Doers
from lessons.picture import Part
from lessons.session.path import PATH
from lessons.story.look import Look
from lessons.table import Mark
from simkernel.report import Report


def begun(name: str) -> Story:
    """A story at its start, with all that there is to see of a step."""
    story = Story.of(name)
    story.look = Look(depth=DEPTHS[-1], follows=False)
    story.start(Report())
    return story


def parts(story: Story) -> tuple[Part, ...]:
    """What there is to see; without the time picture, in which what one has seen ahead is seen, too."""
    seen_ahead = ("time", "track")
    return tuple(one for one in story.picture().parts if one.name not in seen_ahead)


@pytest.mark.parametrize("name", [one.name for one in PATH])
def test_a_step_is_the_same_from_wherever_one_comes(name: str) -> None:
    story = begun(name)
    came = [parts(story)]
    while not story.apply("next").refused and len(came) < 100:
        came.append(parts(story))
    last = len(came) - 1
    assert last > 3
    for to in (last // 2, last, 1, last - 1, 0):
        story.apply("search", str(to))
        assert parts(story) == came[to], to
    story.apply("last")
    assert parts(story) == came[-1]
    story.apply("first")
    assert parts(story) == came[0]
    for _ in range(2):
        story.apply("enter")
        assert parts(story) == came[len(story.stepper.stops())]


def test_a_run_that_begins_without_a_phase_has_no_mark_at_its_start() -> None:
    story = begun("one@0+model:byte+without:sync-2")
    story.apply("first")
    shown = story.picture().parts
    table = next(one for one in shown if isinstance(one, Bytes)).table
    cells = [cell for row in (*table.cpus, table.memory) for cell in row.cells]
    assert not any(cell.has(Mark.CHANGED) for cell in cells)
    assert not any(doer.changed for one in shown if isinstance(one, Doers) for doer in one.doers)
    core = next(one for one in shown if isinstance(one, Core))
    assert not any(word.changed for word in (*core.registers, *core.stack))
