"""Plain mode on a real terminal: single keys, arrows, a key that waits for a CPU's number, a prompt."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pexpect
import pytest


def test_keys_on_a_terminal() -> None:
    terminal = pexpect.spawn(
        sys.executable, ["-m", "tui", "step", "slow-ipi", "--plain"], dimensions=(24, 100), timeout=60, encoding="utf-8"
    )
    terminal.expect("Keys: n next")
    terminal.send("n")
    terminal.expect("Step 1 of 17")
    terminal.send("\x1b[C")
    terminal.expect("Step 2 of 17")
    terminal.send("\x1b[D")
    terminal.expect("Back at step 1")
    terminal.send("c1")
    terminal.expect(r"CPU1 .*Next\s+it")
    terminal.send("\x1b[4~")
    terminal.expect(r"p or\s+Enter begins it")
    terminal.send("\x1b[1~")
    terminal.expect("The start of the story")
    terminal.send("\x1bOC")
    terminal.expect("Step 1 of 17")
    terminal.send("z")
    terminal.expect("'z' does nothing here")
    terminal.send("g")
    terminal.expect("step number")
    terminal.sendline("5")
    terminal.expect("Step 5 of 17")
    terminal.send(":")
    terminal.expect("word")
    terminal.sendline("time")
    terminal.expect("Step 1: bash-201 begins")
    terminal.send(":")
    terminal.expect("word")
    terminal.sendline("goto")
    terminal.expect("step number")
    terminal.sendline("3")
    terminal.expect("Step 3 of 17")
    terminal.send("h")
    terminal.expect("Keys:.*n: Go on until.*typed after the key :.*time: what happened")
    terminal.send("\x1b")
    terminal.expect("What do you want to watch")
    terminal.send("1")
    terminal.expect("number 1")
    terminal.sendline("3")
    terminal.expect("The lab")
    terminal.send("q")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_keys_that_come_together_are_keys_one_by_one(tmp_path: Path) -> None:
    terminal = at_the_list(tmp_path)
    terminal.send("14")
    terminal.expect("a second digit if any, then Enter: 4")
    terminal.send("\r")
    terminal.expect("What tracing costs|Instructions|exact")
    terminal.expect(r"h\s+all")
    terminal.send("\x1b")
    terminal.expect("is chosen")
    terminal.send("13\r")
    terminal.expect("number 1; a second digit if any, then Enter: 3")
    terminal.expect("The lab")
    terminal.expect(r"h\s+all")
    terminal.send("\x1b")
    terminal.expect("is chosen")
    terminal.send("2")
    terminal.expect(r"h\s+all")
    terminal.send("nn")
    terminal.expect("Step 2 of 7")
    terminal.send("c")
    terminal.expect("c and a CPU's number, or Enter: ")
    terminal.send("\r")
    terminal.expect("simkernel step naive@2 opens")
    terminal.send("c1")
    terminal.expect("CPU1 ")
    terminal.send("c\x1b")
    terminal.expect("c and a CPU's number")
    terminal.send("n")
    terminal.expect("Step 3 of 7")
    terminal.send("q")
    terminal.expect(pexpect.EOF)


def test_the_end_of_input_ends_it() -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "tui", "--plain"], timeout=60, encoding="utf-8")
    terminal.expect("What do you want to watch")
    terminal.expect(r": a longer\s+word, .*h all")
    while terminal.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=1):
        terminal.send("\x04")  # once more: one that comes before keys are read is no key
    terminal.close()
    assert terminal.exitstatus == 0


@pytest.mark.parametrize("lines", [[], ["--lines"]])
def test_the_place_is_kept_and_each_end_says_so(lines: list[str], tmp_path: Path) -> None:
    """From the list to a step, to the end by Esc and by C-d; then the list offers to go on there."""
    enter = "\n" if lines else ""

    def opened() -> pexpect.spawn[str]:
        environ = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
        return pexpect.spawn(
            sys.executable, ["-m", "tui", "step", "--plain", *lines], env=environ, timeout=60, encoding="utf-8"
        )

    def ended(terminal: pexpect.spawn[str]) -> None:
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 0

    terminal = opened()
    terminal.expect("1. Two mysteries")
    terminal.expect("h all")
    terminal.send("2\n" if lines else "2")
    if not lines:
        terminal.expect("Keys: n next")
    terminal.send(f"n{enter}")
    terminal.expect("Step 1 of 7")
    terminal.sendeof()
    while terminal.expect(["simkernel ends", pexpect.TIMEOUT], timeout=1):
        terminal.send("\x04")  # once more: one that comes before keys are read is no key
    ended(terminal)
    terminal = opened()
    terminal.expect("0. Go on where you left: Write the five bytes in order, step 1")
    terminal.expect("0 is chosen")
    terminal.expect("h all")
    terminal.send("\n")
    terminal.expect("h all")
    terminal.send(f"w{enter}")
    terminal.expect("Step 1 of 7")
    terminal.send(f"esc{enter}" if lines else "\x1b")
    terminal.expect("What do you want to watch")
    terminal.send(f"esc{enter}" if lines else "\x1b")
    terminal.expect("simkernel ends")
    ended(terminal)


@pytest.mark.parametrize(
    "before", [(":", "word"), ("2g", "step number"), ("2c", "")], ids=["word", "argument", "digit"]
)
def test_the_end_of_input_inside_a_prompt_ends_it_too(before: tuple[str, str], tmp_path: Path) -> None:
    terminal = at_the_list(tmp_path)
    keys, prompt = before
    if keys[0] == "2":
        terminal.send("2")
        terminal.expect("h all")
    terminal.send(keys[-1])
    terminal.expect(prompt)
    terminal.send("\x04")
    terminal.expect("simkernel ends")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


@pytest.mark.skipif(os.name == "nt", reason="sends signals of Unix")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("keys", ["", ":"], ids=["", "prompt"])
def test_a_signal_keeps_the_place(keys: str, number: int, tmp_path: Path) -> None:
    """Where keys are awaited and inside a prompt; the exit code is the shell's."""
    terminal = at_the_list(tmp_path)
    terminal.send("2")
    terminal.expect("h all")
    terminal.send("n")
    terminal.expect("Step 1 of 7")
    terminal.send(keys)
    if keys:
        terminal.expect("word")
    time.sleep(0.3)  # until the next key is read
    terminal.kill(number)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 128 + number
    assert json.loads((tmp_path / "state" / "simkernel" / "last.json").read_text())["step"] == 1


def at_the_list(home: Path) -> pexpect.spawn[str]:
    """Plain mode with a home of its own, by single keys."""
    environ = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
    terminal = pexpect.spawn(sys.executable, ["-m", "tui", "--plain"], env=environ, timeout=60, encoding="utf-8")
    terminal.expect("1. Two mysteries")
    terminal.expect("h all")
    return terminal
