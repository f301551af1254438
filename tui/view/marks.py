"""The glyphs: one meaning, one mark, everywhere; each has a twin in ASCII, for fonts and locales that lack it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lessons.lanes import Did

DID = {
    Did.NOTHING: "│", Did.BEGINS: "◇", Did.WRITES: "W", Did.SENDS: "●", Did.ASKED: "▼", Did.WAITS: "┆",
    Did.GOES_ON: "○", Did.RELEASES: "◆", Did.READS: "┏", Did.INSIDE: "┃", Did.RUNS: "┗", Did.TORN: "✘",
    Did.RESOLVES: "≈", Did.ANSWERS: "✔", Did.MASKED: "×", Did.INT3: "!", Did.CALLS: "↳", Did.TRACES: "≡",
    Did.NMI: "N", Did.PARKS: "P", Did.PARKED: "║", Did.DIES: "✘",
}  # fmt: skip
DID_ASCII = {
    Did.NOTHING: "|", Did.BEGINS: "o", Did.WRITES: "W", Did.SENDS: ">", Did.ASKED: "v", Did.WAITS: ":",
    Did.GOES_ON: ".", Did.RELEASES: "#", Did.READS: "[", Did.INSIDE: "=", Did.RUNS: "]", Did.TORN: "X",
    Did.RESOLVES: "~", Did.ANSWERS: "v", Did.MASKED: "x", Did.INT3: "!", Did.CALLS: "c", Did.TRACES: "t",
    Did.NMI: "N", Did.PARKS: "P", Did.PARKED: "H", Did.DIES: "X",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands for what.

    Attributes:
        changed: around what the last move changed. done, now, next, todo: of a phase. taken: of a map.
        focus: before the lines of the part that has it.
        given: before the answer that a person gave.
        new, int3: behind a byte of the new instruction, a breakpoint.
        pending: behind a byte in whose place another may be run.
        more: of a text that goes on where there is no room for it. rule: of headings.
        line: where a cache line ends. here: what a CPU runs next. stop: a breakpoint.
        broken: what should be true and is not. sites: of the map, in the order of SITE_STATES.
        taken: there, of a site at which a CPU has just taken an int3.
        did: of what a lane of the time picture did. bar, tick, up, knob: of the scrub bar.
        frame: around a pane: its corners from the upper left one, in the order in which one reads, and its sides.
        parts: of a bar's column, from the left.
        interval: of a bar: over it, beyond its end, where that ends, and what goes on beyond the edge.
    """

    changed: tuple[str, str] = ("▐", "▌")
    done: str = "✔"
    now: str = "▶"
    next: str = "▷"
    todo: str = "○"
    focus: str = "▎"
    given: str = "▍"
    new: str = "′"
    int3: str = "!"
    pending: str = "/"
    line: str = "│"
    here: str = "▶"
    stop: str = "●"
    rule: str = "─"
    broken: str = "✘"
    sites: str = "·■!~✘"
    taken: str = "‡"
    ran: str = "█"
    bar: str = "─"
    knob: str = "█"
    tick: str = "┬"
    up: str = "▲"
    dash: str = "—"
    back: str = "←"
    more: str = "…"
    crumb: str = "›"
    dotted: str = "┄"
    within: str = "═"
    begins_reading: str = "["
    ends_reading: str = "]"
    wrote: str = "W"
    ran_whole: str = "•"
    did: Mapping[Did, str] = field(default_factory=lambda: DID)
    frame: str = "╭╮╰╯│"
    up_arrow: str = "↑"
    down_arrow: str = "↓"
    parts: str = "▏▎▍▌▋▊▉"
    interval: str = "▓─┤▶"

    def plain(self, text: str) -> str:
        """Text of others (sentences, traces) as this screen can show it."""
        if self.rule == "─":
            return text
        return text.translate(_TWINS).encode("ascii", "replace").decode("ascii")


UNICODE = Marks()
ASCII = Marks(
    changed=("[", "]"),
    done="+",
    now=">",
    next=")",
    todo="o",
    focus="|",
    given="=",
    new="'",
    line="|",
    here=">",
    stop="*",
    rule="-",
    broken="X",
    sites=".#!~X",
    taken="%",
    ran="#",
    bar="-",
    knob="#",
    tick="+",
    up="^",
    dash="-",
    back="<-",
    more="~",
    crumb=">",
    dotted=":",
    within="=",
    ran_whole="*",
    did=DID_ASCII,
    frame="++++|",
    up_arrow="^",
    down_arrow="v",
    parts="",
    interval="=-|>",
)
_TWINS = str.maketrans(
    {
        "→": "->",
        "↑": "^",
        "↓": "v",
        "←": "<-",
        "—": "-",
        "–": "-",
        "…": "~",
        "·": ".",
        "′": "'",
        "›": ">",
        "“": '"',
        "”": '"',
    }
)


