"""The kernel with endbr64 (CONFIG_X86_KERNEL_IBT): a site stands four bytes behind its function."""

from __future__ import annotations

import pytest

from simkernel import insn, tracefs
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.kernel import KernelImage, layout
from simkernel.sim.control_files import control_files
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.validate import verdicts
from simkernel.trace.ringbuffer import merged

ENDBR64 = bytes.fromhex("f30f1efa")


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation.boot(Options(cpus=2, ibt=True, patch_quantum=64))


def switch(simulation: Simulation, tracer: str) -> None:
    simulation.do(SetTracer(tracer))
    assert simulation.run_until_idle()
    simulation.run(200_000)
    assert simulation.halt_reason == ""
    assert [one for one in verdicts(simulation) if not one.holds] == []


def test_every_function_begins_with_endbr64_and_its_site_follows() -> None:
    image = KernelImage.default(ibt=True)
    for symbol in image.functions():
        assert image.text_of(symbol)[:9] == ENDBR64 + insn.call(symbol.address + 4, image.address("__fentry__"))
        assert image.site_of(symbol) == symbol.address + 4
    plain = KernelImage.default()
    assert image.function_names() == plain.function_names()


def test_all_sites_are_traced_and_untraced_under_load(simulation: Simulation) -> None:
    sites = simulation.image.mcount_loc.tolist()
    switch(simulation, "nop")
    assert {simulation.read(site, 5) for site in sites} == {insn.NOP5}
    switch(simulation, "function")
    assert {simulation.read(site, 5)[0] for site in sites} == {insn.CALL}
    assert {simulation.read(site - 4, 4) for site in sites} == {ENDBR64}
    records = merged(parts_of(simulation).machine.memory, 2)
    assert len({one.site for one in records}) > 20
    assert {one.site for one in records} <= set(sites)
    lines = [line for line in tracefs.read(control_files(simulation), "trace").splitlines() if not line.startswith("#")]
    assert not any("+0x" in line for line in lines)
    switch(simulation, "nop")
    assert {simulation.read(site, 5) for site in sites} == {insn.NOP5}


def test_a_filter_by_name_finds_the_site_behind_endbr64(simulation: Simulation) -> None:
    """ftrace_location(): the address of a function stands for its site."""
    simulation.do(SetFilter("filter", "vfs_read"))
    switch(simulation, "function")
    symbol = simulation.image.symbol("vfs_read")
    calls = [s for s in simulation.image.mcount_loc.tolist() if simulation.read(s, 1)[0] == insn.CALL]
    assert calls == [symbol.address + 4]
    target = insn.decode_rel32(calls[0], simulation.read(calls[0], 5))
    assert layout.TRAMP_BASE <= target < layout.TRAMP_BASE + layout.TRAMP_SIZE
    assert tracefs.read(control_files(simulation), "set_ftrace_filter") == "vfs_read\n"
