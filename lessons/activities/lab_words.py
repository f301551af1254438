"""What the lab says by itself: the question, and what a guess was worth. The verdict is the explorer's own sentence."""

from __future__ import annotations

from lessons.activities.lab_setup import ALL, Setup
from lessons.story.words import MODELS
from simkernel.explore import Finding
from simkernel.explore.properties import BY_NAME, BY_VIOLATION
from simkernel.explore.question import CHANGES_IN_WORDS, PLACES_IN_WORDS
from simkernel.explore.reasons import why

YES, NO, UNKNOWN = "1", "2", "0"
GUESSES = {YES: "yes, in every order", NO: "no, some order breaks it", UNKNOWN: "I don't know yet"}
"""What may be answered, by its digit."""
WORTH = {
    (YES, True): "You said yes, in every order. That is right, in this model.",
    (YES, False): "You said yes, in every order. Here is one in which it is not so.",
    (NO, True): "You said that some order breaks it. None does, in this model.",
    (NO, False): "You said that some order breaks it. This one does.",
}
"""What a guess was worth, by whether it is safe."""


def conditions(setup: Setup) -> str:
    """What is asked about besides the protocol, in few words."""
    chosen = setup.chosen
    cpus = "1 CPU" if chosen["cpus"] == "1" else f"{chosen['cpus']} CPUs"
    return f"{cpus}, model {chosen['model']}"


def scene(setup: Setup) -> list[str]:
    """What goes on, in which every order of events is looked at."""
    asked = setup.question
    change, place = CHANGES_IN_WORDS[asked.change], PLACES_IN_WORDS[asked.place]
    cpus = "1 CPU runs the site" if asked.cpus == 1 else f"{asked.cpus} CPUs run the site"
    if asked.nmi:
        to = "the CPU" if asked.cpus == 1 else f"any of the {asked.cpus} CPUs"
        cpus = f"An NMI may come to {to}, and only an NMI's handler runs the site"
    return [
        f"The patching task changes five bytes {place}, {change}, by the protocol {asked.variant.name}.",
        f"{cpus} meanwhile. Model {asked.model.value}: {MODELS[asked.model.value]}",
    ]


def question(setup: Setup) -> str:
    """What is asked of a person, before the explorer is."""
    alone = setup.chosen["property"]
    return f"In every order of events, {'is that safe' if alone == ALL else f'does this hold: {BY_NAME[alone].holds}'}?"


def worth(guess: str, finding: Finding) -> str:
    """What a guess was worth; "" where there was none, or the search has no answer."""
    judged = finding.finished or finding.broken
    return WORTH.get((guess, finding.safe), "") if judged else ""


def reason(finding: Finding) -> str:
    """Why it is so, where that is known, and that there may be more."""
    more = "The search was not finished: another property may be broken too."
    unfinished = finding.broken and not finding.finished
    return " ".join(one for one in (why((finding,)), more if unfinished else "") if one)


def broken(findings: tuple[Finding, ...]) -> list[str]:
    """A sentence for each property that is broken: what happens."""
    found = [BY_VIOLATION[one.broken] for one in findings if one.broken]
    return [f"Broken: {one.name}. {_sentence(one.broken)} ({one.violation})." for one in found]


def ends(finding: Finding, died: bool) -> str:
    """What there is to say behind the last move of a schedule that one watches; also where the kernel has died."""
    name, last = BY_VIOLATION[finding.broken].name, f"move {len(finding.schedule)} of the lab's schedule, its last"
    goes_on = "" if died else "Next goes on from here. "
    return f"Broken: {name} ({finding.broken}), by {last}. {goes_on}Esc leads back to the lab."


def holds(findings: tuple[Finding, ...]) -> list[str]:
    """A sentence for each property that was asked for and holds; none where the search has not looked at all."""
    if not findings[0].finished:
        return []
    found = {one.broken for one in findings}
    kept = [BY_NAME[name] for name in findings[0].question.properties if BY_NAME[name].violation not in found]
    return [f"Holds: {one.name}. {_sentence(one.holds)}." for one in kept]


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:]
