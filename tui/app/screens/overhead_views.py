"""How the price of tracing looks: the answers, the bars of one of them, what they mean; as lines, for any size."""

from __future__ import annotations

from itertools import groupby

from lessons.activities.charts import Bar, Chart
from lessons.activities.overhead import ANSWERS, CLOSER, MEASURED, SITES, Overhead
from lessons.activities.overhead_words import explained, notes, picture_line, waiting
from tui.view.bars import axis, cells
from tui.view.marks import Marks
from tui.view.text import Line, cut, line, spread, wrap

MANY = {"tight": "one function", "warm": "few functions", "cold": "many functions"}  # of what is measured
SHORTEST = 10  # columns of a bar; titles give way for them
KEYS = (
    ("Enter", "begin", "Count or measure what is awaited."),
    ("← →", "other answer", "Another answer: counted, priced by a table, measured here. They are never mixed."),
    ("↑ ↓", "explain", "Explain another bar: its bytes, a sentence, its figures."),
    ("v", "more variants", "Every way in which a function can begin, or the first four again."),
    ("z", "zoom in", f"Zoom in: a bar more than {CLOSER} times as long as the first one is cut off."),
    ("o", "next", "What is measured: one function, few, or many. Of many sites: syncs, or patch time."),
    ("w", "write", "Write these bars into a file: a picture where its name ends in .svg, else text."),
    ("?", "words", "The words on this screen."),
    ("F1", "help", "This page."),
    ("Esc", "back", "Back to where one was. It ends what is being counted or measured."),
)


def head(overhead: Overhead, width: int) -> Line:
    """What it is about, and how these figures are had."""
    return spread(line((" What tracing costs", "title")), line((ANSWERS[overhead.name].how + " ", "dim")), width)


def tabs(overhead: Overhead, width: int, marks: Marks) -> Line:
    """The answers, by the number that is the key of each."""
    out = []
    for number, name in enumerate(ANSWERS, 1):
        here = name == overhead.name
        out.append((f" {marks.here if here else ' '}{number} {name}", "here" if here else ""))
    return cut(tuple(out), width)


def tab_at(x: int) -> str:
    """The answer whose tab stands in a column, "" for none."""
    end = 0
    for name in ANSWERS:
        end += len(name) + 4
        if x < end:
            return name
    return ""


def _begin(overhead: Overhead) -> str:
    return "measure" if overhead.name == MEASURED else "count"


def body(overhead: Overhead, busy: bool, width: int, height: int, marks: Marks) -> list[Line]:
    """The bars and what is said of them, else what is awaited; what matters least goes where there is no room."""
    chart = overhead.chart
    if chart is None:
        rows = [row for one in waiting(overhead) for row in wrap(marks.plain(one), width - 4, "strong")]
        if overhead.can_work and not busy:
            rows += [line(), *wrap(f"Enter: {_begin(overhead)}. Esc: back.", width - 4)]
        return [line(), *(line("  ", *row) for row in rows)]
    gap, ruled = [line()], [line((" " + marks.rule * (width - 2), "dim"))]
    every = [
        row
        for at in range(len(chart.bars))
        for row in _explained(overhead, chart, at, at == overhead.cursor, width, marks)
    ]
    shown = _explained(overhead, chart, overhead.cursor, False, width, marks)
    blocks: list[tuple[int, list[Line]]] = [  # how soon it gives way, 0 for never
        (7, gap),
        (3, _said(_means(overhead, chart), width, marks, "")),
        (5, gap),
        (0, []),  # the bars
        (5, gap),
        (1, _said([chart.sentence], width, marks, "strong")),
        (6, ruled),
        (2, shown),
        *((8 + at, _said([one], width, marks, "dim")) for at, one in enumerate(notes(overhead))),
    ]
    room = height - len(chart.rows) - bool(chart.scale)
    if sum(len(rows) for _, rows in blocks) - len(shown) + len(every) <= room:
        blocks[7] = (2, every)
    while sum(len(rows) for _, rows in blocks) > room and any(first for first, _ in blocks):
        last = max(first for first, _ in blocks)
        blocks = [(0, []) if first == last else (first, rows) for first, rows in blocks]
    left = height - sum(len(rows) for _, rows in blocks)
    blocks[3] = (0, bars(overhead, chart, width, max(1, left), marks))
    return [row for _, rows in blocks for row in rows]


def _said(sentences: list[str], width: int, marks: Marks, look: str) -> list[Line]:
    return [line(" ", *row) for one in sentences if one for row in wrap(marks.plain(one), width - 2, look)]


