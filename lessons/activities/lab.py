"""The lab: a protocol, what can be changed in it, and a question: does it survive every order of events?

One answers by a digit; then the explorer looks, and `lab_answer.LabAnswer` shows what it has found.
"""

from __future__ import annotations

from typing import Any

from lessons.activities.lab_answer import LabAnswer
from lessons.activities.lab_setup import SETTINGS, STARTERS, TIMES, Setting, Setup, SetupRow
from lessons.activities.lab_words import GUESSES, conditions, question, scene
from lessons.activity import CHOOSE, POINT, Action, Activity, Argument, Result, by
from lessons.picture import Choice, Paragraph, Picture, Prose, Question, Row, Rows, Tone
from lessons.session.number import number
from simkernel.errors import Cancelled, LearnerError
from simkernel.explore import explore_each
from simkernel.explore.stage import Stages
from simkernel.report import Report
from simkernel.sentence import say

OFTEN = {"without": 0, "with": 1, "twice": 2}  # action -> how often it has a phase done
OWN = (
    Action(CHOOSE, "Answer", "Answer by a digit, and look at every order of events: 1 yes, 2 no, 0 not known yet.",
           argument=Argument("digit", lambda: [*GUESSES])),
    Action("next", "Next question", "The next question to begin with."),
    Action("back", "Question before", "The question before this one."),
    Action("down", "Next row", "The next phase or setting.", hint="choose"),
    Action("up", "Row before", "The phase or setting before."),
    Action("first", "First row", "The first phase."),
    Action("last", "Last row", "The last setting."),
    Action(POINT, "A row", "Go to the row with a number, from 0; once one is there: change it.",
           argument=Argument("number")),
    Action("enter", "Change", "Change the row: another value; a phase is left out, done twice, or once."),
    Action("change-back", "Change back", "Change the row the other way round."),
)  # fmt: skip
MOVED = (
    Action("earlier", "Earlier", "Do the chosen phase before the one that stands before it."),
    Action("later", "Later", "Do the chosen phase behind the one that follows it."),
)
HOW = {
    "without": ("Leave a phase out", "Leave a phase out; one that is left out: do it again.", "leave out"),
    "with": ("Do a phase", "Do a phase once.", ""),
    "twice": ("Do a phase twice", "Do a phase twice.", ""),
}
HELP = {
    "scene": "The change, the protocol and how a CPU reads code: what the question is asked about.",
    "question": "Every order of events is tried once you answer; a digit answers.",
    "rows": "What can be changed: up and down choose, Enter changes what is chosen, x leaves a phase out.",
    "explained": "What the chosen phase or choice is for.",
}
"""What F1 says of the part with the focus."""


