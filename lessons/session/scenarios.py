"""Scenarios: runs that show one thing each. They are data; `begin` boots one and brings it to where its story starts.

A scenario names a function, what is asked of ftrace before its story (`before`) and what is asked then (`commands`).
Its story starts where the patching task is about to publish the batch with the function's site; what it did up to
there (other call sites, tables) lies in history. From there a director (`director.py`) makes the moves that let happen
what the scenario is about. All of it really runs, and who does something else at any place leaves the story.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lessons.session.director import Acts, Director, Goes, Interrupts, Move, Near, Reads, Resolves, Through, approach
from lessons.session.stops import News
from simkernel.errors import GuestError, LearnerError
from simkernel.events import (
    BatchReleased,
    BatchStarted,
    Event,
    Int3Claimed,
    Int3Done,
    Int3Taken,
    InterruptTaken,
    Oopsed,
    Parked,
    PieceRead,
    PlanEnded,
    Resolved,
    SiteRan,
    SiteStored,
    TraceWritten,
)
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel.layout import TP_VEC_MAX, VECTOR_CALL_FUNCTION
from simkernel.patching.commands import Command, UseProtocol
from simkernel.protocol import NAIVE, STOP_MACHINE, Era, Protocol, SyncCores, Variant
from simkernel.report import Report
from simkernel.sentence import cpus as cpu_names
from simkernel.sim.log import Rewrites
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.simulation import Simulation

LARGE = 50_000  # functions that ftrace can trace in a kernel as distributions build it, about
BOUND = 50_000_000  # instructions of the clock, for any part of a scenario
TOLD = 5_000  # instructions between two words on how much has run
OPTIONS = replace(Options().paced(STEPPING), act_odds=96)  # of what a story waits for, most is the patching task
PATIENCE = 100_000  # instructions that one phase of a batch may take: many times what any wait for CPUs does


class NeverEnds(GuestError):
    """A batch waits for what does not come."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run that shows one thing.

    Attributes:
        name: on the command line. title, question: in words. answer: what one has seen, with figures in braces.
        function: whose site is looked at. before: done before the story. commands: the story.
        options: of the simulation, with the protocol that its story is about.
        near: where CPUs are when the story starts. moves: made by hand in it; after them, and where nothing is given,
        the schedule draws from the seed.
        ends_with: the type of event that ends it; one before the site's batch was released does not count.
        shows: types of stops of this site that happen in it in this order, others between.
        waits: instructions that some CPU's sync interrupt has to wait, at least.
        stops: how many stops it has with its own options.
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
    answer: str = ""

    @property
    def table(self) -> Protocol:
        """The protocol's table."""
        return self.options.protocol.table

    @property
    def era(self) -> Era:
        return self.table.era


