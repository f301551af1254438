"""The commands on the default kernel: what they print, and that it is the same each time."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pexpect
import pytest

import simkernel
from lessons.session.stepper import Stepper
from simkernel.kernel import KernelImage
from simkernel.sim.parts import parts_of
from tests.tui.playing import another, flat
from tui import cli

HELLO = Path(simkernel.__file__).parent / "guest" / "examples" / "hello.S"
TRACE_LINE = re.compile(r"^ *(\S+)-(\d+) +\[(\d{3})\] [d.][N.][Zzh.][0-9a-f.]\. +\d+\.\d{6}: (\w+) <-(\w+)$")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command line here: (exit code, stdout, stderr)."""

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        code = cli.run([str(argument) for argument in arguments])
        out, said = capsys.readouterr()
        assert "Traceback" not in said
        return code, out, said

    return command


def ok(answer: tuple[int, str, str]) -> str:
    code, out, said = answer
    assert (code, said) == (0, "")
    return out


# --- functions, show -------------------------------------------------------------------------------------------------


def test_functions_are_those_that_ftrace_lists(run: Any) -> None:
    listed = ok(run("functions"))
    assert listed == ok(run("show", "available_filter_functions"))
    assert {"schedule", "vfs_read", "_raw_spin_lock", "rcu_all_qs"} <= set(listed.split())
    assert len(listed.split()) >= 60


def test_functions_by_glob(run: Any) -> None:
    names = ok(run("functions", "vfs_*")).split()
    assert names
    assert all(name.startswith("vfs_") for name in names)
    described = json.loads(ok(run("functions", "schedule", "--json")))
    assert [one["name"] for one in described] == ["schedule"]
    assert described[0]["site"] == described[0]["address"]


EMPTY = "simkernel: the filter is empty: that means all functions, as in Linux\n"


@pytest.mark.parametrize("globs", [["!vfs_*"], ["vfs_read", "!vfs_read"], ["*", "!*"], [""], [" "]])
def test_an_empty_filter_is_all_functions_and_is_told_of(run: Any, globs: list[str]) -> None:
    """hash_contains_ip(): what `trace` does with these, `functions` lists."""
    everything = ok(run("functions"))
    assert run("functions", "--", *globs) == (0, everything, EMPTY)
    code, described, said = run("functions", "--json", "--", *globs)
    assert (code, said) == (0, EMPTY) and [one["name"] for one in json.loads(described)] == everything.split()


@pytest.mark.parametrize(
    "command", [["trace", "!vfs_*"], ["funccount", "!vfs_*"], ["show", "enabled_functions", "--trace", "!vfs_*"]]
)
def test_who_traces_with_an_empty_filter_says_that_it_is_all(run: Any, command: list[str]) -> None:
    code, out, said = run(*command, *(["--for", "200000"]))
    assert (code, said.splitlines()[:1]) == (0, EMPTY.splitlines())
    assert any(name in out for name in ("vfs_read", "vfs_write", "vfs_open"))


