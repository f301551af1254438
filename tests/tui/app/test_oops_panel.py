"""The oops on a screen: all its lines can be scrolled to, and no byte of it is cut."""

from __future__ import annotations

import pytest

from lessons.activities.story import Story
from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from simkernel.report import Report
from tests.tui.app.screens import Hand, drive
from tests.tui.playing import flat
from tui.view.frame import frame
from tui.view.lecture import lecture
from tui.view.marks import UNICODE
from tui.view.parts import forms
from tui.view.text import length, plain


@pytest.fixture(scope="module")
def stepper() -> Stepper:
    stepper = Stepper.start("recursion")
    apply(stepper, "run")
    return stepper


@pytest.mark.parametrize("width", [58, 78, 118])
def test_no_line_is_cut_and_one_says_what_is_wrong(stepper: Stepper, width: int) -> None:
    part = next(one for one in Story(stepper).picture().parts if one.name == "oops")
    form = forms(part, width, UNICODE)[0]
    oops = stepper.snapshot.oops
    assert oops is not None and part.title == f"the kernel died on CPU{oops.cpu}"
    assert "".join("".join(plain(one) for one in form).split()) == "".join("".join(oops.lines).split())
    assert max(map(length, form)) <= width
    red = [one for one in form if any(look == "bad" for _, look in one)]
    assert plain(red[0]) == plain(form[0]) and all(one in form[:2] for one in red)


def test_the_call_trace_is_scrolled_to(stepper: Stepper) -> None:
    async def check(hand: Hand) -> None:
        text, there = await hand.read(), False
        assert "the kernel died on" in text and "Bksp the move before" in text and "more ↓" in text
        seen = ""
        while text != seen:
            seen, text = text, await hand.press("down")
            there = there or "Call Trace:" in text
        assert there and "Kernel panic" in text and "more ↑" in text

    drive(check, stepper=stepper)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
def test_a_death_by_a_page_fault_shows_how_its_oops_begins(size: tuple[int, int]) -> None:
    stepper = Stepper.start("naive")
    apply(stepper, "end")
    oops = stepper.snapshot.oops
    assert oops is not None and oops.lines[0].startswith("BUG: unable to handle page fault for address: ")

    async def check(hand: Hand) -> None:
        text = " ".join((await hand.read()).split())
        assert "the kernel died on CPU1" in text and oops is not None and oops.lines[0] in text
        assert "step 7/7 · model pieces" in text or "step 7, the end · model pieces" in text

    drive(check, stepper=stepper, size=size)


@pytest.mark.parametrize("name", ["nmi", "naive"])
def test_how_a_story_ends_is_read_before_the_oops_on_a_small_terminal(name: str) -> None:
    story = Story.of(name)
    story.start(Report())
    while story.action("next") in story.offered():
        story.apply("next")
    drawn = frame(story.picture(), (), story.offered(), (60, 20), UNICODE).lines(60, 20)
    for lines in (drawn, lecture(story.picture(), (), (60, 20), UNICODE)):
        assert story.stepper.ending in flat("\n".join(plain(one) for one in lines))


def test_a_run_without_a_phase_is_named_on_a_small_terminal() -> None:
    story = Story.of("second-ops@4+without:sync-1")
    story.start(Report())
    drawn = frame(story.picture(), ("Scenarios",), story.offered(), (60, 20), UNICODE).lines(60, 20)
    assert plain(drawn[0]).split() == "A second ops on the same site › without sync 1 step 4".split()
