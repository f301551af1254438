"""Every action of a story, driven by its key or by name: what becomes of the snapshot, and what the screen says."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.session.content import SCENARIOS
from lessons.session.places import reopen
from lessons.session.stepper import Stepper
from simkernel.sim.breakpoints import AtAddress
from simkernel.sim.moment import MARK
from simkernel.sim.parts import parts_of
from simkernel.sim.snapshot.plain import plain
from tests.tui.app.screens import Hand, drive, front_of
from tests.tui.app.test_screen import bytes_shown
from tui.app import kept
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page
from tui.cli import run
from tui.view.frame import key_text

Check = Callable[[Hand], Awaitable[None]]
CHECKS: dict[str, Check] = {}


def check(*names: str) -> Callable[[Check], Check]:
    def note(function: Check) -> Check:
        CHECKS.update(dict.fromkeys(names, function))
        return function

    return note


@check("next", "back", "enter", "phase-back", "instruction", "back-instruction")
async def moves_and_the_ways_back(hand: Hand) -> None:
    stepper = hand.stepper
    await hand.press("right", "right", "right")
    for there, back in (("right", "left"), ("space", "pageup"), ("pagedown", "left")):
        before = stepper.simulation.point
        await hand.press(there)
        assert stepper.simulation.point != before
        await hand.press(back)
        assert stepper.simulation.point == before
    before = stepper.simulation.point
    await hand.do("instruction")
    assert stepper.simulation.point != before
    await hand.do("back-instruction")
    assert stepper.simulation.point == before
    phase = stepper.snapshot.patching.phase
    await hand.press("enter")
    assert stepper.snapshot.patching.phase != phase
    await hand.press("backspace")
    assert stepper.snapshot.patching.phase != phase or stepper.simulation.position


@check("run", "run-back", "first", "last", "goto", "place")
async def far_moves(hand: Hand) -> None:
    stepper = hand.stepper
    await hand.press("r")
    assert stepper.finished
    end = stepper.simulation.point
    await hand.press("home")
    assert stepper.simulation.position == stepper.begin
    await hand.press("end")
    assert stepper.simulation.point == end
    await hand.do("run-back")
    assert stepper.simulation.position == stepper.begin
    assert "step 5" in await hand.do("goto", "5")
    await hand.do("place", str(end.position))
    assert stepper.simulation.point == end
    assert "number" in await hand.do("place", "x")
    assert stepper.simulation.point == end


@check("break-function", "break-event", "break-phase", "break-change", "clear-breaks")
async def breakpoints(hand: Hand) -> None:
    stepper = hand.stepper
    await hand.do("break-phase", "sync 2")
    await hand.press("r")
    assert stepper.snapshot.patching.phase is not None and stepper.snapshot.patching.phase.name == "sync 2"
    await hand.do("clear-breaks")
    await hand.press("home")
    await hand.do("break-event", "SyncEnded")
    await hand.do("break-function", "schedule")
    await hand.do("break-change", "rw_verify_area")
    assert len(stepper.breakpoints) == 3 and "3 breakpoints are set" in hand.text()
    text = await hand.press("r")
    assert hand.said and not hand.refused
    assert hand.said[:40] in text and not stepper.finished
    await hand.do("clear-breaks")
    assert not stepper.breakpoints
    assert "Bogus" in await hand.do("break-event", "Bogus")


@check("act", "cpu-run", "cpu-read", "cpu-resolve", "nmi")
async def by_hand(hand: Hand) -> None:
    stepper = hand.stepper
    await hand.do("act")
    assert stepper.simulation.entries[stepper.simulation.position - 1].made
    before = parts_of(stepper.simulation).machine.cpus[1].rip
    await hand.do("cpu-run", "1 3")
    assert parts_of(stepper.simulation).machine.cpus[1].rip != before
    await hand.do("nmi", "0")
    assert "nmi" in stepper.snapshot.cpus[0].interrupts
    for name, wrong in (("cpu-read", "7"), ("cpu-resolve", "0 4"), ("cpu-run", "x")):
        point = stepper.simulation.point
        text = await hand.do(name, wrong)
        assert stepper.simulation.point == point and hand.refused
        assert hand.said[:30] in text


def test_a_persons_choices_decide_who_moves_and_what_it_reads() -> None:
    """By hand: a CPU is led to the site and reads one byte; the int3 is written; it runs the old instruction."""

    async def check(hand: Hand) -> None:
        stepper = hand.stepper
        await hand.do("act")  # the batch begins
        while stepper.snapshot.cpus[0].place != "rw_verify_area":
            await hand.do("cpu-run", "0")
        text = await hand.do("cpu-read", "0 1")
        read = ["0F", "(1F)", "(44)", "(00)", "(00)"]
        assert bytes_shown(text, "CPU0 may run") == read and "has read +0" in text
        await hand.do("act")
        site = stepper.snapshot.site
        assert site is not None and site.memory.data[0] == 0xCC and site.cpus[0].read == 1
        assert bytes_shown(hand.text(), "CPU0 may run") == read
        assert bytes_shown(hand.text(), "in memory")[0] == "CC"
        await hand.do("act")  # the sync is sent
        assert "waits for CPU0, CPU1" in await hand.do("act")
        assert "CPU0 runs 0F 1F 44 00 00" in await hand.do("cpu-run", "0 1")
        assert all(entry.made for entry in stepper.simulation.entries[stepper.begin : stepper.simulation.position])

    drive(check)


def test_a_pending_byte_is_resolved_by_hand() -> None:
    async def check(hand: Hand) -> None:
        await hand.do("act")
        text = await hand.do("act")
        assert text.count("0F/CC") == 2
        text = await hand.do("cpu-resolve", "1 0")
        site = hand.stepper.snapshot.site
        assert site is not None and len(set(site.cpus[1].options[0])) == 1 and text.count("0F/CC") == 1

    drive(check, scenario="cache-line")


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_scenario_has_the_same_events_on_the_screen_and_as_json(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plain mode's sentences are those of its JSON (`test_plain.py`); the events of the JSON are the screen's."""
    told: list[object] = []
    assert run(["step", name, "--json", "--script", "r"]) == 0
    for line in capsys.readouterr().out.splitlines():
        told += json.loads(line)["events"]

    async def check(hand: Hand) -> None:
        text, stepper = hand.text(), hand.stepper
        events: list[object] = []
        for _ in range(SCENARIOS[name].stops):
            before, text = text, await hand.press("right")
            assert text != before
            events += plain(stepper.passed)
        assert events == told and stepper.finished

    drive(check, scenario=name)