@pytest.mark.parametrize("command", [["functions"], ["trace"], ["funccount"], ["show", "dmesg", "--trace"]])
def test_a_pattern_that_the_shell_has_made_files_of_is_hinted_at(
    run: Any, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("vfs_one.c", "vfs_two.c"):
        (tmp_path / name).touch()
    code, out, said = run(*command, "vfs_one.c", "vfs_two.c")
    assert (code, out) == (2, "")
    assert "'vfs_one.c' and 1 more are files in this folder: quote the pattern" in said
    code, out, said = run(*command, "vfs_one.c")
    assert (code, out) == (2, "") and "'vfs_one.c' is a file in this folder: quote the pattern" in said
    code, out, said = run(*command, "vfs_three.c")
    assert (code, out) == (2, "") and "file" not in said


def test_ibt_moves_the_site_behind_endbr64(run: Any) -> None:
    (schedule,) = json.loads(ok(run("functions", "schedule", "--json", "--ibt")))
    assert schedule["site"] == schedule["address"] + 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["functions", "schedul"], "schedule"),
        (["trace", "vfs_raed"], "vfs_read"),
        (["funccount", "nothing_*"], "nothing_"),
        (["disas", "shedule"], "schedule"),
        (["show", "enabled_function"], "enabled_functions"),
        (["demo", "vfs_reed"], "vfs_read"),
        (["demo", "--protocol", "int4"], "int3"),
        (["demo", "--moment", "sk4-AAAA"], "moment string"),
        (["demo", "--moment", "hello"], "not a moment string"),
        (["boot", "--kernel", "no-such-file.S"], "no-such-file.S"),
        (["disas", "asm_exc_int3", "--traced"], "notrace"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_2_and_names_what_is_near(run: Any, arguments: list[str], message: str) -> None:
    code, out, said = run(*arguments)
    assert (code, out) == (2, "")
    assert message in said
    assert said.startswith("simkernel: ")


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("dyn_ftrace_total_info", r"\d+ pages:\d+ groups: \d+\n"),
        ("kallsyms", r"(?:[0-9a-f]{16} [TtDdBb] \S+\n)+"),
        ("dmesg", r"(?:\[ *\d+\.\d{6}\] .+\n)+"),
        ("enabled_functions", ""),
    ],
)
def test_show(run: Any, file: str, pattern: str) -> None:
    assert re.fullmatch(pattern, ok(run("show", file)))


def test_show_enabled_functions_while_tracing(run: Any) -> None:
    text = ok(run("show", "enabled_functions", "--trace", "vfs_read"))
    assert re.fullmatch(r"vfs_read \(1\) +\ttramp: 0x[0-9a-f]+ \(function_trace_call\+0x0/0x[0-9a-f]+\) ->.*\n", text)


# --- disas -----------------------------------------------------------------------------------------------------------


def instructions(listing: str) -> list[str]:
    """The texts after the tabs, each without blanks that pad."""
    code = listing.partition("\n")[2].partition("End of assembler dump.")[0]
    return [" ".join(line.split("\t")[-1].split()) for line in code.splitlines()]


def test_disas_shows_one_address_in_three_states(run: Any) -> None:
    built, booted, traced = (ok(run("disas", "schedule", state)) for state in ("--as-built", "--booted", "--traced"))
    assert built.startswith("Dump of assembler code for function schedule:\n   0xffffffff8")
    assert re.match(r"callq? 0xffffffff81[0-9a-f]{6} <__fentry__>", instructions(built)[0])
    assert instructions(booted)[0].startswith("nopl ")
    assert re.match(r"callq? 0xffffffffc04[0-9a-f]{5} <ftrace_trampoline>", instructions(traced)[0])
    assert instructions(built)[1] == instructions(booted)[1] == instructions(traced)[1] == "push %rbp"
    assert instructions(built)[1:] == instructions(booted)[1:] == instructions(traced)[1:]
    assert built.splitlines()[2].split()[1] == "<+5>:"


def test_disas_bytes_and_intel(run: Any) -> None:
    assert re.search(r"\t0f 1f 44 00 00 *\tnopl ", ok(run("disas", "schedule", "--bytes")))
    assert "push   rbp" in ok(run("disas", "schedule", "--syntax", "intel"))
    value = json.loads(ok(run("disas", "schedule", "--json")))
    assert value["instructions"][0]["bytes"] == "0f 1f 44 00 00"
    assert value["instructions"][1]["offset"] == 5


def test_disas_says_what_a_function_does_otherwise_than_linux(run: Any) -> None:
    printed = ok(run("disas", "entry_SYSCALL_64"))
    _, found, notes = printed.partition("End of assembler dump.\n")
    assert found and "Simplified: " in notes and "pt_regs" in notes
    (note,) = json.loads(ok(run("disas", "entry_SYSCALL_64", "--json")))["simplified"]
    assert notes.split() == ["Simplified:", *note.split()]


