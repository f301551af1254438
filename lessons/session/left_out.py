"""What leaving a phase out leads to: run, not told.

The same scenario by a protocol without the phase, in its own model, and in another one only where nothing goes wrong in
that. `DIRECTED` holds, for each phase of int3 and model, moves that let the worst come about. Where there are none, or
they lead to nothing, run after run is tried until the kernel dies: two CPUs start some instructions before the
function, mostly few, and from there the run's number is the seed. All choices are made by hand, so the moment of what
was found opens anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from lessons.session.content import SCENARIOS
from lessons.session.director import (
    Acts,
    Director,
    Goes,
    Interrupts,
    Move,
    Near,
    Reads,
    Resolves,
    Through,
    come_near,
)
from lessons.session.prepared import Prepared
from lessons.session.scenarios import Died, NeverEnds, Ran, Scenario
from lessons.session.stops import is_at
from simkernel.errors import GuestError, LearnerError
from simkernel.events import Int3Taken, Oopsed, SiteRan
from simkernel.explore import Question, explore
from simkernel.explore.case import CHANGES, PLACES
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import Release, SyncCores, Variant, Write
from simkernel.report import Report
from simkernel.schedule import Run, ScheduleState, Seeded, draw
from simkernel.sim.simulation import Simulation

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
RAN = {Ran.TORN: "a torn instruction", Ran.INT3: "an int3 that no handler claimed"}


@dataclass(frozen=True, slots=True)
class DeadRun:
    """The simulation at its oops, the position where its story began, and what happened."""

    simulation: Simulation
    begin: int
    died: Died


DEATH = (Goes(1, SiteRan), Goes(1, Oopsed))
"""Of CPU1, which runs the site once the moves before have led to where that is its end."""
INSTANT, PIECES, LINE, BYTE = FetchModel
DIRECTED: dict[str, dict[tuple[FetchModel, ...], tuple[Move, ...]]] = {
    "write int3": {
        (INSTANT, PIECES): (Through("sync 2"), *DEATH),
        (LINE,): (Through("sync 2"), Resolves(1, 4), *DEATH),
        (BYTE,): (Through("sync 2"), Resolves(1, 1), *DEATH),
    },
    "sync 1": {
        (PIECES,): (Through("write int3"), Reads(1, 1), Through("sync 2"), *DEATH),
        (BYTE,): (Through("sync 2"), Resolves(1, 1), *DEATH),
    },
    "write tail": {
        (INSTANT, PIECES): (Through("sync 3"), *DEATH),
        (LINE, BYTE): (Through("write head"), Goes(1, None), Through("sync 3"), Resolves(1, 0), *DEATH),
    },
    "sync 2": {
        (LINE,): (Through("write tail"), Goes(1, None), Through("sync 3"), Resolves(1, 0), Resolves(1, 0), *DEATH),
        (BYTE,): (Through("write tail"), Goes(1, None), Through("sync 3"), Resolves(1, 0), *DEATH),
    },
    "park": {
        (PIECES,): (Through("write"), Interrupts(1), Goes(1, None), Reads(1, 2), Acts(), *DEATH),
    },
    "write head": {tuple(FetchModel): (Through(""), Goes(1, Oopsed))},
    "sync 3": {tuple(FetchModel): (Through("write head"), Goes(1, Int3Taken), Through(""), Goes(1, Oopsed))},
}
"""Moves that end in an oops where a phase is left out, CPU1 being at the site when they start, by model.