def _means(overhead: Overhead, chart: Chart) -> list[str]:
    said = [picture_line(overhead), chart.means]
    if any((bar.value or 0) > overhead.end for bar in chart.bars):
        said.append("A bar that ends in an arrow is longer than there is room for.")
    return said


def bars(overhead: Overhead, chart: Chart, width: int, height: int, marks: Marks) -> list[Line]:
    """A line for each bar, those around the cursor where there is no room for all."""
    at = min(overhead.cursor, len(chart.bars) - 1)
    height = max(1, height - bool(chart.scale))
    first = max(0, min(chart.rows.index(at) - height // 2, len(chart.rows) - height))
    texts = max(len(bar.text) for bar in chart.bars)
    titles = max(len(bar.title) for bar in chart.bars)
    titles = min(titles, max(8, width - texts - SHORTEST - 6))
    columns = max(1, width - titles - texts - 6)
    above = []
    if chart.scale:
        above = [line(" " * (titles + 4), (axis(chart, columns), "dim"))]
    return above + [
        cut(line(f"   {chart.apart}"), width)
        if row is None
        else _bar(chart.bars[row], overhead.end, row == at, (titles, columns, texts), width, marks)
        for row in chart.rows[first : first + height]
    ]


def _bar(bar: Bar, end: float, here: bool, sizes: tuple[int, int, int], width: int, marks: Marks) -> Line:
    titles, columns, texts = sizes
    drawn = cells(bar, end, columns, marks.ran, marks.parts, marks.interval).ljust(columns)
    pieces = [("".join(run), look) for look, run in groupby(drawn, lambda one: _look(one, marks))]
    mark = (f" {marks.here} " if here else "   ", "here")
    title = bar.title if len(bar.title) <= titles else bar.title[: titles - 2] + ".."
    look = "strong" if here else "dim" if bar.value is None and bar.interval is None else ""
    return cut(line(mark, (f"{title:<{titles}} ", look), *pieces, (f" {bar.text:>{texts}}", look)), width)


def _look(one: str, marks: Marks) -> str:
    return "strong" if one in marks.interval else "new"


def _explained(overhead: Overhead, chart: Chart, at: int, here: bool, width: int, marks: Marks) -> list[Line]:
    """A bar's heading with its bytes, then what is said of it; `here`: among others, the one in focus."""
    at = min(at, len(chart.bars) - 1)
    one = explained(overhead, chart.bars[at])
    mark = (marks.here if here else " ", "here")
    said = _said([" ".join(one.sentences)], width - 2, marks, "")
    heading = line(mark, (one.title, "title"), (f"   {marks.plain(one.code)}" if one.code else "", ""))
    return [cut(heading, width), *(line("  ", *row) for row in said)]


def keys(overhead: Overhead, busy: bool, width: int, marks: Marks) -> list[Line]:
    """The keys that mean something now."""
    idle = {"Enter": busy or not overhead.can_work}
    if overhead.chart is None:
        idle |= dict.fromkeys(("↑ ↓", "v", "z", "o", "w"), True)
    idle |= {"o": idle.get("o", False) or not overhead.picture}
    idle |= {"v": idle.get("v", False) or not overhead.has_variants}
    idle |= {"z": idle.get("z", False) or overhead.name == SITES}
    names = {"Enter": _begin(overhead)}
    names |= {"Esc": "end it"} if busy else {}
    more = MANY.get(overhead.next_picture, "")
    names |= {"o": f"next: {overhead.next_picture}{more and f' ({more})'}"}
    names |= {"v": "the first four"} if overhead.every else {}
    names |= {"z": "zoom out"} if overhead.closer else {}
    out, used = [line(" ")], 1
    for key, what, _ in KEYS:
        if idle.get(key):
            continue
        key, what = marks.plain(key), names.get(key, what)
        if used + len(key) + len(what) + 3 > width:
            out, used = [*out, line(" ")], 1
        out[-1] = (*out[-1], (key, "title"), (f" {what}  ", ""))
        used += len(key) + len(what) + 3
    return [cut(one, width) for one in out]


def help_page(marks: Marks) -> list[Line]:
    """What one can do here."""
    out: list[Line] = [line(("What tracing costs", "title")), line()]
    for key, _, what in KEYS:
        out += wrap(marks.plain(what), 72, "", f"{marks.plain(key):<8}", " " * 8)
    return [*out, *wrap("Go to an answer by its number. T: other colours. q: quit.", 72, "", " " * 8)]
