"""Lines as Textual draws them: each look has its colour from the theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content

from tui.view.text import Line

LOOKS = {
    "dim": "$mark-dim",
    "old": "$mark-old",
    "new": "$mark-new bold",
    "int3": "$mark-int3 bold",
    "open": "$mark-open",
    "box": "$mark-changed bold",
    "here": "bold",
    "now": "bold reverse",
    "good": "$mark-good",
    "bad": "$mark-bad bold",
    "title": "$mark-title bold",
    "strong": "bold",
    "changed": "underline",
    "cursor": "reverse",
}


def style(look: str) -> str:
    """The style of some looks, for Textual."""
    return " ".join(LOOKS[name] for name in look.split())


def content(lines: Iterable[Line]) -> Content:
    """What Textual draws."""
    rows: Sequence[Content] = [
        Content.assemble(*((text, style(look)) if look else text for text, look in one)) for one in lines
    ]
    return Content("\n").join(rows)
