"""What the lab says by itself: the question before one explores, and what one's guess was worth. The verdict and the
schedule are the explorer's own sentences."""

from __future__ import annotations

from simkernel.explore.question import CHANGES_IN_WORDS
from tui.stepper.lab import NOT_SAFE, SAFE, Lab

GUESSES = {
    "y": (SAFE, "yes, in every order of events"),
    "n": (NOT_SAFE, "no, some order breaks it"),
    "?": ("", "I do not know"),
}
WORTH = {
    (SAFE, True): "You said yes, in every order. So it is, in this model.",
    (SAFE, False): "You said yes, in every order. In this one it does not.",
    (NOT_SAFE, True): "You said that some order breaks it. None does, in this model.",
    (NOT_SAFE, False): "You said that some order breaks it. This one does.",
}


def question(lab: Lab) -> list[str]:
    """What is asked of a person, before the explorer is."""
    asked = lab.question
    cpus = "1 CPU comes" if asked.cpus == 1 else f"{asked.cpus} CPUs come"
    return [
        f"The patching task changes five bytes, {CHANGES_IN_WORDS[asked.change]}, by {asked.protocol.name}.",
        f"{cpus} by these bytes meanwhile. What happens first, and what next, is open.",
        "Does the kernel survive?",
    ]


def answer(lab: Lab) -> list[str]:
    """What the guess was worth, and the verdict; nothing before there is one."""
    finding = lab.finding
    if finding is None:
        return []
    known = finding.finished or bool(finding.broken)
    worth = WORTH.get((lab.guess, finding.safe)) if known else None
    return [*([worth] if worth else []), finding.verdict()]
