"""The screen's budgets: from a key to the new picture, from the command to the first screen, memory after long use."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from lessons.activities.lab import Lab
from lessons.activities.lab_answer import LabAnswer
from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.session import asks
from lessons.session.actions import apply
from lessons.session.named_step import name_of
from lessons.session.stepper import Stepper
from lessons.story.look import Look
from lessons.visit import Visit
from simkernel.report import Report
from tests.bench.table import Table
from tests.tui.app.terminal import Terminal
from tests.tui.stepper.long_story import long_story
from tui.app.app import SimkernelApp

KEY, AGAIN, FIRST, MEMORY = 50.0, 150.0, 1.0, 200.0  # ms, ms, s, MB
STEPS = 10_000
EVENTS = 95_000


async def key_times(depth: str, size: tuple[int, int], keys: list[str], stepper: Stepper | None = None) -> list[float]:
    """Milliseconds from each key to the drawn picture, by this process's own time: it does nothing else meanwhile."""
    app = SimkernelApp(Visit(Start(), Story(stepper or Stepper.start("one"), look=Look(depth=depth))))
    times = []
    async with app.run_test(size=size) as pilot:
        await app.settled()
        await pilot.pause()
        for key in keys:
            begin = time.process_time()
            before = app.playing.picture
            app.simulate_key(key)
            while app.playing.picture is before or app.playing.work.busy:
                await asyncio.sleep(0.001)  # the story works in a thread
            while app.screen._dirty_widgets or app.screen._compositor._dirty_regions:
                await asyncio.sleep(0)
            times.append(1e3 * (time.process_time() - begin))
    return times


@pytest.mark.bench
@pytest.mark.parametrize(("depth", "size"), [("story", (80, 24)), ("all", (120, 36))])
def test_a_key_to_the_new_picture(depth: str, size: tuple[int, int], table: Table) -> None:
    columns, rows = size
    for what, keys in (("a step", ["right"] * 20), ("a step back", ["right"] * 20 + ["left"] * 19)):
        medians = [statistics.median(asyncio.run(key_times(depth, size, keys))[-19:]) for _ in range(3)]
        table.budget(f"{what} on the screen, {depth} {columns}x{rows}, median", min(medians), "<=", KEY, "ms")


@pytest.mark.bench
def test_a_key_in_a_long_history(table: Table) -> None:
    """The same keys where so many events lie behind one; and where some of them lie ahead."""
    stepper = long_story(EVENTS)
    for where in ("", ", in the middle of it"):
        if where:
            apply(stepper, "place", str(stepper.begin + (stepper.simulation.position - stepper.begin) // 2))
        for what, key in (("a step", "right"), ("a step back", "left")):
            times = [asyncio.run(key_times("all", (120, 36), [key] * 20, stepper)) for _ in range(3)]
            median = min(statistics.median(one) for one in times)
            table.budget(f"{what} at {EVENTS:,} events{where}, median", median, "<=", KEY, "ms")


@pytest.mark.bench
def test_the_first_screen(tmp_path: Path, table: Table) -> None:
    """The best of three starts on a real pseudo-terminal: others may use the machine meanwhile."""
    seconds = []
    for start in range(3):
        terminal = Terminal([], tmp_path / str(start), "xterm-256color", "C.UTF-8")
        terminal.until("Does this machine make that call")
        seconds.append(time.monotonic() - terminal.begun)
        terminal.send("q")
        terminal.end()
    table.budget("simkernel to its first screen", min(seconds), "<=", FIRST, "s")


@pytest.mark.bench
def test_a_story_that_starts_again(table: Table) -> None:
    """What was begun before, a phase left out of it, its name, and a schedule of the lab on a stage that is set."""
    stepper, found = Stepper.start("one"), Lab().apply("choose", "1").opens
    stepper.forward()
    assert isinstance(found, LabAnswer)
    for what, again in (
        ("a restart", partial(Stepper.start, "one", prepared=stepper.prepared)),
        ("a story without a phase", lambda: asks.without(stepper, "sync 1").stepper),
        ("another seed", lambda: asks.seed(stepper, "5").stepper),
        ("the name of a step", partial(name_of, stepper)),
        ("a schedule of the lab", partial(found.watch, Report())),
    ):
        times = []
        for _ in range(6):
            begin = time.process_time()
            assert again()
            times.append(1e3 * (time.process_time() - begin))
        table.note(f"{what}, the first time", times[0], "ms")
        table.budget(f"{what} again, best of {len(times) - 1}", min(times[1:]), "<=", AGAIN, "ms")


@pytest.mark.bench
def test_memory_after_many_steps(table: Table) -> None:
    """A process of its own takes the steps, instruction by instruction, with a picture of each."""
    code = (
        "from tests.bench.memory import peak\n"
        "from lessons.activities.story import Story\n"
        "from lessons.session.stepper import Stepper\n"
        "from tui.view.frame import frame\n"
        "from tui.view.marks import UNICODE\n"
        "story = Story(Stepper.start('one'))\n"
        f"for _ in range({STEPS}):\n"
        "    assert not story.apply('instruction').refused\n"
        "    frame(story.picture(), (), story.offered(), (80, 24), UNICODE)\n"
        "print(peak())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    table.budget(f"memory after {STEPS:,} steps", int(done.stdout) / 1e6, "<=", MEMORY, "MB")
