"""The frame of the command line: exit codes, one message an error, no traceback."""

from __future__ import annotations

import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
import pytest

from simkernel.errors import GuestError, KernelSourceError, LearnerError, OurError
from tui import cli

WITH_CHECKOUT = {"PYTHONPATH": str(Path(__file__).parents[2])}


def command_that(action: Callable[[], None]) -> click.Command:
    return click.Command("config", callback=action)


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def action() -> NoReturn:
        raise error

    return action


@pytest.fixture
def replace_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Callable[[], None]], None]:
    """Let `simkernel config` do something else; reports go to tmp_path."""
    monkeypatch.setattr("platformdirs.user_log_dir", lambda *_, **__: str(tmp_path))
    return lambda action: monkeypatch.setattr("tui.commands.config.command", command_that(action))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (LearnerError("no such function"), 2, "simkernel: no such function\n"),
        (KernelSourceError("a.S", 3, "unknown mnemonic"), 2, "simkernel: a.S:3: unknown mnemonic\n"),
        (GuestError("oops on CPU1"), 1, "simkernel: oops on CPU1\n"),
        (KeyboardInterrupt(), 130, "\nsimkernel: interrupted\n"),
        (click.UsageError("wrong"), 2, "simkernel: wrong\nsimkernel: `simkernel config --help` says more.\n"),
        (click.exceptions.Exit(1), 1, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_one_message_and_an_exit_code(
    error: BaseException,
    code: int,
    message: str,
    replace_config: Callable[[Callable[[], None]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    replace_config(raising(error))
    assert cli.run(["config"]) == code
    assert capsys.readouterr() == ("", message)


@pytest.mark.parametrize("error", [ZeroDivisionError("0"), OurError("views differ")])
def test_a_bug_of_ours_leaves_a_report(
    error: Exception,
    replace_config: Callable[[Callable[[], None]], None],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    replace_config(raising(error))
    assert cli.run(["config"]) == 70
    (report,) = tmp_path.glob("simkernel-bug-*.txt")
    said = capsys.readouterr().err
    assert str(report) in said
    assert "Traceback" not in said
    assert f"{type(error).__name__}: {error}" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demmo"], "Did you mean 'demo'?"),
        (["config", "--jsn"], "--jsn"),
        (["boot", "--model", "bite"], "Did you mean 'byte'?"),
        (["boot", "--policy", "never"], "early, late, seeded"),
        (["boot", "--cpus", "9"], "1<=x<=8"),
        (["boot", "--cpus", "two"], "two"),
        (["boot", "--functions", "200001"], "200000"),
        (["boot", "--functions", "5", "--kernel", "x.S"], "--kernel and --functions exclude each other"),
        (["boot", "--seed", "-1"], "-1"),
        (["disas"], "FUNC"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert message in said
    assert "Traceback" not in said


def test_alone_without_a_terminal_it_says_what_to_use_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 2
    assert "--plain" in capsys.readouterr().err


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: simkernel {name} ")


def test_config_says_what_differs_from_linux(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["config", "--json"]) == 0
    settings = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert settings["CONFIG_DYNAMIC_FTRACE"] == {"name": "CONFIG_DYNAMIC_FTRACE", "value": "y"}
    assert settings["CONFIG_X86_KERNEL_IBT"]["value"] == "n"
    assert "--ibt" in settings["CONFIG_X86_KERNEL_IBT"]["simplified"]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    line = f"{sys.executable} -m tui config | head -n 1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_it_within_a_fifth_of_a_second() -> None:
    """The best of three: the machine that runs the tests may be busy."""
    assert any(seconds_to_end(wait) < 0.2 for wait in (1.0, 1.7, 2.4))


def seconds_to_end(wait: float) -> float:
    """Interrupt a long run after `wait` seconds; how long it takes to end."""
    command = "trace * --for 4000000000 --max-instructions 4000000000".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(wait)
    assert process.poll() is None, process.communicate()
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (130, "\nsimkernel: interrupted\n")
    return time.monotonic() - begin


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_a_script() -> None:
    """It cancels no word of it: nobody is there to say the next one."""
    words = "cpus:4 1 esc 1 esc 1"
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "step", "lab", "--json", "--script", words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() and process.stdout.readline()
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "\nsimkernel: interrupted\n")
    assert not any(json.loads(line)["error"] for line in out.splitlines())


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_in_a_finalizer_is_not_lost(tmp_path: Path) -> None:
    """What is raised in a finalizer, Python prints and drops; here one is running when ctrl-C comes."""
    program = tmp_path / "busy.py"
    program.write_text(
        "import signal, time\n"
        "from tui.interrupt import raise_on_signals, end_in_peace\n"
        "class Busy:\n"
        "    def __del__(self):\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "raise_on_signals()\n"
        "try:\n"
        "    Busy()\n"
        "    time.sleep(5)\n"
        "except KeyboardInterrupt:\n"
        "    print('seen')\n"
        "    end_in_peace()\n"
        "class Broken:\n"
        "    def __del__(self):\n"
        "        raise AttributeError('half made')\n"
        "Broken()\n"
    )
    result = subprocess.run([sys.executable, program], capture_output=True, text=True, env=os.environ | WITH_CHECKOUT)
    assert (result.stdout, result.stderr) == ("seen\n", "")


@pytest.mark.parametrize("looks", [["--theme", "light"], ["--ascii"]])
def test_the_looks_of_a_screen_are_refused_where_none_opens(
    looks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a command and behind it, in the same words, and nothing is printed."""
    for name in cli.COMMANDS:
        module = importlib.import_module(f"tui.commands.{name}")
        takes = {option for parameter in module.command.params for option in parameter.opts}
        assert ({"--ascii", "--theme"} <= takes) == (name in cli.SCREENS)
        for arguments in ([*looks, name], [name, *looks]) if name not in cli.SCREENS else ():
            assert cli.run(arguments) == 2
            said = capsys.readouterr()
            assert said.out == "" and said.err.startswith(
                f"simkernel: {name} prints text and opens no screen: leave {looks[0]} out, or use `simkernel step`.\n"
            )
    for arguments in (
        ["--lines", *looks],
        [*looks, "step", "one", "--script", "n"],
        ["step", "one", "--lines", *looks],
    ):
        assert cli.run(arguments) == 2
        assert "--ascii and --theme are for the screen" in capsys.readouterr().err


def test_lines_go_before_a_command_or_behind_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list takes them, and so does `step`; a command that opens no screen refuses them."""
    said = []
    for arguments in (["--lines"], ["--lines", "step"], ["step", "--lines"]):
        monkeypatch.setattr("sys.stdin", io.StringIO("h\n"))
        assert cli.run(arguments) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2] and "What do you want to watch" in said[0]
    assert cli.run(["--lines", "boot"]) == 2
    assert "boot prints text and opens no screen: leave --lines out" in capsys.readouterr().err
