"""The words that `docs/glossary.md` refuses do not stand in the rooms that are done."""

from __future__ import annotations

import io
import re
import token
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
DONE = ("simkernel",)
WORDS = {token.NAME, token.STRING, tokenize.COMMENT} | (
    {token.FSTRING_MIDDLE} if hasattr(token, "FSTRING_MIDDLE") else set()
)

NOT_DONE = ("lessons", "tui")
STILL_THERE = set(
    "told outcome heard stand-in settle uncertain mixture stale patcher beat beats focus lane lanes board mixed "
    "astray".split()
) | {"who moves"}
"""The refused words that the rooms that are not done still have."""
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("simkernel/hw/fetch.py", "old copy"): "it says that no CPU keeps one",
    ("simkernel/overhead/__init__.py", "mixed"): "answers are not mixed with one another: no bytes",
    ("simkernel/overhead/published.py", "mixed"): "the same",
}
"""(file, word) -> why it stands there all the same."""


def never() -> list[str]:
    """The words of the last column that are wrong in every sense: those in no parentheses."""
    rows = [line.split("|")[1:-1] for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.count("|") == 5]
    cells = [re.sub(r"\([^)]*\)", "", row[-1]) for row in rows[2:]]
    return [word.strip() for cell in cells for word in cell.split(",") if word.strip(" -")]


def words_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each name, string and comment; a name's parts are words of their own."""
    for one in tokenize.generate_tokens(io.StringIO(source).readline):
        if one.type in WORDS:
            text = one.string
            if one.type == token.NAME:
                text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ")
            yield one.start[0], text


def refused(source: str, words: list[str]) -> list[tuple[int, str]]:
    """(line, word) of each refused word in a source."""
    spaced = {word: re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])".replace(r"\ ", r"\s+"), re.I) for word in words}
    return [
        (line + text[: found.start()].count("\n"), word)
        for line, text in words_of(source)
        for word, pattern in spaced.items()
        for found in pattern.finditer(text)
    ]


def sources(rooms: Iterable[str] = DONE) -> list[Path]:
    """The files of the rooms that are done, or of others."""
    found = [ROOT / room for room in rooms]
    return [path for one in found for path in ([one] if one.is_file() else sorted(one.rglob("*.py")))]


def test_the_glossary_refuses_words() -> None:
    assert {"board", "focus", "lane", "patcher", "mixture", "comes by", "stand-in"} <= set(never())
    assert not {"place", "", "-"} & set(never())


def test_what_is_found() -> None:
    source = 'class LaneOfBoard:\n    """It comes\n    by."""\n    in_focus = 1  # a Patcher\n    boards = "planes"\n'
    found = refused(source, ["lane", "board", "comes by", "focus", "patcher"])
    assert sorted(found) == [(1, "board"), (1, "lane"), (2, "comes by"), (4, "focus"), (4, "patcher")]


def test_a_word_that_has_left_the_other_rooms_does_not_come_back() -> None:
    found = {
        f"{word}: {path.relative_to(ROOT)}:{line}"
        for path in sources(NOT_DONE)
        for line, word in refused(path.read_text(encoding="utf-8"), [*set(never()) - STILL_THERE])
    }
    assert found == set()


def test_rooms_that_are_done_have_no_refused_word() -> None:
    found: dict[tuple[str, str], list[int]] = {}
    for path in sources():
        name = str(path.relative_to(ROOT))
        for line, word in refused(path.read_text(encoding="utf-8"), never()):
            found.setdefault((name, word), []).append(line)
    assert {key: lines for key, lines in found.items() if key not in EXCEPTIONS} == {}
    assert [key for key in EXCEPTIONS if key not in found] == [], "no longer needed"


def test_every_row_of_the_glossary_has_its_cells() -> None:
    rows = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {3, 5}
