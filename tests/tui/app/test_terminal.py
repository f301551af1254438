"""The real program on real terminals: it starts, steps, quits, and leaves the terminal as it was."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from pathlib import Path

import pytest

from simkernel.sim.moment import MARK
from tests.tui.app.terminal import Terminal
from tui.app.theme import THEMES

RIGHT, UP, DOWN, ENTER, ESC = "\x1b[C", "\x1b[A", "\x1b[B", "\r", "\x1b"
KINDS = [
    ("linux", "C.UTF-8"),
    ("xterm-256color", "C.UTF-8"),
    ("tmux-256color", "C.UTF-8"),
    ("xterm-256color", "C"),
]


@pytest.mark.parametrize(("term", "locale"), KINDS)
def test_a_scenario_on_a_terminal(term: str, locale: str, tmp_path: Path) -> None:
    terminal = Terminal(["step", "one"], tmp_path, term, locale)
    terminal.until("in memory")
    for at in range(1, 4):
        terminal.send(RIGHT)
        shown = terminal.until(f"step {at}")
    plain = term == "linux" or locale == "C"
    shown = terminal.still()
    marks = ("> Trace one function > ", ")[SYNC 1]", "[CC!]") if plain else ("› Trace one", "▷▐SYNC 1▌", "▐CC!▌")
    assert all(one in shown for one in marks) and shown.isascii() == plain, shown
    terminal.send("m")
    terminal.until("next: ")
    terminal.send("q")
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.raw and COLOUR.search(terminal.raw)
    assert (tmp_path / "simkernel" / "last.json").exists()


COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


@pytest.mark.parametrize("arguments", [[], ["--ascii"]])
def test_no_colour_is_sent_where_none_is_wanted(arguments: list[str], tmp_path: Path) -> None:
    terminal = Terminal(["step", "one", *arguments], tmp_path, "xterm-256color", "C.UTF-8", NO_COLOR="1")
    terminal.until("in memory")
    for at in range(1, 4):
        terminal.send(RIGHT)
        terminal.until(f"step {at}")
    shown = terminal.still()
    assert ("[CC!]" if arguments else "▐CC!▌") in shown and shown.isascii() == bool(arguments)
    terminal.send("\x1b")
    terminal.until("What do you want")
    assert (">   Trace one function" if arguments else "▶   Trace one function") in terminal.still()
    terminal.send("\x1b[H" + ENTER)
    terminal.until("in memory")
    assert "step 3" in terminal.still()
    terminal.send("q")
    assert terminal.end() == 0
    assert not COLOUR.search(terminal.raw), COLOUR.search(terminal.raw)


def test_a_first_start_asks_a_question(tmp_path: Path) -> None:
    terminal = Terminal([], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("Does this machine make that call")
    terminal.send("2")
    terminal.until("made 0 calls")
    terminal.send(ESC)
    terminal.until("What do you want to watch?")
    terminal.send("q")
    assert terminal.end() == 0


def test_the_next_start_offers_to_go_on(tmp_path: Path) -> None:
    terminal = Terminal([], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("quit")
    terminal.send(ESC)  # whatever a first start begins with
    terminal.until("What do you want to watch?")
    terminal.send("/one" + ENTER)
    terminal.until("▶   Trace one function")
    terminal.send(ENTER)
    terminal.until("in memory")
    terminal.send(RIGHT * 2)
    terminal.until("step 2")
    terminal.send("q")
    assert terminal.end() == 0
    again = Terminal([], tmp_path, "xterm-256color", "C.UTF-8")
    again.until("▶   Go on where you left")
    again.send(ENTER)
    again.until("step 2 of")
    again.send("\x03")
    assert again.end() == 0


def test_a_crash_of_ours_restores_the_terminal_and_names_the_moment(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import threading\n"
        "def break_it():\n"
        "    import time\n"
        "    while True:\n"
        "        time.sleep(0.05)\n"
        "        import sys\n"
        "        moves = sys.modules.get('lessons.session.actions')\n"
        "        if moves is not None and hasattr(moves, '_BY_NAME'):\n"
        "            def bug(*arguments): raise ZeroDivisionError('on purpose')\n"
        "            object.__setattr__(moves._BY_NAME['instruction'], 'run', bug)\n"
        "            open(__file__ + '.done', 'w').close()\n"
        "            return\n"
        "threading.Thread(target=break_it, daemon=True).start()\n"
    )
    terminal = Terminal(
        ["step", "one"],
        tmp_path,
        "xterm-256color",
        "C.UTF-8",
        PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[3]}",
        XDG_LOG_HOME=str(tmp_path),
    )
    terminal.until("in memory")
    terminal.until((tmp_path / "sitecustomize.py.done").exists)
    for keys in (":", "One instruction", ENTER):
        terminal.send(keys)
        if keys != ENTER:
            terminal.still()
    code = terminal.end()
    said = terminal.raw.decode()
    assert code == 70
    assert "this is a bug of simkernel: ZeroDivisionError: on purpose" in said and "\x1b[?1049l" in said
    assert "Traceback" not in said
    report = Path(said.rpartition("written down in ")[2].partition(";")[0].strip())
    assert f"moment: {MARK}" in report.read_text()
    report.unlink()


@pytest.mark.parametrize("arguments", [[], ["step", "one"]])
def test_a_terminal_that_cannot_draw(arguments: list[str], tmp_path: Path) -> None:
    terminal = Terminal(arguments, tmp_path, "dumb", "C.UTF-8")
    assert terminal.end() == 2
    assert b"--plain" in terminal.raw


def test_the_lab_on_a_terminal(tmp_path: Path) -> None:
    terminal = Terminal(["step", "lab"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("In every order of events")
    terminal.send("1")
    terminal.until("in which it is not so")
    terminal.send("\r")
    terminal.until("step 0")
    terminal.send("q")
    assert terminal.end() == 0


@pytest.mark.parametrize(
    ("arguments", "shown", "keys"),
    [
        ([], "Go on where you left", ["q"]),
        ([], "Go on where you left", [ENTER, "q"]),
        ([], "Go on where you left", [ENTER, ESC, "q"]),
        ([], "Go on where you left", [DOWN, ENTER, ESC, "q"]),
        (["step", "mysteries"], "Does this machine make that call", ["q"]),
        (["step", "lab"], "In every order of events", ["q"]),
        (["step", "overhead"], "The work: one CPU", ["q"]),
        (["step", "all"], "in memory", ["q"]),
    ],
)
def test_only_looking_keeps_the_place_of_the_session_before(
    arguments: list[str], shown: str, keys: list[str], three_steps: Path, tmp_path: Path
) -> None:
    shutil.copytree(three_steps, tmp_path, dirs_exist_ok=True)
    place = kept(tmp_path)
    assert place["step"] == 3 and str(place["moment"]).startswith(MARK)
    look(arguments, shown, keys, tmp_path)
    assert kept(tmp_path) == place


@pytest.fixture(scope="module")
def three_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of somebody who has gone three steps."""
    state = tmp_path_factory.mktemp("three-steps")
    look(["step", "one"], "in memory", [RIGHT, RIGHT, RIGHT, "q"], state)
    return state