@check("names")
async def names_of_a_later_linux(hand: Hand) -> None:
    await hand.press("right", "right", "right", "right")
    await hand.press("tab", "tab", "tab")
    print(hand.text())
    await hand.do("names")
    print(hand.text())


@check("trace", "untrace", "second-ops", "second-ops-off", "look-at")
async def asking_ftrace(hand: Hand) -> None:
    stepper = hand.stepper
    await hand.press("r")
    await hand.do("look-at", "vfs_open")
    assert "vfs_open" in hand.text() and stepper.snapshot.site is not None
    await hand.press("t")
    assert isinstance(hand.app.screen, Prompt)
    await hand.type("vfs_open")
    await hand.press("enter", "r")
    assert stepper.snapshot.site.memory.text.startswith("call ") and stepper.snapshot.site.name == "vfs_open"
    await hand.do("second-ops", "vfs_open")
    await hand.do("second-ops-off")
    await hand.do("untrace", "")
    assert stepper.snapshot.patching.queued + bool(stepper.snapshot.patching.title)
    assert "no_such" in await hand.do("trace", "no_such*")


@check("look-at", "break-function", "trace")
async def finding_a_function_by_part_of_its_name(hand: Hand) -> None:
    stepper = hand.stepper
    names = stepper.image.function_names()
    assert [name for name in names if "fs_write" in name] == ["vfs_write"]
    await hand.press("slash")
    assert isinstance(hand.app.screen, Prompt)
    await hand.press("escape")
    front = front_of(hand, Story)
    hand.app.playing.begin(front.action("look-at"))
    assert "vfs_write" in await hand.type("fs_write")
    await hand.press("tab", "enter")
    assert stepper.snapshot.site is not None and stepper.snapshot.site.name == "vfs_write"
    await hand.do("break-function", "fs_write")
    assert stepper.breakpoints == (AtAddress(stepper.image.address("vfs_write")),)
    for name in ("look-at", "break-function", "trace"):
        said = " ".join((await hand.do(name, "vfs")).split())
        assert f"part of {', '.join(sorted(name for name in names if 'vfs' in name)[:3])}" in said


