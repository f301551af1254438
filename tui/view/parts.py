"""Parts of a picture as lines: for each kind the forms that it can take, the fullest first.

A form never cuts a text in its middle: what does not fit becomes a shorter form, or lines that lie below (or above) and
can be scrolled to, with a mark that says so (`fit`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from lessons.activity import CHOOSE, POINT
from lessons.machine import Bytes, Core, Doers, Happened, Strip, Track
from lessons.picture import Bars, Lanes, Listing, Log, Map, Moves, Part, Prose, Question, Rows, Tabs
from tui.view import machine
from tui.view.bars import bar_at, bar_lines
from tui.view.lanes import GRAPH, graph, graph_width, score
from tui.view.marks import UNICODE, Marks
from tui.view.moves import all_columns, move_here, move_lines
from tui.view.sites import are_alike, site_at, site_map
from tui.view.text import Form, Line, Piece, cut, line, wrap

LABELS = 14  # columns of a label before a paragraph
COLUMN_GAP = 2
MODEST = 9  # rows of a table that has more of them than it shows, its headings with them
CHOICE = 6  # columns before a choice, at least


@dataclass(frozen=True, slots=True)
class Renderer:
    """How a kind of part is drawn.

    Attributes:
        forms: part, columns, glyphs -> the forms, the fullest first.
        least: rows with which the shortest form still makes sense.
        fewest: rows that are better than none, where there are no more; 0: `least`.
        ends: part, columns, glyphs -> the lines behind which a form may be cut, none of them for behind each.
        elastic: it is made to be scrolled.
        yields: part -> whether its longer forms come after what others need.
        last: of what does not fit, the end is shown and not the beginning.
        here: the line of the last form that must be seen, -1 for none.
        head: how many lines stay at the top, whatever is scrolled.
        beyond: how many more lines there are before and behind a form.
        modest: rows that it takes at first, where it has more than any screen: what others leave is its, too.
        natural: columns that it takes where it has a choice, 0 for any.
        target: part, columns, column, line -> the action that a place leads to, and its argument.
        points: a person with the arrow keys may go from place to place, where they lead somewhere.
        drags: the mouse may be dragged over them.
    """

    forms: Callable[..., Sequence[Form]]
    least: int = 1
    fewest: int = 0
    ends: Callable[..., Sequence[int]] = lambda part, width, marks: ()
    elastic: bool = False
    yields: Callable[..., bool] = lambda part: False
    last: bool = False
    here: Callable[..., int] = lambda part: -1
    head: Callable[..., int] = lambda part: 0
    beyond: Callable[..., tuple[int, int]] = lambda part: (0, 0)
    modest: Callable[..., int | None] = lambda part: None
    natural: Callable[..., int] = lambda part: 0
    target: Callable[..., tuple[str, str] | None] = lambda part, width, x, y: None
    points: bool = False
    drags: bool = False


def prose(part: Prose, width: int, marks: Marks) -> list[Form]:
    """Paragraphs, with their labels in a column of their own."""
    return [[row for one in _paragraphs(part, width, marks) for row in one]]


def _paragraphs(part: Prose, width: int, marks: Marks) -> list[Form]:
    room = max((len(one.label) for one in part.paragraphs if one.label), default=0)
    column = max(LABELS - 1, room + 1) if room else 0
    return [
        wrap(marks.plain(one.text), width, machine.TONES[one.tone], one.label.ljust(column), " " * column)
        for one in part.paragraphs
    ]


def paragraph_ends(part: Prose, width: int, marks: Marks) -> Sequence[int]:
    """The lines behind which a paragraph ends: prose is cut nowhere else."""
    return tuple(accumulate(len(one) for one in _paragraphs(part, width, marks)))


def log(part: Log, width: int, marks: Marks) -> list[Form]:
    """Each sentence on lines of its own."""
    return [[row for one in part.sentences for row in wrap(marks.plain(one), width, indent="  ")]]


def listing(part: Listing, width: int, marks: Marks) -> list[Form]:
    """Lines as they are; one that is too long goes on in the next row, behind its own indent."""
    out: Form = []
    for at, one in enumerate(part.lines):
        text = marks.plain(one.expandtabs(8))
        look = "bad" if at in part.broken else ""
        if len(text) <= width:
            out.append(line((text, look)))
        else:
            first = text[: len(text) - len(text.lstrip())]
            out += wrap(text.lstrip(), width, look, first=first, indent=f"{first}    ")
    return [out]
    return [out]


def question(part: Question, width: int, marks: Marks) -> list[Form]:
    """What is given, the question, then each choice; once it is answered, those that matter and why."""
    return [[row for _, block in _asked(part, width, marks) for row in block]]


def _asked(part: Question, width: int, marks: Marks) -> Iterator[tuple[str, Form]]:
    """The blocks of a question, with the key of each that is a choice."""
    for one in part.given:
        yield "", wrap(marks.plain(one), width)
    yield "", wrap(marks.plain(part.text), width, "" if part.why else "strong")
    column = max(CHOICE, *(len(one.key) + 3 for one in part.choices))
    for choice in part.choices:
        text = marks.plain(f"{choice.verdict}: {choice.text}" if choice.verdict else choice.text)
        start, indent = f"  {choice.key}".ljust(column), " " * column
        first, *rest = wrap(text, width, machine.TONES[choice.tone], start, indent)
        if choice.given:
            (before, look), *after = first
            first = ((marks.given, ""), (before[1:], look), *after)
        yield choice.key, [first, *rest]
    if part.why:
        column = LABELS - 1
        yield "", wrap(marks.plain(part.why), width, first="Because".ljust(column), indent=" " * column)


def question_ends(part: Question, width: int, marks: Marks) -> Sequence[int]:
    """The lines behind which a sentence or a choice ends."""
    return tuple(accumulate(len(block) for _, block in _asked(part, width, marks)))


def choice_at(part: Question, width: int, x: int, y: int) -> tuple[str, str] | None:
    """Answering with the choice at a line, where it has a number."""
    keys = [key for key, block in _asked(part, width, UNICODE) for _ in block]
    return (CHOOSE, keys[y]) if y < len(keys) and keys[y].isdigit() else None


def rows(part: Rows, width: int, marks: Marks) -> list[Form]:
    """A table, each column as wide as its widest cell, numbers at its right; the row that is chosen is marked."""
    widths, column = _widths(part), 2 * _ticked(part)
    sides = ["<>"[all(_is_number(one.cells[at]) for one in part.rows if at < len(one.cells))]
             for at in range(len(widths))]  # fmt: skip
    if part.columns:
        widths, columns = _fitting(widths, part.columns, width - column)
    out: Form = (
        [_cells(columns, widths, sides, "dim", [(" " * (3 + column), "")], width, marks)] if part.columns else []
    )
    for at, row in enumerate(part.rows):
        here = at == part.cursor
        look = " ".join(one for one in (machine.TONES[row.tone], "strong" if here else "") if one)
        first = [(f" {marks.here} " if here else "   ", "here")]
        if column:
            first.append((f"{marks.done if row.done else '':<{column}}", "good"))
        out.append(_cells(row.cells, widths, sides, look, first, width, marks))
    return [out]


def _ticked(part: Rows) -> bool:
    """Whether the rows have a column that says which are done."""
    return any(row.done is not None for row in part.rows)


def _widths(part: Rows) -> list[int]:
    table = [*([part.columns] if part.columns else []), *(row.cells for row in part.rows)]
    return [max((len(one[at]) for one in table if at < len(one)), default=0) for at in range(max(map(len, table)))]


def rows_width(part: Rows) -> int:
    """The columns that a table takes with all of its own."""
    widths = _widths(part)
    return 3 + 2 * _ticked(part) + sum(widths) + COLUMN_GAP * (len(widths) - 1)


def _fitting(widths: list[int], columns: Sequence[str], width: int) -> tuple[list[int], list[str]]:
    """The widths of the columns for which there is room, and their headings; the last one counts those that went."""
    kept = len(widths)
    while kept > 1 and 3 + sum(widths[:kept]) + COLUMN_GAP * (kept - 1) + (kept < len(widths)) * 4 > width:
        kept -= 1
    if kept == len(widths):
        return widths, list(columns)
    more = f"+{len(widths) - kept}"
    return widths[:kept], [*columns[: kept - 1], f"{columns[kept - 1]:<{widths[kept - 1]}}  {more}"]


def _is_number(text: str) -> bool:
    return text.strip().replace(",", "").replace(".", "").isdigit()


def _cells(
    cells: Sequence[str],
    widths: Sequence[int],
    sides: Sequence[str],
    look: str,
    first: Sequence[Piece],
    width: int,
    marks: Marks,
) -> Line:
    padded = (f"{marks.plain(one):{side}{room}}" for one, room, side in zip(cells, widths, sides, strict=False))
    return cut(line(*first, ((" " * COLUMN_GAP).join(padded).rstrip(), look)), width, marks)


def row_here(part: Rows) -> int:
    """The line of the row that is chosen, -1 where none is."""
    return -1 if part.cursor is None else part.cursor + bool(part.columns)


def row_head(part: Rows) -> int:
    """The headings stay."""
    return int(bool(part.columns))


def rows_beyond(part: Rows) -> tuple[int, int]:
    """The rows of the table that are not in the part."""
    return part.first, max(0, part.total - part.first - len(part.rows))


def row_at(part: Rows, width: int, x: int, y: int) -> tuple[str, str] | None:
    """Choosing the row at a line, where rows can be chosen."""
    at = y - bool(part.columns)
    if not 0 <= at < len(part.rows) or (part.cursor is None and not part.choose):
        return None
    return part.choose or POINT, part.rows[at].argument or str(part.first + at)


def move_at(part: Moves, width: int, x: int, y: int) -> tuple[str, str] | None:
    """Choosing the move at a line."""
    return (POINT, str(y - 1)) if 0 < y <= len(part.moves) else None


def tabs(part: Tabs, width: int, marks: Marks) -> list[Form]:
    """The choices beside each other, as many in a line as fit; the one that is seen is marked."""
    out: Form = []
    for row in _tab_rows(part, width):
        pieces = []
        for at in row:
            here = at == part.at
            pieces.append((f" {marks.here if here else ' '}{_tab(part, at)} ", "here" if here else ""))
        out.append(tuple(pieces))
    return [out]


def _tab(part: Tabs, at: int) -> str:
    return f"{at + 1} {part.choices[at]}" if part.numbered else part.choices[at]


def _tab_rows(part: Tabs, width: int) -> list[list[int]]:
    """The choices of each line, by number."""
    out: list[list[int]] = [[]]
    for at in range(len(part.choices)):
        if out[-1] and sum(len(_tab(part, one)) + 3 for one in (*out[-1], at)) > width:
            out.append([])
        out[-1].append(at)
    return out


def tab_at(part: Tabs, width: int, x: int, y: int) -> tuple[str, str] | None:
    """Choosing the one that stands at a place."""
    rows, end = _tab_rows(part, width), 0
    for at in rows[y] if y < len(rows) else ():
        end += len(_tab(part, at)) + 3
        if x < end:
            return CHOOSE, str(at + 1)
    return None


def lanes(part: Lanes, width: int, marks: Marks) -> list[Form]:
    """As a graph where it is one and has room, else as a score."""
    return [graph(part, width, marks) if _is_graph(part) and width >= GRAPH else score(part, width, marks)]


def _is_graph(part: Lanes) -> bool:
    return part.beside != part.other


def lanes_here(part: Lanes) -> int:
    """The line of the step at which one stands, in a graph."""
    first = part.time.moments[0].step if part.time.moments else 1
    return max(0, part.time.at - first + 1) if _is_graph(part) else -1


RENDERERS: dict[type[Part], Renderer] = {
    Prose: Renderer(prose, ends=paragraph_ends),
    Log: Renderer(log, least=2, elastic=True, last=True),
    Listing: Renderer(listing, least=3, fewest=1, elastic=True),
    Map: Renderer(site_map, yields=are_alike, target=site_at, points=True),
    Question: Renderer(question, least=2, ends=question_ends, target=choice_at),
    Lanes: Renderer(lanes, least=4, elastic=True, here=lanes_here, head=lambda part: 1, natural=graph_width),
    Strip: Renderer(machine.strip),
    Bytes: Renderer(machine.bytes_of_a_site, least=4, natural=lambda part: machine.NATURAL),
    Doers: Renderer(machine.doers, ends=machine.doer_ends, target=machine.doer_at, points=True),
    Happened: Renderer(
        machine.doers, least=4, ends=machine.doer_ends, elastic=True, target=machine.doer_at, points=True
    ),
    Core: Renderer(machine.core, least=6, yields=lambda part: True),
    Track: Renderer(machine.track, target=machine.track_at, drags=True),
    Tabs: Renderer(tabs, target=tab_at),
    Bars: Renderer(
        bar_lines, least=2, elastic=True, here=lambda part: -1 if part.cursor is None else part.cursor, target=bar_at
    ),
    Rows: Renderer(
        rows,
        least=4,
        elastic=True,
        here=row_here,
        head=row_head,
        beyond=rows_beyond,
        modest=lambda part: MODEST if part.total else None,
        natural=rows_width,
        target=row_at,
        points=True,
    ),
    Moves: Renderer(
        move_lines, least=4, elastic=True, here=move_here, head=lambda part: 1, natural=all_columns, target=move_at
    ),
}


def forms(part: Part, width: int, marks: Marks) -> Sequence[Form]:
    """The forms of a part in so many columns, the fullest first."""
    return RENDERERS[type(part)].forms(part, width, marks)


def fit(part: Part, form: Form, width: int, height: int, first: int, marks: Marks) -> tuple[Form, int]:
    """As many of a form's lines as there is room for, and which is the first; a mark counts what lies above and below.

    Args:
        part: whose form it is.
        form: its lines.
        width: its columns.
        height: the room, in rows.
        first: how many lines a person has scrolled away from where it starts.
        marks: the glyphs.
    """
    renderer = RENDERERS[type(part)]
    before, behind = renderer.beyond(part)
    if len(form) <= height and not before and not behind:
        return form, 0
    head = renderer.head(part)
    fixed, form, room = form[:head], form[head:], max(1, height - head - 1)
    if not first:
        room = max((end for end in renderer.ends(part, width, marks) if end <= room), default=room)
    top = len(form) - room - first if renderer.last else first
    if (here := renderer.here(part) - head) >= 0:
        top = max(top, here - room // 2 if before or behind else here - room + 1)
    top = max(0, min(top, len(form) - room))
    above, below = before + top, len(form) - room - top + behind
    more = ", ".join(
        [f"{above:,} more {marks.up_arrow}"] * bool(above) + [f"{below:,} more {marks.down_arrow}"] * bool(below)
    )
    return [*fixed, *form[top : top + room], line((more, "dim"))][:height], top
