"""Figures that others have published, from a data file: marks beside what is counted and modelled here, never mixed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Published:
    """One figure.

    Attributes:
        about: "patching" or "workload".
        text: a sentence.
        source: whose it is.
        sites, short: where it stands in a plot against sites, and in few words; 0 and "" where nowhere.
    """

    about: str
    text: str
    source: str
    sites: int = 0
    short: str = ""


def published(about: str) -> tuple[Published, ...]:
    """The figures about one matter, in the order of the file."""
    file = resources.files("simkernel") / "overhead" / "published.toml"
    figures = (Published(**figure) for figure in tomllib.loads(file.read_text(encoding="utf-8"))["figure"])
    return tuple(figure for figure in figures if figure.about == about)
