"""The story without one of its phases: run, not told. What would go wrong without a wait is found by leaving it out.

The same start, a protocol without the phase, and one seed after the other until the kernel dies. The choices that are
drawn become choices made by hand, so the moment of what was found opens anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lessons.scenarios import Scenario, come_near
from simkernel.errors import LearnerError
from simkernel.fetch import FetchModel
from simkernel.schedule import Run, ScheduleState, Seeded, draw
from simkernel.simulation import Simulation
from tui.stepper.stepper import Stepper, Told

SEEDS = 1_000
NEAR = 8  # CPUs start up to 2 << 7 instructions before the site, near places more often than far ones
ENTRIES = 1_200  # of one seed, and
AFTERWARDS = 40  # once the batch is over, where a CPU runs up to a whole quantum each time


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What came of it: the stepper at the oops, None where no seed failed; how many were tried; in words."""

    stepper: Stepper | None
    tried: int
    sentence: str


def leave_out(stepper: Stepper, phase: str = "", told: Told = lambda what: None) -> LeftOut:
    """The scenario without a phase (the one under way where none is named), with the first seed that fails.

    Raises: LearnerError where no phase is under way, or no story that could start again.
    """
    scenario = stepper.scenario
    if scenario is None:
        raise LearnerError("only a scenario can start again without a phase: start one")
    name = phase or _phase_here(stepper)
    told(f"without {name}")
    own = stepper.simulation.options.model
    for model in dict.fromkeys((own, FetchModel.BYTE)):
        changed = replace(
            scenario,
            protocol=f"{scenario.protocol} without {name}",
            options=replace(stepper.simulation.options, model=model),
        )
        failed, tried = first_failure(changed, told)
        if failed is not None:
            which = "" if model is own else f" with the model {model.value}"
            return LeftOut(failed, tried, f"Without {name}{which}, run {tried} of {SEEDS:,} ends in an oops.")
    return LeftOut(None, SEEDS, f"Without {name}, none of {SEEDS:,} runs went wrong.")


def _phase_here(stepper: Stepper) -> str:
    phase = stepper.simulation.task.poke.phase
    if phase is None:
        raise LearnerError("no phase is under way here: step to one, then leave it out")
    return phase.name


def first_failure(scenario: Scenario, told: Told, seeds: int = SEEDS) -> tuple[Stepper | None, int]:
    """The first of so many seeds whose run dies, as a stepper at its oops, and how many were tried."""
    stepper = Stepper.start(replace(scenario, near=None))
    assert stepper.site is not None
    simulation = stepper.simulation
    found = [(cpu, come_near(simulation, stepper.site, cpu)) for cpu in simulation.cpus[-2:]]
    away = [(cpu, before) for cpu, before in found if before is not None]
    close = simulation.position
    for seed in range(seeds):
        if seed % 10 == 0:
            told(f"run {seed} of {seeds:,}")
        simulation.goto(close)
        random = _spread(simulation, away, seed)
        if _dies(simulation, random):
            return Stepper(simulation, scenario, stepper.site, stepper.begin), seed + 1
    return None, seeds


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
