"""Marks: what has changed is marked and nothing else is; no fact of the story is told by colour or a glyph alone."""

from __future__ import annotations

import random
import re
from contextlib import closing

import pytest

from lessons.activities.function_table import squeezed
from lessons.lanes import Did
from lessons.session.stepper import Stepper
from lessons.story import story_of
from simkernel.sim.log import Point
from simkernel.sim.snapshot import NOW, Snapshot
from tests.tui.app.screens import Hand, drive
from tui.view.machine import LABEL, PITCH
from tui.view.marks import ASCII, BAR, LEGEND, UNICODE, Marks, marks_for

STEPS = 24
MOVES = ("next", "back", "instruction", "back-instruction", "enter", "act")


def cells_marked(row: str, marks: Marks) -> list[bool]:
    """Of the five cells of a row of bytes, PITCH columns each: which stand between brackets."""
    cells = [row[LABEL + 1 + PITCH * at : LABEL + 2 + PITCH * (at + 1)] for at in range(5)]
    begun = [cell[0] == marks.changed[0] for cell in cells]
    ended = [marks.changed[1] in cell[1:] for cell in cells]
    assert begun == ended, row
    return begun


def marks_expected(before: Snapshot, after: Snapshot) -> dict[str, list[bool]]:
    """Row by row what differs between two snapshots, worked out from their bytes."""
    old, new = before.site, after.site
    if old is None or new is None or old.address != new.address:
        return {}
    out = {"in memory": [a != b for a, b in zip(old.memory.data, new.memory.data, strict=True)]}
    for one, other in zip(old.cpus, new.cpus, strict=True):
        shown = [
            [
                sorted(set(row.options[at])) if not row.read or at < row.read else ("unread", memory.memory.data[at])
                for at in range(5)
            ]
            for row, memory in ((one, old), (other, new))
        ]
        out[f"CPU{one.cpu} may run"] = [a != b for a, b in zip(*shown, strict=True)]
    return out


def compared(stepper: Stepper, seen: Snapshot) -> Snapshot:
    """What a picture's marks are against: the one seen before where that lies within the step, else the step before."""
    here = stepper.simulation.point
    before = (Point(at, 0) for at in (stepper.begin, *(stop.position for stop in stepper.stops())))
    step = max((at for at in before if at < here), default=here)
    if step <= seen.point < here:
        return seen
    with closing(stepper.simulation.fork()) as earlier:
        earlier.goto_point(step)
        return Snapshot.of(earlier, None, stepper.site)


@pytest.mark.parametrize("marks", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("seed", range(3))
def test_every_change_is_marked_and_nothing_else(marks: Marks, seed: int) -> None:
    async def check(hand: Hand) -> None:
        chosen = random.Random(seed)
        await hand.press("right", "right")
        for _ in range(STEPS):
            seen = hand.stepper.snapshot
            text = await hand.do(chosen.choice(MOVES))
            after = hand.stepper.snapshot
            if after is seen or hand.refused:
                continue
            before = compared(hand.stepper, seen)
            for label, expected in marks_expected(before, after).items():
                row = next(line for line in text.splitlines() if line[1:].startswith(label))
                assert cells_marked(row, marks) == expected, (label, row)
            phase = [next((row.name for row in one.patching.phases if row.state == NOW), "") for one in (before, after)]
            marked = any(marks.changed[0] + name.upper() in text for name in phase if name)
            assert marked == (phase[0] != phase[1] and bool(phase[1]))

    drive(check, marks=marks)


def test_the_words_of_a_screen_end_with_its_marks_and_no_others() -> None:
    async def check(hand: Hand) -> None:
        for place in range(1, 12):
            text = await hand.press("right")
            page = await hand.press("question_mark")
            await hand.press("escape")
            marks = page.partition("The marks on this screen")[2]
            assert marks and ("one of the new instruction" in marks) == (UNICODE.new in text), place
            assert ("phase that is next" in marks) == (UNICODE.next in text), place
            assert "where a phase begins" not in marks
        await hand.press("m", "m")
        assert "where a phase begins" in await hand.press("question_mark")

    drive(check, size=(80, 80))


def test_a_name_that_is_too_long_shows_that_it_is_cut() -> None:
    assert squeezed("__hrtimer_run_queues+0x1a", 18) == "__hrtimer…ues+0x1a"
    assert squeezed("fdget", 8) == "fdget   "
    for _, meaning in (*LEGEND, *BAR):
        assert all(len(one.split()) <= 20 for one in meaning.split(". ")), meaning


def test_ascii_without_colour_loses_no_fact_of_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def check(hand: Hand) -> None:
        assert hand.app.no_color
        for _ in range(12):
            text = await hand.press("right")
            story, snapshot = story_of(hand.stepper), hand.stepper.snapshot
            assert text.isascii() and snapshot.site is not None
            for row in snapshot.patching.phases:  # the phases and their states
                now = ASCII.now if snapshot.patching.begun else ASCII.next
                glyph = {"done": ASCII.done, "now": now}.get(row.state, ASCII.todo)
                name = row.name.upper() if row.state == NOW else row.name
                assert snapshot.patching.phase is None or re.search(rf"{re.escape(glyph)}[ \[]{name}", text)
            flat = " ".join(text.split())
            assert ASCII.plain(story.waits) in flat  # whom the patching task waits for
            for cpu, said in zip(snapshot.cpus, story.cpus, strict=True):
                assert f"CPU{cpu.number}" in text and said.text.partition(" ")[2][:40] in text
            for byte, value in enumerate(snapshot.site.memory.data):
                shown = next(line for line in text.splitlines() if "in memory" in line)
                assert f"{value:02X}" in shown, byte

    drive(check, marks=ASCII, size=(80, 36))


def test_ascii_by_itself() -> None:
    assert marks_for(True, {"LANG": "C.UTF-8"}) is ASCII
    assert marks_for(False, {"LANG": "C.UTF-8"}) is UNICODE
    assert marks_for(False, {"LANG": "C.UTF-8", "TERM": "linux"}) is ASCII
    assert marks_for(False, {"LANG": "en_US.ISO-8859-1"}) is ASCII
    assert marks_for(False, {"LC_ALL": "C", "LANG": "C.UTF-8"}) is ASCII


def test_every_mark_has_a_twin_in_ascii() -> None:
    for did in Did:
        assert ASCII.did[did].isascii() and len(ASCII.did[did]) == len(UNICODE.did[did]) == 1
    for name in Marks.__dataclass_fields__.keys() - {"parts", "did"}:  # ASCII draws whole columns of a bar only
        assert "".join(getattr(ASCII, name)).isascii()
        assert len(getattr(ASCII, name)) == len(getattr(UNICODE, name)) or name in ("arrow", "back")
