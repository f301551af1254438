"""The pictures in the docs are of the program as it is."""

from __future__ import annotations

import asyncio
import re
from xml.etree import ElementTree

import pytest

from tui.app.pictures import FOLDER, STOPS, Shot, picture


def texts(svg: str) -> list[str]:
    """The words of a picture, from the top."""
    return re.findall(r">([^<>]+)</text>", svg)


@pytest.mark.parametrize("stop", STOPS, ids=lambda one: one.name)
def test_a_picture_is_what_the_program_shows(stop: Shot) -> None:
    kept = (FOLDER / f"{stop.name}.svg").read_text(encoding="utf-8")
    ElementTree.fromstring(kept)
    assert texts(asyncio.run(picture(stop))) == texts(kept), "run make pictures"


def test_there_is_no_other_picture() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {f"{stop.name}.svg" for stop in STOPS}
