"""Runs one command line in a child process, and says what is wrong with how it took what it was given.

Whatever comes from outside may be refused with a message; it may not end the program in another way. So the judge
knows no expected output: it knows what must never come out.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 10.0  # seconds of processor time: what takes longer has hung, however busy the machine is
PATIENCE = 60.0  # seconds until one that has not ended is killed: it waits for what never comes
MEMORY = 1 << 30  # bytes a process may have resident
CODES = (0, 1, 2, 130)
"""Exit codes that a command line documents, but for 70: a bug of ours."""

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one command line ended.

    Attributes:
        argv: what was run, after `simkernel`. code: exit code, negative for a signal; None where it had to be killed.
        out, err: what it wrote. seconds: of processor time, its children included. memory: the most bytes that it had
        resident.
    """

    argv: tuple[str, ...]
    code: int | None
    out: bytes
    err: bytes
    seconds: float
    memory: int

    def fault(self, *, seconds: float = LONGEST, memory: int = MEMORY, codes: Sequence[int] = CODES) -> str:
        """What must not have come of it; "" where it is fine."""
        return next(
            (
                f"{said}: simkernel {' '.join(map(repr, self.argv))}\n{self._ends()}"
                for said in self._faults(seconds, memory, codes)
            ),
            "",
        )

    def _faults(self, seconds: float, memory: int, codes: Sequence[int]) -> list[str]:
        both = self.out + self.err
        found = [
            (self.code is None or self.seconds > seconds, f"hung ({self.seconds:.1f} s)"),
            (b"Traceback (most recent call last)" in both, "a traceback"),
            (b"this is a bug of simkernel" in both, '"bug of simkernel"'),
            (self.code is not None and self.code not in codes, f"exit code {self.code}"),
            (self.memory > memory, f"{self.memory >> 20} MiB resident"),
            (bool(_CONTROL.search(both)), f"a control character {_CONTROL.search(both)}"),
        ]
        return [said for is_so, said in found if is_so]

    def _ends(self) -> str:
        return "\n".join(part.decode(errors="replace")[-600:] for part in (self.out, self.err))


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    stdin: bytes | int | None = b"",
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
    env: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
    before: Callable[[], None] | None = None,
) -> Outcome:
    """Run `simkernel ARGV` to its end, or kill it after `patience` seconds.

    Args:
        cwd: the folder it runs in. stdin: what it can read, or a descriptor. stdout, stderr: descriptors; what goes
            elsewhere than to a pipe is not in the Outcome. env: added to this process's environment. before: called
            in the child before it becomes simkernel (limits, closed descriptors).
    """
    command = [sys.executable, "-P", "-c", "import tui.cli; tui.cli.main()", *argv]
    given: int | None = subprocess.PIPE if isinstance(stdin, bytes) else stdin
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    begin = _processor_time()
    child = subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=given, stdout=stdout, stderr=stderr, preexec_fn=before
    )
    peak: list[int] = [0]
    watch = threading.Thread(target=_watch, args=(child, peak))
    watch.start()
    code: int | None
    try:
        out, err = child.communicate(stdin if isinstance(stdin, bytes) else None, timeout=patience)
        code = child.returncode
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        code = None
    took = _processor_time() - begin
    watch.join()
    return Outcome(tuple(argv), code, out or b"", err or b"", took, max(peak))


def _processor_time() -> float:
    """Seconds that the children of this process, which have ended, and theirs have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(child: subprocess.Popen[bytes], peak: list[int]) -> None:
    """Note the child's most resident memory until it ends, where the system says it (Linux: VmHWM in /proc)."""
    status = Path(f"/proc/{child.pid}/status")
    while child.returncode is None:
        try:
            told = re.search(r"^VmHWM:\s+(\d+)", status.read_text(), re.M)
        except OSError:
            return
        if told:
            peak.append(int(told[1]) << 10)
        time.sleep(0.02)