# --- trace, funccount ------------------------------------------------------------------------------------------------


def test_trace_is_in_ftraces_format(run: Any) -> None:
    text = ok(run("trace", "vfs_*", "*spin_lock*", "--notrace", "vfs_write"))
    assert text.startswith("# tracer: function\n#\n# entries-in-buffer/entries-written: ")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    matches = [TRACE_LINE.match(line) for line in lines]
    assert all(matches), next(line for line, match in zip(lines, matches, strict=True) if not match)
    found = [match for match in matches if match]
    assert {match[3] for match in found} == {"000", "001"}
    functions = {match[4] for match in found}
    assert "vfs_write" not in functions
    assert all(name.startswith("vfs_") or "spin_lock" in name for name in functions)


def test_the_same_seed_gives_the_same_trace_in_two_processes() -> None:
    command = [sys.executable, "-m", "tui", "trace", "*", "--seed", "7", "--for", "20000"]
    one, other = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert one == other
    assert one.count(b"\n") > 50


def test_trace_as_json(run: Any) -> None:
    records = json.loads(ok(run("trace", "vfs_read", "--json")))
    assert records
    assert {record["function"] for record in records} == {"vfs_read"}
    assert [record["time"] for record in records] == sorted(record["time"] for record in records)


def test_funccount_is_greggs_table(run: Any) -> None:
    head, *rows = ok(run("funccount", "*")).splitlines()
    assert head == f"{'FUNC':<30} {'COUNT':>8}"
    counts = [int(row.split()[-1]) for row in rows]
    assert counts == sorted(counts)
    assert len(rows) >= 40
    assert all(re.fullmatch(r"[\w.]+ +\d+", row) for row in rows)


def test_funccount_loses_nothing() -> None:
    from simkernel.ftrace.commands import SetTracer
    from simkernel.kernel.layout import PCPU_RING_HEAD
    from simkernel.sim.calls import Calls
    from tui.commands.funccount import count
    from tui.options import Options
    from tui.session import boot, carry_out

    simulation = boot(Options())
    carry_out(simulation, Options(), SetTracer("function"))
    heads = [parts_of(simulation).kernel.percpu.read(cpu, PCPU_RING_HEAD) for cpu in range(2)]
    calls = Calls(simulation)
    count(simulation, calls, 300_000, lambda text: None)
    written = sum(parts_of(simulation).kernel.percpu.read(cpu, PCPU_RING_HEAD) - head for cpu, head in enumerate(heads))
    assert written > 2 * 1024, "the buffers have to go round for this to say anything"
    assert calls.lost == 0
    assert 0 <= written - sum(calls.by_site.values()) <= 2, "but for a record of each CPU that is under way"


# --- boot, demo ------------------------------------------------------------------------------------------------------


def test_boot_prints_the_kernels_log(run: Any) -> None:
    text = ok(run("boot", "--cpus", "3"))
    assert re.search(r"\] ftrace: allocating \d+ entries in \d+ pages\n", text)
    assert text.splitlines()[-1].startswith("3 CPUs run tasks after ")


def test_boot_step_by_step(run: Any) -> None:
    text = ok(run("boot", "--step"))
    assert "swapper-0 begins: ftrace_init" in text
    functions = len(ok(run("functions")).split())
    made = f"swapper-0 has written {functions} sites: at each, a call to __fentry__ has become a NOP, 0F 1F 44 00 00."
    assert [line[17:] for line in text.splitlines() if "NOP" in line] == [made]
    assert text.splitlines()[-1].startswith("2 CPUs run tasks after ")


@pytest.mark.parametrize("options", [["--ibt"], ["--functions", "1000"], ["--json"]])
def test_boot_step_by_step_counts_the_calls_that_became_nops(run: Any, options: list[str]) -> None:
    said = re.findall(
        r"(\d+) sites: at each, a call to __fentry__ has become a NOP", ok(run("boot", "--step", *options))
    )
    assert said == ["1000" if "--functions" in options else str(len(KernelImage.default().mcount_loc))]


