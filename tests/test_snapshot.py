"""A snapshot is complete, frozen, and says what changed."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from functools import cache
from typing import Any

import pytest
from msgspec import Struct

from simkernel.events import BatchReleased, BatchStarted
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.patching.commands import UseProtocol
from simkernel.protocol import INT3_PROTOCOL, parse
from simkernel.schedule import Run
from simkernel.sim.narrate import sentence
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import DONE, NOW, TO_COME, Snapshot
from simkernel.sim.snapshot.changes import Aspect, Thing
from simkernel.sim.snapshot.trace import TAIL, trace_tail
from simkernel.trace.ringbuffer import Ring, merged

FROZEN = (int, float, str, bytes, bool, type(None), Enum)


@pytest.fixture(scope="module")
def image() -> KernelImage:
    return KernelImage.default()


def tracing(image: KernelImage, model: FetchModel = FetchModel.PIECES, seed: int = 2) -> Simulation:
    simulation = Simulation.boot(Options(seed=seed, model=model, act_odds=128), image)
    simulation.do(SetFilter("filter", "vfs_read\n"))
    simulation.do(SetTracer("function"))
    return simulation


def assert_frozen(value: Any, where: str) -> None:
    if dataclasses.is_dataclass(value):
        parameters: Any = getattr(type(value), "__dataclass_params__")  # noqa: B009
        assert parameters.frozen, where
        for field in dataclasses.fields(value):
            assert_frozen(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, Struct):
        assert value.__struct_config__.frozen, where
        for name in value.__struct_fields__:
            assert_frozen(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, tuple):
        for at, one in enumerate(value):
            assert_frozen(one, f"{where}[{at}]")
    else:
        assert isinstance(value, FROZEN), f"{where} is a {type(value)}"


@cache
def patched(image: KernelImage, model: FetchModel = FetchModel.PIECES) -> list[Snapshot]:
    """A snapshot after each entry with a stop of one update, and after some of the others."""
    simulation = tracing(image, model)
    out = [Snapshot.of(simulation)]
    while not simulation.patching.idle:
        if any(event.stop for event in simulation.step()) or simulation.position % 100 < 2:
            out.append(Snapshot.of(simulation, out[-1]))
    return [*out, Snapshot.of(simulation, out[-1])]


@pytest.mark.parametrize("model", list(FetchModel))
def test_all_of_it_is_frozen_and_fits_into_json(image: KernelImage, model: FetchModel) -> None:
    for snapshot in patched(image, model)[::7]:
        assert_frozen(snapshot, "snapshot")
        assert json.loads(json.dumps(snapshot.to_json()))["point"] == list(snapshot.point)


def test_one_taken_stays_as_it_is(image: KernelImage) -> None:
    simulation = tracing(image)
    before = Snapshot.of(simulation)
    text = json.dumps(before.to_json())
    simulation.run_until_idle(2_000_000)
    assert json.dumps(before.to_json()) == text
    assert Snapshot.of(simulation) != before


def test_the_same_place_gives_the_same_snapshot(image: KernelImage) -> None:
    simulation = tracing(image)
    for _ in range(60):
        simulation.step()
    once = Snapshot.of(simulation)
    simulation.back(30)
    for _ in range(30):
        simulation.step()
    assert Snapshot.of(simulation) == once


def test_it_shows_what_the_machine_holds(image: KernelImage) -> None:
    simulation = tracing(image, FetchModel.BYTE)
    while not simulation.patching.busy:
        simulation.step()
    for _ in range(80):
        simulation.step()
        now, machine = Snapshot.of(simulation), parts_of(simulation).machine
        for shown, cpu in zip(now.cpus, machine.cpus, strict=True):
            assert {r.name: r.value for r in shown.registers} == cpu.registers()
            assert (shown.rip, shown.interrupts_on) == (cpu.rip, machine.interrupts_on(shown.number))
            assert (
                shown.instruction is not None
                and shown.instruction.data == machine.next_bytes(shown.number)[: len(shown.instruction.data)]
            )
            assert sum(line.now for line in shown.code) == 1 and shown.sentence
            for word in shown.stack:
                assert machine.memory.read_u64(word.address) == word.value
        if now.site is not None:
            assert now.site.memory.data == machine.code.read(now.site.address, 5)
            for row in now.site.cpus:
                offset = machine.code.map.offset(now.site.address)
                assert row.options == machine.code.views[row.cpu].may_run(offset, 5)


def test_the_phase_bar_goes_through_the_table_once(image: KernelImage) -> None:
    seen: list[str] = []
    for snapshot in patched(image):
        states = [row.state for row in snapshot.patching.phases]
        assert states == sorted(states, key=[DONE, NOW, TO_COME].index)
        if (phase := snapshot.patching.phase) is not None and seen[-1:] != [phase.name]:
            seen.append(phase.name)
    assert seen[:7] == ["write int3", "sync 1", "write tail", "sync 2", "write head", "sync 3", "release"]


def test_who_is_waited_for_is_named(image: KernelImage) -> None:
    waiting = [one for one in patched(image) if one.patching.waits_for]
    assert waiting
    for snapshot in waiting:
        for cpu in snapshot.patching.waits_for:
            shown = snapshot.cpus[cpu]
            assert shown.asked or shown.parked or shown.handling


def test_changes_are_what_is_different_and_nothing_else(image: KernelImage) -> None:
    snapshots = patched(image, FetchModel.BYTE)
    assert not snapshots[0].changes
    for before, after in zip(snapshots, snapshots[1:], strict=False):
        names = [str(change.what) for change in after.changes]
        assert len(names) == len(set(names))
        assert all(change.before != change.after for change in after.changes)
        if before.site is not None and after.site is not None and before.site.address == after.site.address:
            for at in range(5):
                assert (f"memory +{at}" in names) == (before.site.memory.data[at] != after.site.memory.data[at])
        for one, other in zip(before.cpus, after.cpus, strict=True):
            changed = {register.name for register in other.registers if register.changed}
            was = {register.name: register.value for register in one.registers}
            assert changed == {r.name for r in other.registers if was[r.name] != r.value}
            assert (f"CPU{other.number} rip" in names) == (one.rip != other.rip)


def test_one_made_from_the_one_before_is_what_a_new_one_is(image: KernelImage) -> None:
    """But for what is marked as changed; also where words change because another protocol is used from now on."""
    simulation = tracing(image)
    assert simulation.run_until_idle()
    shown = Snapshot.of(simulation)
    moves = iter((lambda: simulation.back(300), lambda: simulation.do(UseProtocol(parse("stop_machine")))))
    for step in range(400):
        move = next(moves, None) if simulation.patching.idle else simulation.step
        if move is None:
            break
        move()
        shown = Snapshot.of(simulation, shown)
        if step % 10 == 0 or move != simulation.step:
            new = Snapshot.of(simulation)
            assert shown.events == new.events
            unmarked = [[dataclasses.replace(one, changed=False) for one in cpu.registers] for cpu in shown.cpus]
            assert unmarked == [list(cpu.registers) for cpu in new.cpus]
    assert simulation.patching.variant.name == "stop_machine"


def test_a_change_says_what_it_is_about() -> None:
    things = [
        Thing(Aspect.MEMORY, at=3),
        Thing(Aspect.MAY_RUN, 1, 0),
        Thing(Aspect.READ, 0),
        Thing(Aspect.CPU, 2, name="rax"),
    ]
    things += [Thing(Aspect.STACK, 0, 0xFFF8), Thing(Aspect.PATCH, name="step"), Thing(Aspect.MAP)]
    assert ", ".join(map(str, things)) == (
        "memory +3, CPU1 may run +0, CPU0 has read, CPU2 rax, CPU0 stack 0xfff8, patch step, site map"
    )


def test_the_sites_map_counts_the_calls(image: KernelImage) -> None:
    snapshots = patched(image)
    first, last = snapshots[0].map, snapshots[-1].map
    assert len(first.states) == len(image.mcount_loc)
    assert first.count(1) == 0 and last.count(1) == 1 and last.count(4) == 0
    assert any(one.map.count(2) for one in snapshots)


@pytest.mark.parametrize("seed", range(4))
def test_each_stop_of_one_patch_has_a_sentence_of_its_own(image: KernelImage, seed: int) -> None:
    simulation = tracing(image, seed=seed)
    simulation.run_until_idle(2_000_000)
    site = image.site_of(image.symbol("vfs_read"))
    stops = [event for event in simulation.log if event.stop]
    start = next(at for at, e in enumerate(stops) if isinstance(e, BatchStarted) and e.sites == (site,))
    end = next(at for at, e in enumerate(stops) if isinstance(e, BatchReleased) and at > start)
    sentences = [sentence(event, image, INT3_PROTOCOL) for event in stops[start : end + 1]]
    assert len(set(sentences)) == len(sentences) >= 12, "\n".join(sentences)


def test_the_trace_tail_is_in_the_order_of_its_stamps(image: KernelImage) -> None:
    simulation = tracing(image)
    simulation.run_until_idle(2_000_000)
    simulation.run(400_000)
    tail = Snapshot.of(simulation).trace
    assert tail and [one.stamp for one in tail] == sorted(one.stamp for one in tail)
    assert {one.function for one in tail} == {"vfs_read"}


def test_the_trace_tail_holds_the_newest_records_at_every_step_of_a_full_ring(image: KernelImage) -> None:
    """Inside the tracer, too: there a reserved slot still shows the record of the lap before."""
    simulation = Simulation.boot(Options(cpus=1, seed=2), image)
    simulation.do(SetTracer("function"))
    memory, reserved = parts_of(simulation).machine.memory, 0
    simulation.run_until(lambda _: Ring.of(memory, 0).head > layout.RING_ENTRIES + 100, 5_000_000)
    for _ in range(400):
        simulation.step(Run(0, 1))
        reserved += Ring.of(memory, 0).under_way(memory)
        newest = [(one.cpu, one.number, one.ts, one.site) for one in merged(memory, 1)][-TAIL:]
        assert [(one.cpu, one.index, one.stamp, one.ip) for one in trace_tail(simulation)] == newest
    assert reserved > 20


def test_a_site_can_be_asked_for(image: KernelImage) -> None:
    simulation = Simulation.boot(Options(), image)
    site = image.site_of(image.symbol("schedule"))
    shown = Snapshot.of(simulation, site=site).site
    assert shown is not None and shown.name == "schedule" and shown.memory.text == "nop"
    assert all(row.certain for row in shown.cpus)
