"""Plain mode on a real terminal: single keys, arrows, a key that waits for a CPU's number, a prompt."""

from __future__ import annotations

import sys

import pexpect


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
    terminal.sendline("4")
    terminal.expect("The lab")
    terminal.send("q")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_the_end_of_input_ends_it() -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "tui", "--plain"], timeout=60, encoding="utf-8")
    terminal.expect("What do you want to watch")
    terminal.expect("h all")
    while terminal.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=1):
        terminal.send("\x04")  # once more: one that comes before keys are read is no key
    terminal.close()
    assert terminal.exitstatus == 0
