"""The invariants of all rooms, gathered: each `validate_*` looks at its room and says whether one holds.

    kernel.validate     stacks, and what the tasks have computed
    patching.validate   the batch under way
    Subsystem.verdicts  what each subsystem promises of its sites and tables

Nothing of it changes anything, and nothing but viewers, lessons and tests asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from simkernel.kernel.validate import validate_stacks, validate_workload
from simkernel.patching.validate import validate_phase
from simkernel.sim.now import SimulationNow
from simkernel.sim.parts import parts_of
from simkernel.verdict import Verdict


def verdicts(simulation: SimulationNow, sites: Sequence[int] | None = None) -> tuple[Verdict, ...]:
    """Every room's; `sites`: those of the batch at which what CPUs may run is checked; None: all."""
    kernel, task = parts_of(simulation).kernel, parts_of(simulation).task
    batch, updating = task.poke.state.batch, task.plan is not None
    subsystems = [found for one in task.subsystems for found in one.verdicts(kernel, batch, updating)]
    return (
        validate_phase(kernel, task.poke, sites),
        *subsystems,
        validate_stacks(kernel),
        validate_workload(kernel),
    )
