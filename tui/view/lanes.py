"""The time picture drawn: as a graph, time downwards, each step with its sentence; as a score, time to the right.

A wait is a dotted stretch of the patching task's lane; a CPU's lane is never dotted, for a CPU does not wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lessons.lanes import Did, LaneMark, TimeStep
from lessons.picture import Lanes
from simkernel.insn import INT3
from tui.view.marks import Marks
from tui.view.text import Line, Piece, cut, line

GRAPH = 40  # columns from which on a graph has room
LANE = (5, 4, 3, 2)  # columns of a lane, the most that fit
TWO_CPUS = ("patching task", "CPU0", "CPU1")
SENTENCE = 24  # columns of a sentence, at least
LOOKS = {
    Did.WRITES: "new",
    Did.INT3: "int3",
    Did.TORN: "bad",
    Did.DIES: "bad",
    Did.ANSWERS: "good",
    Did.RESOLVES: "open",
    Did.CALLS: "new",
    Did.NOTHING: "dim",
    Did.WAITS: "dim",
    Did.INSIDE: "open",
    Did.READS: "open",
}


def graph(part: Lanes, width: int, marks: Marks) -> list[Line]:
    """Time downwards: a line a step, a lane a column, the sentence at the right."""
    picture = part.time
    lanes = len(picture.lanes)
    each = next((one for one in LANE if _columns(lanes, one) <= width), LANE[-1])
    names = "".join(f"{_name(picture.lanes, at, each):<{each}}" for at in range(lanes))
    out = [line((f"    {names}".rstrip(), "dim"))]
    for moment in picture.moments:
        out.append(cut(_graph_row(moment, picture.at, each, marks), width, marks))
    return out


def _columns(lanes: int, each: int) -> int:
    """The columns of a graph: the last lane, the widest there is, ends a column sooner, before the sentence."""
    return 4 + each * lanes - (each == LANE[0]) + SENTENCE


def graph_width(part: Lanes) -> int:
    """The columns with which two CPUs have their names above their lanes; 0 where there are more."""
    return _columns(len(part.time.lanes), LANE[0]) if len(part.time.lanes) == len(TWO_CPUS) else 0


def _name(lanes: Sequence[str], at: int, each: int) -> str:
    """A lane's name in so many columns: "bash" or "b", "CPU0" or "0"."""
    whole = lanes[at].split("-")[0]
    return whole if len(whole) < each else whole[:1] if at == 0 else whole[-1]


def _graph_row(moment: TimeStep, at: int, each: int, marks: Marks) -> Line:
    here, ahead = moment.step == at, moment.step > at
    pieces: list[Piece] = [(f"{marks.now if here else ' '}{moment.step:>2} ", "here" if here else "dim")]
    sends = [number for number, mark in enumerate(moment.marks) if mark.did is Did.ASKED]
    for number, mark in enumerate(moment.marks):
        text = _glyph(mark, marks)
        joined = bool(sends) and number < sends[-1] and (mark.did in (Did.SENDS, Did.ASKED) or number > 0)
        fill = marks.rule if joined else " "
        pieces.append((text, "dim" if ahead else _look(mark)))
        last = number == len(moment.marks) - 1 and each == LANE[0]
        pieces.append((fill * (each - last - len(text)), "dim"))
    return (*pieces, (marks.plain(moment.sentence), "dim" if ahead else "strong" if here else ""))


def _look(mark: LaneMark) -> str:
    """The look of a mark: of a write that of what is written."""
    return "int3" if mark.did is Did.WRITES and mark.text == f"{INT3:02X}" else LOOKS.get(mark.did, "")


def _glyph(mark: LaneMark, marks: Marks) -> str:
    """What stands for a mark in a graph."""
    if mark.trapped:
        return marks.did[Did.INT3] + _glyph(replace(mark, trapped=False), marks)
    if mark.did is Did.RUNS and not mark.inside:
        return marks.ran_whole
    return mark.text or marks.did[mark.did]


