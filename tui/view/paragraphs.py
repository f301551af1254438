"""Parts of a picture as sentences, for screen readers, logs and slow links: no columns, no marks, a thought a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any

from lessons.lanes import Did
from lessons.picture import Bars, Lanes, Listing, Log, Map, Moves, Part, Picture, Prose, Question, Rows, Tabs
from simkernel.sim.snapshot.site import SITE_STATES
from tui.view.moves import in_words


def prose(part: Prose) -> list[str]:
    """Each paragraph, its label before it."""
    return [f"{one.label}: {one.text}" if one.label else one.text for one in part.paragraphs]


def log(part: Log) -> list[str]:
    """Each sentence."""
    return list(part.sentences)


def listing(part: Listing) -> list[str]:
    """All lines as one paragraph that keeps them."""
    return ["\n".join(part.lines)] if part.lines else []


def site_map(part: Map) -> list[str]:
    """How many sites are in each state."""
    words = part.words or SITE_STATES
    counted = [f"{part.sites.count(state):,} {words[state]}" for state in range(len(SITE_STATES))]
    told = [text for text in counted if not text.startswith("0 ")]
    taken = [f"Sites at which a CPU took the int3 since the step before: {len(part.taken):,}."] if part.taken else []
    return [f"Of {len(part.sites.states):,} sites: {', '.join(told)}.", *taken]


def question(part: Question) -> list[str]:
    """The question, then each choice with its key."""
    return [part.text, *(f"{one.key}: {one.text}" for one in part.choices)]


def rows(part: Rows) -> list[str]:
    """Each row, its cells named by their columns; the row that is chosen says so."""
    out = []
    for at, row in enumerate(part.rows):
        pairs = zip_longest(part.columns, row.cells, fillvalue="")
        named = (f"{head} {cell}" if head else cell for head, cell in pairs)
        out.append(f"{', '.join(named)}{', chosen' if at == part.cursor else ''}.")
    return out


def tabs(part: Tabs) -> list[str]:
    """Which one is seen, of which."""
    return [f"{part.choices[part.at]}, of {', '.join(part.choices)}."]


def bars(part: Bars) -> list[str]:
    """Each bar's title and figure."""
    figures = [f"{bar.title}: {bar.text}{f', {bar.against}' if bar.against else ''}." for bar in part.chart.bars]
    return [f"{part.chart.heading}.", *figures]


def lanes(part: Lanes) -> list[str]:
    """One line a step, never columns."""
    waits = f"; {part.time.lanes[0]} waits"
    return [
        f"Step {one.step}: {one.sentence}{waits if one.marks[0].did is Did.WAITS else ''}."
        for one in part.time.moments
        if one.step <= part.time.at
    ]


def moves(part: Moves) -> list[str]:
    """Each move, then the bytes that it is about."""
    return [
        f"{at}. {move.sentence} {part.columns[move.column]}: {in_words(move.rows[move.column])}."
        for at, move in enumerate(part.moves, 1)
    ]


TOLD: dict[type[Part], Callable[[Any], list[str]]] = {
    Prose: prose,
    Log: log,
    Listing: listing,
    Map: site_map,
    Question: question,
    Rows: rows,
    Tabs: tabs,
    Bars: bars,
    Lanes: lanes,
    Moves: moves,
}


def sentences(part: Part) -> list[str]:
    """A part in sentences."""
    return TOLD[type(part)](part)


def told(picture: Picture) -> list[str]:
    """Where one is, then each part in sentences."""
    place = [f"{picture.title}, {picture.place}." if picture.place else f"{picture.title}."]
    return [*place, *(text for part in picture.parts for text in sentences(part))]


def changed(picture: Picture, before: Iterable[str]) -> list[str]:
    """The sentences of a picture that were not told before."""
    known = set(before)
    return [text for text in told(picture) if text not in known]
