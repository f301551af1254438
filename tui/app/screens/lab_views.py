"""How the lab looks: the question, the switches, the answer with its schedule; as lines, for any size."""

from __future__ import annotations

from lessons.activities.lab import SETTINGS, Lab, Row
from lessons.activities.lab_words import GUESSES, answer, question
from tui.view.marks import Marks
from tui.view.text import Line, Piece, cut, line, plain, spread, wrap

ASK, SWITCHES, ANSWER = "ask", "switches", "answer"
BESIDE = 110  # columns from which on the switches and the answer stand side by side
COLUMN = 44
INDENT = "  "
KEYS = {
    ASK: (
        *((key, what) for key, (_, what) in GUESSES.items()),
        ("g", "another question"),
        ("s", "the switches"),
        ("Esc", "back"),
    ),
    SWITCHES: (
        ("↑ ↓", "choose"),
        ("← →", "change"),
        ("< >", "move"),
        ("y n", "guess"),
        ("e", "explore"),
        ("F1", "help"),
        ("Esc", "back"),
    ),
    ANSWER: (
        ("Enter", "watch it"),
        ("← →", "others"),
        ("↑ ↓", "scroll"),
        ("g", "go on"),
        ("s", "switches"),
        ("?", "words"),
        ("Esc", "back"),
    ),
}
HELP = (
    (
        "Esc",
        "Back: from the schedule to where one asked, from there to where one was. It ends a search that takes long.",
    ),
    ("g", "Go on to the next question."),
    ("s", "The switches: protocol, change, place, model, CPUs and more, then each step of the protocol."),
    ("↑ ↓", "Choose a switch; scroll a schedule."),
    (
        "← →",
        "Change a switch: a step is done, left out, or done twice. In a schedule: the next property that is broken.",
    ),
    ("< >", "Do a step earlier or later."),
    ("y n", "Guess whether that is safe, and look at every order of events."),
    ("e", "Look at every order of events without a guess."),
    ("Enter", "Watch a schedule in the stepper, from its first step to the crash; Esc comes back."),
    ("?", "The words on this screen, and what the model means."),
    ("T", "Other colours."),
    ("q", "Quit."),
)


def head(lab: Lab, width: int) -> Line:
    """What is asked, in a line."""
    cpus = "1 CPU" if lab.chosen["cpus"] == "1" else f"{lab.chosen['cpus']} CPUs"
    left = line((" The lab", "title"), f"  {lab.variant.name}")
    return spread(left, line((f"{cpus}, model {lab.chosen['model']} ", "dim")), width)


def ask(lab: Lab, width: int, marks: Marks) -> list[Line]:
    """The question, and the steps of the protocol that is asked about."""
    out: list[Line] = [line()]
    for one in question(lab):
        out += [line(INDENT, *row) for row in wrap(marks.plain(one), width - 4, "strong" if "?" in one else "")]
    return [*out, line(), *(line(INDENT, *step(row, marks)) for row in lab.rows if row.step)]


def step(row: Row, marks: Marks) -> Line:
    """A step of the protocol: done, twice or left out."""
    mark = (marks.holds, "good") if row.on else (marks.broken, "bad")
    return line(mark, f" {row.name:<20} ", (row.value, "strong"))


def switches(lab: Lab, cursor: int, width: int, height: int, marks: Marks) -> list[Line]:
    """All that can be chosen, what the cursor is on explained below; no cursor (-1) where keys do not move it."""
    rows = lab.rows
    out: list[Line] = []
    for at in in_view(lab, cursor, width, height, marks):
        if at < 0:
            out.append(line())
            continue
        row = rows[at]
        here = (f" {marks.here} " if at == cursor else "   ", "here")
        what = step(row, marks) if row.step else line(f"{row.name:<12}", (marks.plain(row.value), "strong"))
        out.append(cut(line(here, *what), width))
    return [*out, *_explained(lab, cursor, width, marks)]


def in_view(lab: Lab, cursor: int, width: int, height: int, marks: Marks) -> list[int]:
    """The rows that there is room for, around the cursor; -1 for the gap before the steps."""
    settings = len(SETTINGS)
    order = [*range(settings), -1, *range(settings, len(lab.rows))]
    room = max(3, height - len(_explained(lab, cursor, width, marks)))
    first = max(0, min(order.index(cursor) - room // 2, len(order) - room))
    return order[first : first + room]


def _explained(lab: Lab, cursor: int, width: int, marks: Marks) -> list[Line]:
    if cursor < 0:
        return []
    text = wrap(marks.plain(lab.rows[cursor].help), width - 2)
    return [line((" " + marks.rule * (width - 2), "dim")), *(line(" ", *one) for one in text)]


def schedule(lab: Lab, top: int, width: int, height: int, marks: Marks) -> list[Line]:
    """The verdict; what else is broken; the schedule from its sentence `top` on."""
    finding = lab.finding
    if finding is None:
        return [*ask(lab, width, marks), line(), *keys(ASK, width, marks)[: len(GUESSES)]]
    out: list[Line] = []
    for one in answer(lab):
        look = "bad" if one == finding.verdict() and finding.broken else "strong"
        out += [line(" ", *row) for row in wrap(marks.plain(one), width - 2, look)]
    if not finding.broken:
        return out
    tabs: list[Piece] = []
    for at, other in enumerate(lab.findings):
        mark, look = (marks.here, "here") if at == lab.at else (" ", "")
        tabs.append((f" {mark} {other.broken}, {len(other.schedule)} steps ", look))
    out += [line(), cut(tuple(tabs), width), line((" " + marks.rule * (width - 2), "dim"))]
    for number, sentence in list(enumerate(finding.sentences(), 1))[top:]:
        out += wrap(marks.plain(sentence), width - 1, "", f"{number:3}  ", "     ")
    return out[:height]


def keys(view: str, width: int, marks: Marks, broken: int = 0) -> list[Line]:
    """The keys of a view: one under the other for a question, else in a line; `broken`: schedules to look at."""
    idle = {"Enter": broken < 1, "← →": broken < 2} if view == ANSWER else {}
    shown = [(marks.plain(key), what) for key, what in KEYS[view] if not idle.get(key)]
    if view == ASK:
        return [line(INDENT, (f"{key:<6}", "title"), what) for key, what in shown]
    out: list[Line] = []
    for key, what in shown:
        added = line((key, "title"), f" {what}")
        if out and len(plain(out[-1])) + len(plain(added)) + 2 <= width:
            out[-1] = line(*out[-1], "  ", *added)
        else:
            out.append(line(" ", *added))
    return [cut(one, width) for one in out]


def help_page(marks: Marks) -> list[Line]:
    """What one can do here."""
    out: list[Line] = [line(("The lab", "title")), line()]
    for key, what in HELP:
        out += wrap(marks.plain(what), 72, "", f"{marks.plain(key):<8}", " " * 8)
    return out


def beside(left: list[Line], right: list[Line], width: int, height: int, marks: Marks) -> list[Line]:
    """Two columns."""
    out = []
    for at in range(height):
        one = left[at] if at < len(left) else line()
        gap = " " * (COLUMN - len(plain(one)))
        other = right[at] if at < len(right) else line()
        out.append(cut(line(*one, gap, (marks.line, "dim"), *other), width))
    return out
