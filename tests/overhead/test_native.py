"""Native code: each line of it against Capstone; int3 does no harm; a child's death is told; refusals in sentences."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import unicorn
from unicorn import x86_const

from simkernel import disasm
from simkernel.errors import LearnerError
from simkernel.insn import INT3, NOP5, call
from simkernel.overhead import children, code, native, patching
from simkernel.protocol import parse
from tui.cli import run

HERE = pytest.mark.skipif(
    bool(native.why_not()) or len(os.sched_getaffinity(0)) < 2, reason="needs x86-64 Linux with two CPUs"
)
LISTINGS = {
    "loop": code.LOOP,
    "handler": code.handler(0x7F12_3456_7000, 0x7F00_0000_8002),
    "spin": code.SPIN,
    "delay": code.DELAY,
    "ticks": code.TICKS,
    "driver": code.DRIVER,
    "trap": code.trap(0x7F12_3456_7DA0),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_the_listing_is_what_the_bytes_say(name: str) -> None:
    lines = LISTINGS[name]
    decoded = [(one.bytes.hex(" "), one.text) for one in disasm.decode(code.bytes_of(lines), 0)]
    assert decoded == list(lines)


def test_the_named_places_are_what_they_say() -> None:
    loop = code.bytes_of(code.LOOP)
    assert loop[code.SITE : code.SITE + 5] == NOP5
    assert loop[code.TARGET :].hex() == "48ffc0c3"  # inc %rax; ret
    assert code.bytes_of(code.SPIN)[code.IMMEDIATE - 1] == 0xB8  # mov $imm32,%eax


@HERE
def test_the_driver_takes_the_steps_of_the_table() -> None:
    """On memory that nobody runs: after each phase's step the bytes are what the table says."""
    space = native.Executable(native.PAGE, code.HLT)
    data, site = space.address, space.put(0x800 + 62, NOP5)
    target = space.address + 0x900
    old, new = NOP5, call(site, target)
    synced: list[bytes] = []

    def now() -> bytes:
        return ctypes.string_at(site, 5)

    for name in ("int3", "naive", "head-first", "tail-first", "one-store", "atomic8"):
        protocol = parse(name).table
        space.put(0x800 + 62, old)
        taken = patching.steps(protocol, site, old, new, data, target, lambda: synced.append(now()))
        if protocol.claims:
            taken.pop(0)()
            assert native.word(data + code.EMULATE).value == target
        begun = native.word(data + code.BEGUN).value
        taken.pop(0)()
        assert native.word(data + code.BEGUN).value == begun + 1 and now() == old
        for phase, step in zip(protocol.phases, taken, strict=True):
            step()
            values = {"old": old, "new": new, "int3": b"\xcc" * 5}
            assert now() == bytes(values[part.value][at] for at, part in enumerate(phase.memory(5, site))), phase.name
        assert now() == new
    assert native.word(data + code.EMULATE).value == 0
    assert [bytes_now[0] for bytes_now in synced] == [0xCC, 0xCC, 0xE8]


@HERE
@pytest.mark.parametrize("straddle", [False, True])
def test_int3_does_no_harm(straddle: bool) -> None:
    result = children.patch_loop(parse("int3"), 3_000, straddle)
    assert (result.died, result.wrong, result.cycles) == ("", 0, 3_000)
    assert result.passes > 0 and result.unharmed


DATA, SITE_AT, STACK, CONTEXT, HANDLER, TARGET = 0x10000, 0x20040, 0x30800, 0x40000, 0x50000, 0x20100
WHOLE, TRAP = NOP5[0], INT3