@check("without")
async def leave_a_wait_out(hand: Hand) -> None:
    await hand.press("right", "right", "right")
    whole = hand.stepper
    text = await hand.press("x")
    stepper = hand.stepper
    assert "chosen because it fails without sync 1" in text and "— sync 1" in text and "x home" in text
    assert "Here sync 1 would have waited for CPU0 and CPU1" in text and "sync 1, which is left out" in text
    text = await hand.press("r")
    assert stepper.snapshot.oops is not None and "died" in text and "✘" in text
    assert stepper.snapshot.oops.lines[0] in text
    assert "Bksp the move before" in text and "✘ CPU1 ran" in text
    text = await hand.press("backspace")
    assert stepper.snapshot.oops is None and "has read +0; rest from memory" in text
    assert "sync 1, which is left out" in text
    home = await hand.press("x")
    assert hand.stepper is whole and "step 3 of" in home and "every phase" in hand.said


@check("cpus", "model", "policy", "schedule", "protocol", "seed", "kernel", "scenario")
async def another_machine(hand: Hand) -> None:
    await hand.do("cpus", "3")
    assert len(hand.stepper.snapshot.cpus) == 3 and "CPU2 may run" in hand.text()
    await hand.do("model", "byte")
    await hand.do("policy", "late")
    await hand.do("seed", "7")
    await hand.do("schedule", "round-robin")
    options = hand.stepper.snapshot.options
    assert (options.model.value, options.policy.value, options.seed, options.schedule) == (
        "byte",
        "late",
        7,
        "round-robin",
    )
    await hand.do("protocol", "stop_machine")
    await hand.press("right")
    assert "park" in hand.text() and "jump labels from 2011" in hand.text()
    await hand.do("scenario", "naive")
    assert "write byte 4" in hand.text()
    for name, wrong in (("cpus", "9"), ("model", "x"), ("seed", "-"), ("kernel", "/no/such.S"), ("scenario", "x")):
        await hand.do(name, wrong)
        assert hand.refused


async def opened(hand: Hand, moment: str) -> Stepper:
    await hand.do("open-moment", moment)
    return hand.stepper


