"""Signals that end a screen, on real terminals: nothing stays switched, the place is kept, the code is the shell's."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tui.app.terminal import ROOT, WAIT, Terminal, until_it_rests, until_worked
from tui.app.start import LATEST

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends signals of Unix")

HUNG_UP = 128 + signal.SIGHUP


def kept_step(state: Path) -> int:
    """The step that the session kept, -1 for none."""
    file = state / "simkernel" / "last.json"
    kept = json.loads(file.read_text()) if file.exists() else {"moment": ""}
    return int(kept["step"]) if kept["moment"] else -1


def ended(terminal: Terminal, number: int) -> int:
    """Send a signal; the exit code, once nothing that was switched is left so."""
    os.kill(terminal.pid, number)
    code = terminal.end()
    assert terminal.left == [] and b"Traceback" not in terminal.raw
    return code


RIGHT = "\x1b[C"
BY_ITSELF = ":", "One step a second", "\r"
SCREENS: list[tuple[tuple[str, ...], str]] = [  # what is typed after three steps, and what the screen then shows
    ((), "step 3"),
    (("r",), ""),  # a long run, under way
    (BY_ITSELF, "any key pauses it"),
    (("\x1b",), "What do you want to watch?"),
    (("\x1b", "/", "overhead", "\r", "\r"), "What tracing costs"),
    (("\x1b", "/", "boot", "\r", "\r"), "Boot"),
    (("?",), "The words on this screen"),
    (("\x10",), "Search for commands"),
    (("t", "vfs"), "Trace functions"),
]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize(
    ("keys", "shown"), [SCREENS[0], *(pytest.param(*one, marks=pytest.mark.stress) for one in SCREENS[1:])]
)
def test_a_signal_restores_the_terminal_and_keeps_the_place(
    keys: tuple[str, ...], shown: str, number: int, tmp_path: Path
) -> None:
    terminal = Terminal(["step", "one"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("in memory")
    terminal.send(RIGHT * 3)
    terminal.until("step 3")
    for key in keys:
        terminal.send(key)
        terminal.read(0.5)
    terminal.until(shown)
    assert ended(terminal, number) == 128 + number
    assert kept_step(tmp_path) >= 3


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.stress) for seed in range(1, 25))])
def test_a_signal_at_any_time_of_the_start(seed: int, tmp_path: Path) -> None:
    """Before the first handler is there, the signal ends the process by itself: nothing has been switched yet."""
    rng = random.Random(seed)
    number = rng.choice([signal.SIGTERM, signal.SIGHUP])
    terminal = Terminal(["step", "one"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.read(rng.uniform(0, 2.5))
    assert ended(terminal, number) in (128 + number, -number)


def test_a_second_signal_does_not_wait_for_what_is_under_way(tmp_path: Path) -> None:
    terminal = Terminal(["step", "one"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("in memory")
    terminal.send("r")
    terminal.read(0.2)
    os.kill(terminal.pid, signal.SIGTERM)
    assert ended(terminal, signal.SIGTERM) == 128 + signal.SIGTERM


def test_a_terminal_that_goes_away_ends_the_screen_and_keeps_the_place(tmp_path: Path) -> None:
    terminal = Terminal(["step", "one"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("in memory")
    terminal.send(RIGHT * 3)
    terminal.until("step 3")
    for keys in BY_ITSELF:  # it goes on drawing
        terminal.send(keys)
        terminal.still()
    terminal.until("any key pauses it")
    os.close(terminal.child.child_fd)
    assert waited(terminal) == HUNG_UP
    assert kept_step(tmp_path) >= 3


def test_a_terminal_that_goes_away_ends_plain_mode(tmp_path: Path) -> None:
    """On its way out it can no more give back the terminal."""
    terminal = Terminal(["step", "one", "--plain"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("Keys: n next")
    terminal.read(0.5)
    os.close(terminal.child.child_fd)
    assert waited(terminal) == HUNG_UP


def test_a_terminal_that_takes_nothing_more_does_not_keep_the_process(tmp_path: Path) -> None:
    terminal = Terminal(["step", "one"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("in memory")
    terminal.send(RIGHT * 3)
    terminal.until("step 3")
    terminal.send("\x0c" + "T" * 200)  # more pictures than the terminal holds; from here on nobody reads them
    until_it_rests(terminal.pid)
    begin = time.monotonic()
    os.kill(terminal.pid, signal.SIGTERM)
    assert waited(terminal) == 128 + signal.SIGTERM
    assert time.monotonic() - begin < LATEST + 5
    assert kept_step(tmp_path) == 3


def waited(terminal: Terminal) -> int:
    """The exit code of a program whose terminal is not read any more."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        pid, status = os.waitpid(terminal.pid, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    raise AssertionError("it has not ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_plain_mode_gives_the_terminal_back(number: int, tmp_path: Path) -> None:
    """It waits for a single key there, and the terminal is raw."""
    terminal = Terminal(["step", "one", "--plain"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("Keys: n next")
    terminal.send("n")
    terminal.read(1)
    assert ended(terminal, number) == 128 + number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_with_the_code_of_a_shell(number: int) -> None:
    command = [sys.executable, "-m", "tui", *"trace * --for 4000000000 --max-instructions 4000000000".split()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    until_worked(process.pid)
    process.send_signal(number)
    _, said = process.communicate(timeout=WAIT)
    assert (process.returncode, said) == (128 + number, "\nsimkernel: interrupted\n")


def test_nohup_is_obeyed_where_there_is_no_screen() -> None:
    command = ["nohup", sys.executable, "-m", "tui", *"trace vfs_read --for 12000000".split()]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    until_worked(process.pid, 0.5)  # past its first lines, which set the handlers
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 0 and b"vfs_read" in out
