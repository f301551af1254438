"""What leaving a phase out leads to: run, not told.

The same scenario by a protocol without the phase. `DIRECTED` holds, for each phase of int3, moves that let the worst
come about. Where there are none, or they lead to nothing, run after run is tried until the kernel dies: two CPUs start
some instructions before the function, mostly few, and from there the run's number is the seed. All choices are made by
hand, so the moment of what was found opens anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lessons.director import Director, Goes, Move, Near, Reads, Settles, Through, come_near
from lessons.scenarios import SCENARIOS, Scenario, begin
from simkernel.errors import GuestError
from simkernel.events import Int3Taken, Oopsed, SiteRan
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import protocol_of
from simkernel.schedule import Run, ScheduleState, Seeded, draw
from simkernel.simulation import Simulation

RUNS = 1_000
SOME = 200  # runs that somebody who has asked on a screen is willing to wait for
NEAR = 8  # CPUs start up to 2 << 7 instructions before the site, near places more often than far ones
ENTRIES = 900  # of one run, and
AFTERWARDS = 40  # once the batch is over, where a CPU runs up to a whole quantum each time


WHERE = {
    FetchModel.INSTANT: "where a CPU runs what memory holds",
    FetchModel.PIECES: "where a CPU reads byte after byte",
    FetchModel.LINE: "where a CPU reads a cache line at once",
    FetchModel.BYTE: "where bytes may be old or new",
}
MIXTURE, INT3 = "a mixture of both instructions", "an int3 that nobody claimed"


@dataclass(frozen=True, slots=True)
class Died:
    """How a kernel died: in which model, on which CPU, what that CPU ran at the site ("": it died at another one);
    the run's number, 0: directed."""

    model: str
    cpu: int
    ran: str
    run: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """The simulation at its oops, the place where its story began, and what happened."""

    simulation: Simulation
    begin: int
    died: Died


@dataclass(frozen=True, slots=True)
class Directed:
    """Moves that end in an oops where a phase is left out, CPU1 being at the site when they start."""

    model: FetchModel
    moves: tuple[Move, ...]


DEATH = (Goes(1, "SiteRan"), Goes(1, "Oopsed"))
DIRECTED: dict[str, Directed] = {
    "write int3": Directed(FetchModel.PIECES, (Through("sync 2"), *DEATH)),
    "sync 1": Directed(FetchModel.PIECES, (Through("write int3"), Reads(1, 1), Through("sync 2"), *DEATH)),
    "write tail": Directed(FetchModel.PIECES, (Through("sync 3"), *DEATH)),
    "sync 2": Directed(FetchModel.BYTE, (Through("write tail"), Goes(1, ""), Through("sync 3"), Settles(1, 0), *DEATH)),
    "write head": Directed(FetchModel.PIECES, (Through(""), Goes(1, "Oopsed"))),
    "sync 3": Directed(
        FetchModel.PIECES, (Through("write head"), Goes(1, "Int3Taken"), Through(""), Goes(1, "Oopsed"))
    ),
}


def left_out(scenario: Scenario, phase: str) -> Scenario:
    """The scenario by the protocol without a phase; LearnerError where it has none of that name."""
    variant = f"{scenario.protocol} without {phase}"
    protocol_of(variant)
    return replace(scenario, protocol=variant, near=(), moves=())


def first_failure(
    scenario: Scenario, told: Callable[[str], None] = lambda what: None, runs: int = RUNS, first: int = 1
) -> Failure | None:
    """The first run, from number `first` up to `runs`, that dies; None where none does."""
    simulation = begin(scenario)
    start = simulation.position
    site = simulation.image.site_of(simulation.image.symbol(scenario.function))
    found = [(cpu, come_near(simulation, site, cpu)) for cpu in simulation.cpus[-2:]]
    away = [(cpu, before) for cpu, before in found if before is not None]
    close = simulation.position
    for run in range(first, runs + 1):
        told(f"run {run} of {runs:,}")
        simulation.goto(close)
        if _dies(simulation, _spread(simulation, away, run - 1)):
            return Failure(simulation, start, _what_died(simulation, site, run))
    return None


def _spread(simulation: Simulation, away: list[tuple[int, int]], seed: int) -> int:
    """Let each of these CPUs run to some instructions before the site; the random state that is left."""
    for cpu, before in away:
        bits, seed = draw(seed)
        distance = (bits >> 8) % (2 << bits % NEAR)
        if distance < before:
            simulation.step(Run(cpu, before - distance))
    return seed


