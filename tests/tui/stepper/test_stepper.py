"""Moving in a story: back undoes forward, phases, goto; what cannot be done says so and moves nothing."""

from __future__ import annotations

import pytest

from lessons.session.actions import ACTIONS, action_named, apply
from lessons.session.content import SCENARIOS
from lessons.session.scenarios import answer_of
from lessons.session.stepper import Stepper
from lessons.session.stops import SiteStory, StopRule
from simkernel.events import (
    BatchStarted,
    Oopsed,
    PlanEnded,
)
from simkernel.sim.digest import state_digest


@pytest.fixture(scope="module")
def one() -> Stepper:
    return Stepper.start("one")


def test_back_undoes_next_bit_for_bit(one: Stepper) -> None:
    digests = [state_digest(one.simulation)]
    for _ in range(12):
        assert not apply(one, "next").error
        digests.append(state_digest(one.simulation))
    assert len(set(digests)) == len(digests)
    for digest in reversed(digests[:-1]):
        assert not apply(one, "back").error
        assert state_digest(one.simulation) == digest
    assert apply(one, "back").error
    assert state_digest(one.simulation) == digests[0]


def test_names_keys_and_words_name_one_action_each() -> None:
    names = [name for action in ACTIONS for name in {action.name, action.word}]
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(names) == len(set(names)) and len(keys) == len(set(keys))
    assert {"ctrl+s", "ctrl+j", "ctrl+b", "ctrl+a"}.isdisjoint(keys)
    assert all(action_named(action.name) is action for action in ACTIONS)


def test_the_stops_are_those_of_the_log_however_one_came_here() -> None:
    """Back and forth, by hand into another story, at another site: what was heard before never shows through."""
    stepper = Stepper.start("all")
    asked = ["next"] * 9 + ["back"] * 4 + ["act", "next", "next", "back-phase", "instruction", "next", "end", "next"]
    for action in [*asked, "look-at", "next", "next", "back", "start", "next"]:
        apply(stepper, action, "decay_load" if action == "look-at" else "")
        simulation = stepper.simulation
        fresh = SiteStory(stepper.site_bytes())
        fresh.hear(simulation.log)
        assert list(stepper.stops()) == list(fresh.stops(stepper.begin, simulation.position))
        rule = stepper.site_story().rule_from(simulation.logged)
        told = StopRule(stepper.site_bytes())
        for event in simulation.log:
            told.stops_at(event)
        for event in simulation.known_events[len(simulation.log) :][:40]:
            assert rule.stops_at(event) == told.stops_at(event)


def test_another_story_that_is_longer_is_heard_anew() -> None:
    stepper = Stepper.start("one")
    apply(stepper, "goto", "2")
    before = len(stepper.simulation.known_events)
    assert stepper.stops()
    apply(stepper, "cpu-run", "1 7")
    assert len(stepper.simulation.known_events) < before
    while len(stepper.simulation.known_events) <= before:
        stepper.simulation.run(100_000)
    fresh = SiteStory(stepper.site_bytes())
    fresh.hear(stepper.simulation.log)
    assert list(stepper.stops()) == list(fresh.stops(stepper.begin, stepper.simulation.position))


def test_a_batch_of_other_sites_is_another_story() -> None:
    """Turning the tracer off changes the call in ftrace_caller, too: no stop of the site that is looked at."""
    stepper = Stepper.start("off")
    apply(stepper, "end")
    while not stepper.simulation.patching.idle:
        assert stepper.forward()
    log = [event for event in stepper.simulation.log if event.entry >= stepper.begin]
    others = [event for event in log if isinstance(event, BatchStarted) and stepper.site not in event.sites]
    positions = {stop.position for stop in stepper.stops()}
    assert others and not {event.entry + 1 for event in others} & positions
    assert isinstance(log[-1], PlanEnded) and log[-1].entry + 1 in positions


@pytest.mark.parametrize("name", [one for one, scenario in SCENARIOS.items() if scenario.ends_with is Oopsed])
def test_where_a_story_ends_in_an_oops_its_answer_is_said(name: str) -> None:
    stepper = Stepper.start(name)
    apply(stepper, "end")
    assert stepper.simulation.halt_reason
    assert apply(stepper, "next").message.endswith(answer_of(SCENARIOS[name], stepper.simulation))