def answer_of(scenario: Scenario, simulation: Simulation) -> str:
    """The answer to a scenario's question, with the figures of this kernel and protocol."""
    return scenario.answer.format(
        sites=len(simulation.image.mcount_loc),
        waits=sum(isinstance(phase.action, SyncCores) for phase in scenario.table.phases),
        most=TP_VEC_MAX,
        large=LARGE,
        batches=-(-LARGE // TP_VEC_MAX),
    )


def begin(scenario: Scenario, report: Report | None = None) -> Simulation:
    """The scenario's simulation where its story starts; `report` is told what is under way.

    Raises: LearnerError where its function has no site; GuestError where the story does not come to its start.
    """
    report = report or Report()
    report("booting")
    variant = scenario.options.protocol
    whole = Variant(variant.base)
    booted = whole if whole.table.nop == variant.table.nop else variant
    simulation = Simulation.boot(replace(scenario.options, protocol=booted))
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
    _to_the_batch(simulation, site, report)
    free = list(simulation.cpus)
    for near in scenario.near:
        free.remove(near.cpu)
        approach(simulation, site, near, free)
    start = simulation.position
    Director(simulation, site).play(scenario.moves)
    simulation.goto(start)
    return simulation


def _to_the_batch(simulation: Simulation, site: int, report: Report) -> None:
    """To just before the batch with the site is published; `report` is told now and then how much has run."""
    end, due = simulation.clock + BOUND, simulation.clock
    patching, phase, since = simulation.patching, None, simulation.clock
    while simulation.clock < end and not simulation.halt_reason and not patching.idle:
        if simulation.clock >= due:
            due = simulation.clock + TOLD
            report(f"getting ready: {simulation.clock:,} instructions")
        now = (patching.batches, patching.phase_name) if patching.busy else None
        if now != phase:
            phase, since = now, simulation.clock
        elif now is not None and simulation.clock > since + PATIENCE:
            raise NeverEnds(f"{PATCHING_TASK} waits for {cpu_names(patching.waits_for)} for ever")
        for event in simulation.step():
            if isinstance(event, BatchStarted) and site in event.sites:
                simulation.goto(event.entry)
                return
    raise GuestError(
        f"no batch came to {simulation.image.symbolize(site)}: {simulation.halt_reason or 'nothing to do'}"
    )


class Ending:
    """Listens for the event that ends a scenario's story, which begins at the position `begin`."""

    def __init__(self, scenario: Scenario, begin: int = 0) -> None:
        self._ends_with, self._begin = scenario.ends_with, begin
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
        if self._released < 0 and isinstance(event, BatchReleased | PlanEnded):
            self._released = count
        return isinstance(event, Oopsed) or (self._released >= 0 and isinstance(event, self._ends_with))


def shown(scenario: Scenario, stops: list[Event], events: list[Event]) -> bool:
    """True where a story with these stops and events shows what the scenario is about."""
    left = iter([type(event) for event in stops])
    waits = [e.waited for e in events if isinstance(e, InterruptTaken) and e.vector == VECTOR_CALL_FUNCTION]
    return all(kind in left for kind in scenario.shows) and max(waits, default=0) >= scenario.waits


def _one(name: str) -> tuple[Command, ...]:
    return (SetFilter("filter", name),)


ON, OFF = SetTracer("function"), SetTracer("nop")
TRAPPED = (Int3Taken, Int3Claimed, Int3Done)
BEGUN_BEFORE = (PieceRead, SiteStored, SiteRan)  # a CPU is in the middle of reading while the int3 is written


def _handled(cpu: int) -> tuple[Move, ...]:
    """A CPU takes the int3, and its handler does its work."""
    return tuple(Goes(cpu, event) for event in TRAPPED)


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="one",
            title="Trace one function",
            question="How do five bytes change while CPUs run them?",
            answer=(
                "An int3 stands in: a CPU runs the old instruction, the int3 or the new one, never a mixture. "
                "Back at sync 1, x leaves that wait out: see what comes of it."
            ),
            function="vfs_read",
            before=_one("vfs_read"),
            commands=(ON,),
            near=(Near(1, 40), Near(0)),
            moves=(
                Through("write int3"), Reads(0, 1), Acts(), Acts(), Goes(0, SiteRan),
                Through("sync 2"), *_handled(1), Goes(1, TraceWritten),
                Through(""), Goes(0, TraceWritten),
            ),
            ends_with=TraceWritten,
            shows=(*BEGUN_BEFORE, *TRAPPED, TraceWritten, TraceWritten),
            stops=24,
        ),
        Scenario(
            name="all",
            title="All functions at once",
            question="How can every function change within a moment?",
            answer=(
                "All {sites} are one batch, and share its {waits} waits. "
                "A batch holds at most {most}: a kernel of {large:,} functions takes {batches}, one after the other."
            ),
            function="vfs_read",
            commands=(ON,),
            moves=(Through(""),),
            stops=17,
        ),
        Scenario(
            name="second-ops",
            title="A second ops on the same site",
            question="What does one site call when two tracers want the function?",
            answer="A trampoline for all: ftrace_caller, whose function goes through the list of tracers.",
            function="vfs_read",
            before=(*_one("vfs_read"), ON),
            commands=(RegisterOps("counter", "ftrace_ops_count", 0, "vfs_read"),),
            near=(Near(0, 20),),
            moves=(Through("write tail"), *_handled(0), Goes(0, TraceWritten), Through("")),
            shows=(*TRAPPED, TraceWritten),
            stops=21,
        ),
        Scenario(
            name="cache-line",
            title="A site across a cache line",
            question="Does it matter where the five bytes lie?",
            answer="Not with an int3: the other four bytes change while no CPU can run them.",
            function="vfs_read",
            before=_one("vfs_read"),
            commands=(ON,),
            options=replace(OPTIONS, model=FetchModel.LINE),
            near=(Near(1), Near(0)),
            moves=(
                Through("sync 1"), Resolves(0, 0), Goes(1, SiteRan),
                Through("sync 2"), Resolves(1, 1), Resolves(0, 4), Through(""),
            ),
            shows=(Resolved, SiteRan, Resolved, Resolved),
            stops=21,
        ),
        Scenario(
            name="slow-ipi",
            title="An IPI that has to wait",
            question="Why can one answer take so long?",
            answer=(
                "A CPU with its interrupts off cannot answer. "
                "Only the patching task waits for it; the other CPU goes on."
            ),
            function="vfs_read",
            before=_one("vfs_read"),
            commands=(ON,),
            near=(Near(1, 0, "task_tick_fair"),),
            moves=(Through(""),),
            waits=600,
            stops=17,
        ),
        Scenario(
            name="naive",
            title="A naive patch that crashes",
            question="What happens if the bytes are written one after the other?",
            answer="Between two stores a CPU runs a torn instruction, and here the kernel dies of it.",
            function="vfs_read",
            before=_one("vfs_read"),
            commands=(ON,),
            options=replace(OPTIONS, protocol=Variant(NAIVE)),
            near=(Near(1),),
            moves=(Through("write byte 4"), Goes(1, SiteRan), Goes(1, Oopsed)),
            ends_with=Oopsed,
            shows=(SiteStored, SiteRan, Oopsed),
            stops=7,
        ),
        Scenario(
            name="recursion",
            title="A callback that is traced itself",
            question="What if an ops traces its own callback? Here the ops mine calls rcu_all_qs(), and traces it.",
            answer=(
                "It calls itself until its stack is full, and the kernel dies in the guard page below. "
                "With the flag RECURSION in its ops, ftrace calls ftrace_ops_assist_func() first, which ends that."
            ),
            function="rcu_all_qs",
            commands=(RegisterOps("mine", "rcu_all_qs", 0, "vfs_read rcu_all_qs"),),
            near=(Near(1, 30), Near(0, 10)),
            moves=(Through("sync 3"), *(Goes(0, SiteRan),) * 3, Through(""), Goes(0, Oopsed)),
            ends_with=Oopsed,
            shows=(SiteStored, *(SiteRan,) * 3, Oopsed),
            stops=21,
        ),
        Scenario(
            name="nmi",
            title="stop_machine, and an NMI comes",
            question="Every CPU waits with interrupts off. Can anybody run the five bytes?",
            answer=(
                "An NMI comes with interrupts off, too: its handler ran a mixture. "
                "With int3 nobody is parked: an NMI meets int3 or a whole instruction. "
                "Linux 2.6.28 to 3.4, without int3, had each NMI write the new bytes first."
            ),
            function="nmi_handle",
            before=_one("nmi_handle"),
            commands=(ON,),
            options=replace(OPTIONS, protocol=Variant(STOP_MACHINE)),
            moves=(
                Through("write"), Interrupts(1), Goes(1, None), Reads(1, 2), Through("unpark"),
                Goes(1, SiteRan), Goes(1, Oopsed),
            ),
            ends_with=Oopsed,
            shows=(Parked, InterruptTaken, PieceRead, SiteStored, SiteRan, Oopsed),
            stops=9,
        ),
        Scenario(
            name="off",
            title="Turn it off again",
            question="How does the call become nothing again?",
            answer="By the same protocol: now the new instruction is the NOP, and the handler goes on behind it.",
            function="vfs_read",
            before=(*_one("vfs_read"), ON),
            commands=(OFF,),
            near=(Near(0, 20),),
            moves=(Through("sync 1"), *_handled(0), Through("")),
            shows=TRAPPED,
            stops=20,
        ),
    )
}  # fmt: skip


def scenario_named(name: str) -> Scenario:
    """The scenario of that name; LearnerError with the names there are."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise LearnerError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}") from None