def _dies(simulation: Simulation, seed: int) -> bool:
    """Run a story by a seed's choices, made by hand; True where the kernel died, during the batch or soon after."""
    o = simulation.options
    schedule = Seeded(o.policy, o.quantum, o.patch_quantum, o.nmi_odds)
    state = ScheduleState(random=seed)
    left = ENTRIES
    begun = False
    while left:
        left -= 1
        choice, state = schedule.choose(state, simulation)
        simulation.step(choice)
        if simulation.outcome:
            return True
        if simulation.task.poke.busy:
            begun = True
        elif begun:
            begun, left = False, min(left, AFTERWARDS)
    return False


def _what_died(simulation: Simulation, site: int, run: int) -> Died:
    """What the CPU that died ran last at the site."""
    oops = simulation.log[-1]
    cpu = oops.cpu if isinstance(oops, Oopsed) else -1
    ran = ""
    for event in reversed(simulation.log):
        if isinstance(event, SiteRan) and (event.cpu, event.site) == (cpu, site):
            ran = MIXTURE
            break
        if isinstance(event, Int3Taken) and (event.cpu, event.address) == (cpu, site):
            ran = INT3
            break
    return Died(simulation.options.model.value, cpu, ran, run)


def directed_failure(scenario: Scenario, phase: str) -> Failure | None:
    """The oops to which the directed moves lead; None where there are none, or they lead to no oops."""
    directed = DIRECTED.get(phase)
    if directed is None:
        return None
    changed = replace(left_out(scenario, phase), near=(Near(1),))
    try:
        simulation = begin(replace(changed, options=replace(scenario.options, model=directed.model)))
        start, site = simulation.position, simulation.image.site_of(simulation.image.symbol(scenario.function))
        Director(simulation, site).play(directed.moves)
    except GuestError:
        return None
    return Failure(simulation, start, _what_died(simulation, site, 0)) if simulation.outcome else None


def leave_out(
    scenario: Scenario, phase: str, told: Callable[[str], None] = lambda what: None, runs: int = RUNS
) -> Failure | None:
    """What leaving a phase out of a scenario leads to: by its directed moves, else the first run that dies.

    The runs, at most so many each, are of the scenario's own model, then of `byte`: the freedom that manuals leave.
    Raises: LearnerError where the protocol has no phase of that name.
    """
    changed = left_out(scenario, phase)
    told(f"without {phase}")
    if (failure := directed_failure(scenario, phase)) is not None:
        return failure
    if is_known(scenario, phase) and known(scenario, phase) is None:
        return None
    for model in dict.fromkeys((scenario.options.model, FetchModel.BYTE)):
        failure = first_failure(replace(changed, options=replace(scenario.options, model=model)), told, runs)
        if failure is not None:
            return failure
    return None


# What it leads to; a test runs each in each scenario named. None: no run of 1,000, in neither model, goes wrong.
KNOWN: dict[str, Died | None] = {
    "write int3": Died("pieces", 1, MIXTURE),
    "sync 1": Died("pieces", 1, MIXTURE),
    "write tail": Died("pieces", 1, MIXTURE),
    "sync 2": Died("byte", 1, MIXTURE),
    "write head": Died("pieces", 1, INT3),
    "sync 3": Died("pieces", 1, INT3),
    "release": None,
}
KNOWN_FOR = ("one", "cache-line", "slow-ipi")
HARMLESS = {"sync 1": (FetchModel.INSTANT,), "sync 2": (FetchModel.INSTANT, FetchModel.PIECES)}
"""The models in which no order of events goes wrong without a phase of int3, wherever the site lies (explored)."""


def is_known(scenario: Scenario, phase: str) -> bool:
    """True where it has been run for this scenario as it is."""
    return phase in KNOWN and scenario.name in KNOWN_FOR and SCENARIOS.get(scenario.name) == scenario


def known(scenario: Scenario, phase: str) -> Died | None:
    """What leaving a phase out is known to lead to; None where nothing goes wrong, or nothing is known."""
    return KNOWN.get(phase) if is_known(scenario, phase) else None


def sentences(died: Died | None, phase: str, model: FetchModel, runs: int = RUNS) -> tuple[str, ...]:
    """What came of it, in words; `model`: that of the story from which the phase was left out."""
    if died is None:
        return (f"Without {phase}, none of {runs:,} runs has gone wrong.",)
    begun: tuple[str, ...] = ()
    how = f"Without {phase}: in a run"
    if died.model != model.value:
        where = f"{WHERE[FetchModel(died.model)]}, as manuals allow"
        how = f"Without {phase}, {where}"
        if model in HARMLESS.get(phase, ()):
            begun = (f"Without {phase}: on this machine no run goes wrong.",)
            how = f"On another, {where}"
    if not died.ran:
        return (*begun, f"{how}, the kernel died on CPU{died.cpu}, at another function that was changed.")
    verb = "took" if died.ran == INT3 else "ran"
    which = f", in run {died.run} of {RUNS:,}" if died.run else ""
    return (*begun, f"{how}, CPU{died.cpu} {verb} {died.ran}.", f"The kernel died of it{which}.")
