"""`simkernel explore`: verdicts, exit codes, schedules that can be opened, and what it says to wrong options."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simkernel.sim.moment import MARK, open_moment
from tests.explore.reader import parse
from tests.tui.playing import flat
from tui import cli


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command line here: (exit code, stdout, stderr)."""

    def command(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["explore", *arguments])
        out, said = capsys.readouterr()
        return code, out, said

    return command


def test_int3_is_safe(run: Any) -> None:
    code, out, said = run()
    assert (code, said) == (0, "")
    assert out.startswith("int3, NOP -> CALL inside a cache line, 2 CPUs, in model byte, no NMI comes: safe. In all ")


def test_a_violation_is_told_step_by_step_and_can_be_watched(run: Any) -> None:
    code, out, said = run("--without", "sync-1", "--place", "across")
    assert (code, said) == (1, "")
    *steps, verdict, why, played, moment = out.splitlines()
    assert [int(line.split()[0]) for line in steps] == list(range(1, len(steps) + 1))
    assert all(parse(line.split(maxsplit=1)[1]) for line in steps)
    assert "in model byte, no NMI comes: not safe. After 5 moves" in verdict and "(torn)" in verdict
    assert why == "Why: The tail changes while a CPU may still run the old byte 0: at least one new byte follows it."
    assert played.startswith("It was played on the simulation")
    simulation = open_moment(moment.removeprefix("simkernel demo --moment "))
    assert simulation.position < len(simulation.entries)


def test_the_line_to_watch_it_shows_the_function_that_fails(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run("--without", "sync-1")
    assert cli.run(out.splitlines()[-1].split()[1:]) == 1
    told, died = capsys.readouterr()
    assert "x64_sys_call begins with the bytes 0F 1F 44 00 00" in flat(told) and "nmi_handle" not in told
    stored, ran, oops = (flat(told).index(words) for words in ("0F becomes CC", "runs 0F BB 44 00 00", "Oops: "))
    assert stored < ran < oops
    assert died.startswith("simkernel: the toy kernel died: ")


def test_json_has_the_verdict_and_the_moment(run: Any) -> None:
    code, out, _ = run("--protocol", "int3-2012", "--change", "call-call", "--model", "instant", "--json")
    value = json.loads(out)
    assert code == 1
    assert (value["safe"], value["finished"], value["broken"]) == (False, True, "neither")
    assert len(value["schedule"]) == 5 and value["moment"].startswith(MARK)


def test_a_search_that_gives_up_is_not_called_safe(run: Any) -> None:
    code, out, _ = run("--states", "50")
    assert code == 1 and "not finished" in out and "safe." not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--without", "sync-9"), "protocol int3 has no phase 'sync-9'; it has: write int3, sync 1"),
        (("--protocol", "nope"), "no protocol 'nope'; there are: int3"),
        (("--protocol", "one-store", "--without", "write-all"), "nothing would be left"),
        (("--move", "sync-1"), "name two phases"),
        (("--move", "sync-1:sync-1"), "cannot be moved before itself"),
        (("--property", "speed"), "no property 'speed'; there are: whole"),
        (("--nop", "6x1"), "'6x1' is none of nop5"),
        (("--cpus", "5"), "1<=x<=4"),
        (("--cpus", "0"), "1<=x<=4"),
        (("--protocol", "in3"), "Did you mean 'int3'?"),
        (("--without", "Sync_1"), "Did you mean 'sync-1'?"),
        (("--property", "whol"), "Did you mean 'whole'?"),
        (("--property", "torn"), "'torn' is what happens where the property whole is broken: ask for whole"),
        (("--model", "bite"), "Did you mean 'byte'?"),
        (("--ablation", "--without", "sync-1", "--cpus", "2"), "leave out --without, --cpus"),
        (("--markdown",), "give --ablation"),
        (("--ablation", "--markdown", "--json"), "choose one"),
    ],
)
def test_wrong_options_are_named(run: Any, arguments: tuple[str, ...], said: str) -> None:
    code, out, error = run(*arguments)
    assert code == 2 and not out and said in error