@check("moment", "open-moment", "export-text", "export-json")
async def to_keep_and_to_share(hand: Hand) -> None:
    stepper = hand.stepper
    await hand.press("right", "right", "right")
    point = stepper.simulation.point
    folder = Path(kept.state_file()).parent / "moments"
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(folder)
    before = hand.text().split("\n")[:12]
    await hand.do("moment")
    text = await hand.until("simkernel step one@3")
    moment = hand.app.clipboard
    assert moment.startswith(MARK) and (folder / "one-3.moment").read_text() == f"{moment}\n"
    assert text.split("\n")[:12] == before, "the story is displaced"
    assert "simkernel step --moment one-3.moment" in text and "simkernel step one@3" in text
    await hand.press("right")
    await hand.until(lambda: "one-3.moment" not in hand.text())
    assert stepper.simulation.point != point
    await hand.do("open-moment", moment)
    stepper = hand.stepper
    assert stepper.simulation.point == point
    assert "moment" in await hand.do("open-moment", "nonsense")
    assert (await opened(hand, "one@3")).simulation.point == point
    await hand.do("moment")
    assert [file.name for file in folder.glob("*.moment")] == ["one-3.moment"], "the same moment once"
    (folder / "one-3.moment").write_text("another")
    await hand.do("moment")
    await hand.until("one-3-2.moment")
    assert (folder / "one-3.moment").read_text() == "another"
    shutil.rmtree(folder)
    await hand.do("moment")
    text = await hand.until("one-3.moment cannot be written: No such file or directory")
    assert "simkernel step one@3" in text
    monkeypatch.undo()
    folder.mkdir()
    for name in ("export-text", "export-json"):
        await hand.do(name, str(folder / name))
    for title, name, ending in (
        ("Save the screen, SVG", "save-svg", ".svg"),
        ("Save the screen, text", "save-text", ".txt"),
        ("Save who does what, SVG", "save-time", ".svg"),
    ):
        await from_the_list(hand, title)
        await hand.type(str(folder / name))
        assert f"iswrittento{folder / name}{ending}" in "".join((await hand.press("enter")).split())
    assert "<svg" in (folder / "save-time.svg").read_text()
    monkeypatch.chdir(folder)
    for name in ("trace-one-function-step-3.svg", "trace-one-function-step-3-2.svg"):
        await from_the_list(hand, "Save the screen, SVG")
        assert name in await hand.read()
        await hand.press("enter")
        assert "<svg" in (folder / name).read_text()
    monkeypatch.undo()
    assert len(json.loads((folder / "export-json").read_text())) == len(stepper.simulation.log)
    assert (folder / "export-text").read_text().count("\n") == len(stepper.simulation.log)
    assert "in memory" in (folder / "save-text.txt").read_text() and "<svg" in (folder / "save-svg.svg").read_text()
    await from_the_list(hand, "Save the screen, text")
    await hand.type(str(folder))
    await hand.press("enter")
    assert hand.refused


async def from_the_list(hand: Hand, title: str) -> None:
    """Do what the list of all that can be done here has under a title."""
    next(what for shown, _, what in hand.app.playing.entries() if shown == title)()
    await hand.read()


@check("more", "next-cpu", "focus-cpu", "syntax", "view")
async def looks(hand: Hand) -> None:
    await hand.press("right", "right")
    assert "registers" not in hand.text()
    await hand.pilot.resize_terminal(80, 50)
    code = await hand.press("m")
    assert "CPU0 next:" in code
    assert "CPU1 next:" in await hand.do("next-cpu")
    assert "CPU0 next:" in await hand.do("focus-cpu", "0")
    assert await hand.do("syntax") != code
    assert "CPU0 next:" in await hand.do("syntax")
    await hand.do("focus-cpu", "9")
    assert hand.refused
    assert "bash CPU0 CPU1" not in hand.text() and "bash CPU0 CPU1" in await hand.press("v")
    names = [hand.app.theme]
    for _ in range(3):
        await hand.press("T")
        names.append(hand.app.theme)
        assert hand.said.startswith(f"Theme {hand.app.theme}, ")
    assert sorted(names) == ["ansi", "dark", "high-contrast", "light"]
    assert "what happened" in await hand.press("m")


@check("boot", "functions", "search")
async def doors(hand: Hand) -> None:
    for key, words in (("question_mark", "on this screen"), ("f1", "One instruction"), ("question_mark", "on this")):
        assert words in await hand.press(key)
        assert isinstance(hand.app.screen, Page)
        await hand.press("escape")
        assert len(hand.app.screen_stack) == 2
    for name, words in (("boot", "Power-on"), ("functions", "irq_enter_rcu")):
        assert words in await hand.do(name)
        await hand.press("escape")
    await hand.press("slash")
    await hand.type("sync 2")
    assert "SYNC 2" in await hand.press("enter")
    assert "step 2" in await hand.do("search", "2")
    assert "vfs_open" in await hand.do("search", "vfs_open")
    await hand.do("search", "vfs")
    assert hand.refused and "part of" in hand.said
    await hand.press("escape")
    assert isinstance(hand.app.visit.front, Start) and "What do you want to watch?" in hand.text()
    assert "There is nothing before this" in await hand.press("escape")
    text = await hand.press("down", "down", "enter")
    assert hand.stepper.scenario is not None and hand.stepper.scenario.title in text
    await hand.press("ctrl+p")
    await hand.type("intel")
    await hand.until("Other syntax")
    await hand.press("escape")


