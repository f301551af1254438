"""A simulation and the ways to move in it: what every front end of the stepper holds, and nothing of a screen.

One moves by *stops*: the events that change the story of the site that is looked at (`stops.py`). `backward` after
`forward` is where one was. What a person asked for is answered by a `StepperResult`; the new picture is `snapshot`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lessons.activity import Given
from lessons.session.came_of import came_of, neither
from lessons.session.content import SCENARIOS, own_site, run_of, scenario_named
from lessons.session.prepared import Prepared
from lessons.session.run import ScenarioRun
from lessons.session.scenarios import Scenario, answer_of
from lessons.session.seen import Seen
from lessons.session.stops import SiteStory, Stop, Stops
from lessons.session.violation import Violation
from simkernel.errors import GuestError, LearnerError
from simkernel.events import Event, SiteRan
from simkernel.kernel import KernelImage
from simkernel.protocol import Protocol, Variant
from simkernel.report import Report
from simkernel.schedule import Choice
from simkernel.sim import breakpoints as bp
from simkernel.sim.calls import CallsSoFar
from simkernel.sim.moment import Moment
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import Snapshot

A_STOP = 400_000  # instructions of the clock after which a search for the next stop gives up
A_RUN = 50_000_000  # and one for a breakpoint, or for the end of the story


@dataclass(frozen=True, slots=True)
class StepperResult:
    """What an action of a stepper gives back.

    Attributes:
        message: a sentence for the person, "" where the picture says it. error: nothing moved.
        stepper: the one to go on with, where that is another: a restart, another kernel, an opened moment.
        moment: the one that was asked for; `message` is its string.
    """

    message: str = ""
    error: bool = False
    stepper: Stepper | None = None
    moment: Given | None = None


def _spelled(name: str, value: Any) -> str:
    """A changed option as the name of a step has it."""
    if isinstance(value, Variant):
        return f"{name}:{value.name.replace(' ', '.')}"
    return f"{name}:{getattr(value, 'value', value)}"


class Stepper:
    """Owns a simulation; `ask` is the one way to ask for something, `snapshot` the one way to look.

    Attributes:
        scenario: what was started, None for a plain kernel. title: of that, or of a schedule of the lab; else "".
        begin: the position where its story starts.
        site: the address of the site that is looked at; None: the first of the batch.
        breakpoints: places to stop at. passed: the events of the last move, from its start to where it ended.
        calls: how often each function was called so far.
        changes: made to the scenario since it started, in order, as `named_step` writes them.
        report: of what is asked for: told how far it is; cancelled, it ends where it is.
        patience: instructions of the clock after which a search for the next stop gives up.
        prepared: begins the stories to which this one leads.
        violation: of the schedule that history holds, None where there is none.
        opens: the moment of its start with what was chosen by hand ahead, where nothing else leads there; else "".
    """

    def __init__(
        self,
        simulation: Simulation,
        scenario: Scenario | None = None,
        site: int | None = None,
        begin: int = -1,
        title: str = "",
        prepared: Prepared | None = None,
        violation: Violation | None = None,
    ) -> None:
        self.simulation = simulation
        self.violation = violation
        self.prepared = prepared or Prepared()
        self.scenario = scenario
        self.title = title or (scenario.title if scenario is not None else "")
        self.begin = simulation.position if begin < 0 else begin
        self.site = site
        self.breakpoints: tuple[bp.Breakpoint, ...] = ()
        self.passed: tuple[Event, ...] = ()
        self.changes: tuple[str, ...] = ()
        self.report = Report()
        self.patience = A_STOP
        self.opens = ""
        self._seen = Seen(simulation, site)
        self._site_story = SiteStory(self.site_bytes())
        self.calls = CallsSoFar(simulation)
        self._run = ScenarioRun(simulation, scenario, self.begin)

    # --- where one is from --------------------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        what: Scenario | Options | str | None = None,
        report: Report | None = None,
        prepared: Prepared | None = None,
    ) -> Stepper:
        """A scenario (by name, too) at the start of its story, or a kernel that has just booted.

        Args:
            what: which; options: those of the kernel, None for the usual ones.
            report: is told what is under way.
            prepared: begins the story; None: it is the first one.

        Raises:
            LearnerError: there is no such one, or it cannot be.
            GuestError: the guest does not come that far.
            Cancelled: as `report` does.
        """
        report, prepared = report or Report(), prepared or Prepared()
        if what is None or isinstance(what, Options):
            report("booting")
            return cls(Simulation.boot(what or Options().paced(STEPPING)), prepared=prepared)
        scenario = scenario_named(what) if isinstance(what, str) else what
        simulation = prepared.begin(scenario, report)
        site = simulation.image.site_of(simulation.image.symbol(scenario.function))
        return cls(simulation, scenario, site, prepared=prepared)

    @classmethod
    def open(cls, moment: str, image: KernelImage | None = None, report: Report | None = None) -> Stepper:
        """A stepper at a moment: a string, or a file that holds one. Its story is the one that the moment is about.

        A place in the run of a scenario is that scenario's. Else one looks, of several functions, at that of the
        scenario which asks for the same, else at the first.

        Raises: LearnerError as `simkernel.sim.moment.open_moment` does.
        """
        from simkernel.sim.moment import open_moment, story_at

        simulation, prepared = open_moment(moment, image, report), Prepared()
        if image is None and (found := run_of(simulation, prepared, report)) is not None:
            scenario, run, start = found
            site = run.image.site_of(run.image.symbol(scenario.function))
            opened = cls(run, scenario, site, start, prepared=prepared)
            opened._run.is_other = run is simulation
            return opened
        story = story_at(simulation)
        if story is None:
            return cls(simulation)
        own = own_site(simulation) if story[0] in simulation.image.mcount_loc else None
        return cls(simulation, None, story[0] if own is None else own, story[1])

    def restarted(self, **changes: Any) -> Stepper:
        """The same story from its start, with some options changed.

        Raises: LearnerError for options that cannot be.
        """
        variant = self.variant if self.scenario is None else self.scenario.options.protocol
        options = replace(self.simulation.options, **({"protocol": variant} | changes))
        options.validate()
        if self.scenario is None:
            self.report("booting")
            return Stepper(Simulation.boot(options), prepared=self.prepared)
        changed = replace(self.scenario, options=options, near=(), moves=())
        again = Stepper.start(changed, self.report, self.prepared)
        again.changes = (*self.changes, *(_spelled(name, value) for name, value in changes.items()))
        return again

    # --- looking ------------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """Where one stands; its `changes` are those since the step before, however one came here."""
        return self._seen.look(self.site, lambda: self._step_before)

    @property
    def _step_before(self) -> int:
        """The position of the last stop before here, else of the start of the story."""
        return self.begin if (before := self._stop_before()) is None else before.position

    def _stop_before(self, until: Callable[[Stop], bool] = lambda stop: True) -> Stop | None:
        """The last stop before here for which `until` holds."""
        here = self.simulation.position + (self.simulation.point.instructions > 0)
        return next((stop for stop in reversed(self.stops()) if stop.position < here and until(stop)), None)

    def since_step(self) -> list[Event]:
        """What happened since the step before, however one came here."""
        return self.events_from(self._step_before, self.simulation.position + 1)

    @property
    def furthest(self) -> int:
        """The last position that was looked at, as far as history still leads there."""
        return self._seen.furthest

    def unsee(self) -> None:
        """What lies ahead of here was seen by nobody: history knows it because it was looked for."""
        self._seen.furthest = self.simulation.position

    @property
    def whole(self) -> tuple[bytes, ...]:
        """The old and the new instruction of the site's change that was seen last; () before one was."""
        return self._seen.whole

    @property
    def image(self) -> KernelImage:
        """The kernel that runs."""
        return self.simulation.image

    @property
    def variant(self) -> Variant:
        """By which the patching task patches here."""
        return self.simulation.patching.variant

    @property
    def protocol(self) -> Protocol:
        """The table of `variant`."""
        return self.variant.table

    @property
    def moment(self) -> str:
        """The place as a string that opens the very same state."""
        return Moment.of(self.simulation).to_string()

    def site_bytes(self) -> range | None:
        """The addresses of the bytes of the site that is looked at; None where that is any."""
        return None if self.site is None else self.simulation.site(self.site).addresses

    def site_story(self) -> SiteStory:
        """All that history knows of the site that is looked at."""
        if (site := self.site_bytes()) != self._site_story.site:
            self._site_story = SiteStory(site)
        self._site_story.hear(self.simulation.known_events, self.simulation.rewrites)
        return self._site_story

    def stops(self) -> Stops:
        """The stops of the story so far, oldest first; the start of the story is none."""
        return self.site_story().stops(self.begin, self.simulation.position)

    def ran(self) -> list[SiteRan]:
        """What CPUs ran at the site that is looked at, in the story up to here."""
        return self.site_story().ran(self.begin, self.simulation.position)

    @property
    def violated(self) -> str:
        """What was broken by the move behind which one stands; "" elsewhere, and where nothing was."""
        return "" if self.violation is None else self.violation.here

    @property
    def violates_ahead(self) -> bool:
        """True where the schedule that history holds goes on from here to a move that breaks a property."""
        return self.violation is not None and self.violation.is_ahead

    @property
    def from_lab(self) -> bool:
        """True where one watches a schedule of the lab."""
        return self.scenario is None and bool(self.title)

    @property
    def begun(self) -> bool:
        """True where one stands behind the start of the story."""
        return self.simulation.point > (self.begin, 0)

    @property
    def known_stops(self) -> int:
        """How many stops the scenario has, as long as nobody has changed it or asked for more; 0: not known."""
        return 0 if self.scenario is None or self.elsewhere else self._run.stops

    @property
    def elsewhere(self) -> str:
        """The function whose stops are counted, where it is not the one that the scenario is about; else ""."""
        scenario, site = self.scenario, self.site
        if scenario is None or site is None or site == self.image.site_of(self.image.symbol(scenario.function)):
            return ""
        return self.image.symbolize(site).partition("+")[0]

    @property
    def dies(self) -> bool:
        """True where history knows that the kernel dies: at its end."""
        return bool(self.simulation.known_end)

    @property
    def finished(self) -> bool:
        """True where the scenario's story has come to its end.

        Without a scenario: where nothing is left to patch, and nothing that was chosen by hand comes next.
        """
        return self._run.finished

    @property
    def over(self) -> bool:
        """True where the scenario's story has come to its end and nobody has asked for anything else since."""
        return self._run.over

    @property
    def ending(self) -> str:
        """What there is to say at the end of a scenario's story, "" elsewhere."""
        scenario = self.scenario
        if scenario is None or not self.over:
            return ""
        asked = SCENARIOS.get(scenario.name)
        if asked is None:
            return ""
        if asked == scenario:
            return f"The story ends here. {answer_of(scenario, self.simulation)}"
        return f"The story ends here. {came_of(scenario, asked, self.simulation, neither(self.ran(), self.whole))}"

    def events_from(self, position: int, until: int | None = None) -> list[Event]:
        """What happened from a position on, up to here or to the position `until`."""
        return self.simulation.events_between(position, self.simulation.position if until is None else until)

    # --- asking ---------------------------------------------------------------------------------------------------

    def ask(self, action: Callable[[Stepper], StepperResult], report: Report | None = None) -> StepperResult:
        """Do something that a person asks for (`actions.apply`). What cannot be done says so and changes nothing.

        `report` is told how far it is. Where one goes on with another stepper, that has this one's breakpoints.
        """
        stood, passed = (self.snapshot, self.simulation.point), self.passed
        self.passed = ()
        self.report = report or Report()
        try:
            result = action(self)
        except (LearnerError, GuestError) as error:
            result = StepperResult(error.sentence, error=True)
        if result.moment is not None:
            self.passed = passed  # one has only looked
            return result
        if result.stepper is not None:
            result.stepper.breakpoints = self.breakpoints
            return result
        if self._seen.picture is stood[0] and not (result.error and self.simulation.point == stood[1]):
            self.looked()
        return result

    def looked(self) -> None:
        """Somebody has moved the simulation by itself: the next picture is another one."""
        self._seen.moved = True

    # --- moving -----------------------------------------------------------------------------------------------------

    def _note(self, first: int) -> None:
        self.passed = tuple(self.simulation.since(first))

    def step(self, choice: Choice | None = None) -> None:
        """One history entry."""
        first = self.simulation.logged
        self.simulation.step(choice)
        self._note(first)

    def forward(self, instructions: int = 0, until: Callable[[Stop], bool] = lambda stop: True) -> bool:
        """To the next stop for which `until` holds, or to the violation; False if a halt or the bound comes first.

        `instructions`: the bound; 0: `patience`.
        """
        simulation = self.simulation
        first, end = simulation.logged, simulation.clock + (instructions or self.patience)
        rule = self.site_story().rule_from(first)
        found = False
        while not found and not simulation.halt_reason and not self.report.cancelled and simulation.clock < end:
            met = [event for event in simulation.step() if rule.stops_at(event)]
            found = bool(self.violated) or (bool(met) and until(Stop(simulation.position, met[-1].during)))
        self._note(first)
        return found

    def backward(self, until: Callable[[Stop], bool] = lambda stop: True) -> bool:
        """To the last stop before here for which `until` holds, else to the start of the story (False)."""
        before = self._stop_before(until)
        self.goto(self.begin if before is None else before.position)
        return before is not None

    @contextmanager
    def or_stay(self) -> Iterator[None]:
        """What is done inside and cannot be, or is cancelled, leaves the machine at the place that it had.

        What lies ahead of it was seen by nobody.
        """
        here, furthest = self.simulation.point, self._seen.furthest
        try:
            yield
        except LearnerError:
            self.simulation.goto_point(here)
            self._seen.furthest = furthest
            self.looked()
            raise

    def goto(self, position: int) -> None:
        """To a position in history; LearnerError where there is none such, and where that was cancelled."""
        first = self.simulation.logged
        self.simulation.goto(position, self.report)
        self._note(first)
