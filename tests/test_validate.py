"""The validators hold while a safe protocol runs, and name the CPU and the byte when one is broken on purpose."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkernel import insn
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.hw.code_map import CodeMap
from simkernel.hw.fetch import CodeMemory, FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.protocol import INT3_PROTOCOL, NAIVE, STOP_MACHINE, Variant
from simkernel.schedule import Act
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.validate import verdicts
from simkernel.verdict import Verdict


@pytest.fixture(scope="module")
def image() -> KernelImage:
    return KernelImage.default()


INT3 = Variant(INT3_PROTOCOL)


def verdict_of(simulation: Simulation, name: str) -> Verdict:
    """The verdict on one invariant."""
    return next(verdict for verdict in verdicts(simulation) if verdict.name == name)


def tracing(image: KernelImage, model: FetchModel, seed: int, variant: Variant = INT3) -> Simulation:
    """A simulation that is about to trace a few functions."""
    simulation = Simulation.boot(Options(seed=seed, model=model, act_odds=128, protocol=variant), image)
    simulation.do(SetFilter("filter", "vfs_read\nschedule\n"))
    simulation.do(SetTracer("function"))
    return simulation


def watch(simulation: Simulation, limit: int = 1_000) -> list[Verdict]:
    """The verdicts that do not hold, after each entry of an update with a stop, and some others; at most `limit`."""
    broken: list[Verdict] = []
    while not simulation.halt_reason and not simulation.patching.idle and len(broken) < limit:
        if any(event.stop for event in simulation.step()) or not simulation.position % 500:
            broken += [verdict for verdict in verdicts(simulation) if not verdict.holds]
    return broken


@pytest.mark.parametrize("model", list(FetchModel))
@pytest.mark.parametrize("variant", [INT3, Variant(STOP_MACHINE)], ids=lambda v: str(v.name))
def test_all_hold_at_every_step_of_a_safe_protocol(image: KernelImage, model: FetchModel, variant: Variant) -> None:
    simulation = tracing(image, model, 11, variant)
    assert not watch(simulation)
    simulation.do(SetTracer("nop"))
    assert not watch(simulation)


@pytest.mark.parametrize(
    ("variant", "model"),
    [
        (Variant(NAIVE), FetchModel.INSTANT),
        (Variant(NAIVE), FetchModel.PIECES),
        (Variant(NAIVE), FetchModel.BYTE),
        (INT3.without("sync 1"), FetchModel.BYTE),
        (INT3.without("sync 2"), FetchModel.BYTE),
        (INT3.without("write int3").without("sync 1"), FetchModel.INSTANT),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_a_broken_protocol_is_found_with_the_cpu_and_the_byte(
    image: KernelImage, variant: Variant, model: FetchModel
) -> None:
    found = [v for seed in range(2) for v in watch(tracing(image, model, seed, variant), 40) if v.cpu is not None]
    assert found
    sites = {int(site) for site in image.mcount_loc} | {image.address(f"ftrace_{r}call") for r in ("", "regs_")}
    for verdict in found:
        assert verdict.address is not None and any(verdict.address - at in sites for at in range(5))
        who, may, _ = verdict.detail.partition(" may ")
        assert may and f"CPU{verdict.cpu}" in who.replace(",", " ").split()


def test_without_sync_3_a_site_outside_of_any_batch_is_not_resolved(image: KernelImage) -> None:
    variant = INT3.without("sync 3")
    found = [v for seed in range(5) for v in watch(tracing(image, FetchModel.BYTE, seed, variant), 3)]
    assert any(verdict.name == "sites" and "in no batch" in verdict.detail for verdict in found)


def test_a_byte_that_the_table_does_not_know_breaks_the_phase(image: KernelImage) -> None:
    simulation = tracing(image, FetchModel.INSTANT, 1)
    while not simulation.patching.busy:
        simulation.step(Act() if simulation.patching.ready else None)
    simulation.step(Act())
    assert verdicts(simulation)[0].holds
    batch = parts_of(simulation).task.poke.state.batch
    assert batch is not None
    parts_of(simulation).machine.code.write(int(batch.sites[0]) + 3, b"\x90", fresh=False)
    verdict = verdicts(simulation)[0]
    assert not verdict.holds and verdict.address == int(batch.sites[0]) + 3
    assert "byte +3" in verdict.detail and "90" in verdict.detail


def test_a_foreign_byte_at_a_site_is_found(image: KernelImage) -> None:
    simulation = Simulation.boot(Options(), image)
    assert verdict_of(simulation, "sites").holds
    site = int(image.mcount_loc[3])
    parts_of(simulation).machine.code.write(site, insn.call(site, image.address("vfs_read")), fresh=True)
    verdict = verdict_of(simulation, "sites")
    assert not verdict.holds and verdict.address == site
    assert not verdict_of(simulation, "records").holds


def test_a_wrong_count_and_a_wrong_flag_are_found(image: KernelImage) -> None:
    simulation = Simulation.boot(Options(), image)
    assert verdict_of(simulation, "records").holds
    for wrong in (1, rec.FTRACE_FL_ENABLED):
        address = layout.DYN_FTRACE_BASE + 5 * layout.DYN_FTRACE_SIZE + 8
        parts_of(simulation).machine.memory.write_u64(address, wrong)
        verdict = verdict_of(simulation, "records")
        assert not verdict.holds and verdict.address == int(image.mcount_loc[5])


def test_a_lost_stack_and_a_wrong_result_are_found(image: KernelImage) -> None:
    simulation = Simulation.boot(Options(), image)
    assert verdict_of(simulation, "stacks").holds and verdict_of(simulation, "workload").holds
    cpus = parts_of(simulation).machine.cpus
    cpus[1].transfer(cpus[1].rip, layout.HEAP_BASE + 0x100, cpus[1].flags)
    verdict = verdict_of(simulation, "stacks")
    assert not verdict.holds and verdict.cpu == 1
    cpus[1].transfer(cpus[1].rip, cpus[0].rsp, cpus[1].flags)
    assert "both" in verdict_of(simulation, "stacks").detail
    parts_of(simulation).machine.memory.write_u64(layout.TASKS_BASE + layout.TASK_ERRORS, 2)
    assert not verdict_of(simulation, "workload").holds


STORES = st.lists(st.tuples(st.integers(0, 4), st.binary(min_size=1, max_size=5)), max_size=3)


@settings(max_examples=60)
@given(STORES, st.sampled_from([FetchModel.LINE, FetchModel.BYTE]), st.integers(0x3A, 0x40))
def test_what_a_cpu_may_fetch_is_every_order_in_which_cells_may_be_resolved(
    stores: list[tuple[int, bytes]], model: FetchModel, start: int
) -> None:
    """Against settling the cells one by one, in every way there is."""
    code_map = CodeMap([(layout.TEXT_BASE, layout.PAGE_SIZE)])
    base = layout.TEXT_BASE + start

    def fresh() -> CodeMemory:
        buffers = [np.zeros(layout.PAGE_SIZE, dtype=np.uint8) for _ in range(2)]
        code = CodeMemory(model, code_map, buffers[0], buffers[1:])
        for first, data in stores:
            data = data[: 5 - first]
            addresses = np.arange(len(data), dtype=np.uint64) + np.uint64(base + first)
            code.store(addresses, np.frombuffer(data, dtype=np.uint8))
        return code

    code = fresh()
    cells = code.pending_cells(0, base, 5)
    found: set[bytes] = set()
    for times in itertools.product(range(len(stores) + 1), repeat=len(cells)):
        other = fresh()
        for cell, count in zip(cells, times, strict=True):
            for _ in range(count):
                other.resolve(0, cell)
        offset = code_map.offset(base)
        found.add(other.views[0].code[offset : offset + 5].tobytes())
    assert code.views[0].may_fetch(code_map.offset(base), 5) == found
