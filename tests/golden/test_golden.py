"""The golden runs do today what they did when they were written down, and the record notices what is changed."""

from __future__ import annotations

import dataclasses

import pytest

from simkernel.events import SiteRan
from simkernel.hw.fetch import FetchModel
from simkernel.hw.way import VARIABLE
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.golden.record import (
    HAPPENED,
    RUNS,
    Golden,
    Stretch,
    carried_out,
    could_run_torn,
    difference,
    digest_of_state,
    digests_of_events,
    line_of,
    read,
)

GOLDEN = read()
SAMPLE = range(0, RUNS, 9)  # 9 and the periods of the combinations have no common factor: every kind is in it


def same(number: int) -> None:
    golden = GOLDEN[number]
    assert not (said := difference(golden, carried_out(golden))), f"run {number}, {line_of(golden)[:300]}: {said}"


@pytest.mark.parametrize("number", SAMPLE)
def test_a_run_of_the_sample_does_what_it_did(number: int) -> None:
    same(number)


@pytest.mark.parametrize("number", SAMPLE[::6])
def test_a_run_counted_one_by_one_does_what_it_did(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are counted by blocks, where this host can."""
    monkeypatch.setenv(VARIABLE, "hook")
    same(number)


@pytest.mark.stress
@pytest.mark.parametrize("number", sorted(set(range(RUNS)) - set(SAMPLE)))
def test_every_other_run_does_what_it_did(number: int) -> None:
    same(number)


def test_runs_of_all_kinds_are_there() -> None:
    options = [golden.options for golden in GOLDEN]
    assert len(GOLDEN) == RUNS
    assert {one["model"] for one in options} == {"instant", "pieces", "line", "byte"}
    assert {one["policy"] for one in options} == {"early", "late", "seeded"}
    assert {one["cpus"] for one in options} >= {1, 2, 3, 4, 8}
    assert {tuple(sorted({"ibt", "functions"} & set(one))) for one in options} == {(), ("ibt",), ("functions",)}
    assert any(golden.end for golden in GOLDEN) and sum(not golden.end for golden in GOLDEN) > RUNS // 2


def test_another_seed_is_noticed() -> None:
    golden = GOLDEN[0]
    other = Golden(golden.options | {"seed": golden.options["seed"] ^ 1}, golden.variant, golden.commands, 1_000)
    assert difference(golden, carried_out(other))


def test_code_that_lies_elsewhere_is_told_from_what_happened() -> None:
    def ran(cpu: int, address: int) -> Golden:
        kinds, events = digests_of_events([SiteRan(cpu=cpu, site=address, data=b"\xcc")])
        return dataclasses.replace(GOLDEN[0], stretches=(Stretch(1, 9, kinds, events, ""),))

    here, there, other = ran(0, 0x1000), ran(0, 0x1010), ran(1, 0x1000)
    assert not difference(here, there, HAPPENED) and difference(here, there)
    assert difference(here, other, HAPPENED).startswith("stretch 0: kinds was ")
    assert difference(here, dataclasses.replace(here, end="oops on CPU0"), HAPPENED).startswith("the end was ''")


def test_where_something_else_happened_is_told_behind_what_has_only_moved() -> None:
    first, second = GOLDEN[0].stretches[:2]
    moved = dataclasses.replace(first, state="0" * 16, events="0" * 16)
    was = dataclasses.replace(GOLDEN[0], stretches=(first, second))
    now = dataclasses.replace(GOLDEN[0], stretches=(moved, dataclasses.replace(second, clock=second.clock + 1)))
    assert difference(was, now).startswith("stretch 0: events")
    assert difference(was, now, HAPPENED) == f"stretch 1: clock was {second.clock}, is {second.clock + 1}"


def test_a_run_that_could_run_a_torn_instruction_is_told_from_one_that_never_could() -> None:
    """Patched byte by byte it could, by int3 with its syncs never, in any model."""
    naive = next(one for one in GOLDEN if one.variant == "naive" and one.end)
    models = {one.options["model"]: one for one in GOLDEN if one.variant == "int3"}
    assert could_run_torn(naive) and len(models) == len(FetchModel)
    assert [model for model, one in models.items() if could_run_torn(one)] == []


def test_every_part_of_the_state_is_in_the_digest() -> None:
    """A byte of data, a byte of code in memory, a byte as one CPU runs it, a register: each makes another digest."""
    simulation = Simulation.boot()
    machine = parts_of(simulation).machine
    seen = {digest_of_state(simulation)}
    for region in machine.memory.regions:
        region.buffer[-1] ^= 1
        seen.add(digest_of_state(simulation))
    machine.code.memory[-1] ^= 1
    seen.add(digest_of_state(simulation))
    machine.cpus[1].transfer(machine.cpus[1].rip, machine.cpus[1].rsp + 8, machine.cpus[1].flags)
    seen.add(digest_of_state(simulation))
    assert len(seen) == len(machine.memory.regions) + 3