LEGEND = (
    ("new", "Behind a byte: it is one of the new instruction."),
    ("int3", "An int3: behind a byte, and on the map."),
    ("changed", "Around what the last step has changed."),
    ("taken", "On the map: a CPU has taken the int3 of this site since the step before."),
    ("line", "A cache line ends here."),
    ("more", "The text goes on: a wider window shows all of it; rows of bytes stand whole at the top here."),
    ("done", "Before a phase: it is done. In the list: a story whose end you have seen; what is no story has no mark."),
    ("now", "The phase under way; the instruction at which a CPU stands; the step that one sees."),
    ("next", "The phase that is next."),
    ("todo", "Above, before a phase: it is to come."),
    ("broken", "A phase that is left out; what should be true and is not; a function with wrong bytes."),
)
BAR = (
    ("knob", "On the line at the bottom, which goes from the story's start to its end: where you are."),
    ("up", "There too: where a phase begins."),
    ("tick", "There too: a step. A move, as counted beside it, is smaller: a CPU or the patching task goes on."),
)


IN_LANES = (
    ("begins_reading", "It reads the first bytes of an instruction."),
    ("within", "It is in the middle of reading one."),
    ("ends_reading", "It runs what it has read."),
    ("ran_whole", "It runs an instruction that it read at once."),
    ("dotted", "It waits."),
)
OF_LANES = {
    Did.BEGINS: "The patching task begins.", Did.WRITES: "It writes.", Did.SENDS: "It sends interrupts (IPIs).",
    Did.ASKED: "An IPI is sent to this CPU.", Did.WAITS: "The patching task waits: no CPU does.",
    Did.GOES_ON: "It has every answer, and goes on.", Did.RELEASES: "It is done with these sites.",
    Did.READS: "A CPU reads the first bytes of an instruction.", Did.INSIDE: "It is in the middle of reading one.",
    Did.RUNS: "It runs what it has read.", Did.TORN: "It runs neither instruction, or the kernel dies on it.",
    Did.RESOLVES: "A byte is resolved for it: it is old or new from now on.", Did.ANSWERS: "It answers, and goes on.",
    Did.MASKED: "Its interrupts are off: it cannot answer yet.", Did.INT3: "It takes the int3, or finds the site.",
    Did.CALLS: "Its handler emulates the new instruction.", Did.TRACES: "It writes a line of the trace.",
    Did.NMI: "An NMI comes to it.", Did.PARKS: "It parks.", Did.PARKED: "It is parked, with interrupts off.",
}  # fmt: skip


def lane_legend(marks: Marks, did: Collection[Did], text: str) -> list[tuple[str, str]]:
    """The glyphs that stand in the lanes of a time picture, each with what it means.

    Args:
        marks: the glyphs.
        did: what the lanes did: a letter in the text that means something else is no mark of these.
        text: the picture.
    """
    out = [(marks.did[one], meaning) for one, meaning in OF_LANES.items() if one in did]
    out += [(getattr(marks, name), meaning) for name, meaning in IN_LANES]
    return [(glyph, meaning) for glyph, meaning in dict(reversed(out)).items() if glyph in text][::-1]


def legend(marks: Marks, text: str, bar: bool) -> list[tuple[str, str]]:
    """The glyphs that stand in a text, each with what it means; with those of the scrub bar where that is shown."""
    out = []
    for name, meaning in (*LEGEND, *(BAR if bar else ())):
        glyph = getattr(marks, name)
        glyph = " ".join(glyph) if isinstance(glyph, tuple) else glyph
        if glyph.split(" ")[0] in text:
            out.append((glyph, meaning))
    return out


def marks_for(ascii_wanted: bool, environ: Mapping[str, str]) -> Marks:
    """ASCII where it is asked for, where the locale is not UTF-8, and on the Linux console, whose font lacks most."""
    return ASCII if ascii_wanted or environ.get("TERM") == "linux" or not utf8_locale(environ) else UNICODE


def utf8_locale(environ: Mapping[str, str]) -> bool:
    """What the terminal was told by the first of LC_ALL, LC_CTYPE and LANG that is set (POSIX, 8.2)."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return "utf" in locale.lower() or sys.platform == "win32"
