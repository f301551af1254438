"""The judge of hostile inputs finds each fault that it is there for, in a process that has it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from tests.hostile.harness import Outcome, run

FINE = Outcome(("show", "trace"), 0, b"# tracer: nop\n#\n\ttext \xc2\xb7\n", b"", 0.4, 90 << 20)


def test_what_is_fine_has_no_fault() -> None:
    outcome = run(["--version"])
    assert (outcome.fault(), outcome.code, outcome.err) == ("", 0, b"")
    assert outcome.out.startswith(b"simkernel ")
    assert 1 << 20 < outcome.memory < 300 << 20 or sys.platform != "linux"
    assert FINE.fault() == ""


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (replace(FINE, code=None), "hung"),
        (replace(FINE, seconds=10.1), "hung"),
        (replace(FINE, err=b"Traceback (most recent call last):\n"), "a traceback"),
        (replace(FINE, code=70, err=b"simkernel: this is a bug of simkernel: KeyError"), '"bug of simkernel"'),
        (replace(FINE, code=1, out=b"this is a bug of simkernel"), '"bug of simkernel"'),
        (replace(FINE, code=-11), "exit code -11"),
        (replace(FINE, code=3), "exit code 3"),
        (replace(FINE, memory=2 << 30), "2048 MiB resident"),
        (replace(FINE, err=b"no file '\x1b]0;pwned\x07'"), "a control character"),
        (replace(FINE, out=b"\xc2\x9b31m"), "a control character"),
    ],
)
def test_each_fault_is_found_and_names_the_command(spoilt: Outcome, said: str) -> None:
    assert spoilt.fault().startswith(said)
    assert "simkernel 'show' 'trace'" in spoilt.fault()


def test_a_process_that_hangs_is_ended_and_found() -> None:
    outcome = run(["trace", "*", "--for", "2000000000", "--max-instructions", "2000000000"], patience=1.0)
    assert outcome.code is None
    assert outcome.fault().startswith("hung")
