"""Reads a schedule's sentences as a person does who replays it: each has to tell the choice that was made."""

from __future__ import annotations

import re

from simkernel.explore.sentences import MOVES, TASK, Choice

_BYTES = r"bytes? \+(?P<first>\d)(?: to \+\d)?"
_HEX = r"(?P<data>[0-9A-F]{2}(?: [0-9A-F]{2})*)"


def parse(text: str) -> Choice:
    """The choice that a sentence tells, by its text alone."""
    if text.startswith(f"{TASK} "):
        return None, "act", None, ""
    if match := re.match(rf"For CPU(\d) {_BYTES} becomes? {_HEX}, ", text):
        return int(match[1]), "resolve", int(match["first"]), match["data"]
    if match := re.match(rf"CPU(\d) reads {_BYTES}: {_HEX}[.]", text):
        return int(match[1]), "read", int(match["first"]), match["data"]
    if match := re.match(rf"CPU(\d) runs {_HEX} at {_BYTES}", text):
        return int(match[1]), "run", int(match["first"]), match["data"]
    for kind, ending in MOVES.items():
        if match := re.fullmatch(rf"CPU(\d) {re.escape(ending)}", text):
            return int(match[1]), kind, None, ""
    raise ValueError(f"no step of a schedule reads like this: {text!r}")
