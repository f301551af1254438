"""The driver carries out what the tables say: words of a site, gates, and another protocol from some place on."""

from __future__ import annotations

import ctypes

import pytest

from simkernel import insn
from simkernel.errors import LearnerError
from simkernel.events import SiteStored
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.loader import power_on
from simkernel.kernel.toy import toy
from simkernel.patching.commands import UseProtocol
from simkernel.patching.patches import Patches
from simkernel.patching.text_poke import TextPoke
from simkernel.protocol import INT3_PROTOCOL, Variant, parse
from simkernel.sim.moment import moment_string, open_moment
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.patches import call_patch


def ready(function: str, protocol: str = "int3") -> Simulation:
    """A booted kernel whose next update is of one function's site, by that protocol."""
    simulation = Simulation.boot()
    simulation.do(SetFilter("filter", function))
    simulation.run_until_idle()
    simulation.do(UseProtocol(parse(protocol)))
    return simulation


def stores(simulation: Simulation, site: int) -> list[tuple[int, int]]:
    """(first byte, how many) of each store to a site during the next update."""
    simulation.do(SetTracer("function"))
    simulation.run_until_idle()
    stored = [event for event in simulation.log if isinstance(event, SiteStored) and event.sites == (site,)]
    return [(event.first, len(event.new)) for event in stored]


def test_atomic8_stores_one_word_or_two() -> None:
    one, two = ready("x64_sys_call", "atomic8"), ready("vfs_read", "atomic8")
    sites = [now.image.site_of(now.image.symbol(name)) for now, name in ((one, "x64_sys_call"), (two, "vfs_read"))]
    cut = 8 - sites[1] % 8
    assert sites[0] % 8 <= 3 and cut < 5
    assert stores(one, sites[0]) == [(0, 5)]
    assert stores(two, sites[1]) == [(0, cut), (cut, 5 - cut)]


def gate_type(simulation: Simulation) -> int:
    return parts_of(simulation).machine.memory.read_u64(layout.IDT_BASE + 16 * layout.VECTOR_BP) >> 40 & 0xF


def test_a_protocol_may_ask_for_a_trap_gate() -> None:
    simulation = ready("vfs_read", "int3 through a trap gate")
    position = simulation.position
    assert gate_type(simulation) == 0xE
    simulation.do(SetTracer("function"))
    simulation.run_until_idle()
    assert gate_type(simulation) == 0xF
    simulation.goto(position)
    assert gate_type(simulation) == 0xE


@pytest.mark.parametrize("after", ["int3", "naive"])
def test_the_guests_own_gate_comes_back_with_a_protocol_that_asks_for_none(after: str) -> None:
    simulation = ready("vfs_read", "int3 through a trap gate")
    gates = []
    for name, tracer in (
        ("int3 through a trap gate", "function"),
        (after, "nop"),
        ("int3 through a trap gate", "function"),
    ):
        simulation.do(UseProtocol(parse(name)))
        simulation.do(SetTracer(tracer))
        simulation.run_until(lambda now: now.patching.phase is not None, 5_000_000)
        gates.append(gate_type(simulation))
        simulation.run_until_idle()
    assert gates == [0xF, 0xE, 0xF] and not simulation.halt_reason


def test_a_protocol_is_taken_up_between_batches_only() -> None:
    simulation = ready("vfs_read")
    simulation.do(SetTracer("function"))
    simulation.run_until(lambda now: now.patching.busy, 1_000_000)
    before = simulation.patching.variant
    with pytest.raises(LearnerError, match="a batch is under way"):
        simulation.do(UseProtocol(parse("naive")))
    assert simulation.patching.variant is before


def test_a_protocol_on_another_nop_is_refused() -> None:
    with pytest.raises(LearnerError, match="booted with the NOP 0f 1f 44 00 00"):
        ready("vfs_read", "int3 on nop 5x1")


def test_time_travel_and_moments_know_the_protocol() -> None:
    simulation = ready("vfs_read", "int3 without sync 2")
    position = simulation.position
    simulation.back()
    assert simulation.patching.variant == parse("int3")
    simulation.goto(position)
    assert simulation.patching.variant == parse("int3 without sync 2")
    assert parts_of(open_moment(moment_string(simulation))).task.poke.variant == parse("int3 without sync 2")


class BpPatchingDesc(ctypes.Structure):
    """struct bp_patching_desc of arch/x86/kernel/alternative.c (6.12), as a C compiler lays it out."""

    _fields_ = (("vec", ctypes.c_void_p), ("nr_entries", ctypes.c_int), ("refs", ctypes.c_int))


def test_bp_desc_is_laid_out_as_in_linux() -> None:
    offsets = (layout.DESC_VEC, layout.DESC_NR_ENTRIES, layout.DESC_REFS, layout.DESC_SIZE)
    wanted = BpPatchingDesc.vec.offset, BpPatchingDesc.nr_entries.offset, BpPatchingDesc.refs.offset
    assert offsets == (*wanted, ctypes.sizeof(BpPatchingDesc))
    image = KernelImage.default()
    assert image.symbol("bp_desc").size == layout.DESC_SIZE
    kernel = power_on(toy(image), 1, FetchModel.INSTANT)
    machine, poke = kernel.machine, TextPoke(kernel, Variant(INT3_PROTOCOL))
    site = int(image.mcount_loc[3])
    machine.code.write(site, insn.NOP5, fresh=True)
    poke.begin(Patches.of([call_patch(site, insn.NOP5, insn.call(site, image.address("ftrace_stub")))]))
    poke.act()
    found = BpPatchingDesc.from_buffer_copy(machine.memory.read(image.address("bp_desc"), layout.DESC_SIZE))
    assert (found.vec, found.nr_entries, found.refs) == (layout.TP_VEC, 1, 1)
