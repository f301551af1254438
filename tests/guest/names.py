"""The list of the guest's names, `names.tsv`, with what each is in Linux."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

NAMES = Path(__file__).with_name("names.tsv")


@cache
def listed() -> dict[str, tuple[str, str, str]]:
    """(status, type in kallsyms, file) of each name."""
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert len({name for name, _, _, _ in rows}) == len(rows)
    return {name: (status, letter, file) for name, status, letter, file in rows}


def having(*statuses: str) -> list[str]:
    """The names that have one of these statuses."""
    return [name for name, (status, _, _) in listed().items() if status in statuses]


def in_source(name: str) -> str:
    """The name in the source of a function that gcc has renamed: without .isra.0, .part.0, .constprop.0."""
    return re.sub(r"(?:\.(?:isra|part|constprop)\.\d+)+$", "", name)
