"""Parts of a picture as sentences, for screen readers, logs and slow links: no columns, no marks, a thought a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from lessons.machine import HIDDEN, Bytes, Core, Doers, Happened, PhaseState, Strip, Track
from lessons.picture import Bars, Lanes, Listing, Log, Map, Moves, Part, Picture, Prose, Question, Rows, Tabs
from lessons.story.cover import BYTE
from lessons.table import ByteRow, Mark
from simkernel.sim.snapshot.site import SITE_STATES
from tui.view.moves import in_words

CHOSEN = ", chosen"
UNTIL = "covered until you answer"
FEW = 12  # rows that are said of a table that has more: a page


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
    counts = [text for text in counted if not text.startswith("0 ")]
    taken = [f"Sites at which a CPU took the int3 since the step before: {len(part.taken):,}."] if part.taken else []
    return [f"Of {len(part.sites.states):,} sites: {', '.join(counts)}.", *taken]


def question(part: Question) -> list[str]:
    """What is given, the question, then each choice with its key; once it is answered, those that matter and why."""
    because = [f"Because: {part.why}"] if part.why else []
    return [*part.given, part.text, *(one.sentence for one in part.choices), *because]


def rows(part: Rows) -> list[str]:
    """Each row, its cells named by their columns, those without a text left out; one that is seen or chosen says so."""
    out = []
    for at, row in enumerate(part.rows):
        pairs = zip_longest(part.columns, row.whole or row.cells, fillvalue="")
        named = (f"{head} {cell.strip()}" if head else cell.strip() for head, cell in pairs if cell.strip())
        out.append(f"{', '.join(named)}{', seen' * bool(row.done)}{CHOSEN * (at == part.cursor)}.")
    return [*([_title(part)] if part.title else []), *_some(out, part)]


def _some(all_of_it: list[str], part: Rows) -> list[str]:
    """Of a long table the page on which the chosen row stands, and how many rows there are."""
    if part.total <= FEW:
        return all_of_it
    at = part.first + (part.cursor or 0)
    begin = max(0, at - at % FEW - part.first)
    said = all_of_it[begin : begin + FEW]
    return [f"Here are {part.first + begin + 1:,} to {part.first + begin + len(said):,} of {part.total:,}.", *said]


def _title(part: Rows) -> str:
    """Of a table, as a sentence."""
    return f"{part.title[:1].upper()}{part.title[1:]}:"


def tabs(part: Tabs) -> list[str]:
    """Which one is seen, and the others."""
    others = ", ".join(one for at, one in enumerate(part.choices) if at != part.at)
    return [f"Chosen: {part.choices[part.at]}, {part.at + 1} of {len(part.choices)}. The others: {others}."]


def bars(part: Bars) -> list[str]:
    """Each bar's title and figure; that which is chosen says so."""
    figures = [
        f"{bar.title}: {bar.text}{f', {bar.against}' if bar.against else ''}{CHOSEN * (at == part.cursor)}."
        for at, bar in enumerate(part.chart.bars)
    ]
    return [f"{part.chart.heading}.", *figures]


def lanes(part: Lanes) -> list[str]:
    """One line a step, never columns."""
    return part.time.sentences()


def moves(part: Moves) -> list[str]:
    """Each move, then the bytes that it is about."""
    return [
        f"{at}. {move.sentence} {part.columns[move.column]}: {in_words(move.rows[move.column])}."
        for at, move in enumerate(part.moves, 1)
    ]


def strip(part: Strip) -> list[str]:
    """The phase under way or next, and which of how many; those that are left out."""
    kept = [one for one in part.phases if one.stage is not PhaseState.LEFT_OUT]
    at = next((number for number, one in enumerate(kept, 1) if one.stage is PhaseState.NOW), 0)
    which, of = kept[at - 1].name, f"{at} of {len(kept)}"
    under_way = f"A phase is under way, its name {UNTIL}." if which == HIDDEN else f"The phase is {which}, {of}."
    out = [under_way] if at else ["No phase is under way."]
    return out + [f"{one.name} is left out." for one in part.phases if one.stage is PhaseState.LEFT_OUT]


def site(part: Bytes) -> list[str]:
    """Each row: whose bytes, which, and what they are."""
    return [_row(one) for one in part.table.rows]


def _row(row: ByteRow) -> str:
    """A row of bytes; those that a CPU has not read yet are named once."""
    if row.cells and all(cell.text == BYTE for cell in row.cells):
        return f"{row.label}: {UNTIL}."
    read = [cell.text.replace("/", " or ") for cell in row.cells if not cell.has(Mark.UNREAD)]
    rest = ["; the rest, in memory now: ", " ".join(one.text for one in row.cells if one.has(Mark.UNREAD))]
    data = " ".join(read) + ("".join(rest) if len(read) < len(row.cells) else "")
    return f"{', '.join(one for one in (f'{row.label}: {data}', row.text, row.remark) if one)}."


def doers(part: Doers) -> list[str]:
    """Who does what."""
    return [f"{one.who.strip()} {one.what.rstrip('.')}." for one in part.doers]


def happened(part: Happened) -> list[str]:
    """The latest sentence: those before it were told before."""
    return [part.doers[0].what] if part.doers else []


def core(part: Core) -> list[str]:
    """Which CPU, and what it does next."""
    return [f"{part.title}. It {part.sentence.rstrip('.')}."]


def track(part: Track) -> list[str]:
    """Where one is in history."""
    return [f"Move {part.at} of {part.end}."]


SENTENCES: dict[type[Part], Callable[[Any], list[str]]] = {
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
    Strip: strip,
    Bytes: site,
    Doers: doers,
    Happened: happened,
    Core: core,
    Track: track,
}


def sentences(part: Part) -> list[str]:
    """A part in sentences."""
    return SENTENCES[type(part)](part)


def narration(picture: Picture) -> list[str]:
    """Where one is, then each part in sentences."""
    place = [f"{picture.title}, {picture.place}." if picture.place else f"{picture.title}."]
    return [*place, *(text for part in picture.parts for text in sentences(part))]


def news(picture: Picture, before: Iterable[str]) -> list[str]:
    """The sentences of a picture that were not told before; those alone would not say what they are about.

    A question is another one where anything that it stands on is new: it is told whole, with its choices. New rows of
    a table come behind its title; with a new title it is another table. What is no longer chosen is no news.

    Args:
        picture: where one is.
        before: all sentences of the picture that was there last.
    """
    known = {text for one in before for text in (one, one.replace(CHOSEN, ""))}
    place, *_ = narration(replace(picture, parts=()))
    out = [] if place in known else [place]
    for part in picture.parts:
        all_of_it = sentences(part)
        new = [one for one in all_of_it if one not in known]
        asks = isinstance(part, Question) and not part.why and (new or out)
        if asks or (isinstance(part, Prose) and part.whole and new):
            new = all_of_it
        elif isinstance(part, Rows) and part.title and any(CHOSEN not in one for one in new):
            new = all_of_it if _title(part) in new else [_title(part), *new]
        out += new
    return out
