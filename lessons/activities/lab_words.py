"""What the lab says by itself: the question before one explores, and what one's guess was worth. The verdict and the
schedule are the explorer's own sentences."""

from __future__ import annotations

from lessons.activities.lab import NOT_SAFE, SAFE, Lab
from lessons.story.words import MODELS
from simkernel.explore.properties import BY_NAME
from simkernel.explore.question import CHANGES_IN_WORDS, PLACES_IN_WORDS
from simkernel.explore.reasons import why

GUESSES = {
    "y": (SAFE, "yes, in every order"),
    "n": (NOT_SAFE, "no, some order breaks it"),
    "?": ("", "I do not know"),
}
WORTH = {
    (SAFE, True): "You said yes, in every order. That is right, in this model.",
    (SAFE, False): "You said yes, in every order. Here is one in which it is not so.",
    (NOT_SAFE, True): "You said that some order breaks it. None does, in this model.",
    (NOT_SAFE, False): "You said that some order breaks it. This one does.",
}


def question(lab: Lab) -> list[str]:
    """What is asked of a person, before the explorer is."""
    asked = lab.question
    change, place = CHANGES_IN_WORDS[asked.change], PLACES_IN_WORDS[asked.place]
    cpus = "1 CPU runs the site" if asked.cpus == 1 else f"{asked.cpus} CPUs run the site"
    if asked.nmi:
        to = "the CPU" if asked.cpus == 1 else f"any of the {asked.cpus} CPUs"
        cpus = f"An NMI may come to {to}, and only an NMI's handler runs the site"
    alone = lab.chosen["property"]
    holds = "is that safe" if alone == "all" else f"is this ruled out: {BY_NAME[alone].broken}"
    return [
        f"The patching task changes five bytes {place}, {change}, by the protocol {asked.variant.name}.",
        f"{cpus} meanwhile. Model {asked.model.value}: {MODELS[asked.model.value]}",
        f"In every order of events, {holds}?",
    ]


def answer(lab: Lab) -> list[str]:
    """What the guess was worth, the verdict, and why it is so; nothing before there is one."""
    finding = lab.finding
    if finding is None:
        return []
    out = [finding.verdict()]
    if lab.guess and (finding.finished or finding.broken):
        out.insert(0, WORTH[lab.guess, finding.safe])
    if reason := why((finding,)):
        out.append(reason)
    if finding.broken and not finding.finished:
        out.append("The search was not finished: another property may be broken too.")
    return out


def properties(lab: Lab) -> list[str]:
    """What must never happen: each property that is asked for by its name, which is that of what fails."""
    return [f"{name}: {BY_NAME[name].broken}." for name in lab.question.properties]
