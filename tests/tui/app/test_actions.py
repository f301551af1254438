"""Every action of both tables, driven by its key or by name: what becomes of the snapshot, and what the screen says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lessons.activities.costs import Costs
from lessons.activities.opening import Opening
from lessons.session.actions import ACTIONS
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from simkernel.sim.breakpoints import AtAddress
from simkernel.sim.moment import MARK
from simkernel.sim.parts import parts_of
from simkernel.sim.snapshot.plain import plain
from tests.tui.app.screens import Hand, drive, front_of
from tests.tui.app.test_screen import bytes_shown
from tui.app import kept
from tui.app.actions import SCREEN_ACTIONS, bound, key_text
from tui.app.palette import entries
from tui.app.screens.activity import ActivityScreen
from tui.app.screens.prompt import Prompt
from tui.app.screens.reading import Page
from tui.app.screens.scenarios import Scenarios
from tui.app.screens.stepper import StepperScreen
from tui.cli import run

Check = Callable[[Hand], Awaitable[None]]
CHECKS: dict[str, Check] = {}


def check(*names: str) -> Callable[[Check], Check]:
    def note(function: Check) -> Check:
        CHECKS.update(dict.fromkeys(names, function))
        return function

    return note


@check("next", "back", "next-phase", "back-phase", "instruction", "back-instruction")
async def moves_and_the_ways_back(hand: Hand) -> None:
    stepper = hand.app.stepper
    await hand.press("right", "right", "right")
    for there, back in (("right", "left"), ("i", "I"), ("space", "pageup"), ("pagedown", "b")):
        before = stepper.simulation.point
        await hand.press(there)
        assert stepper.simulation.point != before
        await hand.press(back)
        assert stepper.simulation.point == before
    phase = stepper.snapshot.patching.phase
    await hand.press("enter")
    assert stepper.snapshot.patching.phase != phase
    await hand.press("backspace")
    assert stepper.snapshot.patching.phase != phase or stepper.simulation.position


@check("run", "run-back", "start", "end", "goto", "place")
async def far_moves(hand: Hand) -> None:
    stepper = hand.app.stepper
    await hand.press("r")
    assert stepper.finished
    end = stepper.simulation.point
    await hand.press("home")
    assert stepper.simulation.position == stepper.begin
    await hand.press("end")
    assert stepper.simulation.point == end
    await hand.press("R")
    assert stepper.simulation.position == stepper.begin
    await hand.press("g")
    await hand.type("5")
    assert "step 5" in await hand.press("enter")
    await hand.do("place", str(end.position))
    assert stepper.simulation.point == end
    assert "number" in await hand.do("place", "x")
    assert stepper.simulation.point == end


@check("break-function", "break-event", "break-phase", "break-change", "clear-breaks")
async def breakpoints(hand: Hand) -> None:
    stepper = hand.app.stepper
    await hand.do("break-phase", "sync 2")
    await hand.press("r")
    assert stepper.snapshot.patching.phase is not None and stepper.snapshot.patching.phase.name == "sync 2"
    await hand.press("K")
    await hand.press("home")
    await hand.do("break-event", "SyncEnded")
    await hand.do("break-function", "schedule")
    await hand.do("break-change", "vfs_read")
    assert len(stepper.breakpoints) == 3 and len(hand.app.picture.breakpoints if hand.app.picture else ()) == 1
    text = await hand.press("r")
    assert hand.app.picture is not None and hand.app.picture.message and not hand.app.picture.failed
    assert hand.app.picture.message[:40] in text and not stepper.finished
    await hand.press("K")
    assert not stepper.breakpoints
    assert "Bogus" in await hand.do("break-event", "Bogus")


@check("act", "cpu-run", "cpu-read", "cpu-settle", "nmi")
async def by_hand(hand: Hand) -> None:
    stepper = hand.app.stepper
    await hand.press("a")
    assert stepper.simulation.entries[stepper.simulation.position - 1].made
    before = parts_of(stepper.simulation).machine.cpus[1].rip
    await hand.do("cpu-run", "1 3")
    assert parts_of(stepper.simulation).machine.cpus[1].rip != before
    await hand.do("nmi", "0")
    assert "nmi" in stepper.snapshot.cpus[0].interrupts
    for name, wrong in (("cpu-read", "7"), ("cpu-settle", "0 4"), ("cpu-run", "x")):
        point = stepper.simulation.point
        text = await hand.do(name, wrong)
        assert stepper.simulation.point == point and hand.app.picture is not None and hand.app.picture.failed
        assert hand.app.picture.message[:30] in text


def test_a_persons_choices_decide_who_moves_and_what_it_reads() -> None:
    """By hand: a CPU is led to the site and reads one byte; the int3 is written; it runs the old instruction."""

    async def check(hand: Hand) -> None:
        stepper = hand.app.stepper
        await hand.press("a")  # the batch begins
        while stepper.snapshot.cpus[0].place != "vfs_read":
            await hand.do("cpu-run", "0")
        text = await hand.do("cpu-read", "0 1")
        read = ["0F", "··", "··", "··", "··"]
        assert bytes_shown(text, "CPU0 may run") == read and "has read +0" in text
        await hand.press("a")
        site = stepper.snapshot.site
        assert site is not None and site.memory.data[0] == 0xCC and site.cpus[0].read == 1
        assert bytes_shown(hand.text(), "CPU0 may run") == read
        assert bytes_shown(hand.text(), "in memory")[0] == "CC"
        await hand.press("a")  # the sync is sent
        assert "waits for CPU0, CPU1" in await hand.press("a")
        assert "CPU0 runs 0F 1F 44 00 00" in await hand.do("cpu-run", "0 1")
        assert all(entry.made for entry in stepper.simulation.entries[stepper.begin : stepper.simulation.position])

    drive(check)


def test_an_uncertain_byte_is_settled_by_hand() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("a")
        text = await hand.press("a")
        assert text.count("0F or CC") == 2
        text = await hand.do("cpu-settle", "1 0")
        site = hand.app.stepper.snapshot.site
        assert site is not None and len(set(site.cpus[1].options[0])) == 1 and text.count("0F or CC") == 1

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
        text, stepper = hand.text(), hand.app.stepper
        events: list[object] = []
        for _ in range(SCENARIOS[name].stops):
            before, text = text, await hand.press("right")
            assert text != before
            events += plain(stepper.passed)
        assert events == told and stepper.finished

    drive(check, scenario=name)


@check("trace", "untrace", "second-ops", "second-ops-off", "look-at")
async def asking_ftrace(hand: Hand) -> None:
    stepper = hand.app.stepper
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
    stepper = hand.app.stepper
    names = stepper.image.function_names()
    assert [name for name in names if "fs_write" in name] == ["vfs_write"]
    await hand.press("v")
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
    text = await hand.press("x")
    stepper = hand.app.stepper
    assert "chosen because it fails without sync 1" in text and "✘ sync 1" in text and "r failure" in text
    assert "Here sync 1 would have waited for CPU0 and CPU1" in text and "Left out: sync 1. Why" in text
    text = await hand.press("r")
    assert stepper.snapshot.oops is not None and "died" in text and "✘" in text
    assert stepper.snapshot.oops.lines[0] in text
    assert "Bksp the move before" in text
    text = await hand.press("backspace")
    assert stepper.snapshot.oops is None and "has read +0; rest from memory" in text and "Left out: sync 1" in text


@check("cpus", "model", "policy", "schedule", "protocol", "seed", "kernel", "scenario")
async def another_machine(hand: Hand) -> None:
    await hand.do("cpus", "3")
    assert len(hand.app.stepper.snapshot.cpus) == 3 and "CPU2 may run" in hand.text()
    await hand.do("model", "byte")
    await hand.do("policy", "late")
    await hand.do("seed", "7")
    await hand.do("schedule", "round-robin")
    options = hand.app.stepper.snapshot.options
    assert (options.model.value, options.policy.value, options.seed, options.schedule) == (
        "byte",
        "late",
        7,
        "round-robin",
    )
    await hand.do("protocol", "stop_machine")
    assert "park" in hand.text() and "jump labels from 2011" in hand.text()
    await hand.do("scenario", "naive")
    assert "write byte 4" in hand.text()
    for name, wrong in (("cpus", "9"), ("model", "x"), ("seed", "-"), ("kernel", "/no/such.S"), ("scenario", "x")):
        await hand.do(name, wrong)
        assert hand.app.picture is not None and hand.app.picture.failed


async def opened(hand: Hand, moment: str) -> Stepper:
    await hand.do("open-moment", moment)
    return hand.app.stepper


@check("moment", "open-moment", "export-text", "export-json", "save-svg", "save-text", "save-time")
async def to_keep_and_to_share(hand: Hand) -> None:
    stepper = hand.app.stepper
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
    stepper = hand.app.stepper
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
    for name in ("export-text", "export-json", "save-svg", "save-text", "save-time"):
        await hand.do(name, str(folder / name))
    assert len(json.loads((folder / "export-json").read_text())) == len(stepper.simulation.log)
    assert (folder / "export-text").read_text().count("\n") == len(stepper.simulation.log)
    assert "in memory" in (folder / "save-text").read_text() and "<svg" in (folder / "save-svg").read_text()
    await hand.do("save-text", str(folder))
    assert hand.app.picture is not None and hand.app.picture.failed


@check("deeper", "next-cpu", "focus-cpu", "syntax", "theme")
async def looks(hand: Hand) -> None:
    assert "registers" not in hand.text()
    code = await hand.press("m")
    assert "CPU0 next:" in code
    assert "CPU1 next:" in await hand.press("f")
    assert "CPU0 next:" in await hand.do("focus-cpu", "0")
    assert await hand.press("y") != code
    assert "CPU0 next:" in await hand.press("y")
    await hand.do("focus-cpu", "9")
    assert hand.app.picture is not None and hand.app.picture.failed
    names = [hand.app.theme]
    for _ in range(3):
        await hand.press("T")
        names.append(hand.app.theme)
    assert sorted(names) == ["ansi", "dark", "high-contrast", "light"]
    assert "no room for more" in await hand.press("m") and "view: all" in hand.text()
    await hand.pilot.resize_terminal(120, 36)
    await hand.press("m", "m")
    assert "no room" not in await hand.press("m") and "view: all" in hand.text()


@check("words", "help", "scenarios", "leave", "lab", "overhead", "functions", "boot", "mysteries", "palette")
async def screens(hand: Hand) -> None:
    hand.app.costs = Costs()
    hand.app.costs.overhead.look_at("growth")  # which waits, and so leaves at the first Esc
    for key, kind, words in (
        ("question_mark", Page, "cache line"),
        ("f1", Page, "One step a second"),
        ("S", Scenarios, "Write the five bytes"),
        ("escape", Scenarios, "Write the five bytes"),
        ("L", ActivityScreen, "In every order of events"),
        ("C", ActivityScreen, "What tracing costs"),
        ("F", ActivityScreen, "irq_enter_rcu"),
        ("B", ActivityScreen, "Power-on"),
    ):
        text = await hand.press(key)
        assert isinstance(hand.app.screen, kind) and words in text
        await hand.press("escape")
        assert isinstance(hand.app.screen, StepperScreen)
    await hand.do("mysteries")
    assert front_of(hand, Opening) and "Does this machine" in hand.text()
    await hand.press("escape")
    assert isinstance(hand.app.screen, Scenarios)
    await hand.press("down", "down", "enter")
    assert hand.app.stepper.scenario is not None and hand.app.stepper.scenario.name == "second-ops"
    for name in ("L", "C"):
        await hand.press("S", name)
        assert isinstance(hand.app.screen, ActivityScreen)
        await hand.press("escape")
    if isinstance(hand.app.screen, Scenarios):
        await hand.press("escape")
    await hand.press("ctrl+p")
    await hand.type("intel")
    await hand.until("Other syntax")
    await hand.press("escape")


@check("play", "faster", "slower")
async def by_itself(hand: Hand) -> None:
    await hand.press("plus", "plus", "plus")
    assert hand.app.pace == 0.125
    await hand.press("plus")
    assert hand.app.pace == 0.125
    await hand.press("minus")
    assert hand.app.pace == 0.25
    await hand.press("A")
    assert hand.app.playing is not None and "any key stops it" in hand.text()
    ticking = hand.app.playing._task
    await hand.until(lambda: len(hand.app.stepper.stops()) > 1)
    await hand.press("right")
    steps = len(hand.app.stepper.stops())
    assert hand.app.playing is None and steps > 1
    await hand.until(lambda: ticking is not None and ticking.done())
    await hand.read()
    assert len(hand.app.stepper.stops()) == steps


@check("look-at-site")
async def the_map(hand: Hand) -> None:
    names = hand.app.stepper.image.function_names()
    await hand.do("look-at-site", "3")
    assert hand.app.stepper.snapshot.site is not None and hand.app.stepper.snapshot.site.name == names[3]


@check("quit")
async def leaving(hand: Hand) -> None:
    await hand.press("right", "right")
    point = hand.app.stepper.simulation.point
    hand.app.keep()
    last = kept.load()
    assert last is not None and last.step == 2
    again = kept.reopen(last)
    assert again.simulation.point == point and again.begin == hand.app.stepper.begin
    await hand.pilot.press("q")
    assert hand.app.return_code == 0


@pytest.mark.parametrize("name", sorted({function.__name__ for function in CHECKS.values()}))
def test_actions(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")
    drive(next(function for function in CHECKS.values() if function.__name__ == name))


def test_no_action_is_left_out() -> None:
    assert set(CHECKS) == {action.name for action in SCREEN_ACTIONS} | {action.name for action in ACTIONS}


def test_every_action_is_in_the_palette_with_its_key() -> None:
    shown = {name: title for name, title, _ in entries()}
    for name, keys, visible in [(a.name, a.keys, a.shown) for a in SCREEN_ACTIONS] + [
        (a.name, a.keys, True) for a in ACTIONS
    ]:
        assert not visible or key_text(keys) in shown[name]


def test_no_key_that_terminals_or_tmux_take() -> None:
    assert not {key for key, _ in bound()} & {"ctrl+s", "ctrl+j", "ctrl+b", "ctrl+a"}


def test_a_search_for_a_failure_says_how_far_it_is_and_stops_at_esc() -> None:
    async def check(hand: Hand) -> None:
        await hand.press("enter", "enter")
        point = hand.app.stepper.simulation.point
        hand.app.action_do("without", "release")  # nothing goes wrong without it: all runs are tried
        assert "Esc stops it" in await hand.until(" of 200")
        await hand.pilot.press("escape")
        assert "Stopped, as you asked" in await hand.read()
        assert hand.app.stepper.simulation.point == point

    drive(check, scenario="second-ops")
