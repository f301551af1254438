"""A picture with a question in it: what would tell the answer is covered until one has answered.

What happened up to here stays, for one reasons from that. A part that nobody has a cover for is left out, so a new one
tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from lessons import picture as parts
from lessons.lanes import TimePicture
from lessons.machine import Bytes, Stage, Strip
from lessons.picture import Choice, Lanes, Paragraph, Part, Picture, Prose, Tone
from lessons.story.asking import Asked
from lessons.story.questions import Question
from lessons.table import Row, marked

HIDDEN, BYTE, COVERED = "?", "??", "covered"
SURVIVAL = ("question", "phases", "bytes", "hint", "time")
UP_TO_NOW = (Stage.DONE, Stage.LEFT_OUT)  # of a phase that lies behind


def covered(shown: Picture, asked: Asked) -> Picture:
    """A picture of a story with a question in it.

    Args:
        shown: what there is to see without one.
        asked: the question.
    """
    question = asked.question
    kept = [COVERS[type(part)](part, question) for part in shown.parts if type(part) in COVERS]
    machine = [part for part in kept if not isinstance(part, Lanes)]
    hint = (Prose(name="hint", paragraphs=(Paragraph(question.hint, "Hint", Tone.STRONG),)),) if asked.hinted else ()
    time = [part for part in kept if isinstance(part, Lanes)]
    step, _, model = shown.place.partition(" · ")
    return Picture(
        title=shown.title,
        place=f"{step.partition(' of ')[0]} · question {asked.number} · {model}",
        parts=(*machine, _asks(question), *hint, *time),
        survival=SURVIVAL,
        keys=("next", "back", "phase-back", "first", "view"),
        hints=(("next", "go on without an answer"), ("back", "look back")),
        notes=shown.notes,
    )


def _asks(question: Question) -> Part:
    choices = tuple(Choice(str(at), text) for at, text in enumerate(question.choices, 1))
    choices += (Choice("0", "I do not know yet: a hint"),)
    return parts.Question(name="question", apart=True, given=question.facts, text=question.text, choices=choices)


def told(asked: Asked) -> Part:
    """What came of a question, as a part."""
    question = asked.question
    given = (Paragraph(question.text, "Asked"), Paragraph(_verdict(asked), "Answer", Tone.STRONG))
    return Prose(name="answer", apart=True, paragraphs=(*given, Paragraph(question.why, "Because")))


def said(asked: Asked) -> list[str]:
    """What came of a question, or its hint, in sentences, to who has just answered it or asked for that."""
    if asked.open:
        return [f"Hint: {asked.question.hint}"]
    return [f"Answer: {_verdict(asked)}", f"Because: {asked.question.why}"]


def _verdict(asked: Asked) -> str:
    """The answer that was given, and whether it is right, in this run."""
    question = asked.question
    if asked.answer is None:
        return f"none was given. In this run: {question.answer}."
    if asked.is_right:
        return f'{question.right + 1}, "{question.answer}": right.'
    given = question.choices[asked.answer]
    return f'{asked.answer + 1}, "{given}": not in this run. In this run: {question.answer}.'


# --- covers --------------------------------------------------------------------------------------------------------


def _strip(part: Strip, question: Question) -> Strip:
    """The phases ahead, and that which is next, have no names."""
    at = next((at for at, one in enumerate(part.phases) if one.stage is Stage.NOW), len(part.phases))
    phases = tuple(
        one if (number < at and one.stage in UP_TO_NOW) or (number == at and part.under_way)
        else replace(one, name=HIDDEN, stage=Stage.NOW if number == at else Stage.TO_COME)
        for number, one in enumerate(part.phases)
    )  # fmt: skip
    return replace(part, phases=phases, changed=False)


def _bytes(part: Bytes, question: Question) -> Bytes:
    """What was and what memory holds; what a CPU may run, or ran, is covered, and what the bytes become."""
    table = part.table
    cpus, ran = (tuple(map(_row, rows)) for rows in (table.cpus, table.ran))
    return replace(part, table=replace(table, cpus=cpus, ran=ran, becomes=None))


def _row(row: Row) -> Row:
    return replace(row, cells=tuple(marked(BYTE) for _ in row.cells), text="", remark=COVERED)


def _lanes(part: Lanes, question: Question) -> Lanes:
    """The steps up to here; that of here has no sentence that tells."""
    return replace(part, time=replace(part.time, moments=tuple(_moments(part.time, question))))


def _moments(time: TimePicture, question: Question) -> Iterator[Any]:
    for one in time.moments:
        if one.step < time.at or (one.step == time.at and not question.now):
            yield one
        elif one.step == time.at:
            yield replace(one, sentence=question.now)


COVERS: dict[type[Part], Callable[[Any, Question], Part]] = {Strip: _strip, Bytes: _bytes, Lanes: _lanes}
"""How each kind of part is covered; of any other kind nothing is shown."""
