"""The story without one of its phases: run, not told. What would go wrong without a wait is found by leaving it out.

The same start, a protocol without the phase, and one seed after the other until the kernel dies. The choices that are
drawn become choices made by hand, so the moment of what was found opens anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lessons.scenarios import Scenario
from simkernel.errors import LearnerError
from simkernel.fetch import FetchModel
from simkernel.schedule import Act, ScheduleState, Seeded
from simkernel.simulation import Simulation
from tui.stepper.stepper import Stepper, Told

SEEDS = 1_000
ENTRIES = 6_000  # of one seed: a batch that is over or stuck by then has not failed


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
    stepper = Stepper.start(scenario)
    for seed in range(seeds):
        if seed % 10 == 0:
            told(f"seed {seed} of {seeds:,}")
        stepper.goto(stepper.begin)
        if _dies(stepper.simulation, seed, ENTRIES):
            return _at_the_oops(stepper, scenario), seed + 1
    return None, seeds


def _dies(simulation: Simulation, seed: int, entries: int) -> bool:
    """Run a story by a seed's choices, made by hand; True where the kernel died before the batch was over."""
    o = simulation.options
    schedule = Seeded(o.policy, o.quantum, o.patch_quantum, o.nmi_odds, act_odds=o.act_odds)
    state = ScheduleState(random=seed)
    begun = False
    for _ in range(entries):
        choice, state = schedule.choose(state, simulation)
        simulation.step(choice)
        begun = begun or simulation.task.poke.busy
        if simulation.outcome:
            return True
        if begun and not simulation.task.poke.busy and isinstance(choice, Act):
            return False
    return False


def _at_the_oops(stepper: Stepper, scenario: Scenario) -> Stepper:
    """Everything seen anew, as if one had come there by steps."""
    return Stepper(stepper.simulation, scenario, stepper.site, stepper.begin)