class Lab(Activity):
    """A question about a protocol.

    Attributes:
        setup: what is asked.
        cursor: the row of the setup that is chosen.
    """

    name = "lab"

    def __init__(self) -> None:
        self.setup = Setup()
        self._stages = Stages()
        self._answered: set[int] = set()  # the numbers of the questions for which one has looked at every order
        self.begin(0)
        phase = Argument("phase, e.g. sync-2", lambda: list(self.setup.order), here=True)
        two = Argument("phase:before, e.g. sync-2:write-tail")
        self.actions = (
            *OWN,
            *(Action(name, title, text, hint, phase) for name, (title, text, hint) in HOW.items()),
            Action("move", "Move a phase", "Do a phase before another one.", argument=two),
            *MOVED,
            *map(_setting_action, SETTINGS.values()),
        )

    def begin(self, number: int) -> None:
        """One of the questions to begin with, the row on the phase that it leaves out."""
        self.setup.begin(number)
        left_out = (at for at, name in enumerate(self.setup.order) if not self.setup.times[name])
        self.cursor = next(left_out, 0)

    @property
    def row(self) -> SetupRow:
        """The one that is chosen."""
        return self.setup.rows[self.cursor]

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out."""
        setup = self.setup
        match action.name:
            case "choose":
                return self._explore(argument, report)
            case "next" | "back":
                return self._turn(1 if action.name == "next" else -1)
            case "down" | "up":
                self.cursor = (self.cursor + (1 if action.name == "down" else -1)) % len(setup.rows)
            case "first" | "last":
                self.cursor = 0 if action.name == "first" else len(setup.rows) - 1
            case "point":
                self._point(number(argument, "a row"))
            case name:
                self._change(name, argument)
        return Result()

    def _turn(self, step: int) -> Result:
        """To another question; one that is left open is named, with the way back to it."""
        left = self.setup.number
        self.begin(left + step)
        open_ = say("Question {} is left open. {} leads back to it.", left + 1, by("back" if step > 0 else "next"))
        return Result("" if left in self._answered else open_)

    def _change(self, how: str, argument: str = "") -> None:
        """Change what is asked; the cursor stays on its row."""
        name = self.row.name
        self._change_row(how, argument)
        rows = [one.name for one in self.setup.rows]
        self.cursor = rows.index(name) if name in rows else 0

    def _change_row(self, how: str, argument: str) -> None:
        """Change the row that is chosen, or what is named."""
        setup, row = self.setup, self.row
        match how:
            case "enter" | "change-back":
                setup.turn(row.name, 1 if how == "enter" else -1)
            case "earlier" | "later":
                setup.shift(row.name, -1 if how == "earlier" else 1)
            case "move":
                self._move(argument)
            case "without" | "with" | "twice":
                self._do_so_often(how, argument)
            case _:
                setup.choose(how, argument)

    def _point(self, row: int) -> None:
        if row >= len(self.setup.rows):
            raise LearnerError(f"there is no row {row}: they go from 0 to {len(self.setup.rows) - 1}")
        if row == self.cursor:
            self._change("enter")
        else:
            self.cursor = row

    def _move(self, argument: str) -> None:
        phase, colon, before = argument.partition(":")
        if not colon:
            raise LearnerError(f"move:{argument} names one phase; name two, as in move:sync-2:write-tail")
        self.setup.move(phase, before)

    def _do_so_often(self, how: str, phase: str) -> None:
        if not phase and not self.row.phase:
            raise LearnerError(self.why_not(self.action(how)))
        times = OFTEN[how]
        if not phase and how == "without" and not self.row.on:
            times = 1  # home again
        self.setup.switch(phase or self.row.name, times)

    def _explore(self, guess: str, report: Report) -> Result:
        if guess not in GUESSES:
            raise LearnerError(f"no answer {guess!r}; there are: {', '.join(GUESSES)}")
        try:
            findings = explore_each(self.setup.question, report)
        except Cancelled as error:
            raise Cancelled(f"{error}. With fewer states (a row) the search ends by itself") from error
        self._answered.add(self.setup.number)
        return Result(opens=LabAnswer(findings, guess, conditions(self.setup), self._stages, self._go_on))

    def _go_on(self) -> None:
        self.begin(self.setup.number + 1)

    def offered(self) -> tuple[Action, ...]:
        """All; where no phase is chosen, none that moves it."""
        return tuple(one for one in self.actions if self.row.phase or one not in MOVED)

    def why_not(self, action: Action) -> str:
        """Where no phase is chosen."""
        return f"{action.title}: {self.row.name} is no phase of the protocol; choose one, or name it"

    # --- what there is to see ---------------------------------------------------------------------------------------

    def picture(self) -> Picture:
        """The question, and all that can be changed in it."""
        setup, row = self.setup, self.row
        about = Paragraph(row.help)
        return Picture(
            title="The lab",
            place=f"question {setup.number + 1} of {len(STARTERS)}, {conditions(setup)}",
            parts=(
                Prose(
                    name="scene",
                    called="what is asked about",
                    help=HELP["scene"],
                    paragraphs=tuple(map(Paragraph, scene(setup))),
                ),
                Question(
                    name="question",
                    help=HELP["question"],
                    text=question(setup),
                    choices=tuple(Choice(key, text) for key, text in GUESSES.items()),
                ),
                Rows(
                    name="rows",
                    help=HELP["rows"],
                    title=f"the phases of {setup.base.name}; other choices",
                    beside=True,
                    columns=(),
                    rows=tuple(map(_drawn, setup.rows)),
                    cursor=self.cursor,
                ),
                Prose(
                    name="explained",
                    help=HELP["explained"],
                    title=row.name,
                    paragraphs=(about,),
                ),
            ),
            survival=("question", "scene", "rows", "explained"),
            keys=("down", "enter", "without", "next", "back"),
            hints=(("next", "next" if setup.number in self._answered else "skip"),),
        )

    def data(self) -> dict[str, Any]:
        """What is chosen, by name."""
        setup = self.setup
        return {
            "chosen": dict(setup.chosen),
            "phases": {name: TIMES[setup.times[name]] for name in setup.order},
            "findings": [],
        }


def _setting_action(setting: Setting) -> Action:
    values = ", ".join(setting.values)
    argument = Argument(f"one of {values}", lambda: setting.values)
    return Action(setting.name, f"Set {setting.name}", f"One of {values}.", argument=argument)


def _drawn(row: SetupRow) -> Row:
    value = "" if row.value == "once" else row.value
    return Row((row.name, value), row.help, Tone.PLAIN if row.on else Tone.BROKEN)
