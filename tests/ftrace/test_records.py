"""The vectorised record arithmetic against the same said one record at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simkernel import insn
from simkernel.ftrace import records as rec
from simkernel.kernel import layout
from tests.ftrace.fakes import FakeMemory

BITS = [1 << bit for bit in range(19, 32)]


def check_one(flags: int) -> tuple[int, int]:
    """`ftrace_check_record(rec, true, true)` in its own order: the verdict and the flags afterwards."""
    if flags & rec.FTRACE_FL_DISABLED:
        return rec.UPDATE_IGNORE, flags
    want = rec.FTRACE_FL_ENABLED if flags & rec.FTRACE_REF_MAX else 0
    differs = 0
    if want:
        for bit, bit_en in ((rec.FTRACE_FL_REGS, rec.FTRACE_FL_REGS_EN), (rec.FTRACE_FL_TRAMP, rec.FTRACE_FL_TRAMP_EN)):
            if bool(flags & bit) != bool(flags & bit_en):
                differs |= bit
    if flags & rec.FTRACE_FL_ENABLED == want | differs:
        return rec.UPDATE_IGNORE, flags
    if not want:
        return rec.UPDATE_MAKE_NOP, flags & rec.FTRACE_NOCLEAR_FLAGS
    after = flags | rec.FTRACE_FL_ENABLED | rec.FTRACE_FL_TOUCHED
    for bit, bit_en in ((rec.FTRACE_FL_REGS, rec.FTRACE_FL_REGS_EN), (rec.FTRACE_FL_TRAMP, rec.FTRACE_FL_TRAMP_EN)):
        if differs & bit:
            after = after | bit_en if flags & bit else after & ~bit_en
    if flags & (rec.FTRACE_FL_DIRECT | rec.FTRACE_FL_IPMODIFY):
        after |= rec.FTRACE_FL_MODIFIED
    return (rec.UPDATE_MODIFY_CALL if flags & rec.FTRACE_FL_ENABLED else rec.UPDATE_MAKE_CALL), after


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.sampled_from(BITS))), min_size=1, max_size=40))
def test_the_verdicts_are_those_of_ftrace_check_record(rows: list[tuple[int, set[int]]]) -> None:
    flags = [count | sum(bits) for count, bits in rows]
    verdicts, after = rec.check_records(np.array(flags, dtype=np.uint64))
    assert list(zip(verdicts.tolist(), after.tolist(), strict=True)) == [check_one(each) for each in flags]


@given(st.lists(st.tuples(st.integers(0, 2**27), st.integers(0, 2**27)), min_size=1, max_size=20))
def test_calls_are_encoded_as_insn_encodes_them(pairs: list[tuple[int, int]]) -> None:
    base = 0xFFFF_FFFF_8000_0000
    sites = np.array([base + a for a, _ in pairs], dtype=np.uint64)
    targets = np.array([base + b for _, b in pairs], dtype=np.uint64)
    data = rec.call_replace(sites, targets)
    assert [row.tobytes() for row in data] == [insn.call(base + a, base + b) for a, b in pairs]
    assert (sites + np.uint64(5) + rec.displacements(data)).tolist() == targets.tolist()


def test_a_site_has_one_number_as_long_as_the_table_has_it() -> None:
    memory = FakeMemory(layout.DYN_FTRACE_BASE - layout.BSS_BASE + layout.PAGE_SIZE)
    memory.write(layout.DYN_FTRACE_BASE, rec.table_bytes(np.array([0x1000, 0x2000], dtype=np.uint64)))
    records = rec.Records(memory, 2)
    first, again = records.numbers, records.numbers
    assert first.tolist() == [0x1000, 0x2000]
    assert all(one is other for one, other in zip(first, again, strict=True))
    memory.write(layout.DYN_FTRACE_BASE, rec.table_bytes(np.array([0x1000, 0x3000], dtype=np.uint64)))
    assert records.numbers.tolist() == [0x1000, 0x3000]