def handled(emulate: int, first: int, at: int = SITE_AT, begins: bool = False) -> tuple[int, int, bytes, int, int]:
    """Run the handler on an int3 that a CPU took at `at`, in an engine of its own.

    `begins`: a batch begins, and stores its int3, between the handler's two first looks at memory. Returns RIP and RSP
    of the interrupted code then, what lies on its stack, and the words TRAPS and UNCLAIMED.
    """
    engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    for page in (DATA, SITE_AT, STACK, CONTEXT, HANDLER):
        engine.mem_map(page & ~0xFFF, 0x1000)

    def word(address: int) -> int:
        return int.from_bytes(engine.mem_read(address, 8), "little")

    def put(address: int, value: int) -> None:
        engine.mem_write(address, value.to_bytes(8, "little"))

    engine.mem_write(HANDLER, code.bytes_of(code.handler(DATA, SITE_AT)))
    engine.mem_write(SITE_AT, bytes((first,)))
    put(DATA + code.EMULATE, emulate)
    put(DATA + code.BEGUN, 7)
    put(CONTEXT + 0xA8, at + 1)
    put(CONTEXT + 0xA0, STACK)
    put(STACK + 0x100, HANDLER + 0x800)  # the handler's own way back
    engine.reg_write(x86_const.UC_X86_REG_RDX, CONTEXT)
    engine.reg_write(x86_const.UC_X86_REG_RSP, STACK + 0x100)

    def store(_engine: object, _access: int, address: int, *_: object) -> None:
        if begins and address == DATA + code.EMULATE:
            put(DATA + code.BEGUN, 8)
            engine.mem_write(SITE_AT, bytes((TRAP,)))

    engine.hook_add(unicorn.UC_HOOK_MEM_READ, store)
    engine.emu_start(HANDLER, HANDLER + 0x800)
    pushed = bytes(engine.mem_read(STACK - 8, 8))
    return word(CONTEXT + 0xA8), word(CONTEXT + 0xA0), pushed, word(DATA + code.TRAPS), word(DATA + code.UNCLAIMED)


def test_the_handler_claims_what_a_batch_claims_and_nothing_else() -> None:
    nothing, back = bytes(8), (SITE_AT + 5).to_bytes(8, "little")
    assert handled(1, TRAP) == (SITE_AT + 5, STACK, nothing, 1, 0)
    assert handled(TARGET, TRAP) == (TARGET, STACK - 8, back, 1, 0)
    assert handled(0, WHOLE) == (SITE_AT, STACK, nothing, 0, 0)  # the batch has ended since: the site is whole
    assert handled(0, TRAP) == (SITE_AT + 1, STACK, nothing, 0, 1)
    assert handled(0, WHOLE, begins=True) == (SITE_AT, STACK, nothing, 0, 0)  # that int3 is the next batch's
    assert handled(TARGET, TRAP, at=SITE_AT + 1) == (SITE_AT + 2, STACK, nothing, 0, 1)


@HERE
def test_an_int3_that_no_batch_claims_is_the_failure(capsys: pytest.CaptureFixture[str]) -> None:
    name = "int3 without write head"
    result = children.patch_loop(parse(name), 2_000)
    assert (result.died, result.wrong) == ("unclaimed int3", 0)
    assert 1 <= result.cycles <= 2_000 and not result.unharmed and result.seconds < children.MOST_SECONDS
    assert run(["native", "patch", "--protocol", name, "--cycles", "2000"]) == 1
    out, said = capsys.readouterr()
    assert "the loop took an int3 that no running batch claimed: the child ended there.\n" in out
    assert 'die("int3") in exc_int3(), arch/x86/kernel/traps.c' in out
    assert "left its code" not in out + said and "torn" not in out


@HERE
def test_what_the_last_change_leaves_is_run() -> None:
    """However few changes there are, and however late the loop runs it."""
    for changes in (1, 2, 3):
        result = children.patch_loop(parse("int3 without write head"), changes)
        assert (result.died, result.wrong, result.cycles <= changes) == ("unclaimed int3", 0, True)


