"""Scenarios: runs that show one thing each. They are data; `begin` boots one and brings it to where its story starts.

A scenario names a function, what is asked of ftrace before its story (`before`) and what is asked then (`commands`).
Its story starts where the patching task is about to publish the batch with the function's site; what it did up to
there (other call sites, tables) lies in history. From there a director (`director.py`) makes the moves that let happen
what the scenario is about. All of it really runs, and who does something else at any place leaves the story.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from lessons.session.director import Director, Move, Near, approach
from lessons.session.own_question import OwnQuestion
from lessons.session.stops import News, ends_batch
from simkernel.errors import GuestError, LearnerError
from simkernel.events import BatchReleased, BatchStarted, Event, InterruptTaken, Oopsed, PlanEnded, Unparked
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.kernel.layout import TP_VEC_MAX, VECTOR_CALL_FUNCTION
from simkernel.patching.commands import Command, UseProtocol
from simkernel.protocol import Era, Protocol, SyncCores, Unpark, Variant
from simkernel.report import Report
from simkernel.sentence import cpus as cpu_names
from simkernel.sim.log import Rewrites
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.simulation import Simulation

LARGE = 50_000  # functions that ftrace can trace in a kernel as distributions build it, about
BOUND = 50_000_000  # instructions of the clock, for any part of a scenario
REPORTED = 5_000  # instructions between two words on how much has run
OPTIONS = replace(Options().paced(STEPPING), act_odds=96)  # of what a story waits for, most is the patching task
PATIENCE = 100_000  # instructions that one phase of a batch may take: many times what any wait for CPUs does


class NeverEnds(GuestError):
    """A batch waits for what does not come."""


class Ran(Enum):
    """What the CPU on which a kernel died ran last at the site."""

    TORN = "torn"
    INT3 = "int3"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Died:
    """How a kernel died.

    Attributes:
        model: the fetch model.
        cpu: on which it died.
        ran: at the site; nothing: it died at another one.
        run: the run's number, which is its seed; 0: directed.
        survived: in the story's own model a CPU can run a torn instruction as well, and no kernel dies of that.
    """

    model: FetchModel
    cpu: int
    ran: Ran
    run: int = 0
    survived: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run that shows one thing.

    Attributes:
        name: on the command line. title, question: in words. answer: what one has seen, with figures in braces.
        function: whose site is looked at. before: done before the story. commands: the story.
        options: of the simulation, with the protocol that its story is about.
        near: where CPUs are when the story starts. moves: made by hand in it; after them, and where nothing is given,
        the schedule draws from the seed.
        ends_with: the type of event that ends it; one before the end of the site's batch does not count. BatchReleased:
        the end of that batch, by a protocol that releases none, too.
        shows: types of stops of this site that happen in it in this order, others between.
        waits: instructions that some CPU's sync interrupt has to wait, at least.
        stops: how many stops it has with its own options; 0: nobody has counted them.
        changed: stories of the path in which it is changed, and how many stops each has.
        ablate: what leaving each phase out leads to is measured, so that its story can tell.
        ablated: phases that were left out of it, and how its kernel died of that; None: it does not.
        asks: its own questions, for a person who is asked before being told.
        patience: instructions that one phase of a batch may take before its story starts.
    """

    name: str
    title: str
    question: str
    function: str
    commands: tuple[Command, ...]
    before: tuple[Command, ...] = ()
    options: Options = OPTIONS
    near: tuple[Near, ...] = ()
    moves: tuple[Move, ...] = ()
    ends_with: type[Event] = BatchReleased
    shows: tuple[type[Event], ...] = ()
    waits: int = 0
    stops: int = 0
    changed: tuple[tuple[str, int], ...] = ()
    ablate: bool = False
    ablated: tuple[tuple[str, Died | None], ...] = ()
    answer: str = ""
    asks: tuple[OwnQuestion, ...] = ()
    patience: int = PATIENCE

    @property
    def table(self) -> Protocol:
        """The protocol's table."""
        return self.options.protocol.table

    @property
    def era(self) -> Era:
        """Who uses the protocol, and when."""
        return self.table.era