def shows_a_whole_change(text: str, cpus: int = 2) -> None:
    """Every phase, both kinds of bytes, an int3 taken, trace lines of two CPUs, the way back."""
    for phase in ("write int3", "sync 1", "write tail", "sync 2", "write head", "sync 3", "release"):
        assert len(re.findall(rf"^\[\d of 7\] {phase}\b", text, re.MULTILINE)) == 2, phase
    assert "in memory" in text
    for cpu in range(cpus):
        assert f"CPU{cpu} may run" in text
    assert "takes the int3" in flat(text)
    assert len({match[3] for line in text.splitlines() if (match := TRACE_LINE.match(line))}) >= 2
    assert "begins with a NOP again" in text


def test_demo_shows_the_whole_change(run: Any) -> None:
    shows_a_whole_change(ok(run("demo")))


def test_demo_writes_while_a_cpu_is_between_the_bytes(run: Any) -> None:
    """Memory's row and that of the CPU differ, and the CPU runs the NOP that it has begun to read."""
    text = ok(run("demo"))
    assert all(len(line) <= 80 and line.isascii() for line in text.splitlines() if "--moment" not in line)
    writes = text.split("[2 of 7]")[0]
    memory, reader, other = (
        re.findall(rf"^{row:<13}(.{{27}})", writes, re.M)[-1] for row in ("in memory", "CPU0 may run", "CPU1 may run")
    )
    assert memory == other == "CC    1F    44   |00    00 "
    assert reader == "0F    (1F)  (44) |(00)  (00"
    said = flat(text)
    assert "bash-201 writes for the first time while CPU0 has read byte 0 only." in said
    assert (
        "CPU0 runs 0F 1F 44 00 00 at vfs_read: a NOP, before sync 1. That is the old instruction, and all of it."
        in said
    )


def test_demo_says_nothing_twice(run: Any) -> None:
    """Each table has other bytes than the one before, each phase its heading once, and no step is told again."""
    text = ok(run("demo"))
    for change in text.split("$ echo nop"):
        parts = change.split("\n\n")
        tables = [re.findall(r" [0-9A-F(/]{2}[^ ]* ", one) for one in parts if one.startswith("- vfs_read")]
        assert len(tables) > 3 and all(one != after for one, after in pairwise(tables))
        steps = [one for one in parts if re.match(r"Step \d|\[\d of 7\]", one)]
        assert len(set(steps)) == len(steps) > 15


def test_demo_in_json_has_the_steps_as_every_story_has_them(run: Any) -> None:
    """A line an object; the steps that the text tells, what was run, the trace and the moment among them."""
    text, objects = flat(ok(run("demo"))), [json.loads(line) for line in ok(run("demo", "--json")).splitlines()]
    assert {key: objects[0][key] for key in ("function", "protocol", "model", "seed")} == {
        "function": "vfs_read", "protocol": "int3", "model": "pieces", "seed": 0
    }  # fmt: skip
    assert objects[0]["site"] == KernelImage.default().address("vfs_read")
    walked = [one for one in objects if one["word"] == "r"]
    assert [one["step"] for one in walked if one["step"] == 1] == [1, 1], "the change and the way back"
    assert all(" ".join(one["said"]) in text for one in objects if "trace" not in one)
    (traced,) = (one["trace"] for one in objects if "trace" in one)
    assert all(flat(line) in text for line in traced)
    story = [json.loads(line) for line in ok(run("step", "one", "--json", "--script", "n")).splitlines()]
    assert set(story[1]) == set(walked[0])


