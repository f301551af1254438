"""Scenarios: runs that show one thing each. They are data; `begin` boots one and brings it to where its story starts.

A scenario names a function, what is asked of ftrace before its story (`before`) and what is asked then (`commands`).
Its story starts where the patching task is about to publish the batch with the function's site; what it did up to
there (other call sites, tables) lies in history. From there the schedule draws from the seed, except for the moves
that a scenario makes by hand. All of it really runs: another seed is another story.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simkernel.errors import GuestError, LearnerError
from simkernel.events import BatchReleased, BatchStarted, Event, InterruptTaken, PlanEnded
from simkernel.fetch import FetchModel
from simkernel.ftrace.commands import Command, RegisterOps, SetFilter, SetTracer
from simkernel.layout import VECTOR_CALL_FUNCTION
from simkernel.options import Options
from simkernel.protocol import Protocol, protocol_of
from simkernel.schedule import QUANTUM, Run
from simkernel.simulation import Simulation

BOUND = 50_000_000  # instructions of the clock, for any part of a scenario
ALONE = 200  # choices that one CPU runs alone, at most


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run that shows one thing.

    Attributes:
        name: on the command line. title, question: in words.
        function: whose site is looked at. before: done before the story. commands: the story.
        options: of the simulation. protocol: as a moment names it ("int3", "int3 without sync 1").
        near: CPU, and how many instructions it is away from the function when the story starts; None: as it comes.
        ends_with: the type of event that ends it; one before the site's batch was released does not count.
        shows: types of beats of this site that happen in it in this order, others between.
        waits: instructions that some CPU's sync interrupt has to wait, at least.
        beats: how many beats it has with its own options.
    """

    name: str
    title: str
    question: str
    function: str
    commands: tuple[Command, ...]
    before: tuple[Command, ...] = ()
    options: Options = Options(act_odds=96)
    protocol: str = "int3"
    near: tuple[int, int] | None = None
    ends_with: str = "BatchReleased"
    shows: tuple[str, ...] = ()
    waits: int = 0
    beats: int = 0

    @property
    def table(self) -> Protocol:
        """The protocol's table."""
        return protocol_of(self.protocol)

    @property
    def era(self) -> str:
        return self.table.era


def begin(scenario: Scenario, told: Callable[[str], None] = lambda what: None) -> Simulation:
    """The scenario's simulation where its story starts; `told` hears what is under way.

    Raises: LearnerError where its function has no site; GuestError where the story does not come to its start.
    """
    told("booting")
    simulation = Simulation.boot(scenario.options, protocol=scenario.table)
    symbol = simulation.image.symbol(scenario.function)
    if not symbol.traced:
        raise LearnerError(f"{scenario.function} is notrace: no site stands at its start")
    for command in scenario.before:
        simulation.do(command)
    told("getting ready")
    simulation.settle_down(BOUND)
    for command in scenario.commands:
        simulation.do(command)
    site = simulation.image.site_of(symbol)
    _to_the_batch(simulation, site)
    if scenario.near is not None:
        approach(simulation, site, *scenario.near)
    return simulation


def _to_the_batch(simulation: Simulation, site: int) -> None:
    """To just before the batch with the site is published."""
    end = simulation.machine.clock + BOUND
    while simulation.machine.clock < end and not simulation.outcome and not simulation.task.idle:
        for event in simulation.step():
            if isinstance(event, BatchStarted) and site in event.sites:
                simulation.goto(event.entry)
                return
    raise GuestError(f"no batch came to {simulation.image.symbolize(site)}: {simulation.outcome or 'nothing to do'}")


def approach(simulation: Simulation, site: int, cpu: int, distance: int) -> None:
    """Let one CPU run alone until it is `distance` instructions before the site (less where its tick came between).

    Raises: GuestError where the CPU does not come there.
    """
    away = come_near(simulation, site, cpu)
    if away is None:
        raise GuestError(f"CPU{cpu} does not come to {simulation.image.symbolize(site)}")
    if away > distance:
        simulation.step(Run(cpu, away - distance))


