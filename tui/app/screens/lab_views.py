"""How the lab looks: the question, the switches, the answer with its schedule; as lines, for any size."""

from __future__ import annotations

from tui.app.marks import Marks
from tui.app.text import Line, Piece, cut, line, plain, spread, wrap
from tui.stepper.lab import SETTINGS, Lab
from tui.stepper.lab_words import GUESSES, answer, question

ASK, SWITCHES, ANSWER = "ask", "switches", "answer"
BESIDE = 110  # columns from which on the switches and the answer stand side by side
COLUMN = 44
INDENT = "  "
KEYS = {
    ASK: (*((key, what) for key, (_, what) in GUESSES.items()), ("s", "the switches"), ("Esc", "back")),
    SWITCHES: (
        ("↑↓", "choose"),
        ("←→", "change"),
        ("< >", "move"),
        ("y n", "guess"),
        ("e", "explore"),
        ("Esc", "back"),
    ),
    ANSWER: (("Enter", "watch it"), ("←→", "other promise"), ("↑↓", "scroll"), ("s", "switches"), ("Esc", "back")),
}


def head(lab: Lab, name: str, width: int) -> Line:
    """What is asked, in a line."""
    cpus = "1 CPU" if lab.chosen["cpus"] == "1" else f"{lab.chosen['cpus']} CPUs"
    left = line((" The lab", "title"), f"  {name}")
    return spread(left, line((f"{cpus}, model {lab.chosen['model']} ", "dim")), width)


def ask(lab: Lab, width: int, marks: Marks) -> list[Line]:
    """The question, and the steps of the protocol that is asked about."""
    out: list[Line] = [line()]
    for one in question(lab):
        out += [line(INDENT, *row) for row in wrap(marks.plain(one), width - 4, "strong" if "?" in one else "")]
    out.append(line())
    return out + [line(INDENT, *step(lab, at, marks)) for at in range(len(SETTINGS), len(lab.rows))]


def step(lab: Lab, at: int, marks: Marks) -> Line:
    """A step of the protocol: done, twice or left out."""
    row = lab.rows[at]
    mark = (marks.holds, "good") if row.on else (marks.broken, "bad")
    return line(mark, f" {row.name:<20} ", (row.value, "strong"))


def switches(lab: Lab, cursor: int, width: int, height: int, marks: Marks) -> list[Line]:
    """All that can be chosen, what the cursor is on explained below."""
    rows = lab.rows
    text = [line(" ", *one) for one in wrap(marks.plain(rows[cursor].help), width - 2)]
    out: list[Line] = []
    for at, row in enumerate(rows):
        if at == len(SETTINGS):
            out.append(line())
        here = (f" {marks.here} " if at == cursor else "   ", "here")
        what = step(lab, at, marks) if row.step else line(f"{row.name:<12}", (marks.plain(row.value), "strong"))
        out.append(cut(line(here, *what), width))
    room = max(3, height - len(text) - 1)
    at = cursor + (cursor >= len(SETTINGS))
    first = max(0, min(at - room // 2, len(out) - room))
    return [*out[first : first + room], line((" " + marks.rule * (width - 2), "dim")), *text]


def schedule(lab: Lab, top: int, width: int, height: int, marks: Marks) -> list[Line]:
    """The verdict; what else is broken; the schedule from its sentence `top` on."""
    finding = lab.finding
    if finding is None:
        return ask(lab, width, marks)
    out: list[Line] = []
    for at, one in enumerate(answer(lab)):
        look = "bad" if finding.broken and at == len(answer(lab)) - 1 else "strong"
        out += [line(" ", *row) for row in wrap(marks.plain(one), width - 2, look)]
    if not finding.broken:
        return out
    tabs: list[Piece] = []
    for at, other in enumerate(lab.findings):
        mark, look = (marks.here, "here") if at == lab.at else (" ", "")
        tabs.append((f" {mark}{other.broken}, {len(other.schedule)} steps ", look))
    out += [line(), cut(tuple(tabs), width), line((" " + marks.rule * (width - 2), "dim"))]
    for number, sentence in list(enumerate(finding.sentences(), 1))[top:]:
        out += wrap(marks.plain(sentence), width - 1, "", f"{number:3}  ", "     ")
    return out[:height]


def keys(view: str, width: int, marks: Marks, safe: bool = False) -> list[Line]:
    """The keys of a view: one under the other for a question, else in a line."""
    shown = [(marks.plain(key), what) for key, what in KEYS[view] if not (safe and key in ("Enter", "←→"))]
    if view == ASK:
        return [line(INDENT, (f"{key:<6}", "title"), what) for key, what in shown]
    out, used = [line(" ")], 1
    for key, what in shown:
        if used + len(key) + len(what) + 1 > width:
            out, used = [*out, line(" ")], 1
        out[-1] = (*out[-1], (key, "title"), (f" {what}  ", ""))
        used += len(key) + len(what) + 3
    return [cut(one, width) for one in out]


def beside(left: list[Line], right: list[Line], width: int, height: int, marks: Marks) -> list[Line]:
    """Two columns."""
    out = []
    for at in range(height):
        one = left[at] if at < len(left) else line()
        gap = " " * (COLUMN - len(plain(one)))
        other = right[at] if at < len(right) else line()
        out.append(cut(line(*one, gap, (marks.line, "dim"), *other), width))
    return out
