"""A schedule of the explorer is watched where it fails: its moment opens at the case's site and plays to the end."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import product

import pytest

from lessons.activities.story import Story
from lessons.session.demo import opened
from lessons.session.stepper import A_STOP, Stepper
from simkernel.errors import GuestError
from simkernel.events import Int3Done, Int3Taken, Oopsed, SiteRan, SiteStored
from simkernel.explore.case import CHANGES, PLACES
from simkernel.explore.replay import Replay, replay
from simkernel.explore.stage import Stages
from simkernel.hw.fetch import FetchModel
from tests.explore.test_gallery import GALLERY
from tests.explore.test_replay import NMI_TELLING, ODD, TELLING, broken
from tui.commands.demo import play
from tui.stepper.player import PlainVisit

CASES = [(*one, False) for one in TELLING] + [(n, c, "inside", m, cpus, True) for n, c, m, cpus in NMI_TELLING]
STAGES = Stages()
STUCK = 50_000  # instructions: what never ends need not be watched for longer
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
        if not count:  # of one schedule: its moment is made anew, from where it stands
            assert Stepper.open(stepper.moment).site == case.site

        stepper, said = opened(stepper.simulation), list[str]()
        simulation = stepper.simulation
        ahead = simulation.entries[played.start :]
        stepper.patience = STUCK if finding.broken == "stuck" else A_STOP
        plain = PlainVisit(Story(stepper), said.append, as_json=True, goes_on=lambda: True)
        plain.begin()
        with suppress(GuestError):  # the kernel died, or the batch never ends
            play(plain, stepper, "r")
            assert not (simulation.halt_reason or finding.broken == "stuck")
        objects = [json.loads(one) for one in said]
        first = objects[0]
        assert (first["function"], first["site"]) == (case.function, case.site)
        wanted = happened(played, case.site)
        assert wanted or finding.broken == "stuck"
        told = {event["clock"] for one in objects for event in one.get("events", ())}
        assert told >= set(wanted), finding.verdict()
        assert len(objects) - 1 >= len(set(wanted)) or finding.broken == "stuck", "each of them is a step"
        end = played.start + len(ahead)
        assert simulation.entries[played.start : end] == ahead and simulation.position >= end
        if played.simulation.halt_reason:
            oops, seen = played.simulation.oops, simulation.oops
            assert oops is not None and oops == seen
            assert objects[-1]["word"] == "oops" and objects[-1]["said"] == [oops.text]
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