def look(arguments: list[str], shown: str, keys: list[str], state: Path) -> None:
    """A session: these keys once that is shown."""
    terminal = Terminal(arguments, state, "xterm-256color", "C.UTF-8")
    terminal.until(shown)
    for key in keys:
        terminal.send(key)
        terminal.still()
    assert terminal.end() == 0


def kept(state: Path) -> dict[str, object]:
    """What a session has kept."""
    place: dict[str, object] = json.loads((state / "simkernel" / "last.json").read_text())
    return place


@pytest.mark.parametrize("rows", [3, 24])
def test_a_list_takes_keys_before_it_is_laid_out(rows: int, tmp_path: Path) -> None:
    """The key that opens a list and those that move in it come in one write; with 3 rows no list has room at all."""
    terminal = Terminal(["step", "one"], tmp_path, "xterm-256color", "C.UTF-8", rows=rows)
    terminal.until("too small" if rows == 3 else "in memory")
    moving = ("\x1b[6~", "\x1b[5~", "\x1b[6~\x1b[6~\x1b[5~", "\x1b[F\x1b[5~", "\x1b[B\x1b[6~", "\x1b[1;5F\x1b[6~")
    for list_key, keys in itertools.product(("\x10", ESC), moving):
        terminal.send(list_key + keys)
        terminal.still()
        terminal.send(ESC if list_key != ESC else UP + ENTER)
        terminal.still()
    terminal.send("\x11")
    assert terminal.end() == 0 and terminal.left == []


def test_bytes_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    terminal = Terminal(["step", "one"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("in memory")
    terminal.child.send(b"\xff\xfe\xc3")
    terminal.still()
    terminal.send(" ")  # of the character that was not whole, it may be a part
    terminal.still()
    terminal.send(" ")
    assert re.search("step [12] of", terminal.still())
    terminal.send("q")
    assert terminal.end() == 0 and terminal.left == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--theme", "light", "--ascii"],
        ["--theme", "light", "--ascii", "step", "one"],
        ["step", "one", "--theme", "light", "--ascii"],
        ["--theme", "dark", "--ascii", "step", "one", "--theme", "light"],  # the nearer one counts
    ],
)
def test_the_looks_of_a_screen_stand_before_the_command_or_behind_it(arguments: list[str], tmp_path: Path) -> None:
    terminal = Terminal(arguments, tmp_path, "xterm-256color", "C.UTF-8", COLORTERM="truecolor")
    terminal.until("in memory" if "one" in arguments else "quit")
    assert terminal.still().isascii()
    terminal.send("\x11")
    assert terminal.end() == 0
    grounds = [name for name in THEMES if name != "ansi" and background(THEMES[name].background) in terminal.raw]
    assert grounds == ["light"]
    assert json.loads((tmp_path / "simkernel" / "last.json").read_text())["theme"] == "light"


def background(colour: str | None) -> bytes:
    """What sets a background of that colour, `#rrggbb`, in a sequence of several settings."""
    assert colour is not None
    return f"48;2;{';'.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))}".encode()
