"""Synthetic kernels: sizes, links, the call graph, and that their functions run and end."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import unicorn
from unicorn import x86_const as x86

from simkernel import disasm, insn
from simkernel.errors import LearnerError
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.symbols import SUBSYSTEMS
from simkernel.kernel.synthetic import MAX_FUNCTIONS, call_graph, shapes


@cache
def kernel(n: int, seed: int = 0) -> KernelImage:
    return KernelImage.synthetic(n, seed)


def roots(image: KernelImage) -> list[int]:
    def word(address: int) -> int:
        return int.from_bytes(image.read(address, 8), "little")

    table, count = word(image.address("synth_roots")), word(image.address("synth_roots_count"))
    return [word(table + 8 * i) for i in range(count)]


def test_there_are_as_many_functions_as_asked_for() -> None:
    own = len(KernelImage.default().mcount_loc)
    for n in (own + 1, own + 2, own + 33, 3000):
        image = kernel(n)
        assert len(image.mcount_loc) == len(image.functions()) == len(set(image.function_names())) == n
        assert np.all(np.diff(image.mcount_loc.astype(object)) > 0)
        image.validate_sites()


def test_sizes_are_spread_as_in_a_real_kernel() -> None:
    sizes = sorted(s.size for s in kernel(20_000).functions() if s.name.startswith("synth_"))
    median, most = sizes[len(sizes) // 2], sizes[-1]
    assert 100 <= median <= 160
    assert 3000 <= most <= 8192
    assert sizes[0] >= 40


def test_functions_are_aligned_and_do_not_overlap() -> None:
    functions = [s for s in kernel(3000).functions() if s.name.startswith("synth_")]
    assert functions[0].address == layout.SYNTH_BASE
    for before, after in zip(functions, functions[1:], strict=False):
        assert before.address + before.size <= after.address < before.address + before.size + 16
        assert after.address % 16 == 0


def test_names_are_plausible_and_nobody_elses() -> None:
    own = set(KernelImage.default().function_names())
    names = set(kernel(3000).function_names()) - own
    assert len(names) == 3000 - len(own)
    assert all(name.startswith("synth_") and name.split("_")[1] in SUBSYSTEMS for name in names)


def test_the_table_answers_as_a_list_of_symbols_would() -> None:
    image = kernel(3000)
    every = list(image.symbols)
    assert len(every) == len(image.symbols)
    assert [image.symbols[0], image.symbols[-1]] == [every[0], every[-1]]
    assert list(image.symbols[-3:]) == every[-3:]
    for symbol in [*every[:50], *every[-50:]]:
        assert image.symbol(symbol.name) == symbol
        if symbol.size:
            assert image.find(symbol.address + symbol.size - 1) == symbol
    last = every[-1]
    assert image.symbolize(last.address + 5) == f"{last.name}+0x5"
    assert image.find(last.address + last.size) is None
    assert image.find(every[-2].address + every[-2].size - 1) == every[-2]
    with pytest.raises(LearnerError, match="did you mean 'synth_"):
        image.symbol("synth_vfs_000001x"[:-1].replace("vfs", "nfs"))
    with pytest.raises(LearnerError, match="did you mean 'schedule'"):
        image.symbol("shedule")


def test_a_sample_reads_back() -> None:
    image = kernel(3000)
    starts = {s.address: s for s in image.functions()}
    fentry = image.address("__fentry__")
    for symbol in image.functions()[-2500::7]:
        code = list(disasm.decode(image.text_of(symbol), symbol.address))
        assert not any(i.is_bad for i in code), symbol.name
        assert code[0].target == fentry and code[1].text == "push %rbp" and code[-1].is_ret
        ends = {i.address for i in code}
        for i in code:
            if i.is_call:
                assert i.target == fentry or i.target in starts
            elif i.is_branch:
                assert i.target in ends
        assert sum(i.is_ret for i in code) == 1


def test_no_two_bodies_are_alike() -> None:
    image = kernel(3000)
    bodies = [image.text_of(s)[insn.CALL_INSN_SIZE :] for s in image.functions() if s.name.startswith("synth_")]
    assert len(set(bodies)) == len(bodies)


def test_the_call_graph_has_no_cycle_and_its_roots_reach_everything() -> None:
    slots = np.array([len(s.calls) for s in shapes(0)] * 20, dtype=np.int64)
    callees, is_root = call_graph(slots, 0)
    helpers = set(np.flatnonzero(slots == 0)[:64].tolist())
    reached = set(np.flatnonzero(is_root).tolist())
    for i in range(len(slots)):  # callers stand before those whom they alone call
        calls = set(callees[i, : slots[i]].tolist())
        assert all(c > i or c in helpers for c in calls)
        assert all(c // 32 == i // 32 for c in calls - helpers)
        if i in reached:
            reached |= calls
    assert reached == set(range(len(slots)))


def test_the_same_seed_gives_the_same_kernel_and_another_another() -> None:
    assert KernelImage.synthetic(1000, 3).digest == kernel(1000, 3).digest
    assert kernel(1000, 4).digest != kernel(1000, 3).digest


def test_every_root_runs_ends_and_keeps_its_registers() -> None:
    image = kernel(2000)
    engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    engine.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
    for segment in image.segments:
        size = -(-len(segment.data) // layout.PAGE_SIZE) * layout.PAGE_SIZE
        engine.mem_map(segment.base, size)
        engine.mem_write(segment.base, bytes(segment.data))
    stack, end = 0x10_0000, 0x20_0000
    engine.mem_map(stack - 0x1000, 0x1000)
    engine.mem_map(end, 0x1000)
    kept = (x86.UC_X86_REG_RBX, x86.UC_X86_REG_RBP, x86.UC_X86_REG_R12, x86.UC_X86_REG_R8)
    for root in roots(image):
        results = []
        for junk in (1, 99):
            engine.reg_write(x86.UC_X86_REG_RSP, stack - 8)
            engine.mem_write(stack - 8, end.to_bytes(8, "little"))
            for register in (x86.UC_X86_REG_RCX, x86.UC_X86_REG_RDX, x86.UC_X86_REG_RSI):
                engine.reg_write(register, junk)
            for register in kept:
                engine.reg_write(register, 0x1234 + register)
            engine.reg_write(x86.UC_X86_REG_RDI, 7)
            engine.emu_start(root, end, count=20_000)
            assert engine.reg_read(x86.UC_X86_REG_RIP) == end
            assert engine.reg_read(x86.UC_X86_REG_RSP) == stack
            assert all(engine.reg_read(register) == 0x1234 + register for register in kept)
            results.append(engine.reg_read(x86.UC_X86_REG_RAX))
        assert results[0] == results[1]


def test_too_few_and_too_many() -> None:
    for n in (0, -1, 10, MAX_FUNCTIONS + 1):
        with pytest.raises(LearnerError, match=f"{n} functions: a synthetic kernel has between"):
            KernelImage.synthetic(n)


def test_the_largest_fits_the_map() -> None:
    image = KernelImage.synthetic(MAX_FUNCTIONS)
    assert len(image.mcount_loc) == MAX_FUNCTIONS
    assert image.segments[-1].base + len(image.segments[-1].data) <= layout.SYNTH_BASE + layout.SYNTH_SIZE