@HERE
def test_a_death_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a child that dies for certain."""
    dies = tmp_path / "dies"
    dies.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dies.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dies))
    assert children.patch_loop(parse("naive"), 50).died == "SIGSEGV"
    assert run(["native", "patch", "--protocol", "naive"]) == 1
    assert "The child process died of SIGSEGV" in capsys.readouterr().out


@HERE
def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    hangs.write_text("#!/bin/sh\nexec sleep 60\n")
    hangs.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hangs))
    monkeypatch.setattr(children, "MOST_SECONDS", 0.2)
    monkeypatch.setattr(children, "GRACE", 0.2)
    assert children.patch_loop(parse("naive"), 50).died == "stuck"


@HERE
def test_a_child_leaves_no_core_file(tmp_path: Path) -> None:
    script = "import os; from simkernel.overhead.native import die_quietly as quiet; quiet(); os.abort()"
    root = str(Path(__file__).parents[2])
    died = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": root})
    assert died.returncode == -6 and not list(tmp_path.iterdir())


def children_of(parent: int) -> set[int]:
    """Processes whose parent is that one (field 4 of /proc/PID/stat)."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.add(int(status.parent.name))
    return found


def until(done: Callable[[], bool]) -> bool:
    """Wait some seconds for something; whether it has come."""
    end = time.monotonic() + 20
    while not done() and time.monotonic() < end:
        time.sleep(0.05)
    return done()


@HERE
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whoever_ends_the_command_ends_its_child(number: int, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "tui", "native", "patch", "--cycles", "1000000000"]
    parent = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": root}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert until(lambda: bool(children_of(parent.pid)))
    mine = children_of(parent.pid)
    assert until(lambda: any(len(os.sched_getaffinity(pid)) == 1 for pid in mine))  # it runs: it ends with its parent
    parent.send_signal(number)
    _out, err = parent.communicate(timeout=20)
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in mine))
    assert not list(tmp_path.iterdir())
    if number == signal.SIGINT:
        assert (parent.returncode, err) == (130, b"\nsimkernel: interrupted\n")


@HERE
def test_the_delay_of_one_byte() -> None:
    found = children.delay(500)
    assert 0 < found.median <= found.p99 and 0 <= found.still_old <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "int4"], "no protocol 'int4'; there are: int3"),
        (["--no-sync-delay", "--straddle"], "--straddle has no effect with --no-sync-delay"),
        (["--cycles", "0"], "0 cycles: a number from 1 to 1,000,000,000 is needed"),
        (["--cycles", "9" * 400], "a number from 1 to 1,000,000,000 is needed"),
        (["--no-sync-delay", "--cycles", "0"], "0 changes: a number from 1 to 1,000,000 is needed"),
        (["--no-sync-delay", "--cycles", "100000000000"], "a number from 1 to 1,000,000 is needed"),
        (["--protocol", "stop_machine"], "cannot make other CPUs stand still"),
    ],
)
def test_bad_input_is_answered_in_a_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["native", "patch", *arguments]) == 2
    assert message in capsys.readouterr().err


@HERE
def test_one_cpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "usable_cpus", lambda: [3])
    with pytest.raises(LearnerError, match="needs two CPUs, and this has one"):
        children.patch_loop(parse("int3"), 10)


@HERE
def test_no_membarrier_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        def syscall(self, *_arguments: Any) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_arguments, **_named: Libc())
    monkeypatch.setattr(ctypes, "get_errno", lambda: 1)
    with pytest.raises(LearnerError, match="membarrier is refused here .*seccomp"):
        native.Membarrier()


@HERE
@pytest.mark.parametrize(
    ("call", "message"), [("memfd_create", "memory to share"), ("sched_setaffinity", "bound to CPU")]
)
def test_what_the_system_refuses_is_said(call: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, call, refused)
    with pytest.raises(LearnerError, match=f"{message}.*Operation not permitted"):
        children.patch_loop(parse("int3"), 10) if call == "memfd_create" else native.pin(0)


@HERE
def test_no_executable_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: Any, **_named: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mmap, "mmap", refused)
    with pytest.raises(LearnerError, match="gives no memory that can be written and run"):
        native.Executable(native.PAGE, code.HLT)


def test_another_system_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(LearnerError, match="aarch64"):
        native.check()
