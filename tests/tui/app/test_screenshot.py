"""The screen as a picture: each character at its column, whatever draws the file."""

from __future__ import annotations

import re
import subprocess
import zlib
from pathlib import Path
from struct import iter_unpack, unpack
from xml.etree import ElementTree

import pytest

from tests.tui.app.screens import Drive, Hand
from tests.tui.app.screens import drive as on_screen
from tui.app import screenshot
from tui.view.marks import ASCII, UNICODE, Marks

SVG = "{http://www.w3.org/2000/svg}"
PIXELS = 1  # of the picture a unit
TOP, LEFT = 41, 9  # units beside the first cell
WIDTH, HEIGHT = 12.04, 24.4  # units of a cell
INKED = 40  # what a colour's channel differs by from its background where a glyph is


async def nothing(hand: Hand) -> None:
    """The first screen of a story."""


async def in_a_sync(hand: Hand) -> None:
    await hand.press("right", "right", "right", "right", "right")


async def listed(hand: Hand) -> None:
    await hand.press("escape")
    assert "What do you want to watch?" in hand.text()


async def palette(hand: Hand) -> None:
    await hand.press("colon")


def taken(what: Drive, size: tuple[int, int], theme: str, marks: Marks) -> tuple[list[str], str]:
    """The rows of a screen and its picture."""
    seen: list[tuple[list[str], str]] = []

    async def drive(hand: Hand) -> None:
        hand.app.theme = theme
        await what(hand)
        await hand.read()
        seen.append((hand.text().split("\n"), screenshot.svg(hand.app)))

    on_screen(drive, "one", size, marks=marks)
    return seen[0]


@pytest.mark.parametrize(
    ("what", "size", "theme", "marks"),
    [
        (in_a_sync, (60, 20), "dark", UNICODE),
        (in_a_sync, (80, 24), "light", UNICODE),
        (in_a_sync, (120, 36), "ansi", ASCII),
        (listed, (80, 24), "dark", UNICODE),
        (palette, (120, 36), "high-contrast", UNICODE),
    ],
)
def test_each_run_is_at_its_columns(what: Drive, size: tuple[int, int], theme: str, marks: Marks) -> None:
    rows, svg = taken(what, size, theme, marks)
    drawn = [[" "] * size[0] for _ in range(size[1])]
    root = ElementTree.fromstring(svg)
    (matrix,) = (one for one in root.iter(f"{SVG}g") if one.get("class", "").endswith("-matrix"))
    for run in matrix.iter(f"{SVG}text"):
        text = (run.text or "").replace("\N{NO-BREAK SPACE}", " ")
        column, row = float(run.get("x", "")) / WIDTH, (float(run.get("y", "")) - 20) / HEIGHT
        assert column == pytest.approx(round(column), abs=0.01) and row == pytest.approx(round(row), abs=0.01)
        if text.isspace():
            continue
        assert not text[0].isspace() and re.fullmatch(r"\S+ *", text)
        assert float(run.get("textLength", "")) == pytest.approx(WIDTH * len(text), abs=0.01)
        drawn[round(row)][round(column) : round(column) + len(text)] = text
    assert ["".join(row) for row in drawn] == [row.ljust(size[0]) for row in rows]


def test_the_file_stands_alone() -> None:
    """It asks for nothing from elsewhere, and what it refers to within is there."""
    _rows, svg = taken(nothing, (80, 24), "dark", UNICODE)
    named = {one.get("id") for one in ElementTree.fromstring(svg).iter() if one.get("id")}
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= named
    assert "url(http" not in svg and svg.count("http") == 1  # the name of the language


@pytest.mark.needs("rsvg-convert")
def test_librsvg_draws_each_word_where_it_is(tmp_path: Path) -> None:
    """A word's first and last cell have ink, the blank ones beside it have none."""
    rows, svg = taken(in_a_sync, (60, 20), "light", UNICODE)
    (tmp_path / "screen.svg").write_text(svg)
    command = ["rsvg-convert", "--zoom", str(PIXELS), "-o", "screen.png", "screen.svg"]
    subprocess.run(command, cwd=tmp_path, check=True)
    picture = pixels((tmp_path / "screen.png").read_bytes())
    wrong = []
    for number, row in enumerate(rows):
        for column, character in enumerate(row):
            at_edge = " " in row[max(0, column - 1) : column + 2]  # a line of dashes may be drawn shorter
            if at_edge and character != "_" and inked(picture, number, column) != (character != " "):
                wrong.append((number, column, character))
    assert not wrong


def inked(picture: list[bytes], row: int, column: int) -> bool:
    """Whether a cell, above where a line under it would be, has another colour than its lower left corner."""
    top, bottom = (round(PIXELS * (TOP + HEIGHT * (row + part))) for part in (0.1, 0.8))
    left, right = (round(PIXELS * (LEFT + WIDTH * (column + part))) for part in (0.2, 0.8))
    ground = picture[bottom][4 * left : 4 * left + 3]
    return any(
        abs(one - other) > INKED
        for line in picture[top:bottom]
        for at in range(left, right)
        for one, other in zip(line[4 * at : 4 * at + 3], ground, strict=True)
    )


def pixels(png: bytes) -> list[bytes]:
    """The rows of a PNG of four channels of eight bits, four bytes a pixel (W3C, PNG, 9 Filtering)."""
    at, packed, width = 8, b"", 0
    while at < len(png):
        length, kind = unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, _height, depth, colours, *_, interlaced = unpack(">IIBBBBB", body)
            assert (depth, colours, interlaced) == (8, 6, 0)
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    rows, before = [], bytes(4 * width)
    for (line,) in iter_unpack(f"{4 * width + 1}s", zlib.decompress(packed)):
        row = bytearray(line[1:])
        for k in range(4 * width) if line[0] else ():
            a, b, c = (row[k - 4], before[k], before[k - 4]) if k >= 4 else (0, before[k], 0)
            if line[0] == 4:
                p = a + b - c
                add = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            else:
                add = (a, b, (a + b) // 2)[line[0] - 1]
            row[k] = (row[k] + add) & 255
        rows.append(before := bytes(row))
    return rows
