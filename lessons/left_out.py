"""What leaving a phase out leads to: run, not told.

The same scenario by a protocol without the phase, run after run, until the kernel dies. Each run has a number, and all
of its choices follow from that: two CPUs start some instructions before the function, mostly few; from there a seed
decides. The choices are made by hand, so the moment of what was found opens anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lessons.scenarios import SCENARIOS, Scenario, begin, come_near
from simkernel.events import Int3Taken, Oopsed, SiteRan
from simkernel.fetch import FetchModel
from simkernel.schedule import Run, ScheduleState, Seeded, draw
from simkernel.simulation import Simulation

RUNS = 1_000
NEAR = 8  # CPUs start up to 2 << 7 instructions before the site, near places more often than far ones
ENTRIES = 1_200  # of one run, and
AFTERWARDS = 40  # once the batch is over, where a CPU runs up to a whole quantum each time


@dataclass(frozen=True, slots=True)
class Died:
    """A run that ended in an oops: its number from 1, in which model, on which CPU, what that CPU ran at the site."""

    model: str
    run: int
    cpu: int
    ran: str  # five bytes as hexadecimal text, or "cc" for an int3 that nobody claimed


@dataclass(frozen=True, slots=True)
class Failure:
    """The simulation at its oops, the place where its story began, and what happened."""

    simulation: Simulation
    begin: int
    died: Died


def left_out(scenario: Scenario, phase: str) -> Scenario:
    """The scenario by the protocol without a phase; LearnerError where it has none of that name."""
    changed = replace(scenario, protocol=f"{scenario.protocol} without {phase}", near=None)
    assert changed.table
    return changed


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
        if run % 10 == 1:
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
            ran = event.data.hex(" ")
            break
        if isinstance(event, Int3Taken) and (event.cpu, event.address) == (cpu, site):
            ran = "cc"
            break
    return Died(simulation.options.model.value, run, cpu, ran)


# What the search finds for a scenario with its own options; a test runs each. Where the own model lets no run fail,
# `byte` is looked at: the freedom that the manuals leave. None: no run of either fails.
KNOWN: dict[tuple[str, str], Died | None] = {
    ("one", "write int3"): Died("pieces", 293, 1, "0f 3e ad 3f 3f"),
    ("one", "sync 1"): Died("pieces", 114, 1, "0f 3e ad 3f 3f"),
    ("one", "write tail"): Died("pieces", 119, 0, "e8 1f 44 00 00"),
    ("one", "sync 2"): Died("byte", 328, 1, "e8 1f ad 00 3f"),
    ("one", "write head"): Died("pieces", 1, 1, "cc"),
    ("one", "sync 3"): Died("pieces", 209, 1, "cc"),
    ("one", "release"): None,
}


def known(scenario: Scenario, phase: str) -> Died | None:
    """What leaving a phase out is known to lead to; None where no run fails, or nothing is known."""
    return KNOWN.get((scenario.name, phase)) if is_known(scenario, phase) else None


def is_known(scenario: Scenario, phase: str) -> bool:
    """True where the search has been made for this scenario as it is."""
    return (scenario.name, phase) in KNOWN and SCENARIOS.get(scenario.name) == scenario


def leave_out(scenario: Scenario, phase: str, told: Callable[[str], None] = lambda what: None) -> Failure | None:
    """The first failure of the scenario without a phase: in its own model, else in `byte`.

    Raises: LearnerError where the protocol has no phase of that name.
    """
    changed = left_out(scenario, phase)
    told(f"without {phase}")
    if is_known(scenario, phase):
        died = known(scenario, phase)
        if died is None:
            return None
        options = replace(scenario.options, model=FetchModel(died.model))
        failure = first_failure(replace(changed, options=options), told, died.run, died.run)
        if failure is not None:
            return failure
    for model in dict.fromkeys((scenario.options.model, FetchModel.BYTE)):
        failure = first_failure(replace(changed, options=replace(scenario.options, model=model)), told)
        if failure is not None:
            return failure
    return None


def sentences(died: Died | None, phase: str) -> tuple[str, ...]:
    """What came of it, in words."""
    if died is None:
        return (f"Without {phase}, none of {RUNS:,} runs has gone wrong.",)
    what = f"CPU{died.cpu} ran {died.ran.upper()} here, and the kernel died"
    if died.ran == "cc":
        what = f"CPU{died.cpu} took an int3 that nobody claimed, and the kernel died"
    return (f"Without {phase}, {what}.", f"That was run {died.run} of {RUNS:,}, in the model {died.model}.")
