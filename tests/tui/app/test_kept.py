"""What is kept between two starts: whatever is wrong in the file, the next start is a first one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.tui.app.screens import Hand, drive
from tui.app import kept
from tui.app.kept import Kept
from tui.app.screens.scenarios import GO_ON


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "state_file", lambda: tmp_path / "last.json")
    return tmp_path / "last.json"


def test_what_is_saved_is_loaded(file: Path) -> None:
    one = Kept("sk2-x", "one", 5, 7, "Trace one function", 3, "code", "intel", "light")
    assert kept.save(one) and kept.load() == one


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", json.dumps(asdict(Kept()) | {"colour": "red"})]
    + [json.dumps(asdict(Kept()) | {key: wrong}) for key, wrong in (
        ("depth", "hum"), ("syntax", "hum"), ("theme", "hum"), ("moment", 7), ("begin", "x"), ("step", None),
    )],
)  # fmt: skip
def test_a_file_with_anything_wrong_is_none(file: Path, text: str) -> None:
    file.write_text(text)
    assert kept.load() is None


def test_a_moment_that_does_not_open_says_so_and_nothing_moves(file: Path) -> None:
    async def check(hand: Hand) -> None:
        place = hand.app.stepper.simulation.place
        hand.app.choose(Kept("sk2-hum", "one", title="Trace one function"))
        assert "Go on where you left" in await hand.read()
        hand.app.screen.dismiss(GO_ON)
        text = await hand.read()
        assert "moment" in text and hand.app.stepper.simulation.place == place
        assert hand.app.picture is not None and hand.app.picture.failed

    drive(check)