def score(part: Lanes, width: int, marks: Marks) -> list[Line]:
    """Time to the right: a row a lane, two columns a step, one where there is no room for two."""
    picture = part.time
    label = max(len(name) for name in picture.lanes) + 1
    room = width - label
    each = 2 if 2 * len(picture.moments) <= room else 1
    moments = _window(picture.moments, picture.at, room // each)
    phases = _phases(moments, picture.at, each, marks)
    out = [line((" " * label, ""), *phases)] if any(text.strip() for text, _ in phases) else []
    for number, name in enumerate(picture.lanes):
        cells = [_cell(moments, at, number, each, marks) for at in range(len(moments))]
        pieces = [(text, "dim" if moments[at].step > picture.at else look) for at, (text, look) in enumerate(cells)]
        out.append(line((name.ljust(label), "dim"), *pieces))
    return [*out, line((" " * label, ""), (_numbers(moments, picture.at, each, marks), "here"))]


def _window(moments: Sequence[TimeStep], at: int, room: int) -> Sequence[TimeStep]:
    """Those steps around the one at which one stands that there is room for."""
    first = max(0, min(at - room // 2, len(moments) - room))
    return moments[first : first + room]


def _cell(moments: Sequence[TimeStep], at: int, lane: int, each: int, marks: Marks) -> Piece:
    """What a lane did at a step, in the columns of a step; then what it is in the middle of."""
    mark = moments[at].marks[lane]
    goes_on = mark.did is Did.READS or mark.did is Did.INSIDE or (mark.inside and mark.did is Did.ASKED)
    fill = marks.within if goes_on else marks.dotted if mark.did is Did.WAITS else marks.rule
    text = _score_glyph(mark, each, marks)
    if mark.trapped:  # first, where there is room for both, and where the other is no more than the line
        text = (marks.did[Did.INT3] + text)[:each] if each > 1 or mark.did is Did.ASKED else text
    return text + fill * (each - len(text)), _look(mark)


def _score_glyph(mark: LaneMark, each: int, marks: Marks) -> str:
    """What stands for a mark in a score."""
    match mark.did:
        case Did.NOTHING | Did.ASKED | Did.INSIDE:
            return marks.within if mark.inside or mark.did is Did.INSIDE else marks.rule
        case Did.WAITS:
            return marks.dotted
        case Did.READS:
            return marks.within if mark.inside else marks.begins_reading
        case Did.RUNS:
            return marks.ends_reading if mark.inside else marks.ran_whole
        case Did.WRITES:
            return mark.text if each > 1 else marks.wrote
        case _:
            return marks.did[mark.did]


def _phases(moments: Sequence[TimeStep], at: int, each: int, marks: Marks) -> list[Piece]:
    """The phases by name, each where it begins: that under way at step `at` always, and syncs before writes.

    Where a name has no room, or would cover where another begins, it is short, else a mark.
    """
    width, named = each * len(moments), [(number * each, one) for number, one in enumerate(moments) if _phase(one)]
    under_way = [entry for entry in named if entry[1].step <= at][-1:]
    others = sorted(named, key=lambda entry: entry[1].marks[0].did is Did.WRITES)
    cells = [" "] * width
    for begins, moment in (*under_way, *(entry for entry in others if entry not in under_way)):
        words = _phase(moment).split()
        short = "".join(word[:1] for word in words)
        names = (" ".join(words), short) if each > 1 else (short,)
        for name in (*names, marks.more):
            now = (begins, moment) in under_way
            left = max(0, min(begins, width - len(name))) if now else begins
            over, apart = range(left, left + len(name)), name != marks.more
            covers = any(one in over for one, _ in named if one != begins) and not (now and name == short)
            free = not "".join(cells[max(0, left - apart) : left + len(name) + apart]).strip()
            if left + len(name) <= width and free and not covers:
                cells[left : left + len(name)] = name
                break
    return [("".join(cells), "dim")]


def _phase(moment: TimeStep) -> str:
    """The name of a phase that begins at a step: "sync 1", "tail", "head", "release"; "" where none does."""
    match moment.marks[0].did:
        case Did.SENDS:
            return moment.phase
        case Did.WRITES:
            return moment.phase.removeprefix("write ")
        case Did.RELEASES:
            return "rel"
        case _:
            return ""


def _numbers(moments: Sequence[TimeStep], at: int, each: int, marks: Marks) -> str:
    """Where one stands, and the number of its step."""
    place = next((number * each for number, moment in enumerate(moments) if moment.step == at), None)
    if place is None:
        return ""
    said = f"step {at}"
    left = place + len(said) + 2 > len(moments) * each and place > len(said)
    return f"{said:>{place - 1}} {marks.up}" if left else f"{' ' * place}{marks.up} {said}"
