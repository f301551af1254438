"""Whatever stands in the state file, a start is a start: it is ignored, or opens, or says why it does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simkernel.sim.moment import MARK
from tests.hostile.state import COUNT, hostile, start

SEED = 15
FEW = range(0, COUNT, 10)


def faults(numbers: range) -> list[str]:
    files = [one for at, one in enumerate(hostile(SEED)) if at in numbers]
    return [f"{name}: {wrong}" for name, data in files if (wrong := start(data))]


def test_some_hostile_state_files() -> None:
    assert not faults(FEW)


@pytest.mark.stress
def test_all_hostile_state_files() -> None:
    assert not faults(range(COUNT))


@pytest.mark.skipif(os.name == "nt", reason="has no pseudo-terminals")
def test_the_real_program_starts_with_a_nested_one_and_keeps_a_whole_one(tmp_path: Path) -> None:
    from tests.tui.app.terminal import Terminal

    file = tmp_path / "simkernel" / "last.json"
    file.parent.mkdir()
    file.write_text("[" * 100_000)
    terminal = Terminal(["step", "one"], tmp_path, "xterm-256color", "C.UTF-8")
    terminal.until("step 0")
    terminal.send(" ")
    terminal.until("step 1")
    terminal.send("q")
    assert terminal.end() == 0 and b"Traceback" not in terminal.raw
    assert file.read_bytes().startswith(f'{{"moment":"{MARK}'.encode())
    assert [one.name for one in file.parent.iterdir()] == [file.name]
