"""Every kind of command, with its standard streams in every state that a shell can give them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simkernel.child import ROOT
from tests.hostile.harness import Outcome, run

EXAMPLE = str(Path(ROOT, "simkernel", "guest", "examples", "hello.S"))
LINES = (
    *("", "--help", "--version", "demmo", "--theme blue"),
    *("demo", "demo --json", "demo --moment sk1-nonsense", "demo schedule --protocol naive --seed 3"),
    *("step --list", "step one --script nn", "step one --plain", "step one --json", "step lab --plain", "step --help"),
    *("boot", "boot --step", "boot --json", f"boot --kernel {EXAMPLE}", "boot --kernel none.S"),
    *("functions", "functions --functions 20000", "functions nothing*", "disas vfs_read --traced", "disas no_such"),
    *("trace vfs_* --for 20000", "funccount vfs_* --for 20000", "explore", "explore --without sync-1 --json"),
    *("overhead nop", "native patch --cycles 20", "show kallsyms", "config", "doctor"),
)


@dataclass(frozen=True, slots=True)
class State:
    """What a shell has made of the streams: those that are closed, and whether standard output is on a full disk."""

    closed: tuple[int, ...] = ()
    full: bool = False

    @property
    def why(self) -> str:
        """Why standard output cannot be written, "" where it can."""
        return "No space left on device" if self.full else "it is closed" if 1 in self.closed else ""


STATES = {
    "output full": State(full=True),
    "output closed": State((1,)),
    "input closed": State((0,)),
    "errors closed": State((2,)),
    "output full, errors closed": State((2,), full=True),
    "all closed": State((0, 1, 2)),
}


def outcome(line: str, state: State, folder: Path) -> Outcome:
    """Run a command line in a state; its home and its temporary files are in `folder`."""
    env = {"XDG_STATE_HOME": str(folder), "TMPDIR": str(folder), "COLUMNS": "80"}
    started = functools.partial(run, line.split(), cwd=folder, env=env, before=functools.partial(close, state.closed))
    if not state.full:
        return started()
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        return started(stdout=full)
    finally:
        os.close(full)


def close(streams: Sequence[int]) -> None:
    for number in streams:
        os.close(number)


def problem(line: str, state: State, folder: Path, whole: Callable[[str], Outcome]) -> str:
    """What is wrong with how a command line takes a state, "" where nothing is; `whole` runs it with its streams."""
    plain, found = whole(line), outcome(line, state, folder)
    if fault := found.fault():
        return fault
    err, code, out = plain.err, plain.code, plain.out
    if plain.out and state.why:
        err, code = f"simkernel: standard output cannot be written: {state.why}\n".encode(), 1
    expected = (code, b"" if state.why else out, b"" if 2 in state.closed else err)
    seen = (found.code, found.out, found.err)
    if line.split()[:1] == ["native"]:
        expected, seen = (code, b"", expected[2]), (found.code, b"", found.err)
    if seen != expected:
        return f"simkernel {line}: {seen}\nand not {expected}"
    left = sorted(file.name for file in folder.rglob("*") if file.is_file())
    return f"simkernel {line} left files: {', '.join(left)}" if left else ""
