"""What is kept between two starts: whatever is wrong in the file, the next start is a first one."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest
from msgspec.structs import asdict, replace
from textual import events

from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.kept import Kept
from lessons.session.places import reopen
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.kernel import KernelImage
from simkernel.sim.moment import moment_string
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.tui.app.screens import Hand, drive, front_of
from tests.tui.playing import flat
from tui.app import kept
from tui.app.screens.prompt import Prompt


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")
    return tmp_path / "last.json"


def test_what_is_saved_is_loaded(file: Path) -> None:
    one = Kept("sk4-x", "one", 5, 7, "Trace one function", 3, "code", "intel", "light", ("naive", "one"))
    assert kept.save(one) and kept.load() == one


def written(**changes: object) -> str:
    return json.dumps(asdict(Kept()) | changes)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", "[" * 100_000, '{"moment":' * 100_000, written(colour="red"), written(depth="hum"),
        written(syntax="hum"), written(theme="hum"), written(moment=7), written(begin="x"), written(step=None),
        written(begin=-1), written(step=2**70), written(site=-1), written(site=2**64), written(site=2**70),
        written(site=1.5), written(title="a\x1b[31m"), written(title="\x1b]0;x\x07"), written(title="a" * 1_000),
        written(title=["a"]), written(scenario={}), written(scenario="a" * 10**6), written(theme=True),
        '{"title":' + "[" * 50_000 + "]" * 50_000 + "}", '{"moment":"' + "a" * 50_000_000 + '"}', "9" * 100_000,
        '{"title":"\\ud800"}', written(seen="one"), written(seen=7), written(seen=[7]), written(seen=["a" * 201]),
        written(seen=["a"] * 101), written(seen=None), written(seen={"one": True}),
    ],
    ids=lambda text: text[:12] + str(len(text)),
)  # fmt: skip
def test_a_file_with_anything_wrong_is_none(file: Path, text: str) -> None:
    file.write_text(text)
    begin = time.process_time()
    assert kept.load() is None and time.process_time() - begin < 1


@pytest.mark.skipif(os.name == "nt", reason="has no such files")
@pytest.mark.parametrize("kind", ["directory", "pipe", "device", "not UTF-8"])
def test_what_is_no_such_file_is_none_at_once(file: Path, kind: str) -> None:
    match kind:
        case "directory":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case _:
            file.write_bytes(b"\xff\xfe{}")
    assert kept.load() is None


def test_a_place_takes_the_place_of_the_last_one_whole_or_not_at_all(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Kept("sk4-old"), Kept("sk4-new" + "x" * 100_000)
    assert kept.save(old)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert not kept.save(new) and kept.load() == old
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    with file.open("rb") as opened:  # whoever reads meanwhile goes on reading the old one
        assert kept.save(new)
        assert b"sk4-old" in opened.read()
    assert kept.load() == new and [one.name for one in file.parent.iterdir()] == [file.name]


def test_a_folder_that_cannot_be_written_keeps_nothing_and_says_so(file: Path) -> None:
    file.mkdir()
    assert not kept.save(Kept("sk4-x")) and [one.name for one in file.parent.iterdir()] == [file.name]
    file.rmdir()
    file.parent.rmdir()
    file.parent.write_text("no folder")
    assert not kept.save(Kept("sk4-x")) and file.parent.read_text() == "no folder"


@pytest.mark.parametrize(("site", "begin"), [(1, 0), (2**64 - 1, 2_000_000), (0, 7)])
def test_a_site_and_a_start_that_the_kernel_has_not_are_left_out(site: int, begin: int) -> None:
    stepper = reopen(Kept(moment_string(Simulation.boot()), "one", begin, site))
    assert stepper.site is None and stepper.begin <= stepper.simulation.position


def test_where_one_left_is_offered_first_and_looked_at_as_then() -> None:
    """The place that a session keeps, in front of the list of the next one."""
    kept_there: list[Kept] = []

    async def leave(hand: Hand) -> None:
        await hand.press("right", "right", "m")
        await hand.do("syntax")
        kept_there.append(hand.app.visit.front.kept() or Kept())

    async def check(hand: Hand) -> None:
        assert "▶   Go on where you left" in hand.text() and "Trace one function, step 2" in hand.text()
        text = await hand.press("enter")
        story = front_of(hand, Story)
        assert hand.stepper.moment == kept_there[0].moment and len(hand.stepper.stops()) == 2
        assert (story.look.depth, story.look.syntax) == ("code", "intel")
        assert "step 2 of" in text and story.kept() == kept_there[0]

    drive(leave)
    drive(check, activity=Start(kept_there[0]))


def test_a_moment_that_does_not_open_says_so_and_nothing_is_lost(file: Path) -> None:
    last = Kept("sk4-hum", "one", title="Trace one function")
    assert kept.save(last)

    async def check(hand: Hand) -> None:
        assert "Go on where you left" in hand.text()
        text = await hand.press("enter")
        assert "moment" in hand.said and hand.refused and hand.said in flat(text)
        assert "moment" in await hand.press("right") and hand.refused  # asked for again, it says so again
        assert "Go on where you left" in await hand.press("escape")
        hand.app.keep()
        assert kept.load() == replace(last, theme="dark")  # looking around loses no place

    drive(check, activity=Start(last))


def test_the_way_back_to_where_one_left_says_how_far_it_is_and_esc_ends_it(file: Path) -> None:
    moment = moment_string(far())

    async def check(hand: Hand) -> None:
        await hand.pilot.press("enter")
        assert "Esc cancels" in await hand.until("going there ")
        text = await hand.press("escape")
        assert "cancelled: going there" in text and "this story has not begun" not in text
        with pytest.raises(LearnerError, match="has not begun"):
            _ = hand.stepper
        await hand.press("right")  # what was asked once ends no second try
        assert hand.stepper.moment == moment

    drive(check, activity=Start(Kept(moment, title="A long way")))


@pytest.mark.parametrize("name", [one.name for one in Story.of("one").actions if one.argument is not None])
def test_what_asks_for_something_does_so_before_a_story_has_begun(name: str) -> None:
    """What is answered waits until the story has begun; where it does not begin, it is said that it has not."""

    async def check(hand: Hand) -> None:
        hand.app.playing.begin(front_of(hand, Story).action(name))
        await hand.read()
        assert isinstance(hand.app.screen, Prompt)
        assert "has not begun" in await hand.press("1", "enter") and hand.refused

    drive(check, activity=Story.left(Kept("sk4-hum")))


def test_opening_a_moment_says_how_far_it_is_and_esc_ends_it() -> None:
    moment = moment_string(far())

    async def check(hand: Hand) -> None:
        point = hand.stepper.simulation.point
        hand.app.playing.ask("open-moment", moment)
        assert "Esc cancels" in await hand.until("going there ")
        text = await hand.press("escape")
        assert "cancelled: going there" in text and hand.stepper.simulation.point == point

    drive(check)


def test_a_moment_that_a_mail_has_broken_can_be_pasted_into_the_prompt() -> None:
    moment = moment_string(Simulation.boot())
    mail = "\n".join("> " + moment[at : at + 60] for at in range(0, len(moment), 60)) + "\n"

    async def check(hand: Hand) -> None:
        hand.app.playing.begin(front_of(hand, Story).action("open-moment"))
        await hand.read()
        hand.app.post_message(events.Paste(mail))
        await hand.read()
        text = await hand.press("enter")
        assert "This is the place that the line names" in text and hand.stepper.moment == moment

    drive(check)


@pytest.mark.parametrize("entries", [0, 1])
def test_the_moment_of_power_on_opens_on_every_depth(entries: int) -> None:
    """Nothing has happened yet: there is no event, no task, no record."""
    simulation = Simulation(KernelImage.default(), Options(seed=3))
    for _ in range(entries):
        simulation.step()

    async def check(hand: Hand) -> None:
        for _ in range(3):
            for keys in (("right",), ("left",), ("tab", "down"), ("question_mark", "escape"), ("f1", "escape")):
                await hand.press(*keys)
            for key in ("x", "m"):
                await hand.press(key)
        assert {"next", "back"} & {one.name for one in front_of(hand, Story).offered()}
        assert await hand.do("goto", "0") and not hand.refused

    drive(check, stepper=Stepper.open(moment_string(simulation)))


def far() -> Simulation:
    """Some seconds from power-on."""
    simulation = Simulation.boot(Options(seed=2))
    simulation.run(12_000_000)
    return simulation


def test_cpus_run_on_behind_the_end_of_a_story_an_instruction_each() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("r")
        assert hand.stepper.ending and "next" not in {one.name for one in front_of(hand, Story).offered()}
        points = [hand.stepper.simulation.point]
        for _ in range(4):
            await hand.do("instruction")
            assert not hand.refused
            points.append(hand.stepper.simulation.point)
        behind = points[-1]
        assert points == sorted(set(points)) and any(one.instructions == 1 for one in points[1:])
        await hand.press("right")
        assert hand.refused and hand.stepper.simulation.point == behind

    drive(check)
