"""All that a person may ask of a story, in one table: what a session can do, and how one looks at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lessons.activity import CHOOSE, Action, Argument
from lessons.kept import DEPTHS
from lessons.session import actions as session
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from lessons.story.look import STORY
from simkernel.events import event_kinds
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import PROTOCOLS
from simkernel.schedule import Policy

NAMES = {"next-phase": "enter", "back-phase": "phase-back", "start": "first", "end": "last"}
"""Actions of a session by the names that they have on every screen, where those differ."""
SESSION = {NAMES.get(one.name, one.name): one for one in session.ACTIONS}
HINTS = {"enter": "phase", "phase-back": "phase back", "without": "without", "moment": "copy moment"}
KEYS = (
    "next", "back", "enter", "without", "more", "run", "phase-back", "view", "first", "last", "search", "moment",
    "trace",
)  # fmt: skip
AHEAD = ("next", "enter", "run")  # of no use at an end; CPUs run on, one instruction after another
BEHIND = ("back", "phase-back", "back-instruction")  # of no use at the start
MOVED = tuple(
    NAMES.get(one.name, one.name)
    for one in session.ACTIONS
    if one.group in (session.HAND, session.TRACE) and one.name not in ("look-at", "without")
) + ("instruction",)  # of no use where the kernel has died
ASKED = ("next", "back", "phase-back", "first", "view", "questions", CHOOSE)  # while a question waits for its answer
NO_STORIES = ("mysteries", "lab", "overhead", "boot")  # what else the list has: its first entry, and the last three
FUNCTIONS = ("trace", "untrace", "look-at", "second-ops", "break-function")
CHOICES: dict[str, Callable[[], Sequence[str]]] = {
    "scenario": lambda: list(SCENARIOS),
    "break-event": lambda: sorted(event_kinds()),
    "model": lambda: [one.value for one in FetchModel],
    "policy": lambda: [one.value for one in Policy],
    "schedule": lambda: ["seeded", "round-robin"],
    "protocol": lambda: list(PROTOCOLS),
}
OWN = (
    Action("search", "Find", "Go to a step by its number, to a phase by its name, or look at a function.",
           argument=Argument("step, phase, or part of a function's name")),
    Action("more", "More", "See more of the same: the story, then the code, then everything, then the story again."),
    Action("view", "Time, other view", "Draw the time picture as a graph, a step a line, or as a score."),
    Action("next-cpu", "Next CPU", "Look at the next CPU in full."),
    Action("focus-cpu", "Look at a CPU", "Look at one CPU in full.", argument=Argument("CPU")),
    Action("look-at-site", "Look at a site", "Look at a site by its number in the map.", argument=Argument("number")),
    Action("questions", "Questions, on or off", "Ask before telling: a question comes where something is decided."),
    Action(CHOOSE, "Answer", "Answer a question by its number; 0 for a hint.", argument=Argument("number")),
    Action("syntax", "Other syntax", "Show instructions in AT&T or in Intel syntax."),
    Action("names", "Linux's later names", "Name functions of Linux as 6.16 and later do, or as 6.12 does again."),
    Action("functions", "Functions", "Every function that can be traced, with its calls."),
    Action("boot", "Boot", "How the sites became NOPs when the kernel booted."),
)  # fmt: skip


def actions_of(stepper: Callable[[], Stepper | None]) -> tuple[Action, ...]:
    """The actions of a story.

    Args:
        stepper: gives its machine, None before it has begun; what may be answered depends on that.
    """

    def names() -> Sequence[str]:
        now = stepper()
        return () if now is None else now.image.function_names()

    def phases() -> Sequence[str]:
        now = stepper()
        return () if now is None else phases_of(now)

    choices = {**dict.fromkeys(FUNCTIONS, names), "break-phase": phases, **CHOICES}
    return (*(_action(name, one, choices.get(name, tuple)) for name, one in SESSION.items()), *OWN)


def _action(name: str, one: session.StepperAction, choices: Callable[[], Sequence[str]]) -> Action:
    """An action of the session, as every activity has them."""
    return Action(name, one.title, one.help, HINTS.get(name, ""), Argument(one.prompt, choices) if one.prompt else None)


def phases_of(stepper: Stepper) -> list[str]:
    """The names of the phases by which a stepper's machine patches."""
    return [phase.name for phase in stepper.protocol.phases]


def key_line(stepper: Stepper, depth: str, away: bool, leads_on: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    """The keys that matter where a story stands, and what some lead to: where a run fails, there and back first.

    Args:
        stepper: its machine.
        depth: how deep one looks, of DEPTHS.
        away: a phase is left out, and one can go home.
        leads_on: another story follows this one here.
    """
    died = bool(stepper.simulation.halt_reason)
    ended = died or bool(stepper.ending)
    phase = stepper.simulation.patching.phase is not None and stepper.scenario is not None
    leads = {"first": stepper.begun, "last": not ended, "without": away or (phase and not ended)}
    leads["view"] = depth == STORY  # deeper the time picture has room on wide screens only
    first = ("next", "back", "enter", "run") if away else ()
    if died:  # behind a run without a phase one goes home, or looks again; Enter stands in what is said there
        first = ("back", "without", "phase-back", "enter") if away else ("back", "enter", "without", "phase-back")
    hints = {"more": DEPTHS[(DEPTHS.index(depth) + 1) % len(DEPTHS)]}
    hints |= {"phase-back": "the move before"} if died else {}
    hints |= {"without": "home", "run": "failure"} if away else {}
    hints |= {"run": "failure"} if stepper.violates_ahead else {}
    hints |= {"enter": "next story"} if leads_on else {}
    return tuple(one for one in dict.fromkeys((*first, *KEYS)) if leads.get(one, True)), hints
