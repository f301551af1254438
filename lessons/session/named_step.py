"""The short form of a moment, `one@3+without:sync-1`: a step of a scenario that anybody's machine comes to by itself.

    NAMED STEP = SCENARIO "@" STEP ("+" CHANGE)*
    CHANGE     = KIND ":" VALUE, of `CHANGES`; a phase's words are joined by hyphens, those of a protocol by dots

The scenario starts, is changed as a person changes it (each kind is the action of that name, so `without` leads to the
run that fails), and goes on to the step. Nothing of a machine's state is in the name, so a place has one only where
that comes to the very same moment.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from lessons.activity import Given
from lessons.session import asks
from lessons.session.content import SCENARIOS, scenario_named
from lessons.session.prepared import Prepared
from lessons.session.stepper import Stepper, StepperResult
from simkernel.errors import GuestError, LearnerError, nearest
from simkernel.report import Report

CHANGES: dict[str, Callable[..., StepperResult]] = {  # the actions that start a story again
    "without": asks.without,
    "cpus": asks.cpus,
    "model": asks.model,
    "policy": asks.policy,
    "schedule": asks.schedule,
    "seed": asks.seed,
    "protocol": lambda stepper, argument: asks.protocol(stepper, argument.replace(".", " ")),
}
MOST_STEPS = 1_000
LIMIT = 300  # characters of a name
AS_IN = f"write SCENARIO@STEP as in {'one@3'!r}, or with changes as in {'one@3+without:sync-1'!r}"


@dataclass(frozen=True, slots=True)
class NamedStep:
    """A step of a scenario, and what was changed in that before.

    Attributes:
        scenario: its name.
        step: 0 for the start.
        changes: in order, each as "KIND:VALUE".
    """

    scenario: str
    step: int
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "+".join((f"{self.scenario}@{self.step}", *self.changes))

    @property
    def file_stem(self) -> str:
        """The name as that of a file, in characters that every file system takes."""
        return re.sub(r"[^\w-]+", "-", str(self))[:100]

    @classmethod
    def parse(cls, text: str) -> NamedStep:
        """The step that a text names.

        Raises:
            LearnerError: it has another form, or names a scenario or a kind of change that there is not.
        """
        shown = reprlib.repr(text)
        if len(text) > LIMIT:
            raise LearnerError(f"{shown} has {len(text):,} characters, {LIMIT} are the most: {AS_IN}")
        first, *changes = text.strip().split("+")
        name, _, step = first.partition("@")
        if name not in SCENARIOS:
            raise LearnerError(
                f"no scenario {name!r} in {shown}; there are: {', '.join(SCENARIOS)}.{nearest(name, SCENARIOS)}"
            )
        if not re.fullmatch("[0-9]{1,9}", step):
            raise LearnerError(f"{step!r} in {shown} is no step: {AS_IN}")
        if int(step) > MOST_STEPS:
            raise LearnerError(f"step {step} in {shown}: steps with a name go up to {MOST_STEPS:,}")
        for change in changes:
            kind, _, value = change.partition(":")
            if kind not in CHANGES:
                raise LearnerError(
                    f"unknown change {kind!r} in {shown}; there are: {', '.join(CHANGES)}.{nearest(kind, CHANGES)}"
                )
            if not re.fullmatch(r"[\w.-]+", value, re.ASCII):
                raise LearnerError(f"the change {change!r} in {shown} names no value: {AS_IN}")
        return cls(name, int(step), tuple(changes))

    def open(self, report: Report | None = None, prepared: Prepared | None = None) -> Stepper:
        """A stepper at the step.

        Args:
            report: is told how far it is.
            prepared: begins the story.

        Raises:
            LearnerError: the story has not as many steps, or a change cannot be made.
            GuestError: the guest does not come to the start.
            Cancelled: `report` has cancelled the way.
        """
        report = report or Report()
        stepper = Stepper.start(self.scenario, report, prepared)
        for change in self.changes:
            kind, _, value = change.partition(":")
            result = stepper.ask(partial(CHANGES[kind], argument=value), report)
            report.check()
            if result.stepper is None:
                raise LearnerError(f"{change} in {self}: {result.message}")
            stepper = result.stepper
        stepper.goto(stepper.begin)
        stepper.unsee()
        if (come := _forward(stepper, self.step, report)) < self.step:
            raise LearnerError(f"{self}: this story has {come} steps; choose one from 0 to {come}")
        return stepper

    @property
    def leaves_out(self) -> bool:
        """True where one of the changes leaves out a phase."""
        return any(change.startswith("without:") for change in self.changes)

    def home(self, report: Report | None = None, prepared: Prepared | None = None) -> Stepper:
        """A stepper at the same step of the run with every phase, or at its end where that comes before.

        Args:
            report: is told how far it is.
            prepared: begins the story.

        Raises:
            LearnerError, GuestError, Cancelled: as `open`.
        """
        every = tuple(change for change in self.changes if not change.startswith("without:"))
        stepper = replace(self, step=0, changes=every).open(report, prepared)
        _forward(stepper, self.step, report or Report())
        return stepper


def _forward(stepper: Stepper, steps: int, report: Report) -> int:
    """Go so many steps on, or to the story's end; how many it were."""
    for step in range(steps):
        report(f"step {step + 1} of {steps}")
        stepper.looked()
        _ = stepper.snapshot  # what the site's change is has to be seen on the way
        if stepper.ending or not stepper.forward():
            return step
    stepper.looked()
    return steps


