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
    terminal.send("q")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
