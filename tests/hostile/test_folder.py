"""Python files of the folder that a command is run in are not run, whatever they are called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simkernel.asm import available
from simkernel.child import ROOT, child_process
from simkernel.overhead import native
from tests.hostile.harness import run
from tests.tui.app.terminal import Terminal
from tui.cli import COMMANDS

OTHERS = (
    *("simkernel", "lessons", "tui", "numpy", "unicorn", "capstone", "keystone", "textual", "rich", "click", "msgspec"),
    *("platformdirs", "sitecustomize", "usercustomize"),
)
EXAMPLE = str(Path(ROOT, "simkernel", "guest", "examples", "hello.S"))
LINES = {
    "demo": ["demo"],
    "step": ["step", "one", "--script", "n n p"],
    "boot": ["boot", *(["--kernel", EXAMPLE] if available() else [])],
    "functions": ["functions", "vfs_*"],
    "disas": ["disas", "vfs_read", "--bytes"],
    "trace": ["trace", "vfs_*", "--for", "20000"],
    "funccount": ["funccount", "vfs_*", "--for", "20000"],
    "explore": ["explore"],
    "overhead": ["overhead", "nop", "--slides", "bars.svg"],
    "native": ["native", "patch", "--cycles", "20"],
    "show": ["show", "dmesg"],
    "config": ["config"],
    "doctor": ["doctor"],
}
NATIVE = pytest.mark.skipif(
    bool(native.why_not()) or len(os.sched_getaffinity(0)) < 2, reason="needs x86-64 Linux with two CPUs"
)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder with a file for every module that simkernel could import; each writes its name into a file of marks."""
    for name in {*sys.stdlib_module_names, *OTHERS}:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name}\\n')\n")
    return tmp_path


def ran(folder: Path) -> str:
    marks = folder / "ran"
    return marks.read_text() if marks.exists() else ""


def test_the_marks_are_written_where_python_does_look(planted: Path) -> None:
    subprocess.run([sys.executable, "-c", "import textual, json"], cwd=planted, check=True)
    assert ran(planted).split()[0] == "textual"


def test_every_command_has_a_line_here() -> None:
    assert LINES.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", [pytest.param(name, marks=NATIVE if name == "native" else ()) for name in COMMANDS])
def test_a_command_runs_nothing_of_its_folder(name: str, planted: Path) -> None:
    outcome = run(LINES[name], cwd=planted)
    assert (outcome.fault(), outcome.code) == ("", 0)
    assert ran(planted) == ""


@pytest.mark.parametrize("path", ["", os.pathsep, f"{ROOT}{os.pathsep}"])  # an empty part of it means: here
def test_a_child_runs_nothing_of_its_folder(path: str, planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(planted)
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with child_process("simkernel.kernel", "--check") as child:
        _out, err = child.communicate()
    assert (child.returncode, err, ran(planted)) == (0, b"", "")


@NATIVE
def test_the_screen_and_its_measuring_run_nothing_of_its_folder(
    planted: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    terminal = Terminal(
        ["step", "overhead"], tmp_path_factory.mktemp("state"), "xterm-256color", "C.UTF-8", folder=planted
    )
    for answer, shown in (("3", "Enter: measure"), ("\r", "round")):
        terminal.until("exact")
        terminal.send(answer)
        terminal.until(shown)
    terminal.send("\x1b")
    terminal.until("cancelled")  # else the terminal takes Esc and q for one key
    terminal.send("q")
    assert terminal.end() == 0
    assert ran(planted) == ""
