"""The words that `docs/glossary.md` refuses stand in no room."""

from __future__ import annotations

import io
import re
import token
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
WORDS = {token.NAME, token.STRING, tokenize.COMMENT} | (
    {token.FSTRING_MIDDLE} if hasattr(token, "FSTRING_MIDDLE") else set()
)

SENSES: dict[str, str] = {
    "lane": "a column of the time picture",
    "lanes": "the same",
    "focus": "the part of a screen that takes the keys, in Textual's word",
}
"""Words that have a sense of their own, a row of the glossary or plain English, in the learner's rooms."""
LEARNERS = ("lessons", "tui")
PROSE: dict[str, str] = {"told": "said to a person"}
"""Words that are plain English in the learner's rooms: in texts and comments, never a name."""
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("simkernel/hw/fetch.py", "old copy"): "it says that no CPU keeps one",
    ("simkernel/overhead/__init__.py", "mixed"): "answers are not mixed with one another: no bytes",
    ("simkernel/overhead/published.py", "mixed"): "the same",
    ("lessons/session/beliefs.py", "stale"): "the name of a false belief",
    ("lessons/story/questions/may_run.py", "stale"): "the same",
    ("lessons/story/questions/waits.py", "stale"): "the same",
}
"""(file, word) -> why it stands there all the same."""


def never() -> list[str]:
    """The words of the last column that are wrong in every sense: those in no parentheses."""
    rows = [line.split("|")[1:-1] for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.count("|") == 5]
    cells = [re.sub(r"\([^)]*\)", "", row[-1]) for row in rows[2:]]
    return [word.strip() for cell in cells for word in cell.split(",") if word.strip(" -")]


def words_of(source: str, kinds: set[int]) -> Iterator[tuple[int, str]]:
    """(line, text) of each name, string and comment; a name's parts are words of their own."""
    for one in tokenize.generate_tokens(io.StringIO(source).readline):
        if one.type in kinds:
            text = one.string
            if one.type == token.NAME:
                text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ")
            yield one.start[0], text


def refused(source: str, words: list[str], kinds: set[int] = WORDS) -> list[tuple[int, str]]:
    """(line, word) of each refused word in a source, in tokens of these kinds."""
    spaced = {word: re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])".replace(r"\ ", r"\s+"), re.I) for word in words}
    return [
        (line + text[: found.start()].count("\n"), word)
        for line, text in words_of(source, kinds)
        for word, pattern in spaced.items()
        for found in pattern.finditer(text)
    ]


def sources() -> list[Path]:
    """The files of all rooms."""
    return [path for room in ("simkernel", *LEARNERS) for path in sorted((ROOT / room).rglob("*.py"))]


def test_the_glossary_refuses_words() -> None:
    assert {"board", "focus", "lane", "patcher", "mixture", "comes by", "stand-in"} <= set(never())
    assert not {"place", "", "-"} & set(never())


def test_what_is_found() -> None:
    source = 'class LaneOfBoard:\n    """It comes\n    by."""\n    in_focus = 1  # a Patcher\n    boards = "planes"\n'
    found = refused(source, ["lane", "board", "comes by", "focus", "patcher"])
    assert sorted(found) == [(1, "board"), (1, "lane"), (2, "comes by"), (4, "focus"), (4, "patcher")]
    assert refused('told = "told"  # told\n', ["told"], {token.NAME}) == [(1, "told")]


def test_no_room_has_a_refused_word() -> None:
    found: dict[tuple[str, str], list[int]] = {}
    for path in sources():
        name = str(path.relative_to(ROOT))
        source, everywhere, names = path.read_text(encoding="utf-8"), never(), list[str]()
        if name.startswith(LEARNERS):
            names = list(PROSE)
            everywhere = [word for word in everywhere if word not in SENSES.keys() | PROSE]
        for line, word in refused(source, everywhere) + refused(source, names, {token.NAME}):
            found.setdefault((name, word), []).append(line)
    assert {key: lines for key, lines in found.items() if key not in EXCEPTIONS} == {}
    assert [key for key in EXCEPTIONS if key not in found] == [], "no longer needed"


def test_every_row_of_the_glossary_has_its_cells() -> None:
    rows = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {3, 5}