def is_named_step(text: str) -> bool:
    """True for a text that can only be meant as the name of a step."""
    return "@" in text and len(text) <= LIMIT


def named(stepper: Stepper) -> NamedStep:
    """What a stepper's step would be called; whether that leads there is another question (`name_of`)."""
    scenario = stepper.scenario
    name = "lab" if stepper.from_lab else "kernel" if scenario is None else scenario.name
    return NamedStep(name, len(stepper.stops()), stepper.changes)


def name_of(stepper: Stepper, report: Report | None = None) -> str:
    """The name of the step that a stepper is at; "" where a run anew by that name comes to another moment.

    Args:
        stepper: which.
        report: is told how far the run is; where it cancels that, no name is known.
    """
    step = named(stepper)
    if stepper.scenario is None or step.scenario not in SCENARIOS or step.step > MOST_STEPS:
        return ""
    if stepper.simulation.point.instructions:
        return ""  # within an entry of history, where no step is
    try:
        fresh = step.open(report, stepper.prepared)
    except (LearnerError, GuestError):
        return ""
    return str(step) if (fresh.site, fresh.moment) == (stepper.site, stepper.moment) else ""


def start(what: str, report: Report | None = None, prepared: Prepared | None = None) -> Stepper:
    """A scenario by its name, or at a step that is named.

    Args:
        what: the name.
        report: is told how far it is.
        prepared: begins the story.

    Raises:
        LearnerError, GuestError: as `Stepper.start` and `NamedStep.open`.
    """
    if is_named_step(what):
        return NamedStep.parse(what).open(report, prepared)
    return Stepper.start(what, report, prepared)


# --- actions -------------------------------------------------------------------------------------------------------


def give_moment(stepper: Stepper, argument: str) -> StepperResult:
    """The moment string is the message: a front end keeps it, or prints it."""
    text = stepper.moment
    return StepperResult(text, moment=Given(text, name_of(stepper, stepper.report), named(stepper).file_stem))


def open_moment(stepper: Stepper, argument: str) -> StepperResult:
    """A moment string, a file with one, or the name of a step."""
    if is_named_step(argument):
        return StepperResult(
            "This is the step of that name.", stepper=start(argument, stepper.report, stepper.prepared)
        )
    return StepperResult(
        "This is the place that the line names.", stepper=Stepper.open(argument, report=stepper.report)
    )


def scenario(stepper: Stepper, argument: str) -> StepperResult:
    """A scenario by its name, or at a step that is named."""
    if is_named_step(argument):
        return open_moment(stepper, argument)
    found = scenario_named(argument)
    return StepperResult(found.question, stepper=Stepper.start(found, stepper.report, stepper.prepared))
