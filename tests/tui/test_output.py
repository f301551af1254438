"""The line that says how far a command got: on a terminal only, a bar where the whole is known, gone at the end."""

from __future__ import annotations

import sys

import pytest

from tui.output import ProgressLine, progress, say


def test_a_bar_grows_with_each_step_and_is_taken_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("counting") as line:
        show = line.steps(4)
        for word in ("one", "two", "three", "four"):
            show(word)
    shown = capsys.readouterr().err.split("\r\x1b[K")
    assert [text.count("#") for text in shown[2:6]] == [0, 5, 10, 15]
    assert shown[3].endswith("] two") and shown[-1] == ""


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("counting") as line:
        line.show("far", 0.5)
    assert capsys.readouterr().err == ""


def test_the_line_that_says_how_far_it_is_stays_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    ProgressLine("exploring").show("1,000,000 states, 12 steps")
    shown = capsys.readouterr().err.removeprefix("\r\x1b[K")
    assert shown == "exploring ... 1,000,000 state"


def test_the_line_obeys_nothing_that_it_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    ProgressLine("tracing \x1b]0;t\x07").show("vfs\n")
    assert capsys.readouterr().err == "\r\x1b[Ktracing \\x1b]0;t\\x07 ... vfs"


LONG = "bash-201 is at write tail: it makes bytes +1 to +4 BB D2 3F 3F, were 1F."
FILLED = """\
  3  bash-201 is at write tail: it
     makes bytes +1 to +4 BB D2 3F 3F,
     were 1F.
"""


def test_sentences_are_filled_to_a_terminal_and_columns_stay(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = f"{'no site':<40}21,535  70,098"
    say(LONG, "  3  ")
    assert capsys.readouterr().out == f"  3  {LONG}\n", "a pipe has no width"
    monkeypatch.setenv("COLUMNS", "38")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    say(LONG, "  3  ")
    say(f"     {LONG}")
    assert capsys.readouterr().out == FILLED + FILLED.replace("3  bash", "   bash", 1)
    for text in (table, "", "short", "x" * 60):
        say(text)
        assert capsys.readouterr().out == f"{text}\n"


def test_what_is_read_aloud_is_said_seldom_and_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A screen reader reads each line that comes: none where the work is short, then one in a while, without a bar."""
    now = [100.0]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("tui.output.monotonic", lambda: now[0])
    with progress("busy", spoken=True) as line:
        for step in range(240):
            now[0] += 0.125
            line.show(f"step {step}", step / 240)
    shown = capsys.readouterr().err
    assert shown.splitlines() == ["busy: step 7, 3 %", "busy: step 87, 36 %", "busy: step 167, 70 %"]
    assert not set("\r\x1b#[") & set(shown)