def test_demo_waits_for_a_key_on_a_terminal_only() -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "tui", "demo"], dimensions=(24, 80), timeout=60, encoding="utf-8")
    said = []
    for key in (" ", "q"):
        terminal.expect("any key goes on")
        said.append(str(terminal.before))
        terminal.send(key)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert ["[1 of 7]" in one for one in (*said, str(terminal.before))] == [False, True, False]
    assert "[2 of 7]" not in said[1] + str(terminal.before)
    shown = re.sub(r"[^\n]*\r(?=[^\n])(\x1b\[K)?", "", "".join([*said, str(terminal.before)]).replace("\r\n", "\n"))
    assert "\\r" not in shown and max(map(len, shown.splitlines())) <= 79


def test_demo_on_four_cpus_in_model_byte(run: Any) -> None:
    shows_a_whole_change(ok(run("demo", "--cpus", "4", "--model", "byte")), 4)


@pytest.mark.parametrize(
    ("name", "ends", "before"),
    [("kmem_cache_free", "cache line", 1), ("vfs_write", "cache line", 4), ("__task_pid_nr_ns", "page", 3)],
)
def test_demo_of_a_site_that_lies_across_a_line_or_a_page(run: Any, name: str, ends: str, before: int) -> None:
    text = ok(run("demo", name))
    shows_a_whole_change(text)
    assert f"A {ends} ends behind byte {before - 1}." in flat(text)
    site = int(re.findall(rf"{name} is at (0x[0-9a-f]+)\.", text)[0], 16)
    assert (site + before) % (4096 if ends == "page" else 64) == 0


@pytest.mark.keystone
def test_demo_of_a_teachers_kernel(run: Any) -> None:
    """The example file, and back to its first write: the line that says so names the file."""
    text = ok(run("demo", "--kernel", str(HELLO)))
    shows_a_whole_change(text)
    assert "ends behind byte" not in flat(text)
    command = shlex.split(text.splitlines()[-1])
    assert command[:2] == ["simkernel", "demo"]
    again = ok(run(*command[1:]))
    assert "[1 of 7] write int3" in again
    assert flat(again).count("takes the int3") == flat(text.split("$ echo nop")[0]).count("takes the int3")


@pytest.mark.keystone
def test_demo_ends_where_a_cpu_never_answers(run: Any, tmp_path: Path) -> None:
    """A teacher's function that spins with interrupts off: no sync is ever answered, and the demo says so."""
    head = "SYM_FUNC_START_LOCAL square\n"
    file = tmp_path / "spin.S"
    before, found, after = HELLO.read_text(encoding="utf-8").partition(head)
    assert found
    file.write_text(f"{before}{head}\tcli\n.Lspin:\n\tjmp .Lspin\n{after}")
    code, _, said = run("demo", "square", "--kernel", file, "--max-instructions", "50000")
    assert code == 1
    assert re.fullmatch(
        r"simkernel: bash-201 has waited for CPU0( and CPU1)? for 50,000 instructions; "
        r"--max-instructions lets the CPUs run longer\n",
        said,
    )


def test_a_moment_reopens_the_demo(run: Any) -> None:
    first = [json.loads(line) for line in ok(run("demo", "--json")).splitlines()]
    moment = first[0]["moment"]
    again = [json.loads(line) for line in ok(run("demo", "--moment", moment, "--json")).splitlines()]
    assert again[0]["place"] == first[0]["place"]
    steps = [[(one["clock"], one["memory"], one["may_run"], one["read"]) for one in told if one["word"] == "r"]
             for told in (first, again)]  # fmt: skip
    story = next(at for at, one in enumerate(steps[0]) if one[1] == "e8 3e ad 3f 3f")
    assert story > 10 and steps[1][: story + 1] == steps[0][: story + 1]
    code, _, said = run("demo", "--moment", moment[:-9])
    assert code == 2
    assert "cut short" in said


