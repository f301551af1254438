"""A closed or full standard stream is one sentence and exit code 1, or no matter at all; it is never a bug of ours."""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from simkernel.asm import available
from simkernel.child import ROOT
from simkernel.overhead import native
from tests.hostile import streams
from tests.hostile.harness import Outcome, run
from tests.hostile.streams import LINES, STATES, State
from tui.app.start import NOT_DRAWN
from tui.streams import printable

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk here that is always full")
NATIVE = not native.why_not() and len(os.sched_getaffinity(0)) > 1
ALL = [
    (line, state)
    for line, state in itertools.product(LINES, STATES)
    if (available() or ".S" not in line) and (NATIVE or not line.startswith("native"))
]
PART = [("demo", "output full"), ("demo", "output closed"), ("boot --step", "input closed"), ("config", "all closed"),
        ("functions --functions 20000", "output full, errors closed"), ("demmo", "all closed"),
        ("boot --kernel none.S", "errors closed"), ("native patch --cycles 20", "input closed")]  # fmt: skip


@functools.cache
def whole(line: str) -> Outcome:
    """With all streams whole."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return streams.outcome(line, State(), Path(folder))


@pytest.mark.parametrize(("line", "state"), [one for one in PART if one in ALL])
def test_some_lines_in_some_states(line: str, state: str, tmp_path: Path) -> None:
    assert streams.problem(line, STATES[state], tmp_path, whole) == ""


@pytest.mark.stress
@pytest.mark.parametrize(("line", "state"), ALL)
def test_all_lines_in_all_states(line: str, state: str, tmp_path: Path) -> None:
    assert streams.problem(line, STATES[state], tmp_path, whole) == ""


def shell(line: str) -> tuple[int, str, str]:
    """Run a line of bash in which `$S` is simkernel; (exit code of the first command of the pipe, stdout, stderr)."""
    program = f'S="{sys.executable} -m tui"; {line}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", program], capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_reader_that_has_enough_is_no_error() -> None:
    """The listing is longer than a pipe holds, so that writing it does fail."""
    code, out, err = shell("$S functions --functions 100000 | head -n 1")
    assert (code, out.count("\n"), err) == (0, 1, "")


def test_input_that_is_no_input_or_no_text_is_said() -> None:
    assert shell("$S step one --lines 0>/dev/null >/dev/null") == (
        1, "", "simkernel: standard input cannot be read: it is closed\n"
    )  # fmt: skip
    code, _out, err = shell("$S step one --lines < <(printf 'n\\n\\xff\\n') >/dev/null")
    assert (code, err.count("\n")) == (2, 1) and "xff" in err


@pytest.mark.parametrize("to", ["/dev/full", "&-", "said"])
def test_a_screen_that_could_not_be_drawn_is_refused(to: str, tmp_path: Path) -> None:
    """Textual draws on standard error."""
    line = f"exec {sys.executable} -P -m tui step one 2>{to}"
    env = os.environ | {"TERM": "xterm-256color", "PYTHONPATH": ROOT, "XDG_STATE_HOME": str(tmp_path)}
    child = pexpect.spawn("bash", ["-c", line], env=env, cwd=str(tmp_path))
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2 and not child.before
    said = [file.read_text() for file in tmp_path.iterdir()]
    assert said == ([f"simkernel: {NOT_DRAWN}\n"] if to == "said" else [])


def test_no_control_character_of_an_argument_comes_out() -> None:
    evil = "a\x1b]0;t\x07\x9b31m\r\u202e"
    for line in ([evil], ["disas", evil], ["boot", "--kernel", evil], ["boot", "--model", evil], ["show", evil],
                 ["overhead", "--costs", evil], ["step", evil, "--plain"],
                 ["step", "one", "--script", evil], ["--theme", evil], ["explore", "--protocol", evil]):  # fmt: skip
        found = run(line)
        assert (found.fault(), found.code) == ("", 2)
        assert r"\x1b]0;t\x07" in found.err.decode()


def test_what_is_printable_stays() -> None:
    assert printable("a\tb\nc \u00e9 \u2026 \U0001f600") == "a\tb\nc \u00e9 \u2026 \U0001f600"
    assert printable("\x1b[1m\r\x7f\x9b\u2028\udcff") == r"\x1b[1m\r\x7f\x9b\u2028\udcff"