In `line` the site has to lie across two lines, but for the last two phases.
"""


def left_out(scenario: Scenario, phase: str) -> Scenario:
    """The scenario by the protocol without a phase; LearnerError where it has none of that name."""
    options = replace(scenario.options, protocol=scenario.options.protocol.without(phase))
    return replace(scenario, options=options, near=(), moves=())


def first_failure(
    scenario: Scenario,
    report: Report | None = None,
    runs: int = RUNS,
    first: int = 1,
    prepared: Prepared | None = None,
) -> DeadRun | None:
    """The first run, from number `first` up to `runs`, that dies; None where none does."""
    report = report or Report()
    simulation = (prepared or Prepared()).begin(scenario, report)
    start = simulation.position
    site = simulation.image.site_of(simulation.image.symbol(scenario.function))
    found = [(cpu, come_near(simulation, site, cpu)) for cpu in simulation.cpus[-2:]]
    away = [(cpu, before) for cpu, before in found if before is not None]
    close = simulation.position
    simulation.keep_checkpoint()
    for run in range(first, runs + 1):
        report(f"run {run} of {runs:,}")
        simulation.goto(close)
        if _dies(simulation, _spread(simulation, away, run - 1)):
            return DeadRun(simulation, start, _what_died(simulation, site, run))
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
        choice, state = simulation.draw(schedule, state)
        simulation.step(choice)
        if simulation.halt_reason:
            return True
        if simulation.patching.busy:
            begun = True
        elif begun:
            begun, left = False, min(left, AFTERWARDS)
    return False


def _what_died(simulation: Simulation, site: int, run: int) -> Died:
    """What the CPU that died ran last at the site."""
    oops = simulation.log[-1]
    cpu = oops.cpu if isinstance(oops, Oopsed) else -1
    ran, addresses = Ran.NOTHING, simulation.site(site).addresses
    for event in reversed(simulation.log):
        if isinstance(event, SiteRan | Int3Taken) and event.cpu == cpu and is_at(event, addresses):
            ran = Ran.TORN if isinstance(event, SiteRan) else Ran.INT3
            break
    return Died(simulation.options.model, cpu, ran, run)


def directed_failure(
    scenario: Scenario, phase: str, model: FetchModel, prepared: Prepared | None = None, report: Report | None = None
) -> DeadRun | None:
    """The oops to which directed moves lead, those of `DIRECTED` or the first of `likely`; None where none do.

    Raises: NeverEnds where a batch before the scenario's own never ends.
    """
    directed = next((moves for models, moves in DIRECTED.get(phase, {}).items() if model in models), None)
    changed = left_out(scenario, phase)
    changed = replace(changed, options=replace(changed.options, model=model))
    tried = likely(changed) if directed is None and phase not in DIRECTED else [directed or ()]
    report = report or Report()
    for number, moves in enumerate(filter(None, tried), 1):
        report(f"likely run {number} of {len(tried)}")
        near = () if any(isinstance(move, Interrupts) for move in moves) else (Near(1),)
        try:
            simulation = (prepared or Prepared()).begin(replace(changed, near=near), report)
            start, site = simulation.position, simulation.image.site_of(simulation.image.symbol(scenario.function))
            Director(simulation, site).play(moves)
        except NeverEnds:  # it does not come to the first move: to none of any run then
            raise
        except GuestError:
            continue
        if simulation.halt_reason:
            return DeadRun(simulation, start, _what_died(simulation, site, 0))
    return None


def likely(changed: Scenario) -> list[tuple[Move, ...]]:
    """Moves that let CPU1 run the site once all is written, between two phases, or from before one to the end.

    Args:
        changed: a scenario by a protocol without a phase.
    """
    names = [phase.name for phase in changed.table.phases]
    between: list[tuple[Move, ...]] = [(Through(name), *DEATH) for name in ("", *names[1:])]
    if changed.options.model is not PIECES:
        return between
    return between + [(Through(name), Reads(1, 1), Through(""), *DEATH) for name in names]


def harmless(scenario: Scenario, phase: str, model: FetchModel) -> bool:
    """True where no order of events goes wrong without a phase, wherever the site lies.

    That is explored where it is a sync or the release, and known where nothing is written without it.
    """
    action, variant = scenario.table.phase(phase).action, scenario.options.protocol.without(phase)
    if changes_nothing(scenario, phase):
        return True
    if not isinstance(action, SyncCores | Release):
        return False
    return _is_safe(variant, model)


@cache
def _is_safe(variant: Variant, model: FetchModel) -> bool:
    """True where no order of events goes wrong by a protocol (explored)."""
    questions = (Question(variant, change, place, model) for change in CHANGES for place in PLACES)
    return all(explore(question).safe for question in questions)


def changes_nothing(scenario: Scenario, phase: str) -> bool:
    """True where no byte is written without a phase."""
    return not any(isinstance(one.action, Write) for one in scenario.options.protocol.without(phase).table.phases)


def failing_models(scenario: Scenario, phase: str) -> tuple[FetchModel, ...]:
    """The models in which to look for a death: the scenario's own unless none is there, then `byte`, any
    mix that no manual rules out."""
    models = dict.fromkeys((scenario.options.model, BYTE))
    return tuple(model for model in models if not harmless(scenario, phase, model))


def leave_out(
    scenario: Scenario,
    phase: str,
    report: Report | None = None,
    runs: int = RUNS,
    prepared: Prepared | None = None,
) -> DeadRun | None:
    """What leaving a phase out of a scenario leads to: the run that is known, else what `search` finds or has found.

    Args:
        scenario: which.
        phase: its name.
        report: is told what is under way.
        runs: how many to try where none is known.
        prepared: begins the runs.

    Raises:
        LearnerError: as `search` does.
        Cancelled: as `report` does.
    """
    report, prepared = report or Report(), prepared or Prepared()
    key = (scenario, phase, runs)
    if not is_known(scenario, phase) and key not in prepared.left_out:
        failure = search(scenario, phase, report, runs, prepared)
        prepared.left_out[key] = None if failure is None else failure.died
        return failure
    died = known(scenario, phase) if is_known(scenario, phase) else prepared.left_out[key]
    report(f"without {phase}")
    if died is None:
        return None
    return _failure_in(died.model, scenario, phase, report, died.run, max(died.run, 1), prepared)


def search(
    scenario: Scenario,
    phase: str,
    report: Report | None = None,
    runs: int = RUNS,
    prepared: Prepared | None = None,
) -> DeadRun | None:
    """The first run that dies without a phase, in the first of `failing_models` in which one does.

    In each it is the directed run, else the first that dies of so many.

    Args:
        scenario: which.
        phase: its name.
        report: is told what is under way.
        runs: how many to try.
        prepared: begins the runs.

    Raises:
        LearnerError: the protocol has no phase of that name, or its change never ends without it.
        Cancelled: as `report` does.
    """
    report, prepared = report or Report(), prepared or Prepared()
    report(f"without {phase}")
    models = failing_models(scenario, phase)
    found = (_failure_in(model, scenario, phase, report, runs, 1, prepared) for model in models)
    return next((failure for failure in found if failure is not None), None)


def _failure_in(
    model: FetchModel, scenario: Scenario, phase: str, report: Report, runs: int, first: int, prepared: Prepared
) -> DeadRun | None:
    """The directed run in a model, else the first that dies of those from number `first` to `runs`."""
    changed = left_out(scenario, phase)
    changed = replace(changed, options=replace(changed.options, model=model))
    try:
        directed = directed_failure(scenario, phase, model, prepared, report)
        return directed or first_failure(changed, report, runs, first, prepared)
    except NeverEnds as error:
        raise LearnerError(f"Without {phase} the change never ends: {error}. No kernel dies of that.") from error


def measured(scenario: Scenario, phase: str, runs: int = RUNS) -> Died | None:
    """How the kernel dies without a phase; None where no order of events goes wrong, in the models that are tried.

    Raises: GuestError where one does, and no run of so many dies.
    """
    failure = search(scenario, phase, None, runs)
    if failure is not None:
        own = scenario.options.model
        return replace(failure.died, survived=failure.died.model is not own and not harmless(scenario, phase, own))
    if models := failing_models(scenario, phase):
        raise GuestError(
            f"{scenario.name} without {phase}: {models[0].value} goes wrong, and none of {runs:,} runs does"
        )
    return None


def is_known(scenario: Scenario, phase: str) -> bool:
    """True where it has been run for this scenario as it is."""
    return phase in dict(scenario.ablated) and SCENARIOS.get(scenario.name) == scenario


def known(scenario: Scenario, phase: str) -> Died | None:
    """What leaving a phase out is known to lead to; None where nothing goes wrong, or nothing is known."""
    return dict(scenario.ablated)[phase] if is_known(scenario, phase) else None


def sentences(
    died: Died | None, phase: str, model: FetchModel, runs: int = 0, writes_nothing: bool = False
) -> tuple[str, ...]:
    """What came of it, in words.

    Args:
        died: how the kernel died, None where it did not.
        phase: what was left out.
        model: that of the story from which it was left out.
        runs: how many were tried in vain; 0: all orders of events were.
        writes_nothing: without the phase no byte is written.
    """
    if died is None and runs:
        return (f"Without {phase}, none of {runs:,} runs has gone wrong.",)
    if died is None and writes_nothing:
        return (f"Without {phase} no byte changes: nothing goes wrong, and nothing is traced.",)
    if died is None:
        return (f"Without {phase}, no order of events goes wrong: all were tried.",)
    begun: tuple[str, ...] = ()
    how = f"Without {phase}: in a run"
    if died.model is not model:
        where = f"{WHERE[died.model]}, which no manual rules out"
        begun = (f"Without {phase}: on this machine no run goes wrong.",)
        how = f"On another, {where}"
        if died.survived:
            begun = (
                f"Without {phase}, {WHERE[model]}, it can run {RAN[Ran.TORN]}.",
                "Here that is a NOP, too: the kernel survives it.",
            )
            how = f"W{where[1:]}"
    if died.ran is Ran.NOTHING:
        return (*begun, f"{how}, the kernel died on CPU{died.cpu}, at another function that was changed.")
    verb = "took" if died.ran is Ran.INT3 else "ran"
    which = f", in run {died.run} of {RUNS:,}" if died.run else ""
    return (*begun, f"{how}, CPU{died.cpu} {verb} {RAN[died.ran]}.", f"The kernel died of it{which}.")