def test_the_naive_protocol_ends_in_an_oops(run: Any) -> None:
    code, out, said = run("demo", "--protocol", "naive")
    assert code == 1
    assert re.search(r"^Oops: .*: [0-9a-f]{4} \[#1\]", out, re.MULTILINE)
    assert re.search(r"^Code: ", out, re.MULTILINE)
    told = flat(out[: out.index("\nBUG: ")])
    assert re.search(r"Step \d+\. CPU0 cannot go on after the page fault \(#PF\): a kernel oops ends the run\.", told)
    assert said.startswith("simkernel: the toy kernel died: ")
    assert "Go back" not in flat(out)
    moment = re.findall(r"^simkernel step --moment (\S+)$", out, re.MULTILINE)[-1]
    steps = [json.loads(one) for one in ok(run("step", "--moment", moment, "--script", "n r", "--json")).splitlines()]
    assert "CPU0 has run E8 1F 44 00 00" in flat(steps[1]["verdict"])
    assert [one["halt_reason"] for one in steps[:2]] == ["", ""] and steps[-1]["halt_reason"] == "oops on CPU0"


def test_a_changed_protocol_is_not_said_to_keep_what_the_whole_one_keeps(run: Any) -> None:
    stepper = another(Stepper.start("one"), "without", "write int3")
    _, out, _ = run("demo", "--moment", stepper.moment)
    said = flat(out)
    assert "Broken: byte +0 of rw_verify_area is 0F in memory, not CC." in said
    assert "each runs int3 here" not in said and "Every CPU has answered between two instructions" in flat(
        ok(run("demo"))
    )


def test_stop_machine_changes_the_site_while_every_cpu_waits(run: Any) -> None:
    text = ok(run("demo", "--protocol", "stop_machine"))
    for phase in ("park", "write", "unpark"):
        assert len(re.findall(rf"^\[\d of 3\] {phase}\b", text, re.MULTILINE)) == 2
    assert "ftrace_sync_ipi" not in text  # it comes after the batch: no phase is about it


@pytest.mark.parametrize("command", ["trace vfs_*", "funccount vfs_*", "show trace --trace vfs_*"])
def test_a_run_longer_than_the_bound_is_refused_before_the_work(command: str, run: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("simkernel.sim.options.load_image", lambda *_: pytest.fail("the work has begun"))
    code, out, said = run(*command.split(), "--for", "200001", "--max-instructions", "200000")
    assert (code, out) == (2, "")
    assert said == (
        "simkernel: --for 200,001 is more than --max-instructions allows (200,000): ask for less, or allow more\n"
    )
    assert run(*command.split(), "--for", "200000001")[0] == 2


# --- doctor ----------------------------------------------------------------------------------------------------------


def test_doctor_says_how_instructions_are_counted(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def counting(as_json: str) -> tuple[str, str, str]:
        part = next(one for one in json.loads(as_json)["parts"] if one["name"] == "counting")
        return part["version"], part["state"], part["cost"]

    monkeypatch.setenv("SIMKERNEL_COUNT", "hook")
    way, state, cost = counting(ok(run("doctor", "--json")))
    assert (way, state) == ("hook", "ok")
    assert "SIMKERNEL_COUNT=hook asks for it" in cost
    monkeypatch.delenv("SIMKERNEL_COUNT")
    monkeypatch.setattr("simkernel.hw.way.works", lambda: False)
    assert "not exact on this host" in counting(ok(run("doctor", "--json")))[2]
    monkeypatch.setenv("SIMKERNEL_COUNT", "x")
    code, out, _ = run("doctor", "--json")
    assert (code, counting(out)[1]) == (1, "cannot be")


def test_boot_step_by_step_says_what_goes_on() -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "tui", "boot", "--step"], dimensions=(24, 80), timeout=60)
    for key in (" ", "q"):
        terminal.expect("any key goes on, q ends")
        terminal.send(key)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0 and b"   2  " not in (terminal.before or b"")


def test_trace_of_nothing_gives_an_example(run: Any) -> None:
    code, out, said = run("trace")
    assert (code, out) == (2, "") and "simkernel trace 'vfs_*'" in said
