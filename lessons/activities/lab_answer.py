"""What the explorer has found for a question of the lab: the verdict, a schedule for each property that is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lessons.activities.lab_schedule import columns_of, lanes_of, moves_of
from lessons.activities.lab_words import broken, ends, holds, reason, worth
from lessons.activities.story import Story
from lessons.activity import CHOOSE, POINT, Action, Activity, Argument, Result
from lessons.picture import Lanes, Moves, Paragraph, Part, Picture, Prose, Tabs, Tone
from lessons.session.number import number
from lessons.session.stepper import Stepper
from lessons.session.violation import Violation
from lessons.story.words import MODELS, NOT_A_CPU
from simkernel.errors import LearnerError, OurError
from simkernel.explore import Finding
from simkernel.explore.replay import replay
from simkernel.explore.stage import Stages, Unplayable
from simkernel.report import Report

MOVING = ("next", "back", "down", "up", "first", "last", POINT)
HELP = {
    "schedules": "For each property that is broken, the order of events that breaks it. A digit chooses.",
    "verdict": "What was found when every order of events was tried, whether that was your answer, and why it is so.",
    "moves": "An order of events that breaks it, a row a move: beside it memory, and what each CPU may run.",
    "explained": "The chosen move.",
    "lanes": "Who did what up to the chosen move, a lane for the patching task and one for each CPU.",
    "properties": "What must hold in every order of events: what is broken in one, and what holds in all.",
    "asked": "What the answer is said of, and how a CPU reads code there.",
}
"""What F1 says of the part with the focus."""


class LabAnswer(Activity):
    """An answer of the explorer.

    Attributes:
        findings: one for each property that is broken, the shortest schedule first; else the one that says so.
        guess: what a person has answered before, a digit.
        at: the finding that is looked at.
        cursor: the move of its schedule that is explained.
    """

    name = "lab-answer"
    actions = (
        Action("next", "Next move", "Explain the next move; behind the last one the next question.", hint="next"),
        Action("back", "Move before", "Explain the move before."),
        Action("enter", "Watch it", "Watch the schedule on the simulation, from its first move to its end."),
        Action(CHOOSE, "Another schedule", "Look at what else is broken, by its number.", argument=Argument("number")),
        Action("down", "Move below", "Explain the next move.", hint="choose"),
        Action("up", "Move above", "Explain the move before."),
        Action(POINT, "Explain a move", "Explain the move with a number, from 0.", argument=Argument("number")),
        Action("first", "First move", "Explain the first move."),
        Action("last", "Last move", "Explain the last move, which breaks the property."),
        Action("question", "Next question", "Leave the answer, and go on to the next question."),
    )

    def __init__(
        self, findings: tuple[Finding, ...], guess: str, conditions: str, stages: Stages, go_on: Callable[[], None]
    ) -> None:
        """Make one.

        Args:
            findings: what the explorer has found.
            guess: what a person has answered before.
            conditions: what was asked about besides the protocol, in few words.
            stages: those that were set before, to play schedules on.
            go_on: has the lab ask its next question.
        """
        self.findings, self.guess = findings, guess
        self._conditions, self._stages, self._go_on = conditions, stages, go_on
        self._look_at(0)

    def _look_at(self, at: int) -> None:
        self.at, self.cursor = at, 0
        self.moves = moves_of(self.finding)

    @property
    def finding(self) -> Finding:
        """The one that is looked at."""
        return self.findings[self.at]

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out."""
        last = len(self.moves) - 1
        match action.name:
            case "next" if self.cursor < last:
                self.cursor += 1
            case "next" | "question":
                self._go_on()
                return Result(leaves=True)
            case "back" | "up":
                self.cursor = max(0, self.cursor - 1)
            case "down":
                self.cursor = min(last, self.cursor + 1)
            case "first" | "last":
                self.cursor = 0 if action.name == "first" else last
            case "point":
                self.cursor = _one_of(number(argument, "a move"), 0, last, "move")
            case "choose":
                self._look_at(_one_of(number(argument, "a schedule"), 1, len(self.findings), "schedule") - 1)
            case _:
                return Result(opens=Story(self.watch(report)))
        return Result()

    def watch(self, report: Report) -> Stepper:
        """A stepper where the schedule begins, with the schedule ahead.

        Raises:
            LearnerError: the machine does not go that way.
            Cancelled: as `report` does.
        """
        finding = self.finding
        try:
            played = replay(finding, self._stages, report)
        except Unplayable as error:
            raise LearnerError(str(error)) from error
        if finding.broken not in played.broken:
            raise OurError(f"{finding.verdict()} The machine says: {', '.join(sorted(played.broken)) or 'nothing'}.")
        title = f"{finding.question.variant.name}: {finding.broken}"
        simulation = played.simulation.fork()
        simulation.goto(played.start)
        said = ends(finding, died=bool(played.simulation.halt_reason))
        violation = Violation(simulation, played.simulation.position, said)
        return Stepper(simulation, site=finding.world.case.site, title=title, violation=violation)

    def offered(self) -> tuple[Action, ...]:
        """The actions that lead anywhere from here."""
        unfit: set[str] = set() if self.finding.broken else {"enter"}
        if not self.moves:
            unfit |= {*MOVING} - {"next"}
        if len(self.findings) == 1:
            unfit.add(CHOOSE)
        return tuple(one for one in self.actions if one.name not in unfit)

    def why_not(self, action: Action) -> str:
        """What there is not."""
        if action.name == CHOOSE:
            return "there is one answer only"
        return f"{action.title}: there is no schedule, for nothing was found broken"

    # --- what there is to see ---------------------------------------------------------------------------------------

    def picture(self) -> Picture:
        """The verdict and the schedule."""
        finding = self.finding
        parts: tuple[Part, ...] = (self._verdict(),)
        if len(self.findings) > 1:
            parts += (
                Tabs(
                    name="schedules",
                    help=HELP["schedules"],
                    choices=tuple(map(_named, self.findings)),
                    at=self.at,
                ),
            )
        if self.moves:
            parts += self._schedule()
        place = f"move {self.cursor + 1} of {len(self.moves)}, " if self.moves else ""
        return Picture(
            title=finding.question.variant.name,
            place=place + self._conditions,
            parts=(*parts, self._properties(), self._asked()),
            survival=("verdict", "schedules", "explained", "moves", "lanes", "properties", "asked"),
            keys=("next", "enter", "back", "last", "first"),
        )

    def _verdict(self) -> Prose:
        """What the guess was worth, the answer, and why it is so."""
        finding = self.finding
        said = [
            Paragraph(worth(self.guess, finding)),
            Paragraph(finding.answer(), tone=Tone.BROKEN if finding.broken else Tone.STRONG),
            Paragraph(reason(finding)),
        ]
        return Prose(
            name="verdict",
            called="answer",
            help=HELP["verdict"],
            paragraphs=tuple(one for one in said if one.text),
        )

    def _schedule(self) -> tuple[Part, ...]:
        move = self.moves[self.cursor]
        title = f"move {self.cursor + 1}: {move.who}"
        columns = columns_of(self.finding)
        return (
            Moves(
                name="moves",
                help=HELP["moves"],
                title="the schedule",
                columns=columns,
                moves=self.moves,
                cursor=self.cursor,
            ),
            Prose(name="explained", help=HELP["explained"], title=title, paragraphs=(Paragraph(move.sentence),)),
            Lanes(
                name="lanes",
                help=HELP["lanes"],
                title="time",
                time=lanes_of(self.finding, self.cursor + 1),
            ),
        )

    def _properties(self) -> Prose:
        """Which of the properties hold, and which are broken."""
        said = [Paragraph(text, tone=Tone.BROKEN) for text in broken(self.findings)]
        said += map(Paragraph, holds(self.findings))
        if not self.finding.finished:
            said.append(Paragraph("Of the others it is not known: the search was not finished."))
        return Prose(
            name="properties",
            help=HELP["properties"],
            title="in every order",
            beside=True,
            paragraphs=tuple(said),
        )

    def _asked(self) -> Prose:
        """What the verdict is said of."""
        question = self.finding.question
        model = question.model.value
        said = f"{self.finding.subject()}.", f"Model {model}: {MODELS[model]} {NOT_A_CPU}"
        text = tuple(Paragraph(one, tone=Tone.DIM) for one in said)
        return Prose(
            name="asked",
            help=HELP["asked"],
            title="asked about",
            beside=True,
            paragraphs=text,
        )

    def data(self) -> dict[str, Any]:
        """Every finding, with its schedule in sentences."""
        return {
            "guess": self.guess,
            "findings": [
                {"verdict": one.verdict(), "broken": one.broken or None, "schedule": one.sentences()}
                for one in self.findings
            ],
        }


def _named(finding: Finding) -> str:
    return f"{finding.broken}, {len(finding.schedule)} moves"


def _one_of(value: int, first: int, last: int, what: str) -> int:
    """The number, where there is such a one. LearnerError with those that there are."""
    if not first <= value <= last:
        raise LearnerError(f"there is no {what} {value}; they go from {first} to {last}")
    return value
