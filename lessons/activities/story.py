"""A story: a run of the machine that is stepped forwards and back, and asked for all that a person may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from lessons.activities.boot import Boot
from lessons.activities.functions import Functions
from lessons.activities.story_actions import (
    AHEAD,
    ASKED,
    BEHIND,
    MOVED,
    NAMES,
    NO_STORIES,
    SESSION,
    actions_of,
    key_line,
    phases_of,
)
from lessons.activity import CHOOSE, Action, Activity, PlainText, Query, Result
from lessons.kept import Kept
from lessons.picture import Paragraph, Picture, Prose, Tone
from lessons.session import actions as session
from lessons.session import path
from lessons.session.content import SCENARIOS
from lessons.session.moves import dead
from lessons.session.named_step import named
from lessons.session.number import is_number
from lessons.session.places import place_of, reopen
from lessons.session.prepared import Prepared
from lessons.session.scenarios import Scenario
from lessons.session.stepper import Stepper
from lessons.story import telling
from lessons.story.asking import Asking
from lessons.story.cover import covered, said
from lessons.story.look import LOOK_ACTIONS, STORY, Look
from lessons.story.parts import picture_of
from simkernel.errors import LearnerError
from simkernel.events import Oopsed
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.report import Report

LEFT_OPEN = "The question is left open: go back, and it is asked again."


class Story(Activity):
    """A stepper, how one looks at it, and the run from which a phase was left out last.

    Attributes:
        look: how one looks at it.
        home: where `without` leads back to, None where no phase was left out.
        asking: the questions of the story.
    """

    name = "step"

    def __init__(self, begin: Callable[[Report], Stepper] | Stepper, title: str = "", look: Look | None = None) -> None:
        self._begin = begin if callable(begin) else None
        self._stepper = None if callable(begin) else begin
        self._title = title
        self.look = look or Look()
        self.home: Stepper | None = None
        self.asking = Asking()
        self._progress: tuple[object, ...] | None = None  # how far a change has come that is told step by step
        self._since = 0  # the clock at which it came so far
        self.actions = actions_of(lambda: self._stepper)

    @classmethod
    def of(cls, what: str, prepared: Prepared | None = None) -> Story:
        """The scenario of that name, or a step that is named, which it comes to when it is started.

        Args:
            what: the name.
            prepared: begins the story.

        Raises:
            LearnerError: there is none such.
        """
        from lessons.session.content import scenario_named
        from lessons.session.named_step import NamedStep, is_named_step, start

        scenario = scenario_named(NamedStep.parse(what).scenario if is_named_step(what) else what)
        return cls(partial(start, what, prepared=prepared), scenario.title)

    @classmethod
    def tracing(cls, function: str, prepared: Prepared | None = None) -> Story:
        """The story of a function that comes to be traced, and no other.

        Args:
            function: its name.
            prepared: begins the story.
        """
        asked = SetFilter("filter", function), SetTracer("function")
        title, question = f"Trace {function}", "How do its five bytes change while CPUs run them?"
        scenario = Scenario(f"trace-{function}", title, question, function, asked[1:], asked[:1])
        return cls(partial(Stepper.start, scenario, prepared=prepared), title)

    @classmethod
    def left(cls, kept: Kept) -> Story:
        """The place that was kept, looked at as then."""
        return cls(partial(reopen, kept), kept.title, Look(depth=kept.depth, syntax=kept.syntax))

    def looks_as(self, other: Story) -> None:
        """Take over what was chosen for all stories: the names of functions, and whether one is asked."""
        self.look = replace(self.look, later=other.look.later)
        self.asking.on = other.asking.on

    @property
    def stepper(self) -> Stepper:
        """The machine, and where one stands.

        Raises:
            LearnerError: it has not come to the start of its story.
        """
        if self._stepper is None:
            raise LearnerError("this story has not begun: → begins it")
        return self._stepper

    def start(self, report: Report) -> Result:
        """Come to where the story starts."""
        if self._stepper is None and self._begin is not None:
            self._stepper = self._begin(report)
        scenario = self.stepper.scenario
        message = "" if scenario is None or self.stepper.begun else scenario.question
        return Result(message, tell=partial(telling.opening, self.stepper))

    # --- asking ----------------------------------------------------------------------------------------------------

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out."""
        if self._stepper is None:
            return self.start(report)
        leaves_open = action.name == "next" and self.asking.go_on(self.stepper)
        result = self._do(action, argument, report)
        if leaves_open and not result.message:
            result = result.behind(LEFT_OPEN)
        self.asking.come(self.stepper)
        if not self._is_asked():
            return result
        return replace(result, stays=True, tell=result.tell if action.name == CHOOSE else None)

    def _do(self, action: Action, argument: str, report: Report) -> Result:
        if action.name == "without" and self._away and not argument:
            return self._go_home(report)
        if action.name == "enter" and self._next is not None:
            following = Story.of(self._next.name, self.stepper.prepared)
            following.looks_as(self)
            return Result(opens=following, leaves=True)
        if action.name in ("enter", "run") and self.asking.on and not self.stepper.breakpoints:
            return self._to_a_question(action.name, report)
        if (looks := LOOK_ACTIONS.get(action.name)) is not None:
            self.look, result = looks(self.look, argument, len(self.stepper.snapshot.cpus))
            return result
        own = getattr(self, "_do_" + action.name.replace("-", "_"), None)
        if own is not None:
            return own(argument, report)  # type: ignore[no-any-return]
        return self._ask(action.name, argument, report)

    @property
    def _away(self) -> bool:
        """Whether a phase is left out, here or in the name by which the story began."""
        return self.home is not None or named(self.stepper).leaves_out

    def _go_home(self, report: Report) -> Result:
        home, where = self.home, "where you left it"
        if home is None:
            home, where = named(self.stepper).home(report, self.stepper.prepared), "at the same step"
        self._stepper, self.home = home, None
        return self._result("without", f"Back in the run with every phase, {where}.")

    def _ask(self, name: str, argument: str, report: Report) -> Result:
        """Ask the session for something.

        Raises:
            LearnerError: it cannot be, or was cancelled; one stands where one stood.
        """
        before = self.stepper
        result = session.apply(before, SESSION[name].name, argument, report)
        if result.error:
            raise LearnerError(result.message)
        if result.stepper is not None:
            self._stepper = result.stepper
            self.home = (self.home or before) if name == "without" else None
        moved = [event.cpu for event in self.stepper.passed if event.cpu is not None]
        if moved and self.look.follows:
            self.look = replace(self.look, cpu=moved[-1])
        if result.moment is not None:
            return Result(gives=result.moment)
        return self._result(SESSION[name].name, result.message)

    def _result(self, name: str, message: str) -> Result:
        """What became of an action of the session."""
        stays = bool(self.stepper.violated)
        return Result(message, stays=stays, tell=partial(telling.step, self.stepper, name, message))

    def _to_a_question(self, name: str, report: Report) -> Result:
        """On, step by step, to the next phase or to the end; to the next question where one comes before."""
        stepper, phase = self.stepper, self.stepper.simulation.patching.phase_name
        while True:
            result = self._ask("next", "", report)
            self.asking.come(stepper)
            moved = name == "enter" and stepper.stops()[-1:] != [] and stepper.stops()[-1].during != phase
            over = stepper.over or (stepper.finished and stepper.simulation.patching.idle)
            if moved or over or report.cancelled or result.message or self._is_asked():
                return result

    def _do_questions(self, argument: str, report: Report) -> Result:
        self.asking.on = not self.asking.on
        said = "Where something is decided you are asked first: a digit answers." if self.asking.on else "No questions."
        return Result(f"{said} So it is in every story.")

    def _do_choose(self, argument: str, report: Report) -> Result:
        open_here = self.asking.at(self.stepper)
        asked = self.asking.answer(self.stepper, int(argument)) if is_number(argument) else None
        if asked is None:
            digits = "nothing is asked" if open_here is None else open_here.digits
            raise LearnerError(f"{argument} is no answer here: {digits}")
        return Result(tell=partial(PlainText, tuple(said(asked)), together=False))

    def _do_search(self, argument: str, report: Report) -> Result:
        if is_number(argument):
            return self._ask("goto", argument, report)
        phase = next((one for one in phases_of(self.stepper) if argument and argument.lower() in one.lower()), None)
        if phase is not None:
            return self._to_phase(phase, report)
        return self._ask("look-at", argument, report)

    def _to_phase(self, phase: str, report: Report) -> Result:
        """To the first step of a phase, one that is known already or one to come.

        Raises:
            LearnerError: the story does not come to it, or was cancelled; one stands where one stood.
        """
        stepper = self.stepper
        stops = stepper.site_story().stops(stepper.begin, stepper.furthest)
        known = next((stop.position for stop in stops if stop.during == phase), None)
        if known is not None:
            return self._ask("place", str(known), report)
        result = self._result("next-phase", "")
        with stepper.or_stay():
            while stepper.simulation.patching.phase_name != phase:
                report.check()
                result = self._ask("enter", "", report)
        return result

    def _do_look_at_site(self, argument: str, report: Report) -> Result:
        sites = self.stepper.image.mcount_loc
        if not is_number(argument) or int(argument) >= len(sites):
            raise LearnerError(f"there is no site {argument!r}; there are 0 to {len(sites) - 1}")
        name = self.stepper.image.symbolize(int(sites[int(argument)])).partition("+")[0]
        return self._ask("look-at", name, report)

    def _do_boot(self, argument: str, report: Report) -> Result:
        return Result(opens=Boot(self.stepper.image, self.stepper.simulation.options))

    def _do_scenario(self, argument: str, report: Report) -> Result:
        if argument in NO_STORIES:
            raise LearnerError(f"{argument} is no story: Esc leads to the list, where {argument} begins")
        return self._ask("scenario", argument, report)

    def _do_functions(self, argument: str, report: Report) -> Result:
        return Result(opens=Functions(lambda _: self.stepper, self.look.syntax == "intel"))

    # --- what can be done -------------------------------------------------------------------------------------------

    def offered(self) -> tuple[Action, ...]:
        """The actions that lead anywhere from here."""
        if self._stepper is None:
            return tuple(one for one in self.actions if one.name == "next")
        unfit = set(self._unfit())
        if self._is_asked():
            unfit |= {one.name for one in self.actions if one.name not in ASKED}
        else:
            unfit.add(CHOOSE)
        return tuple(one for one in self.actions if one.name not in unfit)

    def _is_asked(self) -> bool:
        """Whether a question waits for its answer here."""
        return bool(self._waits)

    @property
    def _waits(self) -> str:
        """What is said to a person who asks for something while a question is open; "" where none is."""
        asked = None if self._stepper is None else self.asking.at(self._stepper)
        return asked.waits if asked is not None and asked.open else ""

    @property
    def _next(self) -> path.PathStory | None:
        """What one watches from here; None where the story has not ended."""
        return path.behind(path.reached(self.stepper))

    def _unfit(self) -> tuple[str, ...]:
        stepper = self.stepper
        died = bool(stepper.simulation.halt_reason)
        ahead = [one for one in AHEAD if one != "enter" or self._next is None] if died or stepper.ending else ()
        return (*ahead, *(() if stepper.begun else BEHIND), *(MOVED if died else ()))

    def why_not(self, action: Action) -> str:
        """Where one stands at an end or at the start."""
        if self._stepper is None:
            return "this story has not begun: → begins it"
        if (waits := self._waits) and action.name not in ASKED:
            return waits
        if action.name == CHOOSE:
            return "nothing is asked here"
        if action.name in BEHIND:
            return "the story starts here: there is nothing before it"
        if self.stepper.simulation.halt_reason:
            return dead(self.stepper.simulation.halt_reason, self._next is not None)
        return "the story ends here: go back and look, or Esc leads to the others"

    def action(self, word: str) -> Action:
        """The action with that name, word or key; a session's own names are taken, too."""
        return super().action(NAMES.get(word, word))

    def pace(self, action: Action) -> Action | None:
        """A run without breakpoints is told step by step, until nothing has moved the change for too long."""
        stepper = self.stepper
        simulation, patching = stepper.simulation, stepper.simulation.patching
        if action.name != "run" or stepper.breakpoints or self._is_asked() or simulation.halt_reason:
            return None
        if stepper.over or (stepper.finished and patching.idle):
            return None
        progress = (patching.batches, patching.step, patching.phase, patching.waits_for)
        if progress != self._progress:
            self._progress, self._since = progress, simulation.clock
        if not self._since <= simulation.clock <= self._since + stepper.patience:
            self._progress = None
            return None
        return self.action("next")

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def answers(self) -> Mapping[str, Query]:
        """What can be asked where one stands."""
        return {} if self._stepper is None else telling.questions(self._stepper, self._waits)

    @property
    def failed(self) -> bool:
        """The kernel has died in a scenario that is not about that."""
        if self._stepper is None or self._stepper.scenario is None:
            return False
        scenario = self._stepper.scenario
        promised = scenario.ends_with is Oopsed or SCENARIOS.get(scenario.name) != scenario
        return bool(self._stepper.simulation.halt_reason) and not promised

    def data(self) -> dict[str, Any]:
        """Where one stands, and what is so there."""
        if self._stepper is None:
            return {}
        then = self._next
        return telling.data(self._stepper, self._is_asked()) | {"next": "" if then is None else then.name}

    def picture(self) -> Picture:
        """Where one stands, as one looks at it."""
        if self._stepper is None:
            text = "The machine runs to where the story starts."
            return Picture(
                title=self._title,
                parts=(Prose(name="ready", paragraphs=(Paragraph(text, tone=Tone.STRONG),)),),
                survival=("ready",),
                keys=("next",),
            )
        asked = self.asking.at(self._stepper)
        if asked is not None and asked.open:
            return covered(picture_of(self._stepper, replace(self.look, depth=STORY)), asked)
        then, away = self._next, self._away
        title = "" if then is None else then.title
        drawn = picture_of(self._stepper, self.look, asked, title, ahead=not self.asking.on, away=away)
        keys, hints = key_line(self._stepper, self.look.depth, away, then is not None)
        return replace(drawn, keys=keys, hints=tuple(hints.items()))

    @property
    def reached(self) -> str:
        """The name of this story, at its end."""
        ended = None if self._stepper is None else path.reached(self._stepper)
        return "" if ended is None else ended.name

    @property
    def moment(self) -> str:
        """The place, as a string that opens it."""
        return "" if self._stepper is None else self._stepper.moment

    @property
    def history(self) -> object | None:
        """The simulation, which holds the history."""
        return None if self._stepper is None else self._stepper.simulation

    def kept(self) -> Kept | None:
        """The place to come back to."""
        return None if self._stepper is None else place_of(self._stepper, self.look.depth, self.look.syntax)