FIGURES: dict[str, Callable[[Scenario, Simulation], int]] = {
    "sites": lambda scenario, simulation: len(simulation.image.mcount_loc),
    "waits": lambda scenario, simulation: sum(isinstance(one.action, SyncCores) for one in scenario.table.phases),
    "every": lambda *both: FIGURES["sites"](*both) * FIGURES["waits"](*both),
    "most": lambda scenario, simulation: TP_VEC_MAX,
    "large": lambda scenario, simulation: LARGE,
    "batches": lambda scenario, simulation: -(-LARGE // TP_VEC_MAX),
}
"""What may stand in braces in an answer and in a question; `every`: the waits, were each site to have its own."""


def answer_of(scenario: Scenario, simulation: Simulation) -> str:
    """The answer to a scenario's question, with the figures of this kernel and protocol."""
    return scenario.answer.format(**{name: figure(scenario, simulation) for name, figure in FIGURES.items()})


def begin(scenario: Scenario, report: Report | None = None, image: KernelImage | None = None) -> Simulation:
    """The scenario's simulation where its story starts; `report` is told what is under way.

    `image`: the kernel, None for the one that the scenario's options name.

    Raises: LearnerError where its function has no site; GuestError where the story does not come to its start.
    """
    report = report or Report()
    report("booting")
    variant = scenario.options.protocol
    whole = Variant(variant.base)
    booted = whole if whole.table.nop == variant.table.nop else variant
    simulation = Simulation.boot(replace(scenario.options, protocol=booted), image)
    symbol = simulation.image.symbol(scenario.function)
    if not symbol.traced:
        raise LearnerError(f"{scenario.function} is notrace: no site stands at its start")
    for command in scenario.before:
        simulation.do(command)
    report("getting ready")
    simulation.run_until_idle(BOUND)
    if booted != variant:  # what was traced before was traced well
        simulation.do(UseProtocol(variant))
    for command in scenario.commands:
        simulation.do(command)
    site = simulation.image.site_of(symbol)
    to_the_batch(simulation, site, scenario.patience, report)
    free = list(simulation.cpus)
    for near in scenario.near:
        free.remove(near.cpu)
        approach(simulation, site, near, free)
    start = simulation.position
    Director(simulation, site).play(scenario.moves)
    simulation.goto(start)
    return simulation


def to_the_batch(simulation: Simulation, site: int, patience: int, report: Report) -> None:
    """To just before the batch with the site is published; `report` is told now and then how much has run.

    Raises: NeverEnds where a phase before it takes more than `patience` instructions; GuestError where it never comes.
    """
    end, due = simulation.clock + BOUND, simulation.clock
    patching, phase, since = simulation.patching, None, simulation.clock
    while simulation.clock < end and not simulation.halt_reason and not patching.idle:
        if simulation.clock >= due:
            due = simulation.clock + REPORTED
            report(f"getting ready: {simulation.clock:,} instructions")
        now = (patching.batches, patching.phase_name) if patching.busy else None
        if now != phase:
            phase, since = now, simulation.clock
        elif now is not None and simulation.clock > since + patience:
            raise NeverEnds(
                f"{PATCHING_TASK} has waited for {cpu_names(patching.waits_for)} for {patience:,} instructions"
            )
        for event in simulation.step():
            if isinstance(event, BatchStarted) and site in event.sites:
                simulation.goto(event.entry)
                return
    died = f"the toy kernel died: {simulation.halt_reason}" if simulation.halt_reason else "nothing to do"
    raise GuestError(f"no batch came to {simulation.image.symbolize(site)}: {died}")


class Ending:
    """Listens for the event that ends a scenario's story, which begins at the position `begin`."""

    def __init__(self, scenario: Scenario, begin: int = 0) -> None:
        self._ends_with, self._begin = scenario.ends_with, begin
        self._unparks = isinstance(scenario.table.phases[-1].action, Unpark)  # nothing is told of its end
        self._news = News()
        self._released = self._end = -1  # how many events there are up to the one that releases, or ends

    def hear(self, known: Sequence[Event], rewrites: Rewrites | None = None) -> int:
        """How many of all known events there are up to the one that ends the story; -1: none of them does."""
        if (rewrite := self._news.rewritten(rewrites)) is not None:
            self._released, self._end = (-1 if at > rewrite.events else at for at in (self._released, self._end))
        for at, event in self._news.new(known):
            if self._end < 0 and event.entry >= self._begin and self._ends(event, at + 1):
                self._end = at + 1
        return self._end

    def _ends(self, event: Event, count: int) -> bool:
        over = ends_batch(event) or (self._unparks and isinstance(event, Unparked))
        if self._released < 0 and (over or isinstance(event, PlanEnded)):
            self._released = count
        ends = isinstance(event, self._ends_with) or (over and self._ends_with is BatchReleased)
        return isinstance(event, Oopsed) or (self._released >= 0 and ends)


def shown(scenario: Scenario, stops: list[Event], events: list[Event]) -> bool:
    """True where a story with these stops and events shows what the scenario is about."""
    left = iter([type(event) for event in stops])
    waits = [e.waited for e in events if isinstance(e, InterruptTaken) and e.vector == VECTOR_CALL_FUNCTION]
    return all(kind in left for kind in scenario.shows) and max(waits, default=0) >= scenario.waits
