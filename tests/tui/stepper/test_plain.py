"""Plain mode: words, questions, scripts, JSON, exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simkernel.errors import LearnerError
from tui.cli import run
from tui.stepper.plain import Plain
from tui.stepper.stepper import Stepper


def played(scenario: str, words: str, as_json: bool = False) -> list[str]:
    """What plain mode says to these words."""
    said: list[str] = []
    plain = Plain(Stepper.start(scenario), said.append, as_json)
    plain.begin()
    for word in words.split():
        plain.take(word)
    return said


def test_questions_are_answered_at_any_time_and_move_nothing() -> None:
    objects: list[dict[str, Any]] = [
        json.loads(one) for one in played("slow-ipi", "n n w f c1 y at log l n", as_json=True)
    ]
    assert [one["word"] for one in objects] == ["", *"n n w f c1 y at log l n".split()]
    assert all(one["said"] for one in objects)
    assert objects[-2]["said"] == objects[-3]["said"]
    assert objects[-1]["step"] == 3 and objects[-1]["place"] > objects[2]["place"]
    memory = bytes.fromhex(objects[2]["memory"])
    assert f"Byte 0 is {memory[0]:02X}, int3; bytes 1 to 4 are old." in objects[2]["said"]


def test_a_word_that_means_nothing_names_the_nearest() -> None:
    with pytest.raises(LearnerError, match="Did you mean 'next'"):
        played("one", "nextt")


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "one", "--script", "n"]) == 0
    assert run(["step", "naive", "--script", "r"]) == 0
    assert run(["step", "one", "--script", "b"]) == 2
    assert run(["step", "one", "--script", "hum"]) == 2
    assert run(["step", "nonesuch", "--plain"]) == 2
    assert run(["step", "one", "--script", " "]) == 2
    assert "there is nothing before it" in capsys.readouterr().out.replace("\n", " ")
