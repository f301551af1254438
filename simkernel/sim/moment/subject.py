"""What a moment is about: the site whose change a person looks at there, and where its story begins."""

from __future__ import annotations

from simkernel.events import BatchStarted, PlanStarted
from simkernel.sim.simulation import Simulation


def story_at(simulation: Simulation) -> tuple[int, int] | None:
    """(a site, the position in history where the story of its change begins); None before the first change.

    The story is that of the last batch. Where a plan is under way that has begun none, it is the story of the plan's
    first batch and begins here: so it is at the moment of a schedule, which goes on from just before the batch.
    """
    batch, plan = simulation.last_event(BatchStarted), simulation.last_event(PlanStarted)
    ahead = plan is not None and (batch is None or plan.entry > batch.entry)
    if ahead and (site := simulation.patching.next_site) is not None:
        return site, simulation.position
    return None if batch is None else (batch.sites[0], batch.entry)
