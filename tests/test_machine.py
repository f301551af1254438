"""What the machine says between two steps."""

from __future__ import annotations

import numpy as np
import pytest

from simkernel import insn
from simkernel.events import ExceptionTaken
from simkernel.hw.exceptions import deliver
from simkernel.hw.fetch import FetchModel
from simkernel.hw.x86 import VECTOR_BP, VECTOR_DF, VECTOR_GP, VECTOR_NMI, VECTOR_PF, VECTOR_UD
from simkernel.kernel import KernelImage
from simkernel.kernel.loader import power_on
from simkernel.kernel.toy import toy
from simkernel.kernel.words import SiteWords, words_at
from simkernel.patching.text_poke import TextPoke
from simkernel.protocol import INT3_PROTOCOL, Variant
from simkernel.schedule import QUANTUM, Run
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation


def test_a_cpu_within_an_instruction_that_is_being_changed_is_watched_at_each_step_and_no_other() -> None:
    """Its site was five instructions of one byte each when it ran the second; now it is one of five bytes."""
    image = KernelImage.default()
    kernel = power_on(toy(image), 2, FetchModel.INSTANT)
    machine, active = kernel.machine, TextPoke(kernel, Variant(INT3_PROTOCOL)).active
    kernel.watch_with([active])
    site, cpu = image.site_of(image.symbol("vfs_read")), machine.cpus[0]
    cpu.transfer(site + 2, cpu.rsp, cpu.flags)
    assert machine.limit(0) == QUANTUM and not active.off_boundary(0)  # nothing is being changed

    active.begin((site,), bytes((insn.CALL_INSN_SIZE,)))
    assert (machine.limit(0), machine.limit(1)) == (1, QUANTUM)
    kept = machine.state()
    active.end()
    assert machine.limit(0) == QUANTUM
    machine.restore(kept)
    assert machine.limit(0) == 1

    for place in (site, site + insn.CALL_INSN_SIZE):
        cpu.transfer(place, cpu.rsp, cpu.flags)
        assert not active.off_boundary(0) and machine.limit(0) == QUANTUM


@pytest.mark.parametrize("model", FetchModel)
def test_site_words_follow_every_change(model: FetchModel) -> None:
    image = KernelImage.default()
    machine = power_on(toy(image), 2, model).machine
    sites, code = image.mcount_loc, machine.code
    words = SiteWords(code, sites)
    offsets = code.map.offsets(sites)

    def plain() -> list[int]:
        return [int.from_bytes(code.read(int(site), 5), "little") for site in sites]

    def agree() -> None:
        assert np.array_equal(words.in_memory(), plain())
        for cpu, view in enumerate(code.views):
            assert np.array_equal(words.of_cpu(cpu), words_at(view.code, offsets))

    agree()
    first, old = code.map.offset(int(sites[3])), code.read(int(sites[3]), 1)
    code.write(int(sites[3]), b"\xcc", fresh=False)
    agree()
    machine.code.write(int(sites[4]) + 1, b"\x01\x02", fresh=True)
    agree()
    code.views[1].resolve_all()
    agree()
    code.forget_pending()
    code.put(np.array([first]), np.frombuffer(old, dtype=np.uint8))
    agree()


@pytest.mark.parametrize("model", FetchModel)
def test_a_cpu_that_runs_what_memory_holds_has_no_bytes_of_its_own(model: FetchModel) -> None:
    machine = power_on(toy(KernelImage.default()), 2, model).machine
    own = [view.code is not machine.code.memory for view in machine.code.views]
    assert own == [model in (FetchModel.LINE, FetchModel.BYTE)] * 2


@pytest.mark.parametrize("piece", [1, 3, 250])
def test_an_hlt_that_the_kernel_does_not_name_ends_a_choice_in_pieces_as_it_does_in_one_go(piece: int) -> None:
    """A loop that counts to either side of its HLT; the kernel's `Abi` names the idle task's only."""
    image = KernelImage.default()
    at, loop = image.address("vfs_read"), bytes.fromhex("48ffc0 f4 48ffc0 ebf7")  # inc rax; hlt; inc rax; jmp to begin
    ends = []
    for size in (600, piece):
        machine = power_on(toy(image), 1, FetchModel.INSTANT).machine
        machine.code.write(at, loop, fresh=True)
        cpu = machine.cpus[0]
        cpu.transfer(at, cpu.rsp, cpu.flags)
        for _ in range(3):
            machine.begin(Run(0, 600))
            for _ in range(0, 600, size):
                machine.advance(size)
            machine.finish()
            ends.append((cpu.registers(), machine.clock))
    assert ends[:3] == ends[3:]
    assert [registers["rax"] - ends[0][0]["rax"] for registers, _ in ends[:3]] == [0, 2, 4]


@pytest.mark.parametrize("n", [4, 30, 250, 700])
@pytest.mark.parametrize("piece", [1, 3, 201])
def test_a_run_to_the_end_of_the_code_is_the_same_in_pieces(n: int, piece: int) -> None:
    """A loop, then NOPs to the end of a region: the page behind it is not fetched before a CPU has come there."""
    image = KernelImage.default()
    code = bytes.fromhex("b9 80000000 48ffc0 ffc9 75f9") + insn.NOPS[1] * 20  # mov ecx; inc rax; dec ecx; jne
    ends = []
    for size in (n, piece):
        kernel = power_on(toy(image), 1, FetchModel.INSTANT)
        machine, cpu = kernel.machine, kernel.machine.cpus[0]
        region = machine.code.map.regions[0]
        at = region.base + region.size - len(code)
        machine.code.write(at, code, fresh=True)
        cpu.transfer(at, cpu.rsp, cpu.flags)
        for _ in range(420 // n + 1):
            events = machine.begin(Run(0, n))
            for _ in range(0, n, size):
                events += machine.advance(size)
            machine.finish()
            ends.append((cpu.registers(), machine.clock, [type(event) for event in events], machine.halt_reason))
            if events:
                break
    half = len(ends) // 2
    assert ends[:half] == ends[half:] and ends[half - 1][2] == [ExceptionTaken]
    assert half == -(-406 // n)  # 1 + 3 * 128 + 20 instructions run before it


def test_the_frame_of_a_fault_holds_rf_and_that_of_nothing_else() -> None:
    """SDM vol. 3, table 6-1: three faults; a trap, an interrupt and an abort."""
    machine = parts_of(Simulation.boot(Options(cpus=1))).machine
    cpu = machine.cpus[0]
    came_from = cpu.rip, cpu.rsp, cpu.flags
    for vectors, rf in ((VECTOR_UD, VECTOR_GP, VECTOR_PF), 0x10000), ((VECTOR_BP, VECTOR_NMI, VECTOR_DF), 0):
        for vector in vectors:
            assert deliver(machine.memory, cpu, vector, 0) == (vector, 0)
            flags_at = cpu.rsp + 16 + 8 * (vector in (VECTOR_DF, VECTOR_GP, VECTOR_PF))  # behind RIP, CS and an error
            assert machine.memory.read_u64(flags_at) == came_from[2] | rf
            assert not cpu.flags & 0x10000  # in the handler RF is clear
            cpu.transfer(*came_from)
