"""A newcomer's walk on a real terminal, with nothing but the keys that stand on the screen: from the first question to
an oops and the move before it, in at most 60 presses.

That a stranger finds this way is not for a test to say; that it is there, and no longer, is.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.app.terminal import Terminal

ANSWERS, STEPS, ALL = 12, 24, 60  # presses at most
RIGHT, LEFT, ENTER, BACKSPACE, END = "\x1b[C", "\x1b[D", "\r", "\x7f", "\x1b[F"


class Newcomer:
    """Presses keys, and counts them."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.presses = 0

    def press(self, key: str, until: str) -> str:
        self.presses += 1
        self.terminal.send(key)
        self.terminal.until(until)
        return self.terminal.still()

    def step(self, key: str, expected: int) -> str:
        """A step of the story; the screen then."""
        return self.press(key, f"step {expected} of")


def told(screen: str) -> str:
    """What stands in the frames at the left of a wide screen, and all that stands on any other, as one line."""
    left = (row.partition("││")[0].strip("│") for row in screen.splitlines())
    return " ".join(" ".join(left).split())


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 36)])
def test_from_the_first_question_to_the_move_before_the_oops(columns: int, rows: int, tmp_path: Path) -> None:
    terminal = Terminal([], tmp_path, "tmux-256color", "C.UTF-8", columns, rows)
    newcomer = Newcomer(terminal)
    terminal.until("Does this machine make that call")
    asked = terminal.still()
    assert "1   yes" in asked and "2   no" in asked and "__fentry__" in asked
    assert "You said: yes. Not in this run" in newcomer.press("1", "made 0 calls")
    assert "t   trace every function" in newcomer.press(ENTER, "The build left a list")
    guessed = newcomer.press("t", "How does ftrace change all")
    assert "4   It writes at every site" in guessed
    assert "r run" in newcomer.press("4", "asked to trace every function")
    newcomer.press("r", "question 2 of 2, step 3")  # step after step, by itself
    newcomer.press(END, "Paused")  # any key pauses it
    assert "t   turn it off again" in newcomer.press(END, "no CPU was stopped")
    newcomer.press("t", "The counts stand still")
    answers = newcomer.press(ENTER, "serve all")
    assert "one instruction more" in told(answers) and newcomer.presses <= ANSWERS
    newcomer.press(ENTER, "should worry you")
    first = newcomer.press(ENTER, "in memory")
    assert "How do five bytes change" in first

    pictures, trapped = [first], 0
    while "The story ends here" not in pictures[-1]:
        pictures.append(newcomer.step(RIGHT, len(pictures)))
        if not trapped and "takes the int3" in pictures[-1]:
            trapped = len(pictures) - 1
        assert len(pictures) <= STEPS + 1
    assert trapped and len(set(pictures)) == len(pictures)  # an int3 is taken, and every step changes the picture

    for step in range(len(pictures) - 2, trapped - 1, -1):
        again = newcomer.step(LEFT, step)
    assert "takes the int3" in again and "The int3 keeps CPUs from running the five bytes while they change" in told(
        again
    )
    while "SYNC 1" not in again:
        newcomer.presses += 1
        terminal.send(BACKSPACE)
        before = again
        while again == before:
            again = terminal.still()
    assert "A CPU may have begun to read the old instruction" in told(again)
    parted = newcomer.press("x", "chosen because it fails without sync 1")
    assert "Here sync 1 would have waited for CPU0 and CPU1: it is left out." in parted and "Oops" not in parted
    assert "CPU1 has begun to read the old instruction: bash-201 does not wait for it." in told(parted)
    assert "sync 1, which is left out:" in parted and "r failure" in parted
    walked = parted
    while "Oops: " not in walked:  # one sees it happen, a step each
        newcomer.presses += 1
        terminal.send(RIGHT)
        before = walked
        while walked == before:
            walked = terminal.still()
        assert newcomer.presses <= ALL
    assert "neither the old instruction nor the new" in told(walked) and "This is what sync 1 is for." in told(walked)
    moment = newcomer.press(BACKSPACE, "has read +0")
    assert "half old, half new" in told(moment) and "sync 1, which is left out:" in moment and "Oops: " not in moment
    again = newcomer.press("r", "Oops: ")
    assert "Bksp the move before" in again
    assert newcomer.presses <= ALL
    newcomer.presses += 1
    terminal.send("q")
    assert terminal.end() == 0
