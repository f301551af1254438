"""What came of a scenario that a person has changed, in words: nobody has written its answer, so its run says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lessons.session.scenarios import Scenario
from simkernel.events import Oopsed, SiteRan
from simkernel.sim.simulation import Simulation


def neither(ran: Sequence[SiteRan], whole: Sequence[bytes]) -> list[SiteRan]:
    """What CPUs ran at a site that was neither instruction, oldest first.

    Args:
        ran: all that they ran there.
        whole: the old and the new instruction; () before any is known.
    """
    return [one for one in ran if one.data not in {data[: len(one.data)] for data in whole}] if whole else []


def came_of(scenario: Scenario, own: Scenario, simulation: Simulation, torn: Sequence[SiteRan]) -> str:
    """What came of a changed scenario at its end, from what ran.

    Args:
        scenario: as it was run.
        own: the one of that name as it is.
        simulation: at the end.
        torn: what CPUs ran at its site that was neither instruction.
    """
    ways = ", ".join(_changes(scenario, own))
    how = f"{ways[0].upper()}{ways[1:]}, " if ways else ""
    died = simulation.last_event(Oopsed)
    mine = [one for one in torn if died is None or one.cpu == died.cpu]
    if mine:
        of_it = "the kernel lives" if died is None else "the kernel died of it"
        said = f"CPU{mine[-1].cpu} ran a torn instruction, and {of_it}"
    elif died is not None:
        said = f"the kernel died on CPU{died.cpu}"
    else:
        said = f"no CPU ran a torn instruction at {scenario.function} in this run"
    said = (how + said if how else said[0].upper() + said[1:]) + "."
    missing = scenario.options.protocol.missing if died is not None else ()
    return " ".join((said, *(f"This is what {phase.name} is for." for phase in missing[-1:])))


def _changes(scenario: Scenario, own: Scenario) -> Iterator[str]:
    """In what it differs from the scenario of its name, as a sentence begins."""
    for phase in scenario.options.protocol.missing:
        yield f"without {phase.name}"
    if own.options.model is not scenario.options.model:
        yield f"in model {scenario.options.model.value}"