def test_it_goes_on_by_itself_until_a_key_is_pressed() -> None:
    async def check(hand: Hand) -> None:
        playing = hand.app.playing
        for _ in range(4):
            await from_the_list(hand, "Faster")
        assert playing.work.pace == 0.125
        await from_the_list(hand, "Slower")
        assert playing.work.pace == 0.25
        await from_the_list(hand, "One step a second")
        await hand.until(lambda: len(hand.stepper.stops()) > 1)
        await hand.press("right")
        steps = len(hand.stepper.stops())
        assert "Paused" in hand.text() and steps > 1
        await asyncio.sleep(0.6)
        await hand.read()
        assert len(hand.stepper.stops()) == steps

    drive(check)


@check("questions", "choose")
async def asks(hand: Hand) -> None:
    assert "nothing is asked here" in await hand.press("1")
    await from_the_list(hand, "Questions, on or off")
    text = await hand.press("right", "right", "right", "right")
    assert "In the model pieces: which CPU can still run the old instruction here?" in text and "may run ??" in text
    assert "x without" not in text and "1 to 4 answer  0 hint  → skip" in text
    assert "1 to 4" in await hand.press("m") and hand.refused
    assert "Hint" in await hand.press("0")
    at = next(one for one in "1234" if f"{one}   CPU0 only" in text)
    text = await hand.press(at)
    assert f"▍ {at}   right: CPU0 only" in text and "may run ??" not in text
    hand.app.playing.work.pace = 0.01
    await from_the_list(hand, "One step a second")
    await hand.until("Who does nothing of its own")
    await hand.finish()
    assert len(hand.stepper.stops()) == 6


@check("look-at-site")
async def the_map(hand: Hand) -> None:
    names = hand.stepper.image.function_names()
    await hand.do("look-at-site", "3")
    assert hand.stepper.snapshot.site is not None and hand.stepper.snapshot.site.name == names[3]


def test_quitting_keeps_the_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")

    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        stepper = hand.stepper
        await hand.pilot.press("q")
        assert hand.app.return_code == 0
        last = kept.load()
        assert last is not None and last.step == 2
        again = reopen(last)
        assert again.simulation.point == stepper.simulation.point and again.begin == stepper.begin

    drive(check)


@pytest.mark.parametrize("name", sorted({function.__name__ for function in CHECKS.values()}))
def test_actions(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")
    drive(next(function for function in CHECKS.values() if function.__name__ == name))


def test_no_action_is_left_out() -> None:
    assert set(CHECKS) == {action.name for action in Story(Stepper.start("one")).actions}


def test_every_action_that_leads_anywhere_is_in_the_list_with_its_key() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("right", "right")
        shown = [title for title, _, _ in hand.app.playing.entries()]
        for action in hand.app.visit.front.offered():
            assert any(action.title in title and key_text(action.keys) in title for title in shown), action.name

    drive(check)


def test_no_key_that_terminals_or_tmux_take() -> None:
    keys = {key for action in Story(Stepper.start("one")).actions for key in action.keys}
    assert not keys & {"ctrl+s", "ctrl+j", "ctrl+b", "ctrl+a"}


def test_a_search_for_a_failure_says_how_far_it_is_and_stops_at_esc() -> None:
    async def check(hand: Hand) -> None:
        await hand.do("protocol", "int3-2012")
        await hand.press("enter")
        point = hand.stepper.simulation.point
        hand.app.playing.ask("without", "done")  # nothing goes wrong, and nobody has tried each order: many runs are
        assert "Esc cancels" in await hand.until(" of 200")
        hand.app.playing.press("escape")
        assert "Stopped, as you asked" in await hand.read()
        assert hand.stepper.simulation.point == point

    drive(check)