def come_near(simulation: Simulation, site: int, cpu: int) -> int | None:
    """Let one CPU run alone, so far that its next choice of `QUANTUM` instructions leads to the site.

    Returns: how many of these come before the site; None, and nothing has moved, where it does not come there.
    """
    engine, start = simulation.machine.cpus[cpu], simulation.position
    for _ in range(ALONE):
        here, passed = simulation.position, list[int]()
        unwatch = engine.observe(passed.append)
        try:
            simulation.step(Run(cpu, QUANTUM))
        finally:
            unwatch()
        if site in passed:
            simulation.goto(here)
            return passed.index(site)
    simulation.goto(start)
    return None


def ended(scenario: Scenario, events: list[Event]) -> bool:
    """True where these events, from the story's start on, hold the one that ends it."""
    released = False
    for event in events:
        name = type(event).__name__
        released = released or isinstance(event, BatchReleased | PlanEnded)
        if name == "Oopsed" or (name == scenario.ends_with and released):
            return True
    return False


def shown(scenario: Scenario, beats: list[Event], events: list[Event]) -> bool:
    """True where a story with these beats and events shows what the scenario is about."""
    left = iter(type(event).__name__ for event in beats)
    waits = [e.waited for e in events if isinstance(e, InterruptTaken) and e.vector == VECTOR_CALL_FUNCTION]
    return all(name in left for name in scenario.shows) and max(waits, default=0) >= scenario.waits


def _one(name: str) -> tuple[Command, ...]:
    return (SetFilter("filter", name),)


TRAPPED = ("Int3Taken", "Int3Claimed", "Int3Done")
BEGUN_BEFORE = ("PieceRead", "SiteStored", "SiteRan")  # a CPU is in the middle of reading while the int3 is written
ON, OFF = SetTracer("function"), SetTracer("nop")

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="one",
            title="Trace one function",
            question="How do five bytes change while CPUs run them?",
            function="vfs_read",
            before=_one("vfs_read"),
            commands=(ON,),
            options=Options(act_odds=96, seed=88),
            near=(1, 5),
            ends_with="TraceWritten",
            shows=BEGUN_BEFORE + TRAPPED,
            beats=23,
        ),
        Scenario(
            name="all",
            title="All functions at once",
            question="How can every function change within a moment?",
            function="vfs_read",
            commands=(ON,),
            beats=17,
        ),
        Scenario(
            name="second-ops",
            title="A second ops on the same site",
            question="What does one site call when two tracers want the function?",
            function="vfs_read",
            before=(*_one("vfs_read"), ON),
            commands=(RegisterOps("counter", "ftrace_ops_count", 0, "vfs_read"),),
            options=Options(act_odds=96, seed=0),
            near=(0, 5),
            shows=TRAPPED,
            beats=20,
        ),
        Scenario(
            name="cache-line",
            title="A site across a cache line",
            question="Does it matter where the five bytes lie?",
            function="vfs_read",
            before=_one("vfs_read"),
            commands=(ON,),
            options=Options(act_odds=96, seed=0, model=FetchModel.LINE),
            near=(1, 8),
            shows=("Settled", *TRAPPED),
            beats=21,
        ),
        Scenario(
            name="slow-ipi",
            title="An IPI that has to wait",
            question="Why can one answer take so long?",
            function="vfs_read",
            before=_one("vfs_read"),
            commands=(ON,),
            options=Options(act_odds=96, seed=1),
            waits=1_000,
            beats=17,
        ),
        Scenario(
            name="naive",
            title="A naive patch that crashes",
            question="What happens if the bytes are written one after the other?",
            function="vfs_read",
            before=_one("vfs_read"),
            commands=(ON,),
            options=Options(act_odds=96, seed=9, protocol="naive"),
            protocol="naive",
            near=(0, 0),
            ends_with="Oopsed",
            shows=("SiteStored", "SiteRan", "Oopsed"),
            beats=7,
        ),
        Scenario(
            name="off",
            title="Turn it off again",
            question="How does the call become nothing again?",
            function="vfs_read",
            before=(*_one("vfs_read"), ON),
            commands=(OFF,),
            options=Options(act_odds=96, seed=0),
            near=(0, 0),
            shows=TRAPPED,
            beats=20,
        ),
    )
}


def scenario_named(name: str) -> Scenario:
    """The scenario of that name; LearnerError with the names there are."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise LearnerError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}") from None
