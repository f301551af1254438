"""An int3 that nobody claims ends the kernel: with a trap gate for #BP, with a handler that claims nothing, with the
batch's words gone. With the kernel as it is the very same choices end well.
"""

from __future__ import annotations

import dataclasses

import pytest

from simkernel.events import BatchReleased, Int3Taken, Oopsed, SyncEnded
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.kernel import KernelImage, Segment, layout
from simkernel.protocol import INT3_PROTOCOL, Variant
from simkernel.schedule import Act, Run
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

SITE = "vfs_read"
INTERRUPT_GATE, TRAP_GATE = 0xEE, 0xEF  # present, DPL 3, and the type (SDM vol. 3, 6.11)
CLAIM_NOTHING = b"\x31\xc0\xc3"  # xor %eax,%eax; ret


def patched(image: KernelImage, address: int, old: bytes, new: bytes) -> KernelImage:
    """The image with other bytes at an address; an empty `old` stands for any."""
    segments = []
    for segment in image.segments:
        at = address - segment.base
        if 0 <= at < len(segment.data):
            data = bytearray(segment.data)
            assert data[at : at + len(old)] == old
            data[at : at + len(new)] = new
            segment = Segment(segment.base, bytes(data), segment.executable)
        segments.append(segment)
    return dataclasses.replace(image, segments=tuple(segments))


def with_trap_gate() -> KernelImage:
    """The kernel whose second row in def_idts, that of #BP, says trap gate."""
    image = KernelImage.default()
    gate = image.address("def_idts") + 0x10 + 3
    return patched(image, gate, bytes([INTERRUPT_GATE]), bytes([TRAP_GATE]))


def with_handler_that_claims_nothing() -> KernelImage:
    image = KernelImage.default()
    return patched(image, image.address("poke_int3_handler"), b"", CLAIM_NOTHING)


INT3 = Variant(INT3_PROTOCOL)


def trapped(image: KernelImage, variant: Variant = INT3) -> tuple[Simulation, int]:
    """Two CPUs, and one of them at the first instruction of the handler; sync 1 is over."""
    simulation = Simulation.boot(Options(cpus=2, protocol=variant).paced(STEPPING), image)
    simulation.do(SetFilter("filter", SITE))
    assert simulation.run_until_idle()
    site = image.site_of(image.symbol(SITE))
    simulation.do(SetTracer("function"))
    while True:
        events = simulation.step()
        batch = parts_of(simulation).task.poke.state.batch
        if batch is not None and site in batch.sites and any(isinstance(event, SyncEnded) for event in events):
            break
    for turn in range(1_000):
        if any(isinstance(event, Int3Taken) for event in simulation.step(Run(turn % 2, 500))):
            simulation.back()
            while not (taken := [e for e in simulation.step(Run(turn % 2, 1)) if isinstance(e, Int3Taken)]):
                pass
            assert taken[0].address == site
            return simulation, turn % 2
    raise AssertionError(f"nobody came to {SITE}")


def finish_the_batch(simulation: Simulation) -> None:
    """The patching task goes on to the release; a CPU moves only while it owes an answer to a sync."""
    released = False
    while not released and not simulation.halt_reason:
        waiting = simulation.patching.waits_for
        events = simulation.step(Run(waiting[0], 1) if waiting else Act())
        released = any(isinstance(event, BatchReleased) for event in events)


@pytest.mark.parametrize("whose", ["", "the guest's", "the protocol's"])
def test_a_trap_gate_loses_the_int3_that_was_taken_before_the_release(whose: str) -> None:
    """With IF on in the handler, all syncs are answered before it has counted itself in: release waits for nobody."""
    image = with_trap_gate() if whose == "the guest's" else KernelImage.default()
    trap = whose != ""
    variant = INT3.through_trap_gate() if whose == "the protocol's" else INT3
    simulation, cpu = trapped(image, variant)
    assert parts_of(simulation).machine.interrupts_on(cpu) == trap
    finish_the_batch(simulation)
    simulation.step(Run(cpu, 2_000))
    if not trap:
        assert simulation.halt_reason == ""
        return
    assert simulation.halt_reason == f"oops on CPU{cpu}"
    last = simulation.log[-1]
    assert isinstance(last, Oopsed) and last.vector == layout.VECTOR_BP
    assert last.address == simulation.image.address(SITE) + 1
    oops = simulation.oops
    assert oops is not None and oops.text.splitlines()[0].startswith("Oops: int3: ")


@pytest.mark.parametrize("what", ["nothing", "bp_desc", "tp_vec"])
def test_a_batch_whose_words_are_zeroed_claims_no_int3(what: str) -> None:
    simulation, cpu = trapped(KernelImage.default())
    memory = parts_of(simulation).machine.memory
    if what == "bp_desc":
        memory.write(simulation.image.address("bp_desc"), bytes(layout.DESC_SIZE))
    elif what == "tp_vec":
        memory.write(layout.TP_VEC, bytes(16 * layout.TP_VEC_MAX))
    simulation.step(Run(cpu, 2_000))
    assert simulation.halt_reason == ("" if what == "nothing" else f"oops on CPU{cpu}")


@pytest.mark.parametrize("claims", [True, False])
def test_enabling_everything_under_load_needs_a_handler_that_claims(claims: bool) -> None:
    image = KernelImage.default() if claims else with_handler_that_claims_nothing()
    simulation = Simulation.boot(Options(cpus=2, patch_quantum=16), image)
    simulation.do(SetTracer("function"))
    simulation.run_until_idle()
    assert any(isinstance(event, Int3Taken) for event in simulation.log)
    assert simulation.halt_reason.startswith("oops on CPU") == (not claims)
