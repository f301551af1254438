"""What is kept between two starts: whatever is wrong in the file, the next start is a first one."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest
from msgspec.structs import asdict
from textual import events

from lessons.session.stepper import Stepper
from simkernel.kernel import KernelImage
from simkernel.sim.moment import moment_string
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.tui.app.screens import Hand, drive
from tui.app import kept
from tui.app.kept import Kept
from tui.app.screens.scenarios import GO_ON


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")
    return tmp_path / "last.json"


def test_what_is_saved_is_loaded(file: Path) -> None:
    one = Kept("sk4-x", "one", 5, 7, "Trace one function", 3, "code", "intel", "light")
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
        '{"title":"\\ud800"}',
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
    stepper = kept.reopen(Kept(moment_string(Simulation.boot()), "one", begin, site))
    assert stepper.site is None and stepper.begin <= stepper.simulation.position


def test_a_moment_that_does_not_open_says_so_and_nothing_moves(file: Path) -> None:
    async def check(hand: Hand) -> None:
        point = hand.app.stepper.simulation.point
        hand.app.choose(Kept("sk4-hum", "one", title="Trace one function"))
        assert "Go on where you left" in await hand.read()
        hand.app.screen.dismiss(GO_ON)
        text = await hand.read()
        assert "moment" in text and hand.app.stepper.simulation.point == point
        assert hand.app.picture is not None and hand.app.picture.failed

    drive(check)


def test_the_way_back_to_where_one_left_says_how_far_it_is_and_esc_ends_it(file: Path) -> None:
    moment = moment_string(far())

    async def check(hand: Hand) -> None:
        point = hand.app.stepper.simulation.point
        hand.app.choose(Kept(moment, title="A long way"))
        await hand.read()
        hand.app.screen.dismiss(GO_ON)
        await hand.until("Going there: ")
        assert "Esc stops it" in hand.text()
        text = await hand.press("escape")
        assert "cancelled: going there" in text and hand.app.stepper.simulation.point == point
        hand.app.go_on(Kept(moment, title="A long way"))  # what was asked once ends no second try
        await hand.read()
        assert hand.app.stepper.moment == moment

    drive(check)


def test_opening_a_moment_says_how_far_it_is_and_esc_ends_it() -> None:
    moment = moment_string(far())

    async def check(hand: Hand) -> None:
        point = hand.app.stepper.simulation.point
        hand.app.action_do("open-moment", moment)
        await hand.until("going there: ")
        text = await hand.press("escape")
        assert "cancelled: going there" in text and hand.app.stepper.simulation.point == point

    drive(check)


def test_a_moment_that_a_mail_has_broken_can_be_pasted_into_the_prompt() -> None:
    moment = moment_string(Simulation.boot())
    mail = "\n".join("> " + moment[at : at + 60] for at in range(0, len(moment), 60)) + "\n"

    async def check(hand: Hand) -> None:
        hand.app.action_do("open-moment")
        await hand.read()
        hand.app.post_message(events.Paste(mail))
        await hand.read()
        text = await hand.press("enter")
        assert "This is the place that the line names" in text and hand.app.stepper.moment == moment

    drive(check)


@pytest.mark.parametrize("entries", [0, 1])
def test_the_moment_of_power_on_opens_on_every_depth(entries: int) -> None:
    """Nothing has happened yet: there is no event, no task, no record."""
    simulation = Simulation(KernelImage.default(), Options(seed=3))
    for _ in range(entries):
        simulation.step()

    async def check(hand: Hand) -> None:
        for _ in range(3):
            for keys in (("n",), ("b",), ("down",), ("question_mark", "escape"), ("f1", "escape"), ("x",), ("m",)):
                await hand.press(*keys)
        assert await hand.do("goto", "0")

    drive(check, stepper=Stepper.open(moment_string(simulation)))


def far() -> Simulation:
    """Some seconds from power-on."""
    simulation = Simulation.boot(Options(seed=2))
    simulation.run(12_000_000)
    return simulation
