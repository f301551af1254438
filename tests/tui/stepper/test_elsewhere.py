"""Looking at another function than that of the story: its own steps are counted, and nobody is told a false total."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import partial

import pytest

from lessons.activities.functions import Functions
from lessons.activities.story import Story
from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.ftrace import records as rec
from simkernel.ftrace.now import FtraceNow
from tests.tui.playing import flat, played
from tui.stepper.player import PlainVisit

NUMBERED = re.compile(r"[Ss]tep (\d+) of (\d+)")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_step_is_never_behind_its_total(name: str) -> None:
    scenario = SCENARIOS[name]
    stepper = Stepper.start(name)
    for function in (scenario.function, "vfs_read", "irq_enter_rcu", scenario.function):
        out: list[str] = []
        plain = PlainVisit(Story(stepper), out.append)
        for word in f"v:{function} g:5 w n w b w end w n n n w b w start w".split():
            with suppress(LearnerError):  # the end of a story, or the start
                assert plain.take(word)
        own, others = function == scenario.function, f"steps are those of {function}"
        assert len(out) > 8
        for said in map(flat, out):
            found = [(int(step), int(total)) for step, total in NUMBERED.findall(said)]
            assert all(step <= total == scenario.stops for step, total in found), said
            assert own or not found, said
            assert not own or "steps are those" not in said, said
            if re.search(r"[Ss]tep \d+[.,;:]", said.partition("Next")[0].split(" happened")[0]):
                assert own or others in said, said


def test_a_function_that_is_looked_at_is_told_with_its_bytes_and_the_step() -> None:
    stepper = Stepper.start("one")
    said = [flat(one) for one in played(partial(PlainVisit, Story(stepper)), "g:5 v:vfs_read w v:rw_verify_area")[2:]]
    data = stepper.simulation.read(stepper.image.symbol("vfs_read").address, 5).hex(" ").upper()
    assert said[0].startswith(f"These are the first five bytes of vfs_read: {data}, nop. Step 0, Trace one function")
    assert "steps are those of vfs_read." in said[0]
    assert re.search(r"The phase is sync 1, \d of \d, at other sites\.", said[1])
    assert re.search(r"first five bytes of rw_verify_area: CC 1F 44 00 00, int3\. Step 5 of 24, Trace", said[2])


def test_enabled_is_said_of_the_record_not_of_the_bytes() -> None:
    """The flag is set before the bytes change: the opening of the table may not call them a call."""
    stepper = Stepper.start("one")
    apply(stepper, "goto", "5")
    (told,) = played(partial(PlainVisit, Functions(lambda _: stepper)), "")
    site = stepper.site
    assert site is not None and stepper.simulation.read(site, 1) == b"\xcc"
    at = list(stepper.image.mcount_loc).index(site)
    assert int(stepper.simulation.subsystem(FtraceNow).flags[at]) & rec.FTRACE_FL_ENABLED
    assert "has made a call of its five bytes, or is about to" in flat(told)
    assert json.dumps(told).count("are a call") == 0
