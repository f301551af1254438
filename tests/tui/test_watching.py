"""A schedule of the explorer is watched where it fails: its moment opens at the case's site and plays to the end."""

from __future__ import annotations

from itertools import product

import pytest

from lessons.session.stepper import Stepper
from simkernel.errors import GuestError
from simkernel.events import Int3Done, Int3Taken, Oopsed, SiteRan, SiteStored
from simkernel.explore.case import CHANGES, PLACES
from simkernel.explore.replay import Replay, Stages, replay
from simkernel.hw.fetch import FetchModel
from tests.explore.test_gallery import GALLERY
from tests.explore.test_replay import NMI_TELLING, ODD, TELLING, broken
from tui.commands.demo import watch
from tui.options import Options

CASES = [(*one, False) for one in TELLING] + [(n, c, "inside", m, cpus, True) for n, c, m, cpus in NMI_TELLING]
STAGES = Stages()
STUCK = Options(
    max_instructions=500_000
)  # beyond the schedule: what never ends need not be watched for as long as may be
TOLD = (Int3Done, Int3Taken, Oopsed, SiteRan, SiteStored)


def happened(played: Replay, site: int) -> list[int]:
    """The clock at each event of the schedule that is at the site or kills the kernel."""
    events = (event for event in played.simulation.log if event.entry >= played.start and isinstance(event, TOLD))
    return [event.clock for event in events if event.at in (None, site)]


def look(name: str, change: str, place: str, model: FetchModel, cpus: int, nmi: bool, stages: Stages) -> int:
    """Watch every schedule of a question, in the stepper and in the demo; how many there are."""
    count = 0
    for finding in broken(name, change, place, model, cpus, nmi=nmi):
        case, played = finding.world.case, replay(finding, stages)
        stepper = Stepper.open(played.moment)
        assert (stepper.site, stepper.begin) == (case.site, played.start), finding.verdict()
        assert Stepper.open(stepper.moment).site == case.site

        simulation, said = stepper.simulation, list[str]()
        ahead = simulation.entries[played.start :]
        try:
            answer = watch(simulation, STUCK if finding.broken == "stuck" else Options(), said.append)
        except GuestError:  # the kernel died, or the batch never ends
            assert played.simulation.halt_reason or simulation.halt_reason or finding.broken == "stuck"
            answer = {}
        assert said[0] == f"The first five bytes of {case.function}:"
        wanted = happened(played, case.site)
        assert wanted or finding.broken == "stuck"
        if answer:
            assert answer["site"] == case.site
            told = {stop["clock"] for stop in answer["beats"]}
            assert told >= set(wanted), finding.verdict()
        assert simulation.entries[played.start :][: len(ahead)] == ahead and simulation.position >= played.start + len(
            ahead
        )
        if played.simulation.halt_reason:
            oops, seen = played.simulation.oops, simulation.oops
            assert oops is not None and oops == seen and oops.text in "\n".join(said)
        assert not any("holds bash-201 back" in line for line in said)
        count += 1
    return count


@pytest.mark.parametrize(("name", "change", "place", "model", "cpus", "nmi"), CASES)
def test_a_schedule_is_watched_at_the_site_where_it_fails(
    name: str, change: str, place: str, model: FetchModel, cpus: int, nmi: bool
) -> None:
    assert look(name, change, place, model, cpus, nmi, STAGES)


@pytest.mark.stress
@pytest.mark.parametrize("model", tuple(FetchModel))
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("change", CHANGES)
def test_every_schedule_of_the_gallery_is(change: str, place: str, model: FetchModel) -> None:
    stages = Stages()
    for name, nmi in product((*GALLERY, *ODD), (False, True) if place == "inside" else (False,)):
        look(name, change, place, model, 2, nmi, stages)
