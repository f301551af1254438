"""A picture with a question in it: what would tell the answer is covered until one has answered.

What happened up to here stays, for one reasons from that. A part that nobody has a cover for is left out, so a new one
tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lessons import picture as parts
from lessons.activity import CHOOSE, HINT
from lessons.lanes import Did, TimeStep
from lessons.machine import HIDDEN, Bytes, PhaseState, Strip
from lessons.picture import Choice, Lanes, Part, Picture, Tone
from lessons.story.asking import AskedQuestion
from lessons.story.questions import StoryQuestion
from lessons.table import ByteRow, marked

BYTE, COVERED = "??", "covered"
SURVIVAL = ("question", "phases", "bytes", "time")
UP_TO_NOW = (PhaseState.DONE, PhaseState.LEFT_OUT)  # of a phase that lies behind
RIGHT, WRONG, SO = "right", "not in this run", "in this run"
ASKED = "A question about this run: what would tell the answer is covered until you have answered, or gone on without."
ANSWERED = "What was asked here, and what came of it in this run."
UNKNOWN = "I do not know yet: a hint"


def covered(shown: Picture, asked: AskedQuestion) -> Picture:
    """A picture of a story with a question in it.

    Args:
        shown: what there is to see without one.
        asked: the question.
    """
    question = asked.question
    kept = [COVERS[type(part)](part, question) for part in shown.parts if type(part) in COVERS]
    machine = [part for part in kept if not isinstance(part, Lanes)]
    time = [part for part in kept if isinstance(part, Lanes)]
    step, _, model = shown.place.partition(" · ")
    return Picture(
        title=shown.title,
        place=f"{step.partition(' of ')[0]} · question {asked.number} · {model}",
        brief=f"question {asked.number}",
        parts=(*machine, _asks(asked), *time),
        survival=SURVIVAL,
        keys=(CHOOSE, "next", "back", "phase-back", "first", "view"),
        hints=((CHOOSE, "answer"), (HINT, "hint"), ("next", "skip"), ("back", "look back")),
        notes=shown.notes,
    )


def _asks(asked: AskedQuestion) -> parts.Question:
    question = asked.question
    choices = tuple(Choice(str(at), text) for at, text in enumerate(question.choices, 1))
    hint = Choice(HINT, f"Hint: {question.hint}" if asked.hinted else UNKNOWN)
    return parts.Question(
        name="question", help=ASKED, apart=True, given=question.facts, text=question.text, choices=(*choices, hint)
    )


def reply(asked: AskedQuestion) -> parts.Question:
    """What came of a question, as a part: the answer that was given beside the one that is so, and why."""
    question = asked.question
    truth = Choice(str(question.right + 1), question.answer, verdict=SO, tone=Tone.STRONG)
    choices, why = [truth], question.why
    if asked.is_right:
        choices = [replace(truth, given=True, verdict=RIGHT)]
    elif asked.answer is not None:
        wrong = question.choices[asked.answer]
        choices = [Choice(str(asked.answer + 1), wrong, given=True, verdict=WRONG), truth]
        why = " ".join(filter(None, (question.against.get(wrong), why)))
    return parts.Question(name="answer", help=ANSWERED, apart=True, text=question.text, choices=tuple(choices), why=why)


def said(asked: AskedQuestion) -> list[str]:
    """What came of a question, or its hint, in sentences, to a person who has just answered it or asked for that."""
    if asked.open:
        return [f"Hint: {asked.question.hint}"]
    part = reply(asked)
    return [*(one.sentence for one in part.choices), f"Because: {part.why}"]


# --- covers --------------------------------------------------------------------------------------------------------


def _strip(part: Strip, question: StoryQuestion) -> Strip:
    """The phases ahead, and that which is next, have no names."""
    at = next((at for at, one in enumerate(part.phases) if one.stage is PhaseState.NOW), len(part.phases))
    phases = tuple(
        one if (number < at and one.stage in UP_TO_NOW) or (number == at and part.under_way)
        else replace(one, name=HIDDEN, stage=PhaseState.NOW if number == at else PhaseState.TO_COME)
        for number, one in enumerate(part.phases)
    )  # fmt: skip
    return replace(part, phases=phases, changed=False)


def _bytes(part: Bytes, question: StoryQuestion) -> Bytes:
    """What was and what memory holds; what a CPU may run, or ran, is covered, and what the bytes become."""
    table = part.table
    cpus, ran = (tuple(map(_row, rows)) for rows in (table.cpus, table.ran))
    return replace(part, table=replace(table, cpus=cpus, ran=ran, becomes=None))


def _row(row: ByteRow) -> ByteRow:
    return replace(row, cells=tuple(marked(BYTE) for _ in row.cells), text="", remark=COVERED)


def _lanes(part: Lanes, question: StoryQuestion) -> Lanes:
    """The steps up to here; where it is asked who waits, the last of them do not tell."""
    moments = [one for one in part.time.moments if one.step <= part.time.at]
    if question.now:
        moments = list(_unwaited(moments))
        moments[-1:] = [replace(one, sentence=question.now) for one in moments[-1:]]
    return replace(part, time=replace(part.time, moments=tuple(moments)))


def _unwaited(moments: Sequence[TimeStep]) -> Iterator[TimeStep]:
    """Moments of which those since the patching task began to wait do not say that it waits."""
    since = next((one.step for one in reversed(moments) if one.marks[0].did is not Did.WAITS), 0)
    for one in moments:
        task, *others = one.marks
        yield one if one.step <= since else replace(one, marks=(replace(task, did=Did.NOTHING), *others))


COVERS: dict[type[Part], Callable[[Any, StoryQuestion], Part]] = {Strip: _strip, Bytes: _bytes, Lanes: _lanes}
"""How each kind of part is covered; of any other kind nothing is shown."""
