"""What a moment is about: the site whose change a person looks at there, and where its story begins."""

from __future__ import annotations

from simkernel.events import BatchStarted, PlanStarted
from simkernel.sim.now import SimulationNow


def story_at(simulation: SimulationNow) -> tuple[int, int] | None:
    """(a site, the position in history where the story of its change begins); None before the first change.

    The story is that of the last batch. Between two batches of a plan it is that of the next one, and begins here,
    where the plan has begun none yet, what comes next was chosen by hand (as at the moment of a schedule, which goes on
    from just before the batch), or the last one changed no function's site and the next one does.
    """
    batch, plan = simulation.last_event(BatchStarted), simulation.last_event(PlanStarted)
    patching, functions = simulation.patching, simulation.image.mcount_loc
    if plan is not None and not patching.busy and (site := patching.next_site) is not None:
        if batch is None or plan.entry > batch.entry or simulation.directed:
            return site, simulation.position
        if site in functions and batch.sites[0] not in functions:
            return site, simulation.position
    return None if batch is None else (batch.sites[0], batch.entry)
